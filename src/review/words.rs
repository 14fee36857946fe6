//! One wording per event of the timeline, and who did it. What is told nowhere else is the event's own sentence.

use super::Moment;
use crate::domain::event::IncidentEvent as E;
use crate::domain::incident::{Outcome, Phase};
use crate::domain::time::Span;
use std::time::Duration;

/// `None`: said by another event, or of no use to people.
pub(super) fn moment(fact: &super::Fact) -> Option<Moment> {
    let text = match &fact.event {
        // What came of it follows.
        E::NoticeDue { .. } | E::CareScheduled { close_at: None } | E::ClimbSet { next: None } => return None,
        E::Opened { .. } => format!("received: {}", fact.event.text()),
        E::AttemptStarted { attempt, title, seen, charged, locks, .. } => {
            let locks: Vec<String> = locks.iter().map(ToString::to_string).collect();
            let charge = match (*charged, locks.is_empty()) {
                (true, false) => format!("; charged to the budget of {}", locks.join(", ")),
                (true, true) => "; charged to the budget".to_owned(),
                (false, _) => "; it only reads or waits and costs no budget".to_owned(),
            };
            format!("every guard permits attempt {attempt}: {title} [target: {}]{charge}", seen.state.text())
        }
        E::Told { notice, deliveries, .. } if deliveries.is_empty() => {
            format!("told nobody of {}: no channel is configured for it", notice.label())
        }
        E::Closed { outcome: Outcome::ClosedByPerson, note } => note.clone(),
        event => event.text(),
    };
    Some(Moment { at: fact.wall, who: who(&fact.event), kind: fact.event.label(), text })
}

fn who(event: &E) -> String {
    match event {
        E::Opened { .. } | E::AlertAttached { .. } | E::AlertResolved { .. } => "Alertmanager".to_owned(),
        E::Approved { by, .. }
        | E::Denied { by, .. }
        | E::Retried { by, .. }
        | E::Acknowledged { by, .. }
        | E::StepTicked { by, .. }
        | E::Pressed { by, .. }
        | E::SilenceAsked { by, .. } => by.clone(),
        E::Closed { outcome: Outcome::ClosedByPerson, note } => closer(note).unwrap_or("a person").to_owned(),
        _ => "heald".to_owned(),
    }
}

/// `closed by ann: the disk was full`
fn closer(note: &str) -> Option<&str> {
    note.strip_prefix("closed by ")?.split_once(": ").map(|(by, _)| by)
}

/// How it ended, or where it stands.
pub(super) fn ending(phase: &Phase, note: Option<&str>, attempts: u32, rolled_back: bool) -> String {
    let text = match phase {
        Phase::Closed { outcome } => match outcome {
            Outcome::Healed if attempts == 1 => {
                "repaired by heald at the first attempt, verified, and good through its after-care"
            }
            Outcome::Healed => {
                return format!("repaired by heald after {attempts} attempts, verified, and good through its after-care");
            }
            Outcome::ResolvedByItself => "it became good by itself: heald changed nothing",
            Outcome::Escalated if rolled_back => "good again after people were called; heald had rolled its repair back",
            Outcome::Escalated => "good again after people were called",
            Outcome::Stale => "a repeat of an alert whose incident was over; nothing was wrong",
            Outcome::ResolveNeverSeen => "repaired by heald and verified; Alertmanager never said that the alert resolved",
            Outcome::Unverified => "the alert resolved; no probe could say whether it is good",
            Outcome::ClosedByPerson => return note.unwrap_or("closed by a person").to_owned(),
        },
        Phase::Assessing | Phase::Watching { .. } | Phase::ResolvedBad { .. } => "still open: heald looks and has not decided",
        Phase::Held { guard, reason, .. } => return format!("still open: held by {}: {reason}", guard.label()),
        Phase::Observed => "still open: the playbook only observes; heald changed nothing",
        Phase::Acting { .. } | Phase::Verifying { .. } => "still open: a repair is running",
        Phase::Healed { .. } => "repaired and verified; still watched",
        Phase::Escalated { reason, .. } => return format!("still open: a person's turn ({})", reason.label()),
    };
    text.to_owned()
}

/// `350 ms`, `2.4 s`, `1m34s`: as exact as a reader needs.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => Span(Duration::from_secs(ms / 1_000)).to_string(),
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_exact_as_a_reader_needs() {
        for (ms, text) in [(0, "0 s"), (350, "350 ms"), (2_440, "2.4 s"), (94_999, "1m34s"), (90_061_000, "1d1h1m1s")] {
            assert_eq!(span(ms), text);
        }
    }
}
