//! A line of the engine's list, which one call gives for all containers.

use super::{Health, Status, around};
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};

/// A line of `docker ps -a`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: String,
    pub name: String,
    /// Compose's name for it; empty for others.
    pub service: String,
    pub status: Status,
    /// `Exited (137) 4 minutes ago`; for comparing only.
    pub text: String,
    /// As it was named when the container was made.
    pub image: String,
    /// The names of the networks that it is attached to, sorted; `none` and `host` are two of them.
    pub networks: Vec<String>,
}

// === impl Listed ===

impl Listed {
    pub(super) fn of(container: ContainerSummary) -> Option<Self> {
        let networks = container.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let mut networks: Vec<String> = networks.into_keys().collect();
        networks.sort_unstable();
        Some(Self {
            id: container.id?,
            name: container.names?.first()?.trim_start_matches('/').to_owned(),
            service: container.labels.and_then(|mut all| all.remove(around::SERVICE)).unwrap_or_default(),
            status: status(container.state?)?,
            text: container.status.unwrap_or_default(),
            image: container.image.unwrap_or_default(),
            networks,
        })
    }

    /// Engines before API 1.52 say it in the text only: `Up 3 minutes (healthy)`.
    pub fn health(&self) -> Option<Health> {
        let ends = |word| self.text.ends_with(word);
        match () {
            () if ends("(health: starting)") => Some(Health::Starting),
            () if ends("(unhealthy)") => Some(Health::Unhealthy),
            () if ends("(healthy)") => Some(Health::Healthy),
            () => None,
        }
    }
}

fn status(status: ContainerSummaryStateEnum) -> Option<Status> {
    use ContainerSummaryStateEnum as S;
    match status {
        S::CREATED => Some(Status::Created),
        S::RUNNING | S::STOPPING => Some(Status::Running),
        S::PAUSED => Some(Status::Paused),
        S::RESTARTING => Some(Status::Restarting),
        S::REMOVING => Some(Status::Removing),
        S::EXITED => Some(Status::Exited),
        S::DEAD => Some(Status::Dead),
        S::EMPTY => None,
    }
}
