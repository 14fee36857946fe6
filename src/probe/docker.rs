//! `docker.running`: running, and healthy where there is a health check.

use super::Verdict;
use crate::domain::look::ProbeVerdict;
use crate::link::docker::ContainerState;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) container: Option<String>,
}

pub(super) fn judge(container: &ContainerState) -> Verdict {
    let verdict = if container.is_up() { ProbeVerdict::Pass } else { ProbeVerdict::Fail };
    (verdict, container.words())
}
