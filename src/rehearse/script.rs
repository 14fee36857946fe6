//! What a test file says: the alerts, the world, the people and what is expected of heald.

use super::expect::Expect;
use crate::config::Pieces;
use crate::domain::alert::Labels;
use crate::domain::outcome::ActOutcome;
use crate::domain::playbook::Mode;
use crate::domain::time::{Span, Time};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// One file, read and checked.
#[derive(Debug)]
pub struct Script {
    /// Playbooks under test: files and folders.
    pub playbooks: Vec<PathBuf>,
    pub tests: Vec<Test>,
}

#[derive(Clone, Debug)]
pub struct Test {
    pub name: String,
    /// The file's, with the test's own before it.
    pub config: Pieces,
    /// For all playbooks of the file: as if the overrides said so.
    pub mode: Option<Mode>,
    /// heald's time, and the wall clock's, at 0s.
    pub starts: Time,
    pub alerts: Vec<ScriptedAlert>,
    pub world: WorldScript,
    pub people: Vec<Person>,
    /// From 0s.
    pub until: Duration,
    pub expect: Expect,
}

/// Fires from `at` until it resolves, if it does.
#[derive(Clone, Debug)]
pub struct ScriptedAlert {
    pub labels: Labels,
    pub annotations: Labels,
    pub at: Duration,
    pub resolves: Option<Duration>,
}

#[derive(Clone, Debug, Default)]
pub struct WorldScript {
    pub steps: Vec<StepScript>,
    pub probes: Vec<ProbeScript>,
    pub targets: Vec<TargetScript>,
    /// Alertmanager can't be asked from the first until the second.
    pub alertmanager_down: Option<(Duration, Duration)>,
}

/// What comes of a step, by its kind (`docker.restart`) or its whole text (`docker.restart ollama`).
#[derive(Clone, Debug)]
pub struct StepScript {
    pub step: String,
    /// The calls that go wrong; the others are done.
    pub wrong: Calls,
    pub how: Wrong,
    /// The calls that mend what is broken.
    pub mends: Calls,
    /// What it touches is broken by it.
    pub breaks: bool,
    pub takes: Duration,
    /// The facts that `register:` keeps.
    pub answers: Option<Value>,
    /// The detail of its answer.
    pub says: Option<String>,
}

/// Which calls of a step, counted from 1 over the whole test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    None,
    All,
    First(u32),
    From(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Outcome(ActOutcome),
    /// No answer; the step ends by its own deadline.
    Hangs,
}

/// What a probe says, by its kind (`http`) or its whole text (`tcp 127.0.0.1:6379`).
#[derive(Clone, Debug, Default)]
pub struct ProbeScript {
    pub probe: String,
    /// Whatever heald does.
    pub always: Option<bool>,
    pub passes_after: Option<Duration>,
    pub fails_from: Option<Duration>,
    /// Can't be asked from the first until the second.
    pub unknown: Option<(Duration, Duration)>,
    /// So long after the repair it passes.
    pub lags: Duration,
    /// What fails from then on is not mended by a step.
    pub stays: bool,
    pub says: Option<String>,
}

/// What is known of a target besides, from `at` on.
#[derive(Clone, Debug)]
pub struct TargetScript {
    /// `ollama` or `container ollama`.
    pub target: String,
    pub at: Duration,
    pub state: Option<StateWord>,
    pub detail: Option<String>,
    /// A start of it takes so long.
    pub starts_in: Option<Duration>,
    /// No step mends it.
    pub stays: bool,
    /// `unit db.service`: it needs them, and they are down.
    pub needs_down: Vec<crate::domain::target::Target>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateWord {
    /// Up, and all its probes pass.
    Good,
    /// Up, and its probes don't pass.
    Running,
    Starting,
    Restarting,
    JobPending,
    Failed,
    /// By a person.
    Stopped,
    /// Nobody can say by whom.
    StoppedUnclear,
    Masked,
    StartLimit,
    Missing,
    Unreachable,
    HostBusy,
}

/// Somebody gives heald an order.
#[derive(Clone, Debug)]
pub struct Person {
    pub at: Duration,
    pub verb: Verb,
    pub by: String,
    pub why: String,
    pub for_: Option<Span>,
    /// heald is to say no, with these words.
    pub refused: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Approve,
    Deny,
    Ack,
    Pause,
    Resume,
    Retry,
    Close,
    /// Of the incident's target.
    Hold,
    Release,
}

// === impl Calls ===

impl Calls {
    /// `number`: from 1.
    pub fn has(self, number: u32) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::First(count) => number <= count,
            Self::From(first) => number >= first,
        }
    }
}

// === impl StepScript ===

impl StepScript {
    /// As if nothing were said of it.
    pub fn plain(step: String) -> Self {
        Self {
            step,
            wrong: Calls::None,
            how: Wrong::Outcome(ActOutcome::Failed),
            mends: Calls::All,
            breaks: false,
            takes: Duration::ZERO,
            answers: None,
            says: None,
        }
    }
}
