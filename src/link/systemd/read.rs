//! One reading of a unit: only the properties that matter, asked for all at once.
//!
//! `GetAll` would bring 401 of them and take ten times as long.

use super::proxy::SdError;
use super::{Line, UnitState, around};
use crate::link::clock;
use std::time::Duration;
use zbus::OwnedObjectPath;
use zbus::proxy::CacheProperties;

/// Unit types as D-Bus interfaces; [`crate::domain::target::Target`] lets no other through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Service,
    Timer,
    Socket,
    Path,
    Mount,
}

/// How long a host may call itself booting before that is no excuse any more.
const BOOT_MAX: Duration = Duration::from_secs(300);
const SERVICE: &str = "org.freedesktop.systemd1";

/// Two round trips where it is up, which is what is asked most often; a third where it is not.
pub(super) async fn unit(line: &Line, name: &str) -> zbus::Result<UnitState> {
    match open(line, name).await? {
        Ok(path) => state(line, name, &path, &proxy(line, &path, "Unit").await?).await,
        Err(unusable) => Ok(unusable),
    }
}

/// As [`unit()`], with what stands around it.
pub(super) async fn unit_around(line: &Line, name: &str) -> zbus::Result<UnitState> {
    let path = match open(line, name).await? {
        Ok(path) => path,
        Err(unusable) => return Ok(unusable),
    };
    let unit = proxy(line, &path, "Unit").await?;
    let (state, mut around) = tokio::try_join!(state(line, name, &path, &unit), around::read(&unit, name))?;
    if state.active != "active" {
        around.needs_down = around::needs_down(line, &unit).await?;
    }
    Ok(UnitState { around, ..state })
}

/// Its path; or all that can be said of a unit that has none.
pub(super) async fn open(line: &Line, name: &str) -> zbus::Result<Result<OwnedObjectPath, UnitState>> {
    let unusable = |load: &str| Ok(Err(UnitState { id: name.to_owned(), load: load.to_owned(), ..UnitState::default() }));
    match line.manager.load_unit(name).await {
        Ok(path) => Ok(Ok(path)),
        Err(SdError::NoSuchUnit(_)) => unusable("not-found"),
        Err(SdError::UnitMasked(_)) => unusable("masked"),
        Err(SdError::ZBus(error)) => Err(error),
        Err(error) => Err(zbus::Error::Failure(error.to_string())),
    }
}

/// One interface of a unit, its properties unkept.
pub(super) async fn proxy<'a>(line: &Line, path: &'a OwnedObjectPath, interface: &str) -> zbus::Result<zbus::Proxy<'a>> {
    zbus::proxy::Builder::<zbus::Proxy<'_>>::new(&line.connection)
        .destination(SERVICE)
        .path(path.as_ref())
        .interface(format!("{SERVICE}.{interface}"))
        .cache_properties(CacheProperties::No)
        .build()
        .await
}

async fn state(line: &Line, name: &str, path: &OwnedObjectPath, unit: &zbus::Proxy<'_>) -> zbus::Result<UnitState> {
    let (id, load, active, sub, job, invocation, active_since) = tokio::try_join!(
        unit.get_property::<String>("Id"),
        unit.get_property::<String>("LoadState"),
        unit.get_property::<String>("ActiveState"),
        unit.get_property::<String>("SubState"),
        unit.get_property::<(u32, OwnedObjectPath)>("Job"),
        unit.get_property::<Vec<u8>>("InvocationID"),
        unit.get_property::<u64>("ActiveEnterTimestampMonotonic"),
    )?;
    let now_us = clock::monotonic_us();
    let state = UnitState {
        active_for: (active == "active").then(|| Duration::from_micros(now_us.saturating_sub(active_since))),
        id,
        load,
        active,
        sub,
        job: (job.0 != 0).then_some(job.0),
        invocation: (!invocation.is_empty()).then(|| invocation.iter().map(|byte| format!("{byte:02x}")).collect()),
        ..UnitState::default()
    };
    if state.active == "active" {
        return Ok(state);
    }
    // Only what is down needs a reason.
    let kind = Kind::of(name);
    let own = proxy(line, path, kind.interface()).await?;
    let exec = async {
        if kind != Kind::Service {
            return Ok((0, 0));
        }
        tokio::try_join!(own.get_property::<i32>("ExecMainCode"), own.get_property::<i32>("ExecMainStatus"))
    };
    let (result, file, exec, system) = tokio::try_join!(
        own.get_property::<String>("Result"),
        unit.get_property::<String>("UnitFileState"),
        exec,
        line.manager.system_state(),
    )?;
    let booting = matches!(system.as_str(), "initializing" | "starting") && {
        let began_us = line.manager.userspace_timestamp_monotonic().await?;
        Duration::from_micros(now_us.saturating_sub(began_us)) < BOOT_MAX
    };
    Ok(UnitState { result, file, exec_main_code: exec.0, exec_main_status: exec.1, booting, ..state })
}

// === impl Kind ===

impl Kind {
    fn of(name: &str) -> Self {
        match name.rsplit('.').next() {
            Some("timer") => Self::Timer,
            Some("socket") => Self::Socket,
            Some("path") => Self::Path,
            Some("mount") => Self::Mount,
            _ => Self::Service,
        }
    }

    fn interface(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::Timer => "Timer",
            Self::Socket => "Socket",
            Self::Path => "Path",
            Self::Mount => "Mount",
        }
    }
}
