//! `supervisor.running`: RUNNING, by supervisord's own word.

use super::{Look, Managed, ProbeKind, Verdict, object, object_of};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::TargetKind;
use crate::link::supervisor::{Program, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Passes when supervisord says that the program is RUNNING: it has stayed up for its `startsecs`.
///
/// Needs `supervisor: { socket: … }` in the configuration and the program under `targets: programs:`. A supervisord that does
/// not answer makes it unknown.
///
/// ```yaml
/// - supervisor.running: {}
/// - supervisor.running: { program: "workers:mail" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Another program than the playbook's target: `group:name`, or `name` where both are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
}

// === impl ProbeKind for Params ===

impl ProbeKind for Params {
    const KIND: &'static str = "supervisor.running";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Program);

    fn form(&self) -> Result<StepObject, String> {
        object(TargetKind::Program, self.program.as_ref())
    }

    fn ready(self, probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        Ok(Box::new(Managed(object_of(probe, TargetKind::Program)?)))
    }
}

pub(super) fn judge(program: &Program) -> Verdict {
    let verdict = match program.state {
        State::Running => ProbeVerdict::Pass,
        State::Unknown => ProbeVerdict::Unknown,
        _ => ProbeVerdict::Fail,
    };
    (verdict, program.words())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_running_passes() {
        for state in State::ALL {
            let (verdict, detail) = judge(&Program { state, ..Program::default() });
            assert_eq!(verdict == ProbeVerdict::Pass, state == State::Running, "{detail}");
            assert_eq!(verdict == ProbeVerdict::Unknown, state == State::Unknown, "{detail}");
        }
    }
}
