//! What the simulated host remembers: every call, every outage. The report and the checkers read nothing else.

use crate::domain::time::Time;
use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub struct History {
    pub calls: Vec<Call>,
    pub outages: Vec<Outage>,
}

/// Who did something to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Heald,
    Watchdog,
    Person,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub at: Time,
    pub by: Who,
    pub service: usize,
    pub verb: Verb,
    /// What the service was like.
    pub before: Before,
    /// How often it had been started.
    pub starts: u64,
    /// It had an effect; misbehaving calls have none.
    pub landed: bool,
    /// Known at once, or when the start has ended.
    pub needless: Option<Needless>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Restart,
    Start,
    Stop,
    /// Any other effect.
    Other,
}

/// In the words of the guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Answering,
    /// Runs, and does not answer: itself, or what it needs.
    Silent,
    Starting,
    Failed,
    StoppedByPerson,
    StartLimit,
}

/// Why a restart should not have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needless {
    Up,
    Starting,
    StoppedByPerson,
    /// It did not answer afterwards either.
    NotHelped,
}

/// From the last answer to the next. What a person stopped is none.
#[derive(Clone, Debug)]
pub struct Outage {
    pub service: usize,
    pub from: Time,
    pub to: Option<Time>,
    /// Who started it last before it answered again; nobody: it came back by itself.
    pub healed_by: Option<Who>,
}

// === impl History ===

impl History {
    /// Starts and restarts that took effect, but for those by people; in their order.
    pub fn restarts_by_healers(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| call.restarts() && call.by != Who::Person)
    }
}

// === impl Call ===

impl Call {
    /// It counts as a restart: it took effect, and the service was started by it.
    pub fn restarts(&self) -> bool {
        self.landed && matches!(self.verb, Verb::Restart | Verb::Start)
    }
}

// === impl Needless ===

impl Needless {
    pub fn label(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Starting => "starting",
            Self::StoppedByPerson => "stopped_by_person",
            Self::NotHelped => "not_helped",
        }
    }

    /// As far as it shows when the call is made.
    pub fn at_once(before: Before) -> Option<Self> {
        match before {
            Before::Answering => Some(Self::Up),
            Before::Starting => Some(Self::Starting),
            Before::StoppedByPerson => Some(Self::StoppedByPerson),
            Before::Silent | Before::Failed | Before::StartLimit => None,
        }
    }
}

// === impl Outage ===

impl Outage {
    pub fn length(&self, end: Time) -> Duration {
        self.to.unwrap_or(end).since(self.from)
    }
}
