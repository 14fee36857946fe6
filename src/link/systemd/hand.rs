//! What heald asks of systemd beyond jobs: signals, limits, reading unit files anew; and where a unit's processes live.

use super::proxy::{Exec, SdError};
use super::{Line, READ_MAX, Systemd, from_call, read};
use crate::link::LinkError;
use crate::link::process::group;
use crate::link::process::signal::is_deadly;
use rustix::process::Signal;
use tokio::time::{Instant, timeout_at};
use zbus::Variant;

/// Whom a signal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    All,
    Main,
}

/// A setting of a running unit, as `systemctl set-property` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// Bytes; `None` is no limit.
    MemoryMax(Option<u64>),
    MemoryHigh(Option<u64>),
    /// Per cent of one processor; `None` is no limit.
    CpuQuota(Option<u32>),
}

/// Where a service's processes live, and what it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// Its real name.
    pub id: String,
    /// It runs, and nothing is queued that would change it.
    pub up: bool,
    /// `active (running)`
    pub words: String,
    /// Its control group, as systemd sees it. Empty: not known.
    pub group: String,
    /// A pid of systemd's own namespace; 0: none.
    pub main_pid: u32,
    /// The commands of `ExecStart=`: the program, and its arguments with its own name first.
    pub commands: Vec<(String, Vec<String>)>,
}

/// systemd's word for no limit.
const INFINITY: u64 = u64::MAX;

// === impl Systemd ===

impl Systemd {
    /// Sends a signal to a unit's processes. `unit` is the canonical name, as in all that follows. A unit that goes down by it
    /// was stopped by heald, and by no person.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] before the call, [`LinkError::Unknown`] once it may have been received,
    /// [`LinkError::Refused`] where there is no such process.
    pub async fn kill(&self, unit: &str, whom: Whom, signal: Signal, deadline: Instant) -> Result<(), LinkError> {
        let deadly = is_deadly(signal);
        if deadly {
            self.remember(unit, true);
        }
        let sent =
            self.send(unit, "the signal", deadline, |line| async move {
                line.manager.kill_unit(unit, whom.word(), signal.as_raw()).await
            })
            .await;
        if deadly && !matches!(sent, Ok(()) | Err(LinkError::Unknown(_))) {
            self.remember(unit, false);
        }
        sent
    }

    /// Changes a unit until the next boot; at once where it runs.
    ///
    /// # Errors
    /// As [`Systemd::kill`].
    pub async fn set_properties(&self, unit: &str, properties: &[Property], deadline: Instant) -> Result<(), LinkError> {
        self.send(unit, "set-property", deadline, |line| async move {
            let properties: Vec<_> = properties.iter().map(|property| property.pair()).collect();
            line.manager.set_unit_properties(unit, true, &properties).await
        })
        .await
    }

    /// Has systemd read all unit files anew, as `systemctl daemon-reload`. It touches no running service.
    ///
    /// # Errors
    /// As [`Systemd::kill`].
    pub async fn reload_files(&self, deadline: Instant) -> Result<(), LinkError> {
        self.send("systemd", "daemon-reload", deadline, |line| async move { line.manager.reload().await }).await
    }

    /// How many processes a unit has, also those that its main process left behind.
    ///
    /// # Errors
    /// As [`Systemd::unit`].
    pub async fn process_count(&self, unit: &str) -> Result<usize, LinkError> {
        self.read(|line| async move {
            match line.manager.get_unit_processes(unit).await {
                Ok(processes) => Ok(processes.len()),
                // Not loaded: systemd forgets what is down.
                Err(SdError::NoSuchUnit(_)) => Ok(0),
                Err(SdError::ZBus(error)) => Err(error),
                Err(error) => Err(zbus::Error::Failure(error.to_string())),
            }
        })
        .await
    }

    /// A service's [`Home`]; `None` where there is no such unit.
    ///
    /// # Errors
    /// As [`Systemd::unit`].
    pub async fn home(&self, unit: &str) -> Result<Option<Home>, LinkError> {
        let state = self.unit(unit).await?;
        if !matches!(state.load.as_str(), "loaded" | "merged" | "masked") || !state.id.ends_with(".service") {
            return Ok(None);
        }
        let (id, up, words) = (&state.id, state.is_up(), state.words());
        self.read(|line| {
            let words = words.clone();
            async move {
                let Some(home) = home(&line, id).await? else { return Ok(None) };
                Ok(Some(Home { id: id.clone(), up, words, ..home }))
            }
        })
        .await
    }

    /// How often systemd itself has restarted a service since somebody last started it; `None` for what is no service.
    ///
    /// # Errors
    /// As [`Systemd::unit`].
    pub async fn restarts(&self, unit: &str) -> Result<Option<u32>, LinkError> {
        self.property(unit, "Service", "NRestarts").await
    }

    /// Whether a unit knows how to reload; `None` where it is not there.
    ///
    /// # Errors
    /// As [`Systemd::unit`].
    pub async fn can_reload(&self, unit: &str) -> Result<Option<bool>, LinkError> {
        self.property(unit, "Unit", "CanReload").await
    }

    async fn property<T>(&self, unit: &str, interface: &str, name: &str) -> Result<Option<T>, LinkError>
    where
        T: serde::de::DeserializeOwned + zbus::Type,
    {
        if interface == "Service" && !unit.ends_with(".service") {
            return Ok(None);
        }
        self.read(|line| async move {
            match read::open(&line, unit).await? {
                Ok(path) => read::proxy(&line, &path, interface).await?.get_property::<T>(name).await.map(Some),
                Err(_) => Ok(None),
            }
        })
        .await
    }

    /// One call that changes something, and its answer.
    pub(super) async fn send<T, F>(
        &self,
        unit: &str,
        what: &str,
        deadline: Instant,
        call: impl FnOnce(Line) -> F,
    ) -> Result<T, LinkError>
    where
        F: Future<Output = Result<T, SdError>>,
    {
        let ready_by = deadline.min(Instant::now() + READ_MAX);
        let line = match timeout_at(ready_by, self.line()).await {
            Ok(line) => line?,
            Err(_) => return Err(LinkError::NotSent(format!("{}: no answer in time", self.address))),
        };
        match timeout_at(deadline, call(line)).await {
            Ok(answer) => answer.map_err(|error| from_call(error, unit)),
            Err(_) => Err(LinkError::Unknown(format!("{unit}: {what} was sent and not answered"))),
        }
    }
}

async fn home(line: &Line, unit: &str) -> zbus::Result<Option<Home>> {
    let Ok(path) = read::open(line, unit).await? else { return Ok(None) };
    let service = read::proxy(line, &path, "Service").await?;
    let (now, slice, main_pid, exec, root) = tokio::try_join!(
        service.get_property::<String>("ControlGroup"),
        service.get_property::<String>("Slice"),
        service.get_property::<u32>("MainPID"),
        service.get_property::<Vec<Exec>>("ExecStart"),
        line.manager.control_group(),
    )?;
    let group = if now.is_empty() { group::home(&root, &slice, unit).unwrap_or_default() } else { now };
    let commands = exec.into_iter().map(|(program, arguments, ..)| (program, arguments)).collect();
    Ok(Some(Home { group, main_pid, commands, ..Home::default() }))
}

// === impl Whom ===

impl Whom {
    fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Main => "main",
        }
    }
}

// === impl Property ===

impl Property {
    fn pair(self) -> (&'static str, Variant<'static>) {
        match self {
            Self::MemoryMax(bytes) => ("MemoryMax", Variant::U64(bytes.unwrap_or(INFINITY))),
            Self::MemoryHigh(bytes) => ("MemoryHigh", Variant::U64(bytes.unwrap_or(INFINITY))),
            Self::CpuQuota(percent) => {
                // A per cent of a second, in microseconds.
                ("CPUQuotaPerSecUSec", Variant::U64(percent.map_or(INFINITY, |percent| u64::from(percent) * 10_000)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_in_systemds_units() {
        for (property, name, number) in [
            (Property::MemoryMax(Some(5)), "MemoryMax", 5),
            (Property::MemoryHigh(None), "MemoryHigh", u64::MAX),
            (Property::CpuQuota(Some(150)), "CPUQuotaPerSecUSec", 1_500_000),
            (Property::CpuQuota(None), "CPUQuotaPerSecUSec", u64::MAX),
        ] {
            assert_eq!(property.pair(), (name, Variant::U64(number)));
        }
    }

    #[tokio::test]
    async fn without_a_bus_nothing_is_sent() {
        let systemd = Systemd::new("unix:path=/nonexistent/bus");
        let deadline = Instant::now() + READ_MAX;
        for error in [
            systemd.kill("web.service", Whom::All, Signal::TERM, deadline).await.unwrap_err(),
            systemd.set_properties("web.service", &[Property::CpuQuota(None)], deadline).await.unwrap_err(),
            systemd.reload_files(deadline).await.unwrap_err(),
            systemd.home("web.service").await.unwrap_err(),
            systemd.process_count("web.service").await.unwrap_err(),
        ] {
            assert!(matches!(error, LinkError::NotSent(_)), "{error:?}");
        }
    }
}
