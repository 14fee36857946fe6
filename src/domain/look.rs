//! What heald sees when it looks: the probes' verdicts and the state of the target.

use super::id::Fingerprint;
use super::plan::PlannedProbe;
use super::target::Target;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One look at the target and at all probes of the playbook's *Verify*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    pub probes: Vec<ProbeResult>,
    pub state: TargetState,
    /// Changes whenever the target is started: systemd's InvocationID, Docker's id and StartedAt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// What Alertmanager said of the incident's alerts at that moment.
    #[serde(default, skip_serializing_if = "AlertSight::is_not_asked")]
    pub alert: AlertSight,
    /// What the target's own manager says of its names and its neighbours.
    #[serde(default, skip_serializing_if = "Surroundings::is_empty")]
    pub around: Surroundings,
}

/// Alertmanager delivers firing messages seconds after the alert has resolved, and repeats old ones after a crash
/// of its own; so it is asked again before each effect (`GET /api/v2/alerts`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum AlertSight {
    /// No Alertmanager is configured, or this look needed no answer.
    #[default]
    NotAsked,
    /// At least one of the incident's alerts fires and is not suppressed.
    Firing,
    /// Those that fire are all silenced or inhibited there. `by`: the silence's id and comment, or the inhibiting alert.
    Suppressed {
        by: String,
    },
    /// None of them is listed.
    Gone,
    Unreadable {
        detail: String,
    },
}

/// What a decision must know of a target beyond its own state. All empty where nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Surroundings {
    /// Other names of the same thing: the aliases of a unit, the id and the name of a container. Sorted.
    pub also: Vec<Target>,
    /// What contains it, so that a repair of that is a repair of it: the units that it is `PartOf=`, a container's
    /// compose project. Sorted.
    pub within: Vec<Target>,
    /// What its manager says that it needs (`Requires=` with `After=`, Compose's `depends_on`), and that is down. Sorted.
    pub needs_down: Vec<Target>,
    /// The manager's own limit on starts.
    pub start_limit: Option<StartLimit>,
}

/// systemd's `StartLimitBurst=` and `StartLimitIntervalSec=`. A burst or interval of 0 means no limit, and is not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartLimit {
    pub burst: u32,
    pub interval_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// The probe in words: `systemd.active web.service`.
    pub probe: String,
    pub verdict: ProbeVerdict,
    /// What was seen: `failed (Result=signal)`.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeVerdict {
    Pass,
    Fail,
    /// Could not be asked. Never taken for a pass, nor for a fault of the target.
    Unknown,
}

/// Opaque; only equality means anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Evidence(pub Box<str>);

/// The state of a unit or container, in the words that decisions need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum TargetState {
    /// No manager keeps a state for this kind of target (a URL).
    Stateless,
    /// Active, or running; healthy where there is a health check.
    Up {
        for_ms: u64,
    },
    /// Activating, or its health check has not passed yet.
    Starting {
        detail: String,
    },
    /// The manager itself is about to start it again: systemd's auto-restart, Docker's restart policy.
    Restarting {
        detail: String,
    },
    /// A job of somebody is queued or running for it.
    JobPending {
        detail: String,
    },
    /// Failed, exited by a fault, or unhealthy.
    Failed {
        detail: String,
    },
    /// Stopped cleanly, disabled or paused by a person. It stays as it is.
    StoppedByPerson {
        detail: String,
    },
    /// Stopped, and nobody can say by whom.
    StoppedUnclear {
        detail: String,
    },
    Masked,
    /// systemd refuses further starts until somebody resets it.
    StartLimitHit,
    /// No such unit or container.
    Missing,
    /// systemd or the Docker engine does not answer: nothing is known.
    Unreachable {
        detail: String,
    },
    /// The host is still booting, or packages are being installed.
    HostBusy {
        detail: String,
    },
}

/// What to look at.
#[derive(Clone, Debug)]
pub struct LookOrder {
    /// Whose state is read besides the probes.
    pub target: Option<Target>,
    pub probes: Vec<PlannedProbe>,
    /// Ask Alertmanager too; only where a decision about an effect follows.
    pub alerts: Option<AlertQuery>,
    pub how: LookHow,
}

/// Which alerts Alertmanager is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertQuery {
    /// Of the alert that opened the incident; narrows the answer. Empty: none.
    pub alertname: String,
    /// Those of the incident that fire as far as heald knows.
    pub fingerprints: Vec<Fingerprint>,
    /// The comment of heald's own silence, which keeps nobody from repairing.
    pub own_silence: String,
}

/// How long to look, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookHow {
    Once,
    /// Until all probes have passed for `stable` without a break, or `within` is over.
    UntilPass {
        within: Duration,
        stable: Duration,
    },
    /// Until two looks `confirm` apart both fail; between good or unclear ones waits `every`. Ends only so.
    UntilFail {
        every: Duration,
        confirm: Duration,
    },
}

// === impl Observation ===

impl Observation {
    /// Without a word of Alertmanager or of the surroundings.
    pub fn new(probes: Vec<ProbeResult>, state: TargetState, evidence: Option<Evidence>) -> Self {
        Self { probes, state, evidence, alert: AlertSight::NotAsked, around: Surroundings::default() }
    }

    /// All probes pass. No probe at all proves nothing.
    pub fn passed(&self) -> bool {
        !self.probes.is_empty() && self.probes.iter().all(|result| result.verdict == ProbeVerdict::Pass)
    }

    /// Something could not be asked, and nothing that could be asked failed.
    pub fn is_unknown(&self) -> bool {
        !self.passed() && self.probes.iter().all(|result| result.verdict != ProbeVerdict::Fail)
    }

    /// The probes' findings in one line, the bad ones first.
    pub fn summary(&self) -> String {
        let mut results: Vec<&ProbeResult> = self.probes.iter().collect();
        results.sort_by_key(|result| result.verdict == ProbeVerdict::Pass);
        let texts: Vec<String> = results.iter().map(|result| format!("{}: {}", result.probe, result.detail)).collect();
        texts.join("; ")
    }
}

// === impl AlertSight ===

impl AlertSight {
    pub fn text(&self) -> String {
        match self {
            Self::NotAsked => "not asked".to_owned(),
            Self::Firing => "fires".to_owned(),
            Self::Suppressed { by } => format!("suppressed: {by}"),
            Self::Gone => "not listed as firing".to_owned(),
            Self::Unreadable { detail } => format!("can't be asked: {detail}"),
        }
    }

    fn is_not_asked(&self) -> bool {
        *self == Self::NotAsked
    }
}

// === impl Surroundings ===

impl Surroundings {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

// === impl TargetState ===

impl TargetState {
    pub fn up(for_: Duration) -> Self {
        Self::Up { for_ms: u64::try_from(for_.as_millis()).unwrap_or(u64::MAX) }
    }

    pub fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }

    pub fn text(&self) -> String {
        match self {
            Self::Stateless => "no state kept".to_owned(),
            Self::Up { .. } => "up".to_owned(),
            Self::Starting { detail } => format!("starting ({detail})"),
            Self::Restarting { detail } => format!("being restarted by its own manager ({detail})"),
            Self::JobPending { detail } => format!("a job is pending ({detail})"),
            Self::Failed { detail } => format!("failed ({detail})"),
            Self::StoppedByPerson { detail } => format!("stopped by a person ({detail})"),
            Self::StoppedUnclear { detail } => format!("stopped, by whom is unclear ({detail})"),
            Self::Masked => "masked".to_owned(),
            Self::StartLimitHit => "start limit hit".to_owned(),
            Self::Missing => "not there".to_owned(),
            Self::Unreachable { detail } => format!("out of sight ({detail})"),
            Self::HostBusy { detail } => format!("host busy ({detail})"),
        }
    }
}
