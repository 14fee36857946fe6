//! `systemd.restart`, `systemd.start`, `systemd.stop`, `systemd.reset_failed`.
//!
//! "Job done" is systemd's word, not proof: a service that dies after 0.2 s was `done` too.

use super::{Form, args_of, as_args, object, object_of};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::TargetKind;
use crate::link::systemd::{JobResult, UnitState, Verb as JobVerb};
use crate::link::{LinkError, Tools};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Another unit than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Restart,
    Start,
    Stop,
    ResetFailed,
}

#[derive(Clone, Debug)]
pub struct Systemd {
    verb: Verb,
    unit: String,
}

/// systemd's own limit for a start or a stop is 90 s.
const DEADLINE: Duration = Duration::from_secs(120);

pub(super) fn form(verb: Verb, params: &Params) -> Result<Form, String> {
    Ok(Form {
        kind: verb.kind(),
        args: as_args(params)?,
        object: object(TargetKind::Unit, params.unit.as_ref())?,
        risk: match verb {
            Verb::Restart | Verb::Start => Risk::Seen,
            Verb::Stop | Verb::ResetFailed => Risk::Idempotent,
        },
        reversible: matches!(verb, Verb::Start | Verb::Stop),
        // A pending job shows on the unit.
        in_flight: Duration::ZERO,
        deadline: DEADLINE,
    })
}

// === impl Systemd ===

impl Systemd {
    pub(super) fn parse(verb: Verb, step: &PlannedStep) -> Result<Self, String> {
        args_of::<Params>(step)?;
        Ok(Self { verb, unit: object_of(step, TargetKind::Unit)? })
    }

    pub(super) async fn run(&self, tools: &Tools, deadline: Instant) -> Acted {
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

// === impl Verb ===

impl Verb {
    fn kind(self) -> &'static str {
        match self {
            Self::Restart => "systemd.restart",
            Self::Start => "systemd.start",
            Self::Stop => "systemd.stop",
            Self::ResetFailed => "systemd.reset_failed",
        }
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
