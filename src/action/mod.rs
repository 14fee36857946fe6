//! Stand-in until the real actions are merged.

use crate::domain::playbook::{Risk, Stake, Step, StepObject};
use crate::domain::time::Span;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;

#[derive(Debug, Deserialize)]
pub enum Raw {
    #[serde(rename = "systemd.restart")]
    SystemdRestart(Nothing),
    #[serde(rename = "docker.restart")]
    DockerRestart(Nothing),
    #[serde(rename = "http")]
    Http(Http),
    #[serde(rename = "wait")]
    Wait(Span),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    get: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    post: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

impl Raw {
    /// # Errors
    /// What is wrong with the step.
    pub fn into_step(self) -> Result<Step, String> {
        let step = |kind, args, object, risk| Step {
            kind,
            args,
            stake: Stake { object, risk, reversible: false, in_flight: Duration::ZERO, deadline: Duration::from_secs(30) },
        };
        let empty = || Value::Object(Map::new());
        Ok(match self {
            Self::SystemdRestart(_) => step("systemd.restart", empty(), StepObject::Default, Risk::Seen),
            Self::DockerRestart(_) => step("docker.restart", empty(), StepObject::Default, Risk::Seen),
            Self::Http(http) if http.get.is_some() == http.post.is_some() => {
                return Err("one of `get` and `post` is needed".to_owned());
            }
            Self::Http(http) => {
                let args = serde_json::to_value(http).map_err(|error| error.to_string())?;
                step("http", args, StepObject::Nothing, Risk::Once)
            }
            Self::Wait(span) => step("wait", json!(span), StepObject::Nothing, Risk::Read),
        })
    }
}
