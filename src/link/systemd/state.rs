//! What systemd says of a unit, and what it means in the words that decisions need.

use crate::domain::look::{Evidence, Surroundings, TargetState};
use std::time::Duration;

/// One reading of a unit. Strings are systemd's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitState {
    /// The canonical name: an alias asked for is resolved (polkit sees this one).
    pub id: String,
    pub load: String,
    pub active: String,
    pub sub: String,
    /// Empty while it is active, like all that follows but the job and the invocation.
    pub result: String,
    /// The pending job's number.
    pub job: Option<u32>,
    /// Hexadecimal; new at every start.
    pub invocation: Option<String>,
    /// `enabled`, `disabled`, `static` …
    pub file: String,
    /// `waitpid`'s code (1 exited, 2 killed, 3 dumped) and the status or signal that goes with it.
    pub exec_main_code: i32,
    pub exec_main_status: i32,
    /// Since it became active; only while it is.
    pub active_for: Option<Duration>,
    /// Its last stop was a job of this heald; filled in by the link.
    pub stopped_by_heald: bool,
    /// The manager is still starting the host.
    pub booting: bool,
    /// Empty unless it was asked for.
    pub around: Surroundings,
}

pub fn unit_state(unit: &UnitState) -> TargetState {
    match unit.load.as_str() {
        "not-found" => return TargetState::Missing,
        "masked" => return TargetState::Masked,
        "loaded" | "merged" | "stub" => {}
        other if unit.active == "inactive" => {
            return TargetState::Failed { detail: format!("its unit file is not usable: {other}") };
        }
        _ => {}
    }
    if let Some(job) = unit.job
        && unit.sub != "auto-restart"
    {
        return TargetState::JobPending { detail: format!("{}, job {job}", unit.words()) };
    }
    let down = match unit.active.as_str() {
        "active" => return TargetState::up(unit.active_for.unwrap_or_default()),
        "activating" if unit.sub.starts_with("auto-restart") => return TargetState::Restarting { detail: unit.words() },
        "activating" | "reloading" | "refreshing" => return TargetState::Starting { detail: unit.words() },
        "deactivating" | "maintenance" => return TargetState::JobPending { detail: unit.words() },
        "failed" if unit.result == "start-limit-hit" => return TargetState::StartLimitHit,
        "inactive" if unit.result == "success" && !unit.stopped_by_heald => {
            TargetState::StoppedByPerson { detail: unit.why_inactive() }
        }
        "inactive" if unit.stopped_by_heald => TargetState::Failed { detail: "inactive, stopped by heald".to_owned() },
        _ => TargetState::Failed { detail: unit.why_failed() },
    };
    match down {
        _ if unit.booting => TargetState::HostBusy { detail: format!("the host is still booting; {}", unit.words()) },
        down => down,
    }
}

// === impl UnitState ===

impl UnitState {
    pub fn evidence(&self) -> Option<Evidence> {
        self.invocation.as_deref().map(|id| Evidence(id.into()))
    }

    /// Active, and nothing is queued that would change it.
    pub fn is_up(&self) -> bool {
        self.active == "active" && self.job.is_none()
    }

    /// As `systemctl status` says it: `active (running)`.
    pub fn words(&self) -> String {
        match self.load.as_str() {
            "not-found" | "masked" => self.load.clone(),
            _ => format!("{} ({})", self.active, self.sub),
        }
    }

    fn why_inactive(&self) -> String {
        let mut text = format!("inactive, Result={}", self.result);
        if !matches!(self.file.as_str(), "" | "enabled" | "enabled-runtime" | "static") {
            text += &format!(", {}", self.file);
        }
        text
    }

    fn why_failed(&self) -> String {
        match self.exec_main_code {
            1 => format!("{}, Result={}, exit status {}", self.active, self.result, self.exec_main_status),
            2 | 3 => format!("{}, Result={}, signal {}", self.active, self.result, self.exec_main_status),
            _ => format!("{}, Result={}", self.active, self.result),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(load: &str, active: &str, sub: &str, result: &str) -> UnitState {
        UnitState {
            id: "web.service".to_owned(),
            load: load.to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
            result: result.to_owned(),
            file: "enabled".to_owned(),
            ..UnitState::default()
        }
    }

    #[test]
    fn states_mean_what_decisions_need() {
        let killed = UnitState { exec_main_code: 2, exec_main_status: 9, ..unit("loaded", "failed", "failed", "signal") };
        let disabled = UnitState { file: "disabled".to_owned(), ..unit("loaded", "inactive", "dead", "success") };
        let ours = UnitState { stopped_by_heald: true, ..unit("loaded", "inactive", "dead", "success") };
        let queued = UnitState { job: Some(7), ..unit("loaded", "failed", "failed", "signal") };
        let stopping = UnitState { job: Some(8), ..unit("loaded", "active", "running", "success") };
        let retry = UnitState { job: Some(9), ..unit("loaded", "activating", "auto-restart", "exit-code") };
        let booting = UnitState { booting: true, ..unit("loaded", "inactive", "dead", "success") };
        let booted = UnitState { booting: true, ..unit("loaded", "active", "running", "success") };
        for (unit, text) in [
            (unit("not-found", "inactive", "dead", "success"), "not there"),
            (unit("masked", "inactive", "dead", "success"), "masked"),
            (unit("bad-setting", "inactive", "dead", "success"), "failed (its unit file is not usable: bad-setting)"),
            (unit("loaded", "active", "running", "success"), "up"),
            (unit("loaded", "activating", "start-pre", "success"), "starting (activating (start-pre))"),
            (
                unit("loaded", "activating", "auto-restart", "exit-code"),
                "being restarted by its own manager (activating (auto-restart))",
            ),
            (retry, "being restarted by its own manager (activating (auto-restart))"),
            (unit("loaded", "reloading", "reload", "success"), "starting (reloading (reload))"),
            (unit("loaded", "deactivating", "stop-sigterm", "success"), "a job is pending (deactivating (stop-sigterm))"),
            (queued, "a job is pending (failed (failed), job 7)"),
            (stopping, "a job is pending (active (running), job 8)"),
            (unit("loaded", "failed", "failed", "start-limit-hit"), "start limit hit"),
            (killed, "failed (failed, Result=signal, signal 9)"),
            (unit("loaded", "failed", "failed", "timeout"), "failed (failed, Result=timeout)"),
            (unit("loaded", "inactive", "dead", "success"), "stopped by a person (inactive, Result=success)"),
            (disabled, "stopped by a person (inactive, Result=success, disabled)"),
            (ours, "failed (inactive, stopped by heald)"),
            (unit("loaded", "inactive", "dead", "exit-code"), "failed (inactive, Result=exit-code)"),
            (booting, "host busy (the host is still booting; inactive (dead))"),
            (booted, "up"),
        ] {
            assert_eq!(unit_state(&unit).text(), text, "{unit:?}");
        }
    }
}
