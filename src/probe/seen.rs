//! A unit, container or program as read once per look: its state, its evidence and the probe's verdict come from one reading.

use super::Verdict;
use super::{docker, supervisor, systemd};
use crate::domain::look::{Evidence, ProbeVerdict, Surroundings, TargetState};
use crate::domain::target::{Target, TargetKind};
use crate::link::docker::{ContainerState, container_state};
use crate::link::supervisor::Program;
use crate::link::systemd::{UnitState, unit_state};
use crate::link::{LinkError, Tools};

#[derive(Debug)]
pub(super) enum Seen {
    Unit(Result<UnitState, LinkError>),
    Container(Result<ContainerState, LinkError>),
    Program(Result<Program, LinkError>),
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
            TargetKind::Program => Self::Program(program(target.name(), tools).await),
            _ => Self::Stateless,
        }
    }

    pub(super) async fn read(target: &Target, tools: &Tools) -> Self {
        match target.kind() {
            TargetKind::Unit => Self::Unit(tools.systemd.unit(target.name()).await),
            TargetKind::Container => Self::Container(tools.docker.container(target.name()).await),
            TargetKind::Program => Self::Program(program(target.name(), tools).await),
            _ => Self::Stateless,
        }
    }

    pub(super) fn state(&self) -> TargetState {
        match self {
            Self::Unit(Ok(unit)) => unit_state(unit),
            Self::Container(Ok(container)) => container_state(container),
            Self::Program(Ok(program)) => program.target_state(),
            Self::Unit(Err(error)) | Self::Container(Err(error)) | Self::Program(Err(error)) => match error {
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
            Self::Program(Ok(program)) => program.evidence(),
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

    /// `systemd.active` of a unit, `docker.running` of a container, `supervisor.running` of a program.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Unit(Ok(unit)) => systemd::judge(unit),
            Self::Container(Ok(container)) => docker::judge(container),
            Self::Program(Ok(program)) => supervisor::judge(program),
            Self::Unit(Err(LinkError::Missing(why)))
            | Self::Container(Err(LinkError::Missing(why)))
            | Self::Program(Err(LinkError::Missing(why))) => (ProbeVerdict::Fail, why.clone()),
            Self::Unit(Err(error)) | Self::Container(Err(error)) | Self::Program(Err(error)) => {
                (ProbeVerdict::Unknown, error.to_string())
            }
            Self::Stateless => (ProbeVerdict::Unknown, "nothing keeps its state".to_owned()),
        }
    }
}

async fn program(name: &str, tools: &Tools) -> Result<Program, LinkError> {
    match &tools.supervisor {
        Some(supervisor) => supervisor.program(name).await,
        None => {
            Err(LinkError::NotSent("no supervisord is configured: `supervisor: { socket: /run/supervisor.sock }`".to_owned()))
        }
    }
}
