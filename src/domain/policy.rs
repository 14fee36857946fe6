//! What the configuration's `guards:` says: the limits that hold for all playbooks at once.

use super::calendar::Intervals;
use super::escalation::EscalationPolicy;
use super::id::PlaybookId;
use super::playbook::{Budget, FailureClass, Severity};
use super::selector::Selector;
use super::target::Target;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One field per guard that can be adjusted, named after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub freshness: Unreadable,
    /// `time_intervals:` by name.
    pub intervals: BTreeMap<String, Intervals>,
    /// Names of intervals in which nothing is repaired: maintenance.
    pub maintenance: Vec<String>,
    /// Start-up grace by target, over the playbook's.
    pub grace: BTreeMap<Target, Duration>,
    pub order: OrderPolicy,
    pub severity: SeverityPolicy,
    pub breaker: BreakerPolicy,
    pub budgets: Budgets,
    pub blast: BlastPolicy,
    pub flapping: FlappingPolicy,
    pub trust: TrustPolicy,
    pub approval: ApprovalPolicy,
    pub rate: RatePolicy,
    /// `escalation:`
    pub escalation: EscalationPolicy,
    /// What heald stands on, and itself.
    pub protected: BTreeSet<Target>,
    /// An incident that was running at so many crashes of heald in a row is set aside. At least 1.
    pub quarantine_after: u32,
    /// `recovery_objectives:` by a target's name or the alert's label `service`. No guard asks for them: reviews do.
    pub objectives: BTreeMap<String, Objective>,
    /// `alertmanager.silence_while_repairing:` how long heald's own silences last at most. None: heald sets none.
    pub silence_while_repairing: Option<Duration>,
}

/// What was promised of a service (row D14 of the failure modes). At least one of both is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objective {
    /// How long it may be down: from the alert's start to a passed verification.
    pub rto: Option<Duration>,
    /// How much of its data may be lost, as time; zero: none. heald can't measure it: people judge.
    pub rpo: Option<Duration>,
}

/// `freshness: { unreadable: … }` — Alertmanager is configured and can't be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unreadable {
    #[default]
    Hold,
    /// Go by the webhook alone.
    Act,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderPolicy {
    /// Recover these first: by target, beside the playbooks' `after:` and what systemd and Compose say.
    pub after: BTreeMap<Target, Vec<Target>>,
    pub escalated: AfterEscalated,
    /// The inventory's `continuity:`, the smallest set first.
    pub modes: Vec<ContinuityMode>,
}

/// A set of services that comes before all others while an incident of its playbook is open (row A27 of the failure modes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinuityMode {
    /// `minimal` or `reduced`.
    pub name: &'static str,
    pub playbook: PlaybookId,
    /// On this host.
    pub members: BTreeSet<Target>,
    /// So long is everything else held at most. At least 1 min.
    pub within: Duration,
}

/// What a dependency that people have to mend does to those that wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterEscalated {
    #[default]
    Hold,
    Release,
}

/// How much may be tried, by what is wrong. The smallest of those that apply counts, beside the playbook's own limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityPolicy {
    /// More than one target is down.
    pub several: Cap,
    pub by_class: BTreeMap<FailureClass, Cap>,
    pub by_severity: BTreeMap<Severity, Cap>,
    /// Replaces all of the above for a playbook.
    pub by_playbook: BTreeMap<PlaybookId, Cap>,
}

/// `{ attempts: 2, within: 3m, patience: 5m }`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cap {
    pub attempts: Option<u32>,
    pub within: Option<Duration>,
    /// With no attempt left: how long after the opening people are called. Default at once.
    pub patience: Option<Duration>,
}

/// After `failures` attempts in a row that did not help, none for `open`; then one, and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    pub failures: u32,
    pub open: Duration,
}

/// Besides each playbook's own budget per target. All of them hold at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    pub target: Vec<Budget>,
    pub playbook: Vec<Budget>,
    /// This host.
    pub host: Vec<Budget>,
    /// Everything that this heald repairs. Until it serves more than its own host, the same as `host`.
    pub all: Vec<Budget>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlastPolicy {
    pub groups: Vec<Group>,
    pub storm: StormPolicy,
}

/// Targets that stand for each other: at most so many of them are repaired at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub name: String,
    /// Which alerts are about it.
    pub selector: Selector,
    /// Splits it by the value of this label; an alert without it is refused.
    pub by: Option<String>,
    /// How many targets it has. At least 1.
    pub size: u32,
    /// Under repair at a time; at least 1.
    pub max: u32,
    /// With fewer good ones nothing is repaired.
    pub min_healthy: u32,
    /// How long it must have had `min_healthy` good ones again before repairs go on.
    pub cool_down: Duration,
}

/// So much is down at once that the cause is elsewhere: running repairs end, new ones hold, people are told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormPolicy {
    /// More targets than this down at once are a storm. At least 1.
    pub targets: u32,
    pub attempts: u32,
    pub within: Duration,
    /// How long it must have been over.
    pub cool_down: Duration,
}

/// Repaired and verified `times` within `within`, and broken again: chronic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlappingPolicy {
    pub times: u32,
    pub within: Duration,
}

/// `mode: earn`: so many good outcomes in a row raise a playbook by one step; one bad one lowers it by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    pub observed: u32,
    pub approved: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalPolicy {
    pub expires: Duration,
    /// Who may approve; empty: everybody who reaches the control socket.
    pub by: BTreeSet<String>,
}

/// Across everything: bursts are smoothed to `count` per `window`, at most `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RatePolicy {
    pub count: u32,
    pub window: Duration,
    pub burst: u32,
}

// === impl Budgets ===

impl Budgets {
    pub fn each(&self) -> impl Iterator<Item = &Budget> {
        self.target.iter().chain(&self.playbook).chain(&self.host).chain(&self.all)
    }
}

// === impl defaults ===

impl Default for Policy {
    fn default() -> Self {
        Self {
            freshness: Unreadable::default(),
            intervals: BTreeMap::new(),
            maintenance: Vec::new(),
            grace: BTreeMap::new(),
            order: OrderPolicy::default(),
            severity: SeverityPolicy::default(),
            breaker: BreakerPolicy::default(),
            budgets: Budgets::default(),
            blast: BlastPolicy::default(),
            flapping: FlappingPolicy::default(),
            trust: TrustPolicy::default(),
            approval: ApprovalPolicy::default(),
            rate: RatePolicy::default(),
            escalation: EscalationPolicy::default(),
            protected: BTreeSet::new(),
            quarantine_after: 3,
            objectives: BTreeMap::new(),
            silence_while_repairing: None,
        }
    }
}

/// The thresholds of rows C14 and D06 of the failure modes.
impl Default for SeverityPolicy {
    fn default() -> Self {
        let none = |patience| Cap { attempts: Some(0), patience, within: None };
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            several: Cap { attempts: Some(2), within: Some(minutes(3)), patience: None },
            by_class: [
                (FailureClass::Corruption, none(None)),
                (FailureClass::RateLimit, none(Some(minutes(5)))),
                (FailureClass::Device, Cap { attempts: Some(1), ..Cap::default() }),
            ]
            .into(),
            by_severity: BTreeMap::new(),
            by_playbook: BTreeMap::new(),
        }
    }
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 5, open: Duration::from_secs(120) }
    }
}

impl Default for StormPolicy {
    fn default() -> Self {
        Self { targets: 10, attempts: 2, within: Duration::from_secs(180), cool_down: Duration::from_secs(30) }
    }
}

impl Default for FlappingPolicy {
    fn default() -> Self {
        Self { times: 5, within: Duration::from_secs(3_600) }
    }
}

impl Default for TrustPolicy {
    fn default() -> Self {
        Self { observed: 5, approved: 5 }
    }
}

impl Default for ApprovalPolicy {
    fn default() -> Self {
        Self { expires: Duration::from_secs(1_800), by: BTreeSet::new() }
    }
}

impl Default for RatePolicy {
    fn default() -> Self {
        Self { count: 30, window: Duration::from_secs(60), burst: 10 }
    }
}

/// What was promised: by the target's name, then by the alert's label `service`.
pub fn objective_of<'a>(
    objectives: &'a BTreeMap<String, Objective>,
    target: Option<&Target>,
    service: Option<&String>,
) -> Option<(&'a str, &'a Objective)> {
    let names = target.map(Target::name).into_iter().chain(service.map(String::as_str));
    names.filter_map(|name| objectives.get_key_value(name)).map(|(name, one)| (name.as_str(), one)).next()
}
