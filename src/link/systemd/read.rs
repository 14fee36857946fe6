//! One reading of a unit: only the properties that matter, asked for all at once.
//!
//! `GetAll` would bring 401 of them and take ten times as long.

use super::proxy::SdError;
use super::{Line, UnitState};
use crate::link::clock;
use std::time::Duration;
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
    let path = match line.manager.load_unit(name).await {
        Ok(path) => path,
        Err(SdError::NoSuchUnit(_)) => {
            return Ok(UnitState { id: name.to_owned(), load: "not-found".to_owned(), ..UnitState::default() });
        }
        Err(SdError::UnitMasked(_)) => {
            return Ok(UnitState { id: name.to_owned(), load: "masked".to_owned(), ..UnitState::default() });
        }
        Err(SdError::ZBus(error)) => return Err(error),
        Err(error) => return Err(zbus::Error::Failure(error.to_string())),
    };
    let at = async |interface: String| {
        zbus::proxy::Builder::<zbus::Proxy<'_>>::new(&line.connection)
            .destination(SERVICE)
            .path(path.as_ref())
            .interface(interface)
            .cache_properties(CacheProperties::No)
            .build()
            .await
    };
    let unit = at(format!("{SERVICE}.Unit")).await?;
    let (id, load, active, sub, job, invocation, active_since) = tokio::try_join!(
        unit.get_property::<String>("Id"),
        unit.get_property::<String>("LoadState"),
        unit.get_property::<String>("ActiveState"),
        unit.get_property::<String>("SubState"),
        unit.get_property::<(u32, zbus::OwnedObjectPath)>("Job"),
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
    let own = at(format!("{SERVICE}.{}", kind.interface())).await?;
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
