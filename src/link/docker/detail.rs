//! What only an inspection tells of a container, for metrics.

use super::{Docker, Health, LinkError, health};
use bollard::models::ContainerInspectResponse;
use jiff::Timestamp;

/// One inspection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Of the last end; 0 while it has none.
    pub exit_code: i64,
    /// Also false for a real kill on engines with cgroup v1; the exit code is 137 then.
    pub oom_killed: bool,
    /// The engine's reason why the last start failed.
    pub error: String,
    /// By the restart policy, since the container was made or started by hand.
    pub restarts: u64,
    /// None before the first start.
    pub started: Option<Timestamp>,
    /// Bytes; 0 is without a limit.
    pub memory_limit: u64,
    /// None without a health check.
    pub health: Option<Health>,
    /// So many health checks in a row have failed.
    pub failing_streak: u64,
}

// === impl Docker ===

impl Docker {
    /// Reads what the list does not show, by the container's id.
    ///
    /// # Errors
    /// As [`Docker::container`].
    pub async fn detail(&self, id: &str) -> Result<Detail, LinkError> {
        let found = self.answer(id).await?;
        Detail::of(found).ok_or_else(|| LinkError::Refused(format!("{id}: the engine's answer lacks the state")))
    }
}

// === impl Detail ===

impl Detail {
    fn of(found: ContainerInspectResponse) -> Option<Self> {
        let state = found.state?;
        let count = |number: Option<i64>| u64::try_from(number.unwrap_or_default()).unwrap_or_default();
        let seen = state.health.unwrap_or_default();
        Some(Self {
            exit_code: state.exit_code.unwrap_or_default(),
            oom_killed: state.oom_killed.unwrap_or_default(),
            error: state.error.unwrap_or_default(),
            restarts: count(found.restart_count),
            // "0001-01-01T00:00:00Z" is never.
            started: state.started_at.and_then(|at| at.parse().ok()).filter(|at| *at > Timestamp::UNIX_EPOCH),
            memory_limit: count(found.host_config.and_then(|config| config.memory)),
            health: seen.status.and_then(health),
            failing_streak: count(seen.failing_streak),
        })
    }
}
