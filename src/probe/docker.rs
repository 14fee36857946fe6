//! `docker.running`: running, and healthy where there is a health check.

use super::{Look, Managed, ProbeKind, Verdict, object, object_of};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::TargetKind;
use crate::link::docker::ContainerState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Passes when the container runs, and is healthy where its image has a health check.
///
/// ```yaml
/// - docker.running: {}
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
}

impl ProbeKind for Params {
    const KIND: &'static str = "docker.running";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<StepObject, String> {
        object(TargetKind::Container, self.container.as_ref())
    }

    fn ready(self, probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        Ok(Box::new(Managed(object_of(probe, TargetKind::Container)?)))
    }
}

pub(super) fn judge(container: &ContainerState) -> Verdict {
    let verdict = if container.is_up() { ProbeVerdict::Pass } else { ProbeVerdict::Fail };
    (verdict, container.words())
}
