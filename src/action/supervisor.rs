//! `supervisor.restart`: one program of supervisord.

use super::{Act, Call, Form, StepKind, object, object_of};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::TargetKind;
use crate::link::supervisor::{Program, Restarted};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// Stops and starts a program of supervisord, as `supervisorctl restart` does, and waits until it is RUNNING or has failed.
///
/// Needs `supervisor: { socket: … }` in the configuration and the program under `targets: programs:`. FATAL, EXITED and STOPPED
/// at the end are failures. supervisord knows no restart: between the stop and the start the program is down, and a heald that
/// dies just there starts it when it is back. supervisord can't say who stopped a program; one that was STOPPED before is left
/// to people by the guards. `register:` keeps `program`, `state`, `pid`, `started`.
///
/// ```yaml
/// - supervisor.restart: {}
/// - supervisor.restart: { program: "workers:mail" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Another program than the playbook's target: `group:name`, or `name` where both are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
}

#[derive(Debug)]
struct Restart {
    program: String,
}

/// For `stopwaitsecs`, `startsecs` and a few retries of the start; supervisord's own are 10 s, 1 s, and 3.
const DEADLINE: Duration = Duration::from_secs(60);

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "supervisor.restart";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Program);

    fn form(&self) -> Result<Form, String> {
        Ok(Form::new(object(TargetKind::Program, self.program.as_ref())?, Risk::Seen, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        Ok(Box::new(Restart { program: object_of(step, TargetKind::Program)? }))
    }
}

// === impl Act for Restart ===

impl Act for Restart {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}

// === impl Restart ===

impl Restart {
    async fn act(&self, call: &Call<'_>) -> Acted {
        let Some(supervisor) = &call.tools.supervisor else {
            return Acted::new(
                ActOutcome::NotSent,
                "no supervisord is configured: `supervisor: { socket: /run/supervisor.sock }`",
            );
        };
        match supervisor.restart(&self.program, call.deadline).await {
            Ok(Restarted { program, running }) => {
                let outcome = if running { ActOutcome::Done } else { ActOutcome::Failed };
                Acted::new(outcome, format!("restarted, now {}", program.words()))
                    .with(program.evidence())
                    .knowing(facts(&program))
            }
            Err(error) => {
                let seen = supervisor.program(&self.program).await.ok();
                error.into_acted().with(seen.and_then(|program| program.evidence()))
            }
        }
    }
}

fn facts(program: &Program) -> Value {
    json!({ "program": program.full_name(), "state": program.state.label(), "pid": program.pid, "started": program.start })
}
