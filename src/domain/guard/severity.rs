//! May this kind of failure be tried once more? Suspected corruption and an upstream's rate limit: never; a device
//! reset: once; several targets down: fewer times than one (rows C14, D06, D07 of the failure modes).

use super::{Facts, Guard, Proposal, Refusal};
use crate::domain::incident::Escalation;
use crate::domain::policy::Cap;
use crate::domain::time::{Span, Time};

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    if !proposal.plan.has_effects() {
        return None;
    }
    caps(proposal, facts).into_iter().find_map(|(why, cap)| refuse(proposal, &why, cap, now))
}

fn refuse(proposal: &Proposal<'_>, why: &str, cap: Cap, now: Time) -> Option<Refusal> {
    let (incident, tried) = (proposal.incident, proposal.incident.tried());
    let escalate = |reason: String| Refusal::escalate(Guard::Severity, Escalation::Policy, reason);
    match (cap.attempts, cap.patience) {
        (Some(0), Some(patience)) if now < incident.opened + patience => {
            let until = incident.opened + patience;
            return Refusal::wait(Guard::Severity, until, format!("{why}: nothing is tried, it has until {until} to pass"));
        }
        (Some(0), _) => return escalate(format!("{why}: nothing is tried")),
        (Some(most), _) if tried >= most => return escalate(format!("{why}: {tried} of {most} attempts did not help")),
        _ => {}
    }
    match cap.within {
        Some(within) if incident.spent(now) > within => escalate(format!("{why}: not healed within {}", Span(within))),
        _ => None,
    }
}

fn caps(proposal: &Proposal<'_>, facts: &Facts<'_>) -> Vec<(String, Cap)> {
    let policy = &facts.policy.severity;
    let book = facts.playbook;
    if let Some(cap) = policy.by_playbook.get(&book.id) {
        return vec![(format!("the limits for playbook {}", book.id), *cap)];
    }
    let class = policy.by_class.get(&book.class).map(|cap| (format!("failures of the class {}", book.class.label()), *cap));
    let severity = proposal.incident.named_severity(book).and_then(|severity| {
        policy.by_severity.get(&severity).map(|cap| (format!("failures of severity {}", severity.label()), *cap))
    });
    let down = facts.ledger.down();
    let several = (down > 1).then(|| (format!("{down} targets are down at once"), policy.several));
    let storm = &facts.policy.blast.storm;
    let in_storm = facts.house.stands_back(super::blast::STORM);
    let storm = in_storm
        .then(|| ("in a storm".to_owned(), Cap { attempts: Some(storm.attempts), within: Some(storm.within), patience: None }));
    [class, severity, several, storm].into_iter().flatten().collect()
}
