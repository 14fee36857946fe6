//! What playbooks with `mode: earn` earn and lose, from how their incidents went.

use super::Driver;
use super::world::World;
use crate::domain::house::HouseEvent;
use crate::domain::id::IncidentId;
use crate::domain::incident::{AttemptOutcome as O, IncidentEvent as E, Outcome};
use crate::domain::time::Time;

impl<W: World> Driver<W> {
    /// Asked before the event is applied. Observed: good is a symptom that lasted until people had mended it; over
    /// within the settle time, the repair would have been needless. Otherwise the verification decides.
    pub(super) fn earned(&self, id: IncidentId, event: &E, now: Time) -> Option<HouseEvent> {
        let incident = self.state.incidents.get(&id)?;
        let (good, why) = match event {
            E::Closed { outcome: Outcome::Healed, .. } => (true, "a repair lasted through its after-care".to_owned()),
            E::CareFailed { .. } => (false, "a repair did not last".to_owned()),
            E::Closed { outcome: Outcome::ClosedByPerson, .. } => return None,
            E::AttemptEnded { outcome: outcome @ (O::NotHealed | O::Worse | O::Unknown), .. } => {
                (false, format!("an attempt ended {}", outcome.label()))
            }
            E::Denied { by, .. } => (false, format!("{by} denied an attempt")),
            E::Closed { .. } => match incident.would_act {
                Some((at, true)) if now.since(at) < self.playbook_of(incident)?.limits.settle => {
                    (false, "what it would have done was needless: it was over by itself".to_owned())
                }
                Some((_, true)) => (true, "it would have acted on a symptom that lasted".to_owned()),
                _ => return None,
            },
            _ => return None,
        };
        let playbook = self.playbook_of(incident).filter(|playbook| playbook.earns)?;
        let trust = self.state.house.trust(&playbook).after(good, &self.config.in_force.policy.trust);
        Some(HouseEvent::Earned { playbook: playbook.id.clone(), trust, why: format!("{why} (incident {id})") })
    }
}
