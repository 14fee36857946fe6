//! The recorded past against a changed configuration: which decisions would have been others.
//!
//! The journal is folded record by record, as at a start of heald. Wherever it holds a decision, the same question is
//! put to the same pure core ([`decide`](crate::domain::decide)) with the changed configuration, from the recorded
//! state. What would have followed from another answer is not invented: the next point starts from what was recorded.
//! Nothing here reads a clock or a file; `heald replay` brings the records.

mod answer;
mod point;
mod question;
#[cfg(test)]
mod tests;
mod totals;

pub use answer::Said;
pub use totals::{Attempts, Totals};

use super::InForce;
use super::state::State;
use super::weather;
use crate::domain::house::HouseEvent;
use crate::domain::id::{IncidentId, PlaybookId, Revision, Seq};
use crate::domain::incident::{Incident, IncidentEvent as E};
use crate::domain::look::Observation;
use crate::domain::plan::{PlannedProbe, PlannedStep};
use crate::domain::playbook::{Library, Playbook};
use crate::domain::time::Time;
use crate::store::{Record, Row};
use answer::Answer;
use jiff::Timestamp;
use point::Seen;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

type Admit<S> = Box<dyn Fn(&S) -> Result<(), String>>;

/// The changed configuration.
pub struct Rules {
    /// This host; `None`: every alert is ours.
    pub host: Option<String>,
    pub in_force: InForce,
    /// Whether rendered parameters of a step fit (the `World`'s `admit`).
    pub admit: Admit<PlannedStep>,
    pub admit_probe: Admit<PlannedProbe>,
}

/// A recorded decision that the changed configuration would not have made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Of the record that holds the decision.
    pub seq: Seq,
    pub at: Timestamp,
    pub incident: IncidentId,
    /// What the incident is about: a target, or an alert of which none could be made.
    pub target: String,
    pub recorded: Said,
    pub now: Said,
}

/// Takes the records in order; says what differs as it goes.
pub struct Replay {
    rules: Rules,
    library: Library,
    /// Earlier points are folded and not judged.
    since: Time,
    state: State,
    /// Of each incident that is not done.
    origins: HashMap<IncidentId, Origin>,
    /// Records of one decision: its facts are those before the first of them.
    group: Vec<Row>,
    totals: Totals,
}

/// Where an incident comes from, and what would answer its alert now.
struct Origin {
    playbook: PlaybookId,
    revision: Revision,
    now: Result<Arc<Playbook>, Elsewhere>,
    /// The last look that was recorded.
    last: Option<Observation>,
}

/// The changed configuration would not repair this target for this alert: what it would do instead.
#[derive(Clone)]
struct Elsewhere(String);

// === impl Replay ===

impl Replay {
    pub fn new(rules: Rules, since: Time) -> Self {
        let mut state = State::default();
        state.regroup(&rules.in_force.policy.blast.groups);
        let library = rules.in_force.library();
        Self { rules, library, since, state, origins: HashMap::new(), group: Vec::new(), totals: Totals::default() }
    }

    /// The differences that have come to light with this record; they may lie a few records back.
    pub fn record(&mut self, row: Row) -> Vec<Difference> {
        let goes_on = self.group.first().is_none_or(|first| point::belongs(first, self.group.last(), &row));
        let found = if goes_on { Vec::new() } else { self.judge_group() };
        self.group.push(row);
        found
    }

    /// After the last record.
    pub fn finish(mut self) -> (Vec<Difference>, Totals) {
        let found = self.judge_group();
        (found, self.totals)
    }

    fn judge_group(&mut self) -> Vec<Difference> {
        let group = std::mem::take(&mut self.group);
        let found = self.differences(&group);
        for row in group {
            self.fold(row);
        }
        found
    }

    /// The incident grows with the decision's own events, as it did when it was decided; all other facts are those
    /// before it.
    fn differences(&mut self, group: &[Row]) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut draft: Option<Incident> = None;
        let mut before: Vec<&E> = Vec::new();
        for (index, row) in group.iter().enumerate() {
            let Record::Incident { id, event } = &row.record else { continue };
            if draft.is_none() {
                draft = self.state.incidents.get(id).cloned();
            }
            if let Some(answer) = point::recorded(event, &before, draft.as_ref(), &group[index + 1..])
                && row.at >= self.since
            {
                match &draft {
                    _ if matches!(event, E::Opened { .. }) => found.extend(self.judge_opening(row, *id, event, answer)),
                    Some(draft) => found.extend(self.judge(row, draft, event, &before, answer)),
                    None => self.totals.headless += 1,
                }
            }
            match (&mut draft, self.origins.get_mut(id)) {
                (Some(draft), Some(origin)) => {
                    if let Some(seen) = point::seen(event) {
                        origin.last = Some(seen.clone());
                    }
                    draft.apply(event, row.at);
                }
                (Some(draft), None) => draft.apply(event, row.at),
                _ => {}
            }
            before.push(event);
        }
        found
    }

    fn judge_opening(&mut self, row: &Row, id: IncidentId, event: &E, recorded: Answer) -> Option<Difference> {
        let now = question::opening(&self.rules, &self.library, &self.state, event).0;
        let about = match event {
            E::Opened { subject, context, .. } => point::about(subject, context),
            _ => String::new(),
        };
        self.compare(row, id, about, recorded, now)
    }

    fn judge(&mut self, row: &Row, draft: &Incident, event: &E, before: &[&E], recorded: Answer) -> Option<Difference> {
        let origin = self.origins.get(&draft.id)?;
        let now = match &origin.now {
            // Its opening says so already, and what is not done differs only where something was done.
            Err(_) if recorded.repairs().is_none() => {
                self.totals.elsewhere += 1;
                return None;
            }
            Err(Elsewhere(why)) => Answer::NotOpened(why.clone()),
            Ok(book) => {
                let seen = match point::look(event, before, origin.last.as_ref()) {
                    Seen::Then(seen) => seen,
                    Seen::Guessed(seen) if point::can_be_guessed(event) => seen,
                    Seen::Guessed(_) | Seen::Never => {
                        self.totals.unseen += 1;
                        return None;
                    }
                };
                question::proposal(&self.rules, &self.state, origin, book, draft, seen, row)
            }
        };
        let target = draft.target().cloned();
        let hour = totals::hour(row.wall);
        if let (Some(target), Some(_)) = (&target, recorded.repairs()) {
            self.totals.recorded(target, hour);
        }
        if let (Some(target), Some(number)) = (&target, now.repairs()) {
            self.totals.now(draft.id, number, target, hour);
        }
        self.compare(row, draft.id, point::about(&draft.subject, &draft.context), recorded, now)
    }

    fn compare(&mut self, row: &Row, incident: IncidentId, target: String, recorded: Answer, now: Answer) -> Option<Difference> {
        self.totals.points += 1;
        if recorded.is_like(&now) {
            self.totals.same += 1;
            return None;
        }
        let (recorded, now) = (recorded.said(), now.said());
        *self.totals.different.entry(format!("{} -> {}", recorded.decision, now.decision)).or_default() += 1;
        Some(Difference { seq: row.seq, at: row.wall, incident, target, recorded, now })
    }

    /// What was recorded is booked to the playbook that would be in charge now, so that its limits count it.
    fn fold(&mut self, row: Row) {
        match row.record {
            // Follows from the number of those that are down, and from limits that may have changed.
            Record::House(HouseEvent::StoodBack { .. } | HouseEvent::CalmedDown { .. }) => {}
            Record::House(event) => self.state.apply_house(&event, row.at),
            Record::Incident { id, event } => {
                let event = self.adopted(id, event);
                let groups = self.state.ledger.census.groups_of(id).to_vec();
                if self.state.apply(id, &event, row.at).census {
                    self.stand_back(groups, id, row.at);
                }
                if !self.state.incidents.contains_key(&id) {
                    self.origins.remove(&id);
                }
            }
        }
    }

    fn adopted(&mut self, id: IncidentId, mut event: E) -> E {
        if let (E::Retried { revision, rungs, .. }, Some(origin)) = (&mut event, self.origins.get_mut(&id)) {
            origin.revision = revision.clone().unwrap_or(origin.revision.clone());
            if let Ok(book) = &origin.now {
                (*revision, *rungs) = (Some(book.revision.clone()), Some(book.rungs.len()));
            }
        }
        let now = match &event {
            E::Opened { .. } => question::opening(&self.rules, &self.library, &self.state, &event).1,
            _ => return event,
        };
        if let E::Opened { playbook, revision, rungs, .. } = &mut event {
            let (was, of) = (playbook.clone(), revision.clone());
            if let Ok(book) = &now {
                (*playbook, *revision, *rungs) = (book.id.clone(), book.revision.clone(), book.rungs.len());
            }
            self.origins.insert(id, Origin { playbook: was, revision: of, now, last: None });
        }
        event
    }

    fn stand_back(&mut self, groups: Vec<String>, id: IncidentId, at: Time) {
        for key in weather::keys(groups, &self.state, id) {
            if let Some(event) = weather::turn(&key, &self.state, &self.rules.in_force.policy.blast, at) {
                self.state.apply_house(&event, at);
            }
        }
    }
}
