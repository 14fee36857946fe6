//! A unit or container as read once per look: its state, its evidence and the probe's verdict come from one reading.

use super::Verdict;
use super::{docker, systemd};
use crate::domain::look::{Evidence, ProbeVerdict, Surroundings, TargetState};
use crate::domain::target::{Target, TargetKind};
use crate::link::docker::{ContainerState, container_state};
use crate::link::systemd::{UnitState, unit_state};
use crate::link::{LinkError, Tools};

#[derive(Debug)]
pub(super) enum Seen {
    Unit(Result<UnitState, LinkError>),
    Container(Result<ContainerState, LinkError>),
    /// No manager keeps a state for it.
    Stateless,
}

// === impl Seen ===

impl Seen {
    /// With its surroundings, which cost further calls.
    pub(super) async fn read_around(target: &Target, tools: &Tools) -> Self {
        match target.kind() {
            TargetKind::Unit => Self::Unit(tools.systemd.unit_around(target.name()).await),
            TargetKind::Container => Self::Container(tools.docker.container_around(target.name()).await),
            _ => Self::Stateless,
        }
    }

    pub(super) async fn read(target: &Target, tools: &Tools) -> Self {
        match target.kind() {
            TargetKind::Unit => Self::Unit(tools.systemd.unit(target.name()).await),
            TargetKind::Container => Self::Container(tools.docker.container(target.name()).await),
            _ => Self::Stateless,
        }
    }

    pub(super) fn state(&self) -> TargetState {
        match self {
            Self::Unit(Ok(unit)) => unit_state(unit),
            Self::Container(Ok(container)) => container_state(container),
            Self::Unit(Err(error)) | Self::Container(Err(error)) => match error {
                LinkError::Missing(_) => TargetState::Missing,
                LinkError::Masked(_) => TargetState::Masked,
                other => TargetState::Unreachable { detail: other.to_string() },
            },
            Self::Stateless => TargetState::Stateless,
        }
    }

    pub(super) fn evidence(&self) -> Option<Evidence> {
        match self {
            Self::Unit(Ok(unit)) => unit.evidence(),
            Self::Container(Ok(container)) => container.evidence(),
            _ => None,
        }
    }

    pub(super) fn around(&self) -> Surroundings {
        match self {
            Self::Unit(Ok(unit)) => unit.around.clone(),
            Self::Container(Ok(container)) => container.around.clone(),
            _ => Surroundings::default(),
        }
    }

    /// `systemd.active` of a unit, `docker.running` of a container.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Unit(Ok(unit)) => systemd::judge(unit),
            Self::Container(Ok(container)) => docker::judge(container),
            Self::Unit(Err(LinkError::Missing(why))) | Self::Container(Err(LinkError::Missing(why))) => {
                (ProbeVerdict::Fail, why.clone())
            }
            Self::Unit(Err(error)) | Self::Container(Err(error)) => (ProbeVerdict::Unknown, error.to_string()),
            Self::Stateless => (ProbeVerdict::Unknown, "nothing keeps its state".to_owned()),
        }
    }
}
