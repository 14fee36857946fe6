//! One service of the simulated host, as its manager would know it.

use super::history::Who;
use super::scenario::Misbehaviour;
use crate::domain::time::Time;
use std::time::Duration;

/// What a service is like now.
#[derive(Clone, Debug)]
pub struct Machine {
    pub is: Is,
    pub since: Time,
    /// Changes with every start: systemd's InvocationID, Docker's StartedAt.
    pub starts: u64,
    /// Within the start limit's interval.
    pub(super) recent: Vec<Time>,
    pub(super) cause: Option<Cause>,
    pub(super) hidden_until: Time,
    pub(super) slow: Option<Duration>,
    pub(super) breaks: Option<usize>,
    pub(super) misbehaves: Option<(Misbehaviour, Time)>,
    /// The last to start it since it stopped answering.
    pub(super) started_by: Option<Who>,
    /// Its open outage, by number.
    pub(super) outage: Option<usize>,
    /// The call that made its present start, by number.
    pub(super) call: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    Up,
    /// Runs, and does not answer.
    Hung,
    Starting,
    /// Down, and about to be started by its own manager.
    Restarting,
    Failed,
    Stopped,
    Masked,
    StartLimit,
}

/// What a start comes to while it lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cause {
    pub(super) until: Time,
    pub(super) hangs: bool,
}

// === impl Machine ===

impl Machine {
    /// Since a day before the beginning.
    pub(super) fn up(start: Time) -> Self {
        Self {
            is: Is::Up,
            since: Time(start.0.saturating_sub(86_400_000)),
            starts: 1,
            recent: Vec::new(),
            cause: None,
            hidden_until: Time(0),
            slow: None,
            breaks: None,
            misbehaves: None,
            started_by: None,
            outage: None,
            call: None,
        }
    }
}
