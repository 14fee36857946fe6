//! A person's consent: asked for, given, denied, expired. Bound to one attempt and its very plan.

use super::Draft;
use crate::domain::guard::{Guard, RELOOK_MAX, asked};
use crate::domain::incident::{Escalation, IncidentEvent, Phase};
use crate::domain::look::{LookHow, Observation};
use crate::domain::notice::NoticeKind;
use crate::domain::plan::Plan;

impl Draft<'_> {
    pub(super) fn ask_people(&mut self, plan: &Plan, seen: Observation) {
        let attempt = self.incident.attempts + 1;
        let policy = &self.facts.policy.approval;
        let expires = self.now + policy.expires;
        let text = format!("{}, attempt {} of {}", plan.text(), self.incident.tried() + 1, self.facts.playbook.limits.attempts);
        let may = policy.by.iter().cloned().collect();
        let plan = plan.fingerprint();
        self.event(IncidentEvent::Looked { seen, passed: false });
        self.event(IncidentEvent::ApprovalAsked { attempt, plan, text: text.clone(), expires, may });
        self.event(IncidentEvent::Held {
            guard: Guard::Approve,
            reason: asked(expires),
            wake: expires.min(self.now + RELOOK_MAX),
        });
        let id = self.incident.id;
        let question = format!("may heald do this? {text}; `heald approve {id}` or `heald deny {id}`, until {expires}");
        // Each attempt is another question.
        self.tell(NoticeKind::ApprovalNeeded, &question);
    }

    pub(super) fn approve(&mut self, by: String) {
        let Some(attempt) = self.pending(&by) else { return };
        self.event(IncidentEvent::Approved { attempt, by });
        self.look(LookHow::Once);
    }

    pub(super) fn deny(&mut self, by: String, why: String) {
        let Some(attempt) = self.pending(&by) else { return };
        let text = if why.is_empty() { format!("denied by {by}") } else { format!("denied by {by}: {why}") };
        self.event(IncidentEvent::Denied { attempt, by, why });
        self.give_up(Escalation::NotApproved, text);
    }

    /// The attempt that is asked about, if it may be answered by this person now.
    fn pending(&mut self, by: &String) -> Option<u32> {
        let why = match &self.incident.approval {
            _ if !matches!(self.incident.phase, Phase::Held { .. }) => "nobody's consent is asked for now".to_owned(),
            None => "nobody's consent is asked for".to_owned(),
            Some(approval) if self.now >= approval.expires => format!("the question expired at {}", approval.expires),
            Some(approval) if approval.by.is_some() => "it is approved already".to_owned(),
            Some(approval) if !approval.may.is_empty() && !approval.may.iter().any(|name| name == by || name == name_of(by)) => {
                format!("{by} is not among those who may consent: {}", approval.may.join(", "))
            }
            Some(approval) => return Some(approval.attempt),
        };
        self.refuse_person(&why);
        None
    }
}

/// Without the chat that it came from: `ann (telegram)`.
fn name_of(by: &str) -> &str {
    by.split(" (").next().unwrap_or(by)
}
