//! Past attempts and present locks, derived from events alone, so that no restart enlarges a budget or loses a lock.

use crate::domain::guard::{Ledger as Facts, PastAttempt};
use crate::domain::id::{AttemptId, IncidentId};
use crate::domain::incident::{AttemptOutcome, IncidentEvent};
use crate::domain::target::Target;
use crate::domain::time::Time;
use std::collections::HashMap;
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Ledger {
    past: HashMap<Target, Vec<PastAttempt>>,
    locks: HashMap<Target, IncidentId>,
    /// Which targets the running attempt or rollback of an incident locks.
    running: HashMap<IncidentId, Vec<Target>>,
}

impl Ledger {
    /// True when locks were freed.
    pub fn apply(&mut self, incident: IncidentId, event: &IncidentEvent, at: Time) -> bool {
        match event {
            IncidentEvent::AttemptStarted { attempt, locks, charged, .. } => {
                let id = AttemptId { incident, number: *attempt };
                if *charged {
                    for target in locks {
                        let list = self.past.entry(target.clone()).or_default();
                        list.push(PastAttempt { attempt: id, at, ended: None, verified: false });
                    }
                }
                self.lock(incident, locks);
                false
            }
            IncidentEvent::RollbackStarted { locks, .. } => {
                self.lock(incident, locks);
                false
            }
            IncidentEvent::AttemptEnded { attempt, outcome, .. } => {
                let id = AttemptId { incident, number: *attempt };
                for target in self.running.get(&incident).into_iter().flatten() {
                    let list = self.past.get_mut(target).into_iter().flatten();
                    for past in list.filter(|past| past.attempt == id) {
                        past.ended = Some(at);
                        past.verified = *outcome == AttemptOutcome::Healed;
                    }
                }
                self.unlock(incident)
            }
            IncidentEvent::RollbackEnded { .. } | IncidentEvent::Escalated { .. } | IncidentEvent::Closed { .. } => {
                self.unlock(incident)
            }
            _ => false,
        }
    }

    /// Forgets attempts that no budget window reaches any more.
    pub fn prune(&mut self, now: Time, horizon: Duration) {
        self.past.retain(|_, list| {
            list.retain(|past| now.since(past.at) < horizon);
            !list.is_empty()
        });
    }

    fn lock(&mut self, incident: IncidentId, targets: &[Target]) {
        for target in targets {
            self.locks.insert(target.clone(), incident);
        }
        self.running.insert(incident, targets.to_vec());
    }

    fn unlock(&mut self, incident: IncidentId) -> bool {
        let Some(targets) = self.running.remove(&incident) else { return false };
        for target in &targets {
            if self.locks.get(target) == Some(&incident) {
                self.locks.remove(target);
            }
        }
        !targets.is_empty()
    }
}

impl Facts for Ledger {
    fn past(&self, target: &Target) -> &[PastAttempt] {
        self.past.get(target).map_or(&[], Vec::as_slice)
    }

    fn lock_holder(&self, target: &Target) -> Option<IncidentId> {
        self.locks.get(target).copied()
    }
}
