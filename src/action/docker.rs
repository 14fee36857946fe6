//! `docker.restart`, `docker.start`, `docker.stop`.

use super::{Form, args_of, as_args, object, object_of};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::TargetKind;
use crate::domain::time::Span;
use crate::link::docker::{ContainerState, Status, Verb};
use crate::link::{LinkError, Tools};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plain {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graceful {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// How long the container may take to end by itself; in whole seconds, as the engine takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace: Option<Span>,
}

#[derive(Clone, Debug)]
pub struct Docker {
    verb: Verb,
    container: String,
}

/// The engine's own.
const GRACE: Duration = Duration::from_secs(10);
const GRACE_MAX: Duration = Duration::from_secs(600);
/// For the engine's part of the work: network, mounts, the start itself.
const WORK_MAX: Duration = Duration::from_secs(60);
/// A call that was given up may still move the container for so long after its grace.
const MARGIN: Duration = Duration::from_secs(2);

pub(super) fn restart(params: &Graceful) -> Result<Form, String> {
    let grace = params.grace()?;
    Ok(Form { risk: Risk::Seen, ..form("docker.restart", as_args(params)?, params.container.as_ref(), grace)? })
}

pub(super) fn stop(params: &Graceful) -> Result<Form, String> {
    let grace = params.grace()?;
    Ok(Form { reversible: true, ..form("docker.stop", as_args(params)?, params.container.as_ref(), grace)? })
}

pub(super) fn start(params: &Plain) -> Result<Form, String> {
    let form = form("docker.start", as_args(params)?, params.container.as_ref(), Duration::ZERO)?;
    Ok(Form { risk: Risk::Seen, reversible: true, ..form })
}

fn form(kind: &'static str, args: serde_json::Value, container: Option<&String>, grace: Duration) -> Result<Form, String> {
    Ok(Form {
        kind,
        args,
        object: object(TargetKind::Container, container)?,
        risk: Risk::Idempotent,
        reversible: false,
        in_flight: grace + MARGIN,
        deadline: grace + WORK_MAX,
    })
}

// === impl Graceful ===

impl Graceful {
    fn grace(&self) -> Result<Duration, String> {
        match self.grace {
            None => Ok(GRACE),
            Some(Span(grace)) if grace > GRACE_MAX => Err(format!("grace {} is out of range: 0s to 10m", Span(grace))),
            Some(Span(grace)) if grace.subsec_nanos() > 0 => Err(format!("grace {} must be whole seconds", Span(grace))),
            Some(Span(grace)) => Ok(grace),
        }
    }
}

// === impl Docker ===

impl Docker {
    pub(super) fn parse(step: &PlannedStep) -> Result<Self, String> {
        let verb = match step.kind {
            "docker.restart" => Verb::Restart { grace: args_of::<Graceful>(step)?.grace()? },
            "docker.stop" => Verb::Stop { grace: args_of::<Graceful>(step)?.grace()? },
            _ => {
                args_of::<Plain>(step)?;
                Verb::Start
            }
        };
        Ok(Self { verb, container: object_of(step, TargetKind::Container)? })
    }

    pub(super) async fn run(&self, tools: &Tools, deadline: Instant) -> Acted {
        let name = self.container.as_str();
        let before = match tools.docker.container(name).await {
            Ok(container) => container,
            Err(error) => return error.into_acted(),
        };
        if let Some(refusal) = self.hopeless(&before) {
            return refusal;
        }
        let answer = tools.docker.act(self.verb, name, deadline).await;
        let after = tools.docker.container(name).await.ok();
        self.judge(answer, &before, after.as_ref()).with(after.and_then(|container| container.evidence()))
    }

    fn hopeless(&self, container: &ContainerState) -> Option<Acted> {
        match container.status {
            Status::Paused => {
                Some(Acted::new(ActOutcome::Impossible(Impossible::Paused), format!("{}: it is paused", self.container)))
            }
            Status::Restarting if !matches!(self.verb, Verb::Stop { .. }) => {
                Some(Acted::new(ActOutcome::Conflict, format!("{}: the engine is restarting it already", self.container)))
            }
            Status::Removing => Some(Acted::new(ActOutcome::Conflict, format!("{}: it is being removed", self.container))),
            _ => None,
        }
    }

    fn judge(&self, answer: Result<(), LinkError>, before: &ContainerState, after: Option<&ContainerState>) -> Acted {
        let now = after.map_or_else(|| "not seen since".to_owned(), |container| format!("now {}", container.words()));
        let replaced = after.is_some_and(|container| container.id != before.id);
        match answer {
            Ok(()) => Acted::new(ActOutcome::Done, format!("engine answered ok, {now}")),
            // It was there a moment ago, and another bears its name now.
            Err(LinkError::Missing(_)) if replaced => {
                let detail = format!("{}: made anew under the same name meanwhile", self.container);
                Acted::new(ActOutcome::Impossible(Impossible::Replaced), detail)
            }
            Err(error) => {
                let mut acted = error.into_acted();
                acted.detail = format!("{}, {now}", acted.detail);
                acted
            }
        }
    }
}
