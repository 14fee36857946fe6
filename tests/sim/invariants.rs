//! The promises, checked from outside: the journal on disk and the world's own history, nothing else.

use crate::books::{self, BUDGET, IN_FLIGHT};
use crate::life::Life;
use crate::world::{Call, Is, World};
use heald::domain::alert::Alert;
use heald::domain::house::House;
use heald::domain::id::{AttemptId, IncidentId, Seq};
use heald::domain::incident::{Incident, IncidentEvent as E, Phase};
use heald::domain::target::Target;
use heald::domain::time::Time;
use heald::run::view::IncidentView;
use heald::store::{Reader, Record, Row};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

pub struct Evidence<'a> {
    pub rows: &'a [Row],
    pub calls: &'a [Call],
    pub deaths: &'a [Time],
    pub taken: &'a [Alert],
}

/// In memory where the machine has such a place: every commit is synced.
pub fn tempdir() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.unwrap()
}

pub fn safety(evidence: &Evidence<'_>) {
    every_effect_was_announced(evidence);
    one_effect_per_target(evidence);
    budgets_hold(evidence);
    once_stays_once(evidence);
    stopped_stays_stopped(evidence);
    taken_is_on_disk(evidence);
    journal_is_lawful(evidence.rows);
}

/// Each call has a `StepStarted` of its own that was on disk before.
fn every_effect_was_announced(evidence: &Evidence<'_>) {
    let mut announced: HashMap<(AttemptId, String), Vec<Seq>> = HashMap::new();
    for (seq, id, event) in incident_events(evidence.rows) {
        if let E::StepStarted { attempt, text, .. } = event {
            announced.entry((AttemptId { incident: id, number: *attempt }, text.clone())).or_default().push(seq);
        }
    }
    for call in evidence.calls {
        let list = announced.get_mut(&(call.attempt, call.text.clone())).unwrap_or_else(|| panic!("never announced: {call:?}"));
        let first = if !list.is_empty() { list.remove(0) } else { panic!("sent more often than announced: {call:?}") };
        assert!(first <= call.committed, "sent before it was on disk ({first} > {}): {call:?}", call.committed);
    }
}

/// From the call until its answer; where heald died meanwhile, until its effect.
fn one_effect_per_target(evidence: &Evidence<'_>) {
    let mut busy: BTreeMap<&Target, (Time, &Call)> = BTreeMap::new();
    for call in evidence.calls.iter().filter(|call| call.kind != "wait") {
        let deadline = call.at + Duration::from_secs(30);
        let death = evidence.deaths.iter().find(|death| **death >= call.at && **death <= call.answered.unwrap_or(deadline));
        let until = match (death, call.answered) {
            (Some(death), None) => call.lands.unwrap_or(*death).min(call.at + IN_FLIGHT),
            (_, answered) => answered.unwrap_or(deadline),
        };
        for target in &call.targets {
            if let Some((end, other)) = busy.get(target) {
                assert!(call.at >= *end, "two at once on {target}:\n{other:?}\n{call:?}");
            }
            busy.insert(target, (until, call));
        }
    }
}

/// Charged at intent, in any window, whatever happened to heald between.
fn budgets_hold(evidence: &Evidence<'_>) {
    let mut charged: HashMap<Target, Vec<Time>> = HashMap::new();
    for row in evidence.rows {
        if let Record::Incident { event: E::AttemptStarted { locks, charged: true, .. }, .. } = &row.record {
            assert!(!locks.is_empty(), "charged to nobody: {row:?}");
            for target in locks {
                charged.entry(target.clone()).or_default().push(row.at);
            }
        }
    }
    for (target, times) in charged {
        for budget in [BUDGET, books::all()[0].limits.budget[1]] {
            for window in times.windows(budget.count as usize + 1) {
                let span = window[window.len() - 1].since(window[0]);
                assert!(span >= budget.window, "{} attempts on {target} within {span:?}", window.len());
            }
        }
    }
}

fn once_stays_once(evidence: &Evidence<'_>) {
    let mut seen: HashMap<(AttemptId, &str), &Call> = HashMap::new();
    for call in evidence.calls {
        let Some(first) = seen.insert((call.attempt, &call.text), call) else { continue };
        assert_ne!(call.kind, "post", "never repeated, and was: {call:?}");
        if matches!(call.kind, "restart" | "undo.restart") {
            assert_eq!(first.unit.start, call.unit.start, "repeated although it had taken effect:\n{first:?}\n{call:?}");
        }
    }
}

/// heald's first step of an attempt follows a look; what a person stopped well before that is not touched.
fn stopped_stays_stopped(evidence: &Evidence<'_>) {
    for call in evidence.calls.iter().filter(|call| call.kind == "restart" && matches!(call.unit.is, Is::Stopped | Is::Masked)) {
        let first = incident_events(evidence.rows).any(|(_, id, event)| {
            matches!(event, E::StepStarted { attempt, step: 0, text, .. }
                if *text == call.text && AttemptId { incident: id, number: *attempt } == call.attempt)
        });
        assert!(!first || call.at.since(call.unit.since) < Duration::from_secs(1), "a person had stopped it: {call:?}");
    }
}

fn taken_is_on_disk(evidence: &Evidence<'_>) {
    let known: BTreeSet<(String, String)> = incident_events(evidence.rows)
        .filter_map(|(_, _, event)| match event {
            E::Opened { fingerprint, starts_at, .. } | E::AlertAttached { fingerprint, starts_at, .. } => {
                Some((fingerprint.to_string(), starts_at.to_string()))
            }
            _ => None,
        })
        .collect();
    for alert in evidence.taken {
        assert!(known.contains(&(alert.fingerprint.to_string(), alert.starts_at.to_string())), "2xx, and lost: {alert:?}");
    }
}

/// What the journal alone must obey, in its own order.
fn journal_is_lawful(rows: &[Row]) {
    let mut house = House::default();
    let mut incidents: BTreeMap<IncidentId, Incident> = BTreeMap::new();
    let mut running: BTreeMap<Target, IncidentId> = BTreeMap::new();
    let mut last = Time(0);
    for row in rows {
        assert!(row.at >= last, "time ran backwards at {row:?}");
        last = row.at;
        let (id, event) = match &row.record {
            Record::House(event) => {
                house.apply(event);
                continue;
            }
            Record::Incident { id, event } => (*id, event),
        };
        if let Some(incident) = Incident::open(id, event, row.at) {
            let twin = incidents
                .values()
                .find(|other| other.is_open() && other.playbook == incident.playbook && other.subject == incident.subject);
            assert!(twin.is_none(), "opened twice: {row:?}\nbeside {twin:?}");
            incidents.insert(id, incident);
            continue;
        }
        let incident = incidents.get_mut(&id).expect("opened first");
        match event {
            E::AttemptStarted { locks, .. } => {
                assert!(incident.has_cause(), "without a cause: {row:?}");
                assert_ne!(&*incident.playbook.0, "trial", "an observer acts: {row:?}");
                take(&mut running, id, locks, row);
            }
            E::RollbackStarted { locks, .. } => {
                assert!(!incident.rolled_back, "rolled back twice: {row:?}");
                take(&mut running, id, locks, row);
            }
            E::AttemptEnded { .. } | E::RollbackEnded { .. } => running.retain(|_, holder| *holder != id),
            E::StepStarted { .. } => {
                assert!(house.paused.is_none(), "while paused: {row:?}");
                let held = incident.target().and_then(|target| house.held(target, row.at));
                assert!(held.is_none(), "on hold: {row:?}");
                assert!(running.values().any(|holder| *holder == id) || incident.phase.label() == "acting", "no lock: {row:?}");
            }
            E::Escalated { .. } => {
                assert!(!matches!(incident.phase, Phase::Escalated { .. }), "escalated twice: {row:?}");
                assert!(!incident.holds_locks(), "left its locks behind: {row:?}");
            }
            E::Closed { .. } => assert!(!incident.holds_locks(), "closed in the middle of it: {row:?}"),
            _ => {}
        }
        incident.apply(event, row.at);
    }
}

fn take(running: &mut BTreeMap<Target, IncidentId>, id: IncidentId, locks: &[Target], row: &Row) {
    for target in locks {
        if let Some(other) = running.insert(target.clone(), id) {
            panic!("{target} is under repair by {other} already: {row:?}");
        }
    }
}

/// After the faults have stopped, everything comes to an end, or waits for something that has a name.
pub fn liveness(views: &[IncidentView], rows: &[Row], world: &World, end: Time) {
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

fn incident_events(rows: &[Row]) -> impl Iterator<Item = (Seq, IncidentId, &E)> {
    rows.iter().filter_map(|row| match &row.record {
        Record::Incident { id, event } => Some((row.seq, *id, event)),
        Record::House(_) => None,
    })
}
