//! The kill switch as a file: found, it is journaled as any other pause is; gone, so is that.

use super::world::World;
use super::{Driver, Round};
use crate::domain::house::{Hold, HouseEvent};
use tokio::sync::watch;

/// Watched by somebody else, for the loop reads no files.
#[derive(Clone, Debug)]
pub struct Switch {
    /// For people: the file's path.
    pub file: String,
    /// `None`: it does not exist. `Some`: what it says, cut to one short line.
    pub seen: watch::Receiver<Option<String>>,
}

// === impl Switch ===

impl Switch {
    /// A file that never exists.
    pub fn none() -> Self {
        Self { file: String::new(), seen: watch::channel(None).1 }
    }

    fn name(&self) -> String {
        format!("the file {}", self.file)
    }
}

impl<W: World> Driver<W> {
    /// Before a round decides anything, and as soon as the file comes or goes.
    pub(super) fn heed_switch(&mut self, round: &mut Round) {
        let seen = self.config.switch.seen.borrow_and_update().clone();
        let event = match (seen, &self.state.house.barred) {
            (Some(why), None) => HouseEvent::Barred { hold: Hold { until: None, why, by: self.config.switch.name() } },
            // Created first, written then: its reason comes a moment later. Later changes of it are nobody's news.
            (Some(why), Some(known)) if known.why.is_empty() && !why.is_empty() => {
                HouseEvent::Barred { hold: Hold { until: None, why, by: self.config.switch.name() } }
            }
            (None, Some(_)) => HouseEvent::Unbarred { by: self.config.switch.name() },
            _ => return,
        };
        let now = self.clock.now();
        self.record_house(event, now, round);
    }
}
