//! What the engine says of a container, and what it means in the words that decisions need.

use crate::domain::look::{Evidence, Surroundings, TargetState};
use std::time::Duration;

/// One reading of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerState {
    pub id: String,
    pub status: Status,
    /// `None` where there is no health check.
    pub health: Option<Health>,
    pub exit_code: i64,
    pub oom_killed: bool,
    /// The engine's reason why the last start failed.
    pub error: String,
    /// The engine's own text, to the nanosecond.
    pub started_at: String,
    /// Since it was started; only while it runs.
    pub running_for: Option<Duration>,
    pub stop: Stop,
    /// By this heald, and since its start; any other pause is a person's.
    pub paused_by_heald: bool,
    /// Empty unless it was asked for.
    pub around: Surroundings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    Created,
    Restarting,
    Running,
    Removing,
    Paused,
    Exited,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Starting,
    Healthy,
    Unhealthy,
}

/// Who ended it, by the engine's events since its last start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It was stopped by a call, and not by this heald's.
    Person,
    Heald,
    /// Its end was seen, and no stop with it: it ended by itself or was killed.
    Nobody,
    /// The engine does not remember its end (it was restarted, or keeps no event that old).
    Unseen,
}

/// An event of the container, as far as it matters here; oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Start,
    Kill,
    Die,
    Stop,
    /// A stop of one that bore the name under which heald keeps the old container while it makes a new one.
    StopAside,
}

pub fn container_state(container: &ContainerState) -> TargetState {
    let exited = || {
        let mut text = format!("{} {}", container.status.label(), container.exit_code);
        if container.oom_killed {
            text += ", out of memory";
        }
        if !container.error.is_empty() {
            text += &format!(", {}", crate::domain::target::cut(&container.error));
        }
        text
    };
    match container.status {
        Status::Running => match container.health {
            None | Some(Health::Healthy) => TargetState::up(container.running_for.unwrap_or_default()),
            Some(Health::Starting) => TargetState::Starting { detail: "running, health check starting".to_owned() },
            Some(Health::Unhealthy) => TargetState::Failed { detail: "running, unhealthy".to_owned() },
        },
        Status::Restarting => TargetState::Restarting { detail: exited() },
        Status::Paused if container.paused_by_heald => TargetState::Failed { detail: "paused by heald".to_owned() },
        Status::Paused => TargetState::StoppedByPerson { detail: "paused".to_owned() },
        Status::Created if container.error.is_empty() => TargetState::Failed { detail: "created, never started".to_owned() },
        Status::Created => TargetState::Failed { detail: exited() },
        Status::Removing => TargetState::JobPending { detail: "being removed".to_owned() },
        Status::Exited | Status::Dead => match container.stop {
            // A stop after which a start was tried and failed was the first half of a restart.
            Stop::Person if container.error.is_empty() => {
                TargetState::StoppedByPerson { detail: format!("{}, stopped by a call", exited()) }
            }
            Stop::Heald => TargetState::Failed { detail: format!("{}, stopped by heald", exited()) },
            Stop::Unseen if matches!(container.exit_code, 0 | 143) && container.error.is_empty() => {
                TargetState::StoppedUnclear { detail: format!("{}, and the engine remembers no event", exited()) }
            }
            Stop::Person | Stop::Nobody | Stop::Unseen => TargetState::Failed { detail: exited() },
        },
    }
}

/// Only what came after the last start counts: a `stop` before it was half of a restart.
pub(super) fn who_stopped(events: &[Event]) -> Stop {
    let last_start = events.iter().rposition(|event| *event == Event::Start).map_or(0, |index| index + 1);
    let since = &events[last_start..];
    if since.contains(&Event::Stop) {
        Stop::Person
    } else if since.contains(&Event::StopAside) {
        Stop::Heald
    } else if since.contains(&Event::Die) {
        Stop::Nobody
    } else {
        Stop::Unseen
    }
}

/// It was signalled through the engine and the story is not told yet: `docker stop` sends its
/// `stop` event only after the container has died.
pub(super) fn may_be_stopping(events: &[Event]) -> bool {
    let last_start = events.iter().rposition(|event| *event == Event::Start).map_or(0, |index| index + 1);
    events[last_start..].contains(&Event::Kill) || events[last_start..].contains(&Event::Stop)
}

// === impl ContainerState ===

impl ContainerState {
    /// The id tells a container made anew under the same name, `StartedAt` a start.
    pub fn evidence(&self) -> Option<Evidence> {
        Some(Evidence(format!("{}@{}", self.id, self.started_at).into()))
    }

    /// Running, and healthy where there is a health check.
    pub fn is_up(&self) -> bool {
        self.status == Status::Running && matches!(self.health, None | Some(Health::Healthy))
    }

    /// `exited (137)`, `running (unhealthy)`.
    pub fn words(&self) -> String {
        match (self.status, self.health) {
            (Status::Running, Some(Health::Starting)) => "running (health check starting)".to_owned(),
            (Status::Running, Some(Health::Healthy)) => "running (healthy)".to_owned(),
            (Status::Running, Some(Health::Unhealthy)) => "running (unhealthy)".to_owned(),
            (Status::Exited | Status::Dead | Status::Restarting, _) => format!("{} ({})", self.status.label(), self.exit_code),
            (status, _) => status.label().to_owned(),
        }
    }
}

// === impl Status ===

impl Status {
    pub const ALL: [Status; 7] =
        [Self::Created, Self::Restarting, Self::Running, Self::Removing, Self::Paused, Self::Exited, Self::Dead];

    /// The engine's word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Restarting => "restarting",
            Self::Running => "running",
            Self::Removing => "removing",
            Self::Paused => "paused",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }
}

// === impl Event ===

impl Event {
    /// `name`: of the container, at that moment.
    pub(super) fn of(action: &str, name: &str) -> Option<Self> {
        match action {
            "stop" if name.ends_with(super::blueprint::ASIDE) => Some(Self::StopAside),
            "start" => Some(Self::Start),
            "kill" => Some(Self::Kill),
            "die" => Some(Self::Die),
            "stop" => Some(Self::Stop),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(status: Status, exit_code: i64, stop: Stop) -> ContainerState {
        ContainerState {
            id: "5f2d".to_owned(),
            status,
            health: None,
            exit_code,
            oom_killed: false,
            error: String::new(),
            started_at: "2026-11-22T05:00:00.1Z".to_owned(),
            running_for: None,
            stop,
            paused_by_heald: false,
            around: Surroundings::default(),
        }
    }

    #[test]
    fn states_mean_what_decisions_need() {
        let running = |health| ContainerState { health, ..container(Status::Running, 0, Stop::Unseen) };
        let own_pause = ContainerState { paused_by_heald: true, ..container(Status::Paused, 0, Stop::Unseen) };
        let oom = ContainerState { oom_killed: true, ..container(Status::Exited, 137, Stop::Nobody) };
        let half =
            ContainerState { error: "port is already allocated".to_owned(), ..container(Status::Exited, 128, Stop::Person) };
        let unborn = ContainerState { error: "network n not found".to_owned(), ..container(Status::Created, 128, Stop::Unseen) };
        for (container, text) in [
            (running(None), "up"),
            (running(Some(Health::Healthy)), "up"),
            (running(Some(Health::Starting)), "starting (running, health check starting)"),
            (running(Some(Health::Unhealthy)), "failed (running, unhealthy)"),
            (container(Status::Restarting, 1, Stop::Unseen), "being restarted by its own manager (restarting 1)"),
            (container(Status::Paused, 0, Stop::Unseen), "stopped by a person (paused)"),
            (own_pause, "failed (paused by heald)"),
            (container(Status::Created, 0, Stop::Unseen), "failed (created, never started)"),
            (unborn, "failed (created 128, network n not found)"),
            (container(Status::Removing, 0, Stop::Unseen), "a job is pending (being removed)"),
            (container(Status::Exited, 143, Stop::Person), "stopped by a person (exited 143, stopped by a call)"),
            (container(Status::Exited, 137, Stop::Person), "stopped by a person (exited 137, stopped by a call)"),
            (half, "failed (exited 128, port is already allocated)"),
            (container(Status::Exited, 143, Stop::Heald), "failed (exited 143, stopped by heald)"),
            (container(Status::Exited, 0, Stop::Nobody), "failed (exited 0)"),
            (container(Status::Exited, 143, Stop::Nobody), "failed (exited 143)"),
            (oom, "failed (exited 137, out of memory)"),
            (
                container(Status::Exited, 0, Stop::Unseen),
                "stopped, by whom is unclear (exited 0, and the engine remembers no event)",
            ),
            (
                container(Status::Exited, 143, Stop::Unseen),
                "stopped, by whom is unclear (exited 143, and the engine remembers no event)",
            ),
            (container(Status::Exited, 137, Stop::Unseen), "failed (exited 137)"),
            (container(Status::Dead, 1, Stop::Nobody), "failed (dead 1)"),
        ] {
            assert_eq!(container_state(&container).text(), text, "{container:?}");
        }
    }

    #[test]
    fn only_the_last_stop_after_the_last_start_is_a_persons() {
        use Event::{Die, Kill, Start, Stop as Stopped};
        for (events, stop) in [
            (&[][..], Stop::Unseen),
            (&[Start], Stop::Unseen),
            (&[Start, Die], Stop::Nobody),
            (&[Start, Kill, Die], Stop::Nobody),
            (&[Start, Kill, Die, Stopped], Stop::Person),
            (&[Kill, Die, Stopped], Stop::Person),
            (&[Start, Kill, Die, Stopped, Start], Stop::Unseen),
            (&[Start, Kill, Die, Stopped, Start, Die], Stop::Nobody),
            (&[Start, Kill, Die, Event::StopAside], Stop::Heald),
        ] {
            assert_eq!(who_stopped(events), stop, "{events:?}");
        }
        assert!(may_be_stopping(&[Start, Kill, Die]));
        assert!(!may_be_stopping(&[Start, Kill, Die, Stopped, Start, Die]));
    }
}
