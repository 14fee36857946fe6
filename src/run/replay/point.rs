//! Where the journal holds a decision, which records belong to it, and what had been seen.

use super::answer::Answer;
use crate::domain::alert::AlertContext;
use crate::domain::guard::Guard;
use crate::domain::incident::{AttemptOutcome, Escalation, Incident, IncidentEvent as E, Subject};
use crate::domain::look::{AlertSight, Observation, ProbeResult, ProbeVerdict, TargetState};
use crate::domain::plan::Section;
use crate::domain::target::cut;
use crate::store::{Record, Row};

/// What the decision went by.
#[derive(Debug)]
pub(super) enum Seen {
    /// As recorded with it.
    Then(Observation),
    /// The look was not kept. Whoever asks the guards behind `settling` has seen a target that is down.
    Guessed(Observation),
    Never,
}

/// Whether the record continues the decision: the same incident at the same moment, and nothing that came from outside
/// in between. What a decision changes for the whole house is recorded among its own records.
pub(super) fn belongs(first: &Row, last: Option<&Row>, row: &Row) -> bool {
    let Record::Incident { id, .. } = &first.record else { return false };
    if first.at != row.at || last.is_some_and(|last| matches!(&last.record, Record::Incident { event: E::Opened { .. }, .. })) {
        return false;
    }
    match &row.record {
        Record::House(_) => true,
        Record::Incident { id: other, event } => id == other && !begins(event),
    }
}

/// Never in the middle of a decision.
fn begins(event: &E) -> bool {
    matches!(
        event,
        E::Opened { .. }
            | E::AlertAttached { .. }
            | E::AlertResolved { .. }
            | E::CareFailed { .. }
            | E::StepEnded { .. }
            | E::Told { .. }
            | E::Gathered { .. }
            | E::LateAnswer { .. }
            | E::Retried { .. }
            | E::Approved { .. }
            | E::Denied { .. }
            | E::CrashSeen
    )
}

/// What was decided, where the record holds a decision that a configuration could change. `before`: the records of the
/// same decision that came first; `rest`: those that follow.
pub(super) fn recorded(event: &E, before: &[&E], draft: Option<&Incident>, rest: &[Row]) -> Option<Answer> {
    let last = before.last();
    let counts = match event {
        E::Opened { .. } | E::AttemptStarted { .. } | E::WouldAct { .. } | E::ApprovalAsked { .. } => true,
        E::Watched { said, .. } => !said,
        // A hold that goes with a question, or with an attempt that was broken off, no guard has asked for.
        E::Held { .. } => {
            let broken_off = |event: &&E| matches!(event, E::AttemptEnded { outcome: AttemptOutcome::Interrupted, .. });
            !last.is_some_and(|last| matches!(last, E::ApprovalAsked { .. }) || broken_off(last))
        }
        E::Escalated { reason, .. } | E::RollbackStarted { reason, .. } => {
            draft.is_none_or(|draft| draft.giving_up.is_none()) && gave_up(*reason, before)
        }
        _ => false,
    };
    if !counts {
        return None;
    }
    let answer = Answer::of(event)?;
    Some(answer.with_step(rest.iter().find_map(|row| match &row.record {
        Record::Incident { event: E::StepStarted { section: Section::Rung(_), step: 0, text, .. }, .. } => Some(text.clone()),
        _ => None,
    })))
}

/// A proposal was turned down for good; steps, verifications, people and crashes end attempts too.
fn gave_up(reason: Escalation, before: &[&E]) -> bool {
    use Escalation as R;
    let ended =
        |of: AttemptOutcome| before.iter().any(|event| matches!(event, E::AttemptEnded { outcome, .. } if *outcome == of));
    match reason {
        R::NotHealed | R::BudgetRefused | R::Policy | R::Refused | R::Chronic => true,
        R::NotApproved | R::Quarantined => before.last().is_some_and(|last| matches!(last, E::Looked { .. })),
        R::Impossible => !before.iter().any(|event| matches!(event, E::StepEnded { .. })) && !ended(AttemptOutcome::Unknown),
        R::RollbackFailed => !ended(AttemptOutcome::Worse) && !ended(AttemptOutcome::Unknown),
        R::AfterwardsFailed | R::UnknownOutcome | R::Worse | R::ResolvedButBad | R::NoTarget | R::RunbookOnly | R::Removed => {
            false
        }
    }
}

pub(super) fn seen(event: &E) -> Option<&Observation> {
    match event {
        E::Looked { seen, .. } | E::CareFailed { seen } | E::AttemptStarted { seen, .. } => Some(seen),
        _ => None,
    }
}

pub(super) fn look(event: &E, before: &[&E], last: Option<&Observation>) -> Seen {
    let own = seen(event).or_else(|| before.iter().rev().find_map(|event| seen(event)));
    match (own, last) {
        (Some(seen), _) => Seen::Then(seen.clone()),
        (None, Some(last)) => Seen::Guessed(down(last)),
        (None, None) => Seen::Never,
    }
}

/// A hold that follows a hold is recorded without the look behind it. What was seen is known all the same where a
/// guard held it that goes by the ledger, the calendar or the neighbours: then those that go by the look had said yes.
pub(super) fn can_be_guessed(event: &E) -> bool {
    let E::Held { guard, reason, .. } = event else { return true };
    match guard {
        Guard::Settling | Guard::Freshness => false,
        Guard::Window => !reason.starts_with("suppressed in Alertmanager"),
        Guard::Order => !reason.ends_with("which it needs, is down"),
        _ => true,
    }
}

fn down(last: &Observation) -> Observation {
    let mut seen = last.clone();
    if seen.state != TargetState::Stateless {
        seen.state = TargetState::Failed { detail: "not recorded".to_owned() };
    }
    for probe in &mut seen.probes {
        probe.verdict = ProbeVerdict::Fail;
    }
    if seen.probes.is_empty() {
        let (probe, detail) = ("the symptom".to_owned(), "not recorded".to_owned());
        seen.probes.push(ProbeResult { probe, verdict: ProbeVerdict::Fail, detail });
    }
    seen.alert = AlertSight::NotAsked;
    seen.around.needs_down.clear();
    seen
}

/// `unit web.service`, or the alert's name.
pub(super) fn about(subject: &Subject, context: &AlertContext) -> String {
    match subject {
        Subject::Target(target) => target.to_string(),
        Subject::Alert(_) => {
            let (labels, _) = context.read();
            labels.get("alertname").map_or_else(|| "an alert without a name".to_owned(), |name| cut(name))
        }
    }
}
