//! A playbook by a person's order: an incident as any other, through the same guards, with the order in place of an alert.

use super::handle::{OrderError, Receipt};
use super::world::World;
use super::{Driver, Round};
use crate::domain::alert::{Alert, AlertStatus, Labels};
use crate::domain::id::{Fingerprint, PlaybookId};
use crate::domain::incident::{BY_HAND, Subject};
use crate::domain::target::cut;
use crate::domain::time::Time;

impl<W: World> Driver<W> {
    pub(super) fn run_by_hand(
        &mut self,
        playbook: &PlaybookId,
        labels: Labels,
        by: &str,
        now: Time,
        round: &mut Round,
    ) -> Result<String, OrderError> {
        let refuse = |why: String| Err(OrderError::Refused(why));
        let Some(book) = self.library.get(playbook).cloned() else {
            return refuse(format!("there is no playbook {}; see heald status", cut(&playbook.0)));
        };
        let mut labels = labels;
        labels.entry("alertname".to_owned()).or_insert_with(|| "RunByHand".to_owned());
        let alert = Alert {
            fingerprint: Fingerprint::from(format!("{BY_HAND}{}", self.next_seq.0).as_str()),
            status: AlertStatus::Firing,
            starts_at: self.clock.wall(),
            labels,
            annotations: [("summary".to_owned(), format!("run by hand by {by}"))].into(),
        };
        let target = match self.admit(&book, &alert.context()) {
            Ok(target) => target,
            Err(why) => return refuse(why),
        };
        let subject = Subject::Target(target);
        if let Some(id) = self.state.open_for(&book.id, &subject) {
            return refuse(format!("incident {id} is open for it already; see heald incidents {id}"));
        }
        let id = self.next_seq;
        self.open(&book, subject, None, &alert, now, &mut Receipt::default(), round);
        Ok(format!("incident {} begins: {playbook}, run by {by}", id.0))
    }
}
