//! The section *Afterwards*: what the repair left to be put in order, once, when the probes are good and the incident ends.

use super::Draft;
use super::attempt::unseen;
use crate::domain::guard::RELOOK_MAX;
use crate::domain::incident::{Escalation, IncidentEvent, Outcome, Phase};
use crate::domain::look::LookHow;
use crate::domain::plan::Section;

impl Draft<'_> {
    /// The incident ends with good probes; what heald's steps left behind is put in order first. Nothing is where nothing
    /// ran, or was taken back.
    pub(super) fn close_well(&mut self, outcome: Outcome, note: &str) {
        let incident = &self.incident;
        let due = incident.touched && !incident.rolled_back && incident.closing.is_none();
        if !due || self.facts.playbook.afterwards.is_empty() {
            return self.end(outcome, note);
        }
        let plan = match self.plan(Section::Afterwards) {
            Ok(plan) if plan.is_idle() => return self.end(outcome, note),
            Ok(plan) => plan,
            Err(why) => {
                // Once, and recorded as tried: or each good look would call people again.
                let (attempt, note) = (incident.attempts, note.to_owned());
                self.event(IncidentEvent::AfterwardsStarted { attempt, locks: Vec::new(), outcome, note });
                return self.afterwards_ended(false, why);
            }
        };
        let attempt = incident.attempt(incident.attempts);
        match self.judge_step(attempt, &plan, &unseen()) {
            Ok(permit) => {
                let (locks, note) = (plan.objects(), note.to_owned());
                self.event(IncidentEvent::AfterwardsStarted { attempt: attempt.number, locks, outcome, note });
                self.start_step(&plan, attempt, 0, permit);
            }
            // heald is paused, or somebody is at it: later.
            Err(_) if matches!(self.incident.phase, Phase::Healed { .. }) => {
                self.event(IncidentEvent::CareScheduled { close_at: Some(self.now + RELOOK_MAX) });
            }
            Err(_) => self.look_until(RELOOK_MAX),
        }
    }

    pub(super) fn afterwards_ended(&mut self, ok: bool, text: String) {
        self.event(IncidentEvent::AfterwardsEnded { ok, text: text.clone() });
        let (outcome, note) = self.incident.closing.clone().unwrap_or((Outcome::Healed, String::new()));
        match (ok, self.incident.has_cause()) {
            (false, _) => self.escalate(Escalation::AfterwardsFailed, text),
            // It fired again meanwhile.
            (true, true) => self.look(LookHow::Once),
            (true, false) => self.end(outcome, note),
        }
    }
}
