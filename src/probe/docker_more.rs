//! `docker.healthy`, `docker.not_oom_killed`, `docker.member_of`.

use super::{Look, ProbeKind, Verdict, object, object_of};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::{TargetKind, cut};
use crate::domain::template::is_template;
use crate::domain::time::Span;
use crate::link::docker::{ContainerState, Health, Status};
use crate::link::{LinkError, Tools};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Passes when the container runs and its health check says healthy.
///
/// One without a health check is unknown, which is never good: use `docker.running` for it.
///
/// ```yaml
/// - docker.healthy: {}
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Healthy {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
}

/// Passes when the kernel killed nothing of the container for lack of memory: in its present run, or within `since`.
///
/// Asks the engine's `oom` events beside the state, because engines on control groups version 1 do not set the state. The
/// engine remembers its last 256 events; what it has forgotten, or an engine that was restarted, counts as not killed.
///
/// ```yaml
/// - docker.not_oom_killed: { since: 10m }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotOomKilled {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// Looks back so far, across restarts: 1s to 24h. Left out: since its last start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Span>,
}

/// Passes when the container is attached to a network. Whether others reach it there is for a `tcp` or `dns` probe to say.
///
/// ```yaml
/// - docker.member_of: { network: shop_back }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberOf {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// The network's name.
    network: String,
}

#[derive(Debug)]
enum Question {
    Healthy,
    NotOomKilled(Option<Duration>),
    MemberOf(String),
}

#[derive(Debug)]
struct Ready {
    question: Question,
    container: String,
}

const SINCE_MAX: Duration = Duration::from_secs(86_400);

fn ready(question: Question, probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
    Ok(Box::new(Ready { question, container: object_of(probe, TargetKind::Container)?.name().to_owned() }))
}

// === impl ProbeKind for Healthy ===

impl ProbeKind for Healthy {
    const KIND: &'static str = "docker.healthy";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<StepObject, String> {
        object(TargetKind::Container, self.container.as_ref())
    }

    fn ready(self, probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        ready(Question::Healthy, probe)
    }
}

// === impl ProbeKind for NotOomKilled ===

impl ProbeKind for NotOomKilled {
    const KIND: &'static str = "docker.not_oom_killed";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<StepObject, String> {
        match self.since {
            Some(since) if since.0 < Duration::from_secs(1) || since.0 > SINCE_MAX => {
                Err(format!("since {since} is out of range: 1s to 24h"))
            }
            _ => object(TargetKind::Container, self.container.as_ref()),
        }
    }

    fn ready(self, probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        ready(Question::NotOomKilled(self.since.map(|since| since.0)), probe)
    }
}

// === impl ProbeKind for MemberOf ===

impl ProbeKind for MemberOf {
    const KIND: &'static str = "docker.member_of";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<StepObject, String> {
        if !is_template(&self.network) {
            fits(&self.network)?;
        }
        object(TargetKind::Container, self.container.as_ref())
    }

    fn ready(self, probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        fits(&self.network)?;
        ready(Question::MemberOf(self.network), probe)
    }
}

fn fits(network: &str) -> Result<(), String> {
    match network.is_empty() || network.len() > 255 || network.contains(|c: char| c.is_control() || c.is_whitespace()) {
        true => Err(format!("{:?} is no name of a network", cut(network))),
        false => Ok(()),
    }
}

// === impl Ready ===

impl Ready {
    async fn look(&self, tools: &Tools) -> Result<Verdict, LinkError> {
        let (docker, name) = (&tools.docker, self.container.as_str());
        Ok(match &self.question {
            Question::Healthy => healthy(&docker.container(name).await?),
            Question::NotOomKilled(since) => {
                let kills = docker.oom_kills(name, *since).await?;
                match kills {
                    0 => pass("no kill for lack of memory"),
                    kills => fail(format!("killed for lack of memory, {kills} times that the engine remembers")),
                }
            }
            Question::MemberOf(network) => {
                let networks = docker.networks(name).await?;
                match networks.contains(network) {
                    true => pass(format!("attached to {network}")),
                    false if networks.is_empty() => fail(format!("not attached to {network}, nor to any other")),
                    false => fail(format!("not attached to {network}, but to {}", cut(&networks.join(", ")))),
                }
            }
        })
    }
}

fn healthy(container: &ContainerState) -> Verdict {
    match (container.status, container.health) {
        (Status::Running, Some(Health::Healthy)) => pass(container.words()),
        (Status::Running, None) => (ProbeVerdict::Unknown, "it has no health check; use docker.running".to_owned()),
        _ => fail(container.words()),
    }
}

fn pass(text: impl Into<String>) -> Verdict {
    (ProbeVerdict::Pass, text.into())
}

fn fail(text: String) -> Verdict {
    (ProbeVerdict::Fail, text)
}

// === impl Look for Ready ===

impl Look for Ready {
    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        let answer = self.look(tools).map(|answer| match answer {
            Ok(verdict) => verdict,
            Err(LinkError::Missing(why)) => fail(why),
            Err(error) => (ProbeVerdict::Unknown, error.to_string()),
        });
        answer.boxed()
    }
}
