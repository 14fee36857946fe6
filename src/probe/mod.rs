//! Stand-in until the real probes are merged.

use crate::domain::playbook::{Check, StepObject};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
pub enum Raw {
    #[serde(rename = "systemd.active")]
    SystemdActive(Nothing),
    #[serde(rename = "docker.running")]
    DockerRunning(Nothing),
    #[serde(rename = "http")]
    Http(Http),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    get: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

impl Raw {
    /// # Errors
    /// What is wrong with the probe.
    pub fn into_check(self) -> Result<Check, String> {
        let empty = || Value::Object(Map::new());
        Ok(match self {
            Self::SystemdActive(_) => Check { kind: "systemd.active", args: empty(), object: StepObject::Default },
            Self::DockerRunning(_) => Check { kind: "docker.running", args: empty(), object: StepObject::Default },
            Self::Http(http) => {
                let args = serde_json::to_value(http).map_err(|error| error.to_string())?;
                Check { kind: "http", args, object: StepObject::Nothing }
            }
        })
    }
}
