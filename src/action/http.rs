//! `http`: one call to a service. The status decides; whether it helped, the probes say.

use super::{Form, args_of, as_args};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::AllowList;
use crate::link::Tools;
use crate::link::http::{Call, CallError, RawCall};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone, Debug)]
pub struct Http {
    /// Boxed: a call is far larger than any other kind.
    call: Box<Call>,
}

pub(super) fn form(raw: &RawCall) -> Result<Form, String> {
    raw.check()?;
    let (method, _) = raw.method()?;
    Ok(Form {
        kind: "http",
        args: as_args(raw)?,
        object: StepObject::Nothing,
        // By HTTP's own rules (RFC 9110, 9.2); a service may break them, but then its author knows.
        risk: match method.as_str() {
            "GET" | "HEAD" => Risk::Read,
            "PUT" | "DELETE" => Risk::Idempotent,
            _ => Risk::Once,
        },
        reversible: false,
        in_flight: Duration::ZERO,
        deadline: raw.timeout() + Duration::from_secs(1),
    })
}

// === impl Http ===

impl Http {
    pub(super) fn parse(step: &PlannedStep) -> Result<Self, String> {
        let call = args_of::<RawCall>(step)?.parse().map_err(|why| format!("http: {why}"))?;
        Ok(Self { call: Box::new(call) })
    }

    pub(super) fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.call.admit(allow)
    }

    pub(super) async fn run(&self, tools: &Tools, deadline: Instant) -> Acted {
        match tokio::time::timeout_at(deadline, self.call.send(&tools.http, &tools.allow.now())).await {
            Ok(Ok(answer)) if answer.expected => Acted::new(ActOutcome::Done, format!("answered {}", answer.status)),
            Ok(Ok(answer)) => Acted::new(ActOutcome::Failed, format!("answered {}", answer.status)),
            Ok(Err(error)) => {
                let outcome = match &error {
                    CallError::NotAllowed(_) => ActOutcome::Impossible(Impossible::BadParameters),
                    CallError::NoWay(_) | CallError::NoConnection(_) => ActOutcome::NotSent,
                    CallError::NoAnswer(_) => ActOutcome::Unknown,
                };
                Acted::new(outcome, error.to_string())
            }
            Err(_) => Acted::new(ActOutcome::Unknown, "no answer before the step's deadline"),
        }
    }
}
