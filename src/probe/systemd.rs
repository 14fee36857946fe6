//! `systemd.active`: active, and no job pending that would change it.

use super::{Look, Managed, ProbeKind, Verdict, object, object_of};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::TargetKind;
use crate::link::systemd::UnitState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Passes when the unit is active and no job is pending for it.
///
/// ```yaml
/// - systemd.active: {}
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Another unit than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

impl ProbeKind for Params {
    const KIND: &'static str = "systemd.active";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Unit);

    fn form(&self) -> Result<StepObject, String> {
        object(TargetKind::Unit, self.unit.as_ref())
    }

    fn ready(self, probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        Ok(Box::new(Managed(object_of(probe, TargetKind::Unit)?)))
    }
}

pub(super) fn judge(unit: &UnitState) -> Verdict {
    let verdict = if unit.is_up() { ProbeVerdict::Pass } else { ProbeVerdict::Fail };
    let mut detail = unit.words();
    if unit.active == "failed" {
        detail = format!("failed (Result={})", unit.result);
    }
    if let Some(job) = unit.job {
        detail += &format!(", job {job} pending");
    }
    (verdict, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_active_without_a_job_passes() {
        let unit = |active: &str, sub: &str, job| UnitState {
            load: "loaded".to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
            result: "signal".to_owned(),
            job,
            ..UnitState::default()
        };
        for (unit, verdict, detail) in [
            (unit("active", "running", None), ProbeVerdict::Pass, "active (running)"),
            (unit("active", "running", Some(3)), ProbeVerdict::Fail, "active (running), job 3 pending"),
            (unit("reloading", "reload", None), ProbeVerdict::Fail, "reloading (reload)"),
            (unit("activating", "auto-restart", None), ProbeVerdict::Fail, "activating (auto-restart)"),
            (unit("failed", "failed", None), ProbeVerdict::Fail, "failed (Result=signal)"),
        ] {
            assert_eq!(judge(&unit), (verdict, detail.to_owned()));
        }
    }
}
