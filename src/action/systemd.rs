//! `systemd.restart`, `systemd.start`, `systemd.stop`, `systemd.reload`, `systemd.reset_failed`; the rest of the family below.
//!
//! "Job done" is systemd's word, not proof: a service that dies after 0.2 s was `done` too.

use super::{Act, Call, Form, StepKind, object, object_of};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::TargetKind;
use crate::link::LinkError;
use crate::link::systemd::{JobResult, UnitState, Verb as JobVerb};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod drop_in;
mod kill;
mod remove_drop_in;
mod set_property;

pub use drop_in::DropIn;
pub use kill::Kill;
pub(super) use kill::{checked as checked_signal, send as send_signal};
pub use remove_drop_in::RemoveDropIn;
pub use set_property::SetProperty;

/// Restarts a unit, as `systemctl restart` does, and waits for systemd's job.
///
/// The job is sent in mode `fail`: a job of somebody else's is never replaced. What is masked, missing, or at its start
/// limit is not tried. A done job proves nothing; the probes decide.
///
/// ```yaml
/// - systemd.restart: {}
/// - systemd.restart: { unit: web.service }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Another unit than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

/// Starts a unit, as `systemctl start` does, and waits for systemd's job. As `systemd.restart` otherwise.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Another unit than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

/// Stops a unit, as `systemctl stop` does, and waits for systemd's job.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Another unit than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

/// Has a unit read its configuration anew without a restart, as `systemctl reload` does, and waits for systemd's job.
///
/// A unit that has no way to reload (`ExecReload=`) is refused. As `systemd.restart` otherwise.
///
/// ```yaml
/// - systemd.reload: {}
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// Another unit than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

/// Resets a unit's failed state and its start counter, as `systemctl reset-failed` does.
///
/// It takes away systemd's own brake on a unit that fails again and again: heald's budget is then the only one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetFailed {
    /// Another unit than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Restart,
    Start,
    Stop,
    Reload,
    ResetFailed,
}

#[derive(Clone, Debug)]
struct Systemd {
    verb: Verb,
    unit: String,
}

/// systemd's own limit for a start or a stop is 90 s.
const DEADLINE: Duration = Duration::from_secs(120);

macro_rules! verb {
    ($params:ident, $kind:literal, $risk:ident) => {
        impl StepKind for $params {
            const KIND: &'static str = $kind;
            const OBJECT: Option<TargetKind> = Some(TargetKind::Unit);

            // A pending job shows on the unit: nothing is in flight unseen.
            fn form(&self) -> Result<Form, String> {
                Ok(Form::new(object(TargetKind::Unit, self.unit.as_ref())?, Risk::$risk, DEADLINE))
            }

            fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
                Ok(Box::new(Systemd { verb: Verb::$params, unit: object_of(step, TargetKind::Unit)? }))
            }
        }
    };
}

verb!(Restart, "systemd.restart", Seen);
verb!(Start, "systemd.start", Seen);
verb!(Stop, "systemd.stop", Idempotent);
// A reload leaves no sign on the unit that it took place.
verb!(Reload, "systemd.reload", Idempotent);
verb!(ResetFailed, "systemd.reset_failed", Idempotent);

/// A unit that is there, by its real name; or the answer of a step that can't go on. Boxed, for it is large.
async fn known(call: &Call<'_>, unit: &str) -> Result<UnitState, Box<Acted>> {
    match call.tools.systemd.unit(unit).await {
        Ok(state) if state.load == "not-found" => {
            Err(Box::new(Acted::new(ActOutcome::Impossible(Impossible::NotFound), format!("{unit}: no such unit"))))
        }
        Ok(state) => Ok(state),
        // Nothing was sent that could have changed it.
        Err(error) => Err(Box::new(error.into_acted())),
    }
}

// === impl Systemd ===

impl Systemd {
    async fn act(&self, call: &Call<'_>) -> Acted {
        let (tools, deadline) = (call.tools, call.deadline);
        let before = match tools.systemd.unit(&self.unit).await {
            Ok(unit) => unit,
            Err(error) => return error.into_acted(),
        };
        if let Some(refusal) = self.hopeless(&before) {
            return refusal;
        }
        // An alias is called by its real name: that is the one polkit's rules know.
        let job = match self.verb {
            Verb::Restart => JobVerb::Restart,
            Verb::Start => JobVerb::Start,
            Verb::Stop => JobVerb::Stop,
            Verb::Reload => match tools.systemd.can_reload(&before.id).await {
                Ok(Some(true)) => JobVerb::Reload,
                Ok(_) => {
                    let why = format!("{}: it has no way to reload (ExecReload=)", self.unit);
                    return Acted::new(ActOutcome::Impossible(Impossible::Refused), why);
                }
                Err(error) => return error.into_acted(),
            },
            Verb::ResetFailed => {
                let answer = tools.systemd.reset_failed(&before.id, deadline).await;
                return match answer {
                    Ok(()) => Acted::new(ActOutcome::Done, "failed state and start counter reset").with(before.evidence()),
                    // systemd forgets a unit that is neither up nor failed, and "not loaded" then reads like "not there".
                    Err(LinkError::Missing(_)) => Acted::new(ActOutcome::Done, "nothing to reset"),
                    Err(error) => error.into_acted(),
                };
            }
        };
        let result = tools.systemd.job(job, &before.id, deadline).await;
        let after = tools.systemd.unit(&before.id).await.ok();
        let acted = match result {
            Ok(result) => judge(&result, after.as_ref()),
            // systemd says this also when polkit itself is masked; then the unit is not.
            Err(LinkError::Masked(why)) if after.as_ref().is_some_and(|unit| unit.load != "masked") => {
                LinkError::Denied(why).into_acted()
            }
            Err(error) => error.into_acted(),
        };
        acted.with(after.and_then(|unit| unit.evidence()))
    }

    /// What a repetition can't change is not sent at all.
    fn hopeless(&self, unit: &UnitState) -> Option<Acted> {
        let impossible = |why, detail: &str| Some(Acted::new(ActOutcome::Impossible(why), format!("{}: {detail}", self.unit)));
        match (unit.load.as_str(), self.verb) {
            ("not-found", _) => impossible(Impossible::NotFound, "no such unit"),
            ("masked", Verb::Restart | Verb::Start) => impossible(Impossible::Masked, "it is masked"),
            (_, Verb::Restart | Verb::Start) if unit.active == "failed" && unit.result == "start-limit-hit" => {
                impossible(Impossible::StartLimitHit, "it hit its start limit and must be reset first")
            }
            _ => None,
        }
    }
}

fn judge(result: &JobResult, after: Option<&UnitState>) -> Acted {
    let now = after.map_or_else(|| "not seen since".to_owned(), |unit| format!("now {}", unit.words()));
    let limited = after.is_some_and(|unit| unit.active == "failed" && unit.result == "start-limit-hit");
    match result {
        JobResult::Done => Acted::new(ActOutcome::Done, format!("job done, {now}")),
        JobResult::Failed if limited => {
            Acted::new(ActOutcome::Impossible(Impossible::StartLimitHit), "job failed: it hit its start limit")
        }
        JobResult::Failed => {
            let why = after.map(|unit| format!(", Result={}", unit.result)).unwrap_or_default();
            Acted::new(ActOutcome::Failed, format!("job failed, {now}{why}"))
        }
        JobResult::Canceled => Acted::new(ActOutcome::Conflict, format!("job cancelled by somebody else's, {now}")),
        JobResult::Dependency => Acted::new(ActOutcome::Failed, format!("job failed: a unit that it needs failed, {now}")),
        JobResult::Timeout => Acted::new(ActOutcome::Unknown, format!("systemd gave up waiting for the job, {now}")),
        JobResult::Other(word) => Acted::new(ActOutcome::Failed, format!("job ended {word:?}, {now}")),
    }
}

// === impl Act for Systemd ===

impl Act for Systemd {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_of_a_job_has_its_outcome() {
        let unit = |active: &str, sub: &str, result: &str| UnitState {
            load: "loaded".to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
            result: result.to_owned(),
            ..UnitState::default()
        };
        let failed = unit("failed", "failed", "exit-code");
        let limited = unit("failed", "failed", "start-limit-hit");
        for (result, after, outcome, detail) in [
            (JobResult::Done, Some(unit("active", "running", "success")), "done", "job done, now active (running)"),
            (JobResult::Done, None, "done", "job done, not seen since"),
            (JobResult::Failed, Some(failed.clone()), "failed", "job failed, now failed (failed), Result=exit-code"),
            (JobResult::Failed, Some(limited), "start_limit_hit", "job failed: it hit its start limit"),
            (JobResult::Canceled, None, "conflict", "job cancelled by somebody else's, not seen since"),
            (JobResult::Timeout, None, "unknown", "systemd gave up waiting for the job, not seen since"),
            (JobResult::Other("skipped".to_owned()), Some(failed), "failed", "job ended \"skipped\", now failed (failed)"),
        ] {
            let acted = judge(&result, after.as_ref());
            assert_eq!((acted.outcome.label(), acted.detail.as_str()), (outcome, detail), "{result:?}");
        }
    }
}
