//! `docker.restart`, `docker.start`, `docker.stop`; beneath it the other things that can be done to containers.

use super::{Act, Call, Form, StepKind, object, object_of};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::TargetKind;
use crate::domain::time::Span;
use crate::link::LinkError;
use crate::link::docker::{ContainerState, Status, Verb};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod exec;
mod prune;
mod recreate;
mod signal;

pub use exec::Exec;
pub use prune::Prune;
pub use recreate::{Discard, Recreate, Restore};
pub use signal::{Kill, NetworkConnect, Pause, Unpause};

/// Restarts a container, as `docker restart` does.
///
/// A paused container is a person's and stays paused; one that the engine restarts already is left to it.
///
/// ```yaml
/// - docker.restart: { grace: 30s }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// How long it may take to end by itself before it is killed: whole seconds, 0s to 10m; 10s where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace: Option<Span>,
}

/// Starts a container, as `docker start` does. One that runs already is left alone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
}

/// Stops a container, as `docker stop` does. Its restart policy does not bring it back.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// How long it may take to end by itself before it is killed: whole seconds, 0s to 10m; 10s where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace: Option<Span>,
}

#[derive(Clone, Debug)]
struct Docker {
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

fn form(container: Option<&String>, risk: Risk, grace: Duration) -> Result<Form, String> {
    let form = Form::new(object(TargetKind::Container, container)?, risk, grace + WORK_MAX);
    Ok(Form { in_flight: grace + MARGIN, ..form })
}

fn ready(verb: Verb, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
    Ok(Box::new(Docker { verb, container: object_of(step, TargetKind::Container)? }))
}

fn grace_of(grace: Option<Span>) -> Result<Duration, String> {
    match grace {
        None => Ok(GRACE),
        Some(Span(grace)) if grace > GRACE_MAX => Err(format!("grace {} is out of range: 0s to 10m", Span(grace))),
        Some(Span(grace)) if grace.subsec_nanos() > 0 => Err(format!("grace {} must be whole seconds", Span(grace))),
        Some(Span(grace)) => Ok(grace),
    }
}

// === impl StepKind for Restart ===

impl StepKind for Restart {
    const KIND: &'static str = "docker.restart";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<Form, String> {
        form(self.container.as_ref(), Risk::Seen, grace_of(self.grace)?)
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        ready(Verb::Restart { grace: grace_of(self.grace)? }, step)
    }
}

// === impl StepKind for Start ===

impl StepKind for Start {
    const KIND: &'static str = "docker.start";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<Form, String> {
        form(self.container.as_ref(), Risk::Seen, Duration::ZERO)
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        ready(Verb::Start, step)
    }
}

// === impl StepKind for Stop ===

impl StepKind for Stop {
    const KIND: &'static str = "docker.stop";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<Form, String> {
        form(self.container.as_ref(), Risk::Idempotent, grace_of(self.grace)?)
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        ready(Verb::Stop { grace: grace_of(self.grace)? }, step)
    }
}

// === impl Docker ===

impl Docker {
    async fn act(&self, call: &Call<'_>) -> Acted {
        let (tools, deadline) = (call.tools, call.deadline);
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

// === impl Act for Docker ===

impl Act for Docker {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}
