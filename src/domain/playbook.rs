//! A playbook: when it applies, what it may do, what proves success. What is at stake, not how it is done.

use super::id::{PlaybookId, Revision};
pub use super::library::Library;
use super::selector::Selector;
use super::target::TargetKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One runbook, compiled by `book/` with the configuration's overrides applied.
#[derive(Clone, Debug)]
pub struct Playbook {
    pub id: PlaybookId,
    pub revision: Revision,
    pub title: String,
    /// Rows of the failure-mode catalogue that it serves.
    pub covers: Vec<String>,
    /// Any of them is enough.
    pub selectors: Vec<Selector>,
    pub target: TargetTemplate,
    pub mode: Mode,
    pub limits: Limits,
    pub act_on: ActOn,
    /// How long what was healed stays watched, at least.
    pub after_care: Duration,
    /// The goal for the time from the webhook to a passed verification.
    pub recovery_time: Option<Duration>,
    pub severity: Option<Severity>,
    /// Whose it is; people are told.
    pub owner: Option<String>,
    /// Alerts that its repairs may raise themselves.
    pub causes: Vec<String>,
    /// So many incidents of one target in so long: the next repair is people's matter.
    pub escalate_when: Option<EscalateWhen>,
    /// What kind of failure it is about; caps what may be tried.
    pub class: FailureClass,
    /// `mode: earn`: `mode` is the ceiling, and the record decides.
    pub earns: bool,
    /// Playbooks whose open incidents come first.
    pub after: Vec<PlaybookId>,
    /// Of several that match one alert the highest applies. -1000 to 1000; 0 where nothing is written.
    pub priority: i32,
    pub windows: Windows,
    /// Front matter, under the configuration's.
    pub vars: BTreeMap<String, Value>,
    /// Empty: a runbook for people only.
    pub rungs: Vec<Rung>,
    pub verify: Verify,
    pub rollback: Vec<Step>,
    /// Once, when the incident closes with good probes.
    pub afterwards: Vec<Step>,
    /// Steps for people, to be ticked; templates included.
    pub checklist: Vec<String>,
    pub manual_fix: Option<String>,
    pub debug_prompt: Option<String>,
}

/// `target: { unit: "{{ labels.target }}" }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTemplate {
    pub kind: TargetKind,
    pub name: String,
}

/// `escalate_when: { incidents: 4, within: 1h }`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EscalateWhen {
    /// The one that is open counts too. At least 2.
    pub incidents: u32,
    /// At most 30 days.
    pub within: Duration,
}

/// What heald may do by itself. Ordered: an alert's label may lower it, never raise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Observe,
    Approve,
    Auto,
}

/// `act_on:` — a symptom that no probe sees is acted on although the probes pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActOn {
    #[default]
    Probes,
    Alert,
}

/// `class:` — how much may be tried depends on it (`guards: { severity: … }`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    #[default]
    Service,
    /// Data may be damaged: every attempt may damage more.
    Corruption,
    /// An upstream refuses for now; a restart does not help.
    RateLimit,
    /// A device is reset with it.
    Device,
}

/// `mute_time_intervals:` and `active_time_intervals:`, as Alertmanager's routes have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    /// Nothing is repaired in these.
    pub mute: Vec<String>,
    /// If there are any: repairs only in these.
    pub active: Vec<String>,
}

/// Response times at once, 15 min, 1 h, 24 h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    P0,
    P1,
    P2,
    P3,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Per incident.
    pub attempts: u32,
    /// Counted from the first permit; the time on hold, or good, does not count.
    pub within: Duration,
    /// Per target, in any window of that length; all of them hold at once.
    pub budget: Vec<Budget>,
    pub cooldown: Backoff,
    /// How long a target may take to start before it counts as broken.
    pub grace: Duration,
    /// How long an alert without a symptom is watched before heald says so.
    pub settle: Duration,
}

/// `5 per 10m`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    pub count: u32,
    pub window: Duration,
}

/// The wait after the n-th counted attempt: `base * factor^(n-1)`, at most `max`, and up to `jitter` longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub base: Duration,
    pub factor: u32,
    pub max: Duration,
    /// In percent, 0 to 100.
    pub jitter: u8,
}

/// One thing to try, followed by the verification.
#[derive(Clone, Debug)]
pub struct Rung {
    pub title: String,
    pub steps: Vec<Step>,
    /// How often, before the next rung.
    pub times: u32,
    /// Its author knows that something of it can't be undone.
    pub accepted: bool,
    /// Its steps belong together: once one took effect, the rest follows, also when the alert has resolved.
    pub whole: bool,
}

/// What a guard may know of a step, and its parameters as the file gave them, templates included.
#[derive(Clone, Debug)]
pub struct Step {
    /// `docker.restart`; only `action/` knows what it means.
    pub kind: &'static str,
    pub args: Value,
    pub stake: Stake,
    pub options: StepOptions,
}

/// What stands beside a step's kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepOptions {
    /// An expression over labels, annotations, vars, target and steps; false: the step is skipped.
    pub when: Option<String>,
    pub on_failure: OnFailure,
    pub retry: Option<Retry>,
    /// Under which name its result is kept.
    pub register: Option<String>,
}

/// What follows a step that did not do what it was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The rest of the rung is left out, and the probes decide.
    #[default]
    Verify,
    /// As if it had done it. `optional: true` is the same.
    Continue,
    /// No further rung: a rollback where there is one, then people.
    Escalate,
}

/// The same step again within its attempt. Its outcome must be clear: what may have happened is not repeated, unless it
/// does no harm twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// With the first: 2 to 10.
    pub attempts: u32,
    pub backoff: Backoff,
}

#[derive(Clone, Debug)]
pub struct Stake {
    pub object: StepObject,
    pub risk: Risk,
    /// Nothing is gone for good after it: a rollback, or nothing at all, brings back what was.
    pub reversible: bool,
    /// How long the target may still change after the call, without showing that it will
    /// (Docker has no jobs to ask for; systemd has: zero).
    pub in_flight: Duration,
    /// The call takes no longer; then its outcome is unknown.
    pub deadline: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepObject {
    /// The playbook's target.
    Default,
    Other(TargetTemplate),
    Nothing,
}

/// What a repetition may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Reads or waits: no effect, no budget.
    Read,
    /// Whether it took effect can be seen on the target.
    Seen,
    /// Doing it twice does no more than doing it once.
    Idempotent,
    /// Half of it is worse than none, and doing it again goes on where it stopped: after a crash it is finished, also when
    /// the alert has resolved meanwhile.
    Whole,
    /// Never repeated after a crash: unknown, and a person is told.
    Once,
}

/// All probes must pass, and stay passing for `stable`.
#[derive(Clone, Debug)]
pub struct Verify {
    pub within: Duration,
    pub stable: Duration,
    pub probes: Vec<Check>,
}

#[derive(Clone, Debug)]
pub struct Check {
    pub kind: &'static str,
    pub args: Value,
    pub object: StepObject,
}

// === impl Mode ===

impl Mode {
    pub fn label(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Approve => "approve",
            Self::Auto => "auto",
        }
    }
}

// === impl Playbook ===

impl Playbook {
    /// The rung to try next, after each has been run so often; `None`: all that it knows was tried.
    pub fn next_rung(&self, tries: &[u32]) -> Option<usize> {
        (0..self.rungs.len()).find(|rung| tries.get(*rung).copied().unwrap_or(0) < self.rungs[*rung].times)
    }

    /// All its steps, in the order in which they may run.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.rungs.iter().flat_map(|rung| &rung.steps).chain(&self.rollback).chain(&self.afterwards)
    }

    /// The names that its steps register.
    pub fn registered(&self) -> impl Iterator<Item = &str> {
        self.steps().filter_map(|step| step.options.register.as_deref())
    }

    /// As people write it: `observe`, `approve`, `auto` or `earn`.
    pub fn mode_label(&self) -> &'static str {
        if self.earns { "earn" } else { self.mode.label() }
    }
}

// === impl FailureClass ===

impl FailureClass {
    pub const ALL: [Self; 4] = [Self::Service, Self::Corruption, Self::RateLimit, Self::Device];

    pub fn label(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Corruption => "corruption",
            Self::RateLimit => "rate_limit",
            Self::Device => "device",
        }
    }
}

// === impl Severity ===

impl Severity {
    pub const ALL: [Self; 4] = [Self::P0, Self::P1, Self::P2, Self::P3];

    pub fn label(self) -> &'static str {
        match self {
            Self::P0 => "P0",
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
        }
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            attempts: 3,
            within: secs(300),
            budget: vec![Budget { count: 5, window: secs(600) }],
            cooldown: Backoff { base: secs(10), factor: 2, max: secs(300), jitter: 10 },
            grace: secs(30),
            settle: secs(10),
        }
    }
}

impl Backoff {
    /// For calls to other systems: 1 s, 2 s, 4 s … at most 60 s.
    pub const RETRY: Self = Self { base: Duration::from_secs(1), factor: 2, max: Duration::from_secs(60), jitter: 10 };

    /// `salt` spreads incidents that failed together; the same salt gives the same wait.
    pub fn wait(&self, attempts: u32, salt: u64) -> Duration {
        if attempts == 0 {
            return Duration::ZERO;
        }
        let factor = self.factor.saturating_pow(attempts - 1);
        let wait = self.base.saturating_mul(factor).min(self.max);
        // Fibonacci hashing; the top bits are the well mixed ones.
        let share = salt.wrapping_add(u64::from(attempts)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
        let most = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_mul(u64::from(self.jitter)) / 100;
        let jitter = most.saturating_mul(share) / 1024;
        wait + Duration::from_millis(jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_up_to_its_cap_with_a_tenth_of_jitter() {
        let backoff = Limits::default().cooldown;
        for (attempts, secs) in [(0, 0), (1, 10), (2, 20), (3, 40), (6, 300), (60, 300)] {
            for salt in 0..200 {
                let wait = backoff.wait(attempts, salt).as_millis();
                assert!((secs * 1_000..=secs * 1_100).contains(&wait), "{attempts} {salt}: {wait} ms");
            }
        }
        assert_ne!(backoff.wait(3, 1), backoff.wait(3, 2), "incidents that failed together spread");
    }
}
