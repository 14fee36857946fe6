//! What heald sees when it looks: the probes' verdicts and the state of the target.

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
