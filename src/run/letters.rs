//! Orders that come from a chat: each message once, each button once, and only for what it was made.

use super::handle::{Letter, OrderError, PersonOrder, PressedButton};
use super::world::World;
use super::{Driver, Round};
use crate::domain::decide::Signal;
use crate::domain::house::HouseEvent;
use crate::domain::id::IncidentId;
use crate::domain::notice::Question;
use crate::domain::target::cut;
use crate::domain::time::Time;

/// Refusals in chats are journaled so many at a time; a flood of strangers must not fill the journal.
const REFUSALS_MAX: usize = 10;
const REFUSALS_WITHIN: std::time::Duration = std::time::Duration::from_secs(600);

impl<W: World> Driver<W> {
    /// What was heard is recorded with what it caused, so that a crash between the two can't carry it out twice.
    pub(super) fn order_by_letter(
        &mut self,
        order: PersonOrder,
        by: &str,
        letter: Letter,
        round: &mut Round,
    ) -> Result<String, OrderError> {
        let now = self.clock.now();
        let Letter { channel, offset, button } = letter;
        if let (Some(offset), Some(heard)) = (offset, self.state.house.heard(&channel, now))
            && offset <= heard
        {
            return Err(OrderError::Refused("this message was heard before".to_owned()));
        }
        let pressed = button.map(|button| self.press(&order, &button, now).map(|(id, what)| (id, what, button.tag)));
        let answer = match pressed.transpose() {
            Err(refused) => Err(refused),
            Ok(pressed) => {
                let answer = self.order(order, by, round);
                // Used up only by what it did: somebody else may still press what one may not.
                if let (Ok(_), Some((id, what, tag))) = (&answer, pressed) {
                    let signal = Signal::Pressed { by: by.to_owned(), what: what.to_owned(), tag };
                    self.signal(id, signal, now, round);
                }
                answer
            }
        };
        if let Some(offset) = offset {
            self.record_house(HouseEvent::Heard { channel, offset }, now, round);
        }
        answer
    }

    /// Whether it may be used: once, in time, and for what it was made.
    fn press(&self, order: &PersonOrder, button: &PressedButton, now: Time) -> Result<(IncidentId, &'static str), OrderError> {
        let refuse = |why: String| Err(OrderError::Refused(why));
        let Some((id, what)) = of_incident(order) else {
            return refuse("a button can't order that".to_owned());
        };
        let Some(incident) = self.state.incidents.get(&id) else {
            return refuse(format!("incident {id} is over"));
        };
        if let Some((_, who)) = incident.pressed.iter().find(|(tag, _)| **tag == *button.tag) {
            return refuse(format!("{who} has pressed it already"));
        }
        if now >= button.expires {
            return refuse(format!("the button expired at {}", button.expires));
        }
        if matches!(order, PersonOrder::Approve { .. } | PersonOrder::Deny { .. }) {
            let asked = incident.approval.as_ref().filter(|approval| approval.by.is_none());
            let fits = asked.is_some_and(|approval| {
                let question = Question { attempt: approval.attempt, plan: approval.plan.to_string(), expires: approval.expires };
                question.attempt == button.attempt && question.digest() == button.plan
            });
            if !fits {
                return refuse("what this button was about is no longer asked".to_owned());
            }
        }
        Ok((id, what))
    }

    pub(super) fn refused_in_chat(&mut self, channel: String, who: &str, what: &str, round: &mut Round) {
        let now = self.clock.now();
        while self.strangers.front().is_some_and(|at| now.since(*at) >= REFUSALS_WITHIN) {
            self.strangers.pop_front();
        }
        if self.strangers.len() < REFUSALS_MAX {
            self.strangers.push_back(now);
            self.record_house(HouseEvent::RefusedInChat { channel, who: cut(who), what: cut(what) }, now, round);
        }
    }
}

/// What a button is about, and its name for the journal.
fn of_incident(order: &PersonOrder) -> Option<(IncidentId, &'static str)> {
    match order {
        PersonOrder::Ack { incident, .. } => Some((*incident, "acknowledge")),
        PersonOrder::Silence { incident, .. } => Some((*incident, "silence")),
        PersonOrder::Approve { incident } => Some((*incident, "approve")),
        PersonOrder::Deny { incident, .. } => Some((*incident, "deny")),
        PersonOrder::PausePlaybookOf { incident, .. } => Some((*incident, "pause playbook")),
        _ => None,
    }
}
