//! From a signal to records: decides, applies, and puts the events into the round that is committed next.

use super::world::World;
use super::{Driver, Round};
use crate::domain::decide::{self, Decision, Signal};
use crate::domain::guard::Guard;
use crate::domain::house::HouseEvent;
use crate::domain::id::{IncidentId, Seq};
use crate::domain::incident::IncidentEvent;
use crate::domain::time::Time;
use crate::store::{Record, Row};

impl<W: World> Driver<W> {
    /// Decides, and applies what was decided; the events wait in the round for their commit.
    pub(super) fn signal(&mut self, id: IncidentId, signal: Signal, now: Time, round: &mut Round) -> Option<String> {
        let incident = self.state.incidents.get(&id)?;
        let playbook = match &signal {
            // It begins anew, and with what is in force.
            Signal::Retry { .. } => self.library.get(&incident.playbook).cloned().or_else(|| self.playbook_of(incident))?,
            _ => self.playbook_of(incident)?,
        };
        let facts = self.facts(&playbook);
        let decision = decide::decide(incident, signal, &facts, now);
        let Decision { events, effects, refusal, refused, wake } = decision;
        if let Some(guard) = refusal.filter(|_| !events.is_empty()) {
            self.telemetry.refused(guard.label());
        }
        for event in events {
            self.record(id, event, now, round);
        }
        if let Some(wake) = wake {
            let other = self.state.incidents.get(&id).and_then(|incident| incident.wake_after(now));
            self.state.set_timer(id, Some(other.map_or(wake, |other| other.min(wake))));
        }
        if !effects.is_empty() {
            round.decided.get_or_insert_with(tokio::time::Instant::now);
        }
        round.effects.extend(effects.into_iter().map(|effect| (id, effect)));
        refused
    }

    pub(super) fn record(&mut self, id: IncidentId, event: IncidentEvent, now: Time, round: &mut Round) {
        let earned = self.earned(id, &event, now);
        if let (IncidentEvent::Closed { .. }, Some(incident)) = (&event, self.state.incidents.get(&id)) {
            round.outages.extend(self.outage(incident, now));
        }
        let groups = self.state.ledger.census.groups_of(id).to_vec();
        let change = self.state.apply(id, &event, now);
        if let IncidentEvent::Retried { revision: Some(revision), .. } = &event {
            self.keep_edition(revision, round);
        }
        if let IncidentEvent::AttemptEnded { attempt: _, outcome, .. } = &event
            && let Some(incident) = self.state.incidents.get(&id)
        {
            self.telemetry.attempt_ended(&incident.playbook.0, outcome.label());
        }
        if matches!(event, IncidentEvent::Closed { .. } | IncidentEvent::Told { .. }) && !self.state.incidents.contains_key(&id) {
            round.done.push(id);
        }
        let answers = if let IncidentEvent::Told { deliveries, .. } = &event { deliveries.clone() } else { Vec::new() };
        let relieves = matches!(event, IncidentEvent::Healed { .. } | IncidentEvent::Closed { .. });
        let opened = matches!(event, IncidentEvent::Opened { .. });
        self.push(Record::Incident { id, event }, now, round);
        // The incident's number is that of its first record: nothing may come between.
        if opened {
            self.count_opening(now, round);
        }
        for answer in answers {
            self.note_broken(&answer, now, round);
        }
        if let Some(earned) = earned {
            self.record_house(earned, now, round);
        }
        if change.census {
            self.weather(groups, id, now, round);
        }
        for waiting in self.state.waiting_for(&change.freed) {
            self.signal(waiting, Signal::Unblocked, now, round);
        }
        if relieves {
            self.unblock(Guard::Order, now, round);
        }
    }

    pub(super) fn unblock(&mut self, guard: Guard, now: Time, round: &mut Round) {
        for waiting in self.state.held_by(guard) {
            self.signal(waiting, Signal::Unblocked, now, round);
        }
    }

    pub(super) fn record_house(&mut self, event: HouseEvent, now: Time, round: &mut Round) {
        let loosened = match event {
            HouseEvent::Resumed { .. }
            | HouseEvent::HoldLifted { .. }
            | HouseEvent::PlaybookReleased { .. }
            | HouseEvent::Unbarred { .. } => Some(Guard::KillSwitch),
            HouseEvent::BreakerClosed { .. } => Some(Guard::Breaker),
            HouseEvent::CalmedDown { .. } => Some(Guard::BlastRadius),
            _ => None,
        };
        self.state.apply_house(&event, now);
        self.push(Record::House(event), now, round);
        if let Some(guard) = loosened {
            self.unblock(guard, now, round);
        }
    }

    pub(super) fn push(&mut self, record: Record, now: Time, round: &mut Round) -> Seq {
        let seq = self.next_seq;
        self.next_seq = Seq(seq.0 + 1);
        round.rows.push(Row { seq, at: now, wall: self.clock.wall(), record });
        seq
    }
}
