//! The recorded question, put to the changed configuration.

use super::answer::Answer;
use super::{Elsewhere, Origin, Rules};
use crate::domain::decide::{self, Signal};
use crate::domain::guard::Facts;
use crate::domain::house::House;
use crate::domain::incident::{Incident, IncidentEvent as E, Subject};
use crate::domain::look::Observation;
use crate::domain::playbook::{Library, Mode, Playbook};
use crate::domain::trust::Trust;
use crate::run::choose::{self, Admission};
use crate::run::pace::Pace;
use crate::run::state::State;
use crate::store::Row;
use std::borrow::Cow;
use std::sync::Arc;

/// What would answer the alert now; for the incident's later points: by which playbook it would be judged.
pub(super) fn opening(rules: &Rules, library: &Library, state: &State, event: &E) -> (Answer, Result<Arc<Playbook>, Elsewhere>) {
    let not_opened = |why: String| (Answer::NotOpened(why.clone()), Err(Elsewhere(why)));
    let E::Opened { subject, context, .. } = event else {
        return not_opened("no incident was opened".to_owned());
    };
    if let Some(host) = &rules.host {
        let (labels, _) = context.read();
        if let Some(other) = labels.get(&rules.in_force.host_label).filter(|other| !other.is_empty() && *other != host) {
            return not_opened(format!("left alone: its host is {other:?}, this is {host:?}"));
        }
    }
    let admission = Admission { allow: &rules.in_force.allow, step: &*rules.admit, probe: &*rules.admit_probe };
    let books: Vec<Arc<Playbook>> = library.chosen(&context.read().0).into_iter().cloned().collect();
    let Some(book) = books.first().cloned() else {
        return not_opened("no playbook matches".to_owned());
    };
    let target = choose::only(&books).and_then(|book| choose::target(book, context, &admission));
    let elsewhere = match (&target, subject) {
        (Ok(target), Subject::Target(was)) if target == was => None,
        (Ok(target), _) => Some(format!("playbook {} would take {target}", book.id)),
        (Err(why), _) => Some(why.clone()),
    };
    if let Ok(target) = &target
        && let Some(open) = state.open_for(&book.id, &Subject::Target(target.clone()))
    {
        return not_opened(format!("playbook {} has incident {open} open for {target}, which it joins", book.id));
    }
    let answer = Answer::Opened {
        playbook: book.id.clone(),
        people_only: book.rungs.is_empty(),
        problem: target.as_ref().err().cloned(),
        target: target.ok(),
    };
    (answer, elsewhere.map_or(Ok(book), |why| Err(Elsewhere(why))))
}

/// What would be decided now by the same look, from the recorded state.
pub(super) fn proposal(
    rules: &Rules,
    state: &State,
    origin: &Origin,
    book: &Playbook,
    draft: &Incident,
    seen: Observation,
    row: &Row,
) -> Answer {
    let house = house(state, origin, book);
    let earned = if book.earns { house.trust(book).level } else { Mode::Auto };
    // A fresh one each time: it can neither peek nor refund, and an answer is only asked for, not followed.
    let pace = Pace::replayed(rules.in_force.policy.rate, state.ledger.all(), row.at);
    let facts = Facts {
        playbook: book,
        mode: book.mode.min(earned),
        removed: false,
        budget_in_force: &book.limits.budget,
        allow: &rules.in_force.allow,
        policy: &rules.in_force.policy,
        house: &house,
        ledger: &state.ledger,
        pace: &pace,
        group_interval: rules.in_force.group_interval,
        // What Alertmanager had said is part of the look; it can't be asked again.
        asks_alertmanager: false,
        wall: row.wall,
        host: rules.host.as_deref().unwrap_or_default(),
        #[cfg(any(test, feature = "failpoints"))]
        without: None,
    };
    Answer::of_decision(decide::decide(draft, Signal::Looked(seen), &facts, row.at), draft)
}

/// Trust that the playbook had then it has now: that a changed playbook begins anew is not what is asked.
fn house<'a>(state: &'a State, origin: &Origin, book: &Playbook) -> Cow<'a, House> {
    let earned = state.house.trust.get(&origin.playbook).filter(|trust| trust.revision == origin.revision);
    match earned {
        Some(trust) if book.earns => {
            let mut house = state.house.clone();
            house.trust.insert(book.id.clone(), Trust { revision: book.revision.clone(), ..trust.clone() });
            Cow::Owned(house)
        }
        _ => Cow::Borrowed(&state.house),
    }
}
