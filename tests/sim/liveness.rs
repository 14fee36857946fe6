//! After the faults have stopped: every incident ends, somebody was told, and what is shown is what is journaled.

use crate::invariants::{incident_events, named};
use crate::life::Life;
use crate::world::World;
use heald::domain::id::{IncidentId, Seq};
use heald::domain::incident::{Incident, IncidentEvent as E};
use heald::domain::notice::NoticeKind;
use heald::domain::time::Time;
use heald::run::view::IncidentView;
use heald::store::{Reader, Record, Row};
use std::collections::BTreeMap;
use std::path::Path;

/// In memory where the machine has such a place: every commit is synced.
pub fn tempdir() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.unwrap()
}

pub fn liveness(views: &[IncidentView], rows: &[Row], world: &World, end: Time) {
    named("r24_everything_ends", || r24_everything_ends(views, rows, world, end));
    named("r24_somebody_was_told", || r24_somebody_was_told(rows));
}

/// **R24**, second half: an escalation was taken by a channel, however often that took.
fn r24_somebody_was_told(rows: &[Row]) {
    let mut owed: BTreeMap<IncidentId, usize> = BTreeMap::new();
    for (_, id, event) in incident_events(rows) {
        match event {
            E::NoticeDue { notice: NoticeKind::Escalated, .. } => *owed.entry(id).or_default() += 1,
            E::Told { notice: NoticeKind::Escalated, deliveries, .. } if deliveries.iter().any(|one| one.error.is_none()) => {
                let owed = owed.entry(id).or_default();
                *owed = owed.saturating_sub(1);
            }
            _ => {}
        }
    }
    owed.retain(|_, count| *count > 0);
    assert!(owed.is_empty(), "escalated, and nobody was told: {owed:?}");
}

/// **R24** Every firing alert that heald took on ends; after the faults have stopped, everything comes to an end, or waits for something that has a name.
fn r24_everything_ends(views: &[IncidentView], rows: &[Row], world: &World, end: Time) {
    for view in views {
        let good = view.target.as_ref().is_none_or(|target| world.is_good(target.name()));
        let firing = view.alerts.iter().any(|alert| alert.firing);
        let story = || {
            let mine = |row: &&Row| matches!(&row.record, Record::Incident { id, .. } if *id == view.id);
            let text: Vec<String> = rows.iter().filter(mine).map(line).collect();
            format!("at {end}: {view:#?}\n{:#?}\n{}", world.units, text.join("\n"))
        };
        let fine = match view.state.as_str() {
            "held" => {
                let named = view.next.as_ref().and_then(|next| next.at).is_some_and(|at| at.as_millisecond() + 1_000 >= end.0);
                named && !good
            }
            "escalated" | "observed" => firing || !good,
            "watching" => firing && good,
            "healed" => good,
            // Told to nobody yet; every channel failed.
            "closed" => true,
            _ => false,
        };
        assert!(fine, "{}", story());
    }
}

pub fn line(row: &Row) -> String {
    match &row.record {
        Record::Incident { id, event } => format!("{} {} #{id} {}: {}", row.seq, row.at, event.label(), event.text()),
        Record::House(event) => format!("{} {} {}", row.seq, row.at, event.text()),
    }
}

/// What heald shows is what its journal says.
pub async fn views_are_the_fold(life: &Life, dir: &Path) {
    let (Ok(before), Ok(views), Ok(after)) =
        (life.handle.status().await, life.handle.incidents().await, life.handle.status().await)
    else {
        return;
    };
    if before.records != after.records || *life.handle.committed().borrow() != after.records {
        return;
    }
    let rows = Reader::open(dir).unwrap().events(Seq(0), None, usize::MAX >> 2).unwrap();
    let mut folded: BTreeMap<IncidentId, Incident> = BTreeMap::new();
    for row in &rows {
        let Record::Incident { id, event } = &row.record else { continue };
        match folded.get_mut(id) {
            Some(incident) => incident.apply(event, row.at),
            None => drop(folded.insert(*id, Incident::open(*id, event, row.at).expect("opened first"))),
        }
    }
    // The last closed ones are listed too, as a courtesy and from the journal itself.
    let views: Vec<_> = views.into_iter().filter(|view| view.state != "closed").collect();
    folded.retain(|_, incident| incident.is_open());
    assert_eq!(folded.keys().copied().collect::<Vec<_>>(), views.iter().map(|view| view.id).collect::<Vec<_>>());
    for (view, incident) in views.iter().zip(folded.values()) {
        assert_eq!(view.state, incident.phase.label(), "{view:?}");
        assert_eq!(view.attempts, incident.attempts, "{view:?}");
        let alerts: Vec<_> = incident.alerts.iter().map(|(name, alert)| (name.clone(), alert.starts_at, alert.firing)).collect();
        assert_eq!(view.alerts.iter().map(|a| (a.fingerprint.clone(), a.starts_at, a.firing)).collect::<Vec<_>>(), alerts);
    }
}
