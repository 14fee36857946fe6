//! What containers a host has: for `heald init`, which asks once.

use super::{Docker, LinkError, READ_MAX, around};
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::ListContainersOptionsBuilder;

/// A container, running or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub name: String,
    /// Compose's project and service; empty for others.
    pub project: String,
    pub service: String,
    pub is_running: bool,
    /// Made by `docker compose run`.
    pub is_oneoff: bool,
    /// `Exited (0) 4 minutes ago`.
    pub text: String,
}

// === impl Docker ===

impl Docker {
    /// All containers by name, with their place in Compose projects.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] when the engine is away or hung.
    pub async fn survey(&self) -> Result<Vec<Found>, LinkError> {
        let client = self.client(READ_MAX)?;
        let options = ListContainersOptionsBuilder::default().all(true).build();
        let containers = self.read("list", client.list_containers(Some(options))).await?;
        let mut found: Vec<Found> = containers.into_iter().filter_map(Found::of).collect();
        found.retain(|container| !container.name.ends_with(super::blueprint::ASIDE));
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }
}

// === impl Found ===

impl Found {
    fn of(container: ContainerSummary) -> Option<Self> {
        let mut labels = container.labels.unwrap_or_default();
        Some(Self {
            name: container.names?.first()?.trim_start_matches('/').to_owned(),
            project: labels.remove(around::PROJECT).unwrap_or_default(),
            service: labels.remove(around::SERVICE).unwrap_or_default(),
            is_running: container.state == Some(ContainerSummaryStateEnum::RUNNING),
            is_oneoff: labels.get(around::ONEOFF).is_some_and(|word| word == "True"),
            text: container.status.unwrap_or_default(),
        })
    }
}
