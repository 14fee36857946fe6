//! The promises, checked from outside like a Jepsen history: the journal on disk and the world's own log, nothing else.
//!
//! One function for each promise that a simulation can check, named after it and in its words. docs/simulation.md says
//! which promise is checked by which function; what ends well after the faults is in `liveness.rs`.

use crate::books::{self, BUDGET, IN_FLIGHT};
use crate::world::{Call, Is, Told};
use heald::domain::alert::Alert;
use heald::domain::house::{House, HouseEvent};
use heald::domain::id::{AttemptId, Fingerprint, IncidentId, Seq};
use heald::domain::incident::{AttemptOutcome, Incident, IncidentEvent as E, Phase};
use heald::domain::plan::Section;
use heald::domain::playbook::Limits;
use heald::domain::target::Target;
use heald::domain::time::Time;
use heald::store::{Record, Row};
use jiff::Timestamp;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

pub struct Evidence<'a> {
    pub rows: &'a [Row],
    pub calls: &'a [Call],
    pub states: &'a BTreeMap<&'static str, Vec<(Time, Is)>>,
    pub told: &'a [Told],
    pub deaths: &'a [Time],
    pub taken: &'a [Alert],
}

type Invariant = (&'static str, fn(&Evidence<'_>));

pub const ALL: [Invariant; 17] = [
    ("r01_taken_is_on_disk", r01_taken_is_on_disk),
    ("r04_one_incident_for_one_episode", r04_one_incident_for_one_episode),
    ("r05_nothing_runs_without_a_cause", r05_nothing_runs_without_a_cause),
    ("r08_one_effect_per_target", r08_one_effect_per_target),
    ("r08_locks_exclude_each_other", r08_locks_exclude_each_other),
    ("r09_every_effect_was_announced", r09_every_effect_was_announced),
    ("r10_once_stays_once", r10_once_stays_once),
    ("r11_budgets_hold", r11_budgets_hold),
    ("r14_attempts_back_off", r14_attempts_back_off),
    ("r15_hands_off", r15_hands_off),
    ("r18_healed_was_good", r18_healed_was_good),
    ("r20_time_and_numbers_go_on", r20_time_and_numbers_go_on),
    ("r21_nothing_starts_while_paused", r21_nothing_starts_while_paused),
    ("r22_an_observer_touches_nothing", r22_an_observer_touches_nothing),
    ("r25_a_death_repeats_one_message", r25_a_death_repeats_one_message),
    ("r26_consent_is_used_once", r26_consent_is_used_once),
    ("the_end_is_lawful", the_end_is_lawful),
];

thread_local! {
    static CHECKING: Cell<&'static str> = const { Cell::new("") };
}

/// All of them.
pub fn safety(evidence: &Evidence<'_>) {
    for (name, check) in ALL {
        named(name, || check(evidence));
    }
}

/// Says whose check it was if it fails.
pub fn named<T>(name: &'static str, check: impl FnOnce() -> T) -> T {
    CHECKING.set(name);
    let result = check();
    CHECKING.set("");
    result
}

/// The invariant that was broken in this thread, if one was.
pub fn noticed() -> &'static str {
    CHECKING.replace("")
}

/// **R1** A 2xx is sent only after the durable commit; kill -9 at any later instant loses nothing.
fn r01_taken_is_on_disk(evidence: &Evidence<'_>) {
    let known: BTreeSet<(&Fingerprint, Timestamp)> = attached(evidence).map(|(_, _, key)| key).collect();
    for alert in evidence.taken {
        assert!(known.contains(&(&alert.fingerprint, alert.starts_at)), "2xx, and lost: {alert:?}");
    }
}

/// **R4** N deliveries of the same (fingerprint, startsAt, status) give one incident and one run: a repeat joins while the
/// incident is open, and one that comes later, also after a newer episode, opens an incident that knows its predecessor.
fn r04_one_incident_for_one_episode(evidence: &Evidence<'_>) {
    let mut last: HashMap<&Fingerprint, (Timestamp, IncidentId)> = HashMap::new();
    let mut joined: BTreeSet<(IncidentId, &Fingerprint, Timestamp)> = BTreeSet::new();
    for (id, previous, key) in attached(evidence) {
        assert!(joined.insert((id, key.0, key.1)), "incident {id} took {key:?} twice");
        let newest = last.get(key.0).map_or(key.1, |(newest, _)| key.1.max(*newest));
        if let (Some((starts_at, earlier)), Some(previous)) = (last.insert(key.0, (newest, id)), previous)
            && key.1 <= starts_at
        {
            assert_eq!(previous, Some(earlier), "{id} does not know of {earlier}: {key:?}");
        }
    }
}

/// **R5** A firing for an episode already known resolved starts nothing; resolved alerts never trigger actions. An attempt
/// has an alert that fires, or heald's own look in after-care, behind it, and a look that failed before it.
fn r05_nothing_runs_without_a_cause(evidence: &Evidence<'_>) {
    in_order(evidence, |incident, event, row| {
        if let E::AttemptStarted { seen, .. } = event {
            assert!(incident.has_cause(), "without a cause: {row:?}");
            assert!(!seen.passed(), "all was well: {row:?}");
        }
    });
}

/// **R8** No target ever has two concurrent effects, as the world sees it: from the call until its answer; where heald died
/// meanwhile, until its effect.
fn r08_one_effect_per_target(evidence: &Evidence<'_>) {
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

/// **R8**, as the journal has it: attempts and rollbacks that name the same target never overlap, and no step is without one.
fn r08_locks_exclude_each_other(evidence: &Evidence<'_>) {
    let mut running: BTreeMap<Target, IncidentId> = BTreeMap::new();
    in_order(evidence, |incident, event, row| match event {
        E::AttemptStarted { locks, .. } | E::RollbackStarted { locks, .. } | E::AfterwardsStarted { locks, .. } => {
            for target in locks {
                if let Some(other) = running.insert(target.clone(), incident.id) {
                    panic!("{target} is under repair by {other} already: {row:?}");
                }
            }
        }
        E::AttemptEnded { .. } | E::RollbackEnded { .. } | E::AfterwardsEnded { .. } => {
            running.retain(|_, holder| *holder != incident.id)
        }
        E::StepStarted { .. } => {
            let locked = running.values().any(|holder| *holder == incident.id);
            assert!(locked || incident.phase.label() == "acting", "no lock: {row:?}");
        }
        _ => {}
    });
}

/// **R9** Intent is durable before each effect: each call has a `StepStarted` of its own that was on disk before.
fn r09_every_effect_was_announced(evidence: &Evidence<'_>) {
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

/// **R10** A once-only step is never repeated after a crash; one whose effect can be seen is not repeated once it was seen.
fn r10_once_stays_once(evidence: &Evidence<'_>) {
    let mut seen: HashMap<(AttemptId, &str), &Call> = HashMap::new();
    for call in evidence.calls {
        let Some(first) = seen.insert((call.attempt, &call.text), call) else { continue };
        assert_ne!(call.kind, "post", "never repeated, and was: {call:?}");
        if matches!(call.kind, "restart" | "undo.restart") {
            assert_eq!(first.unit.start, call.unit.start, "repeated although it had taken effect:\n{first:?}\n{call:?}");
        }
    }
}

/// **R11** Budgets count at intent time in the store; no restart and no clock step enlarges them: in any window.
fn r11_budgets_hold(evidence: &Evidence<'_>) {
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

/// **R14** Attempts back off, and the schedule survives restarts: after the n-th attempt in ten minutes that did not help,
/// `base * 2^(n-1)`, at most `max`, counted from its end.
fn r14_attempts_back_off(evidence: &Evidence<'_>) {
    let Limits { cooldown, .. } = books::all()[0].limits.clone();
    // Of each target: when an attempt began and ended, and whether it was verified.
    let mut past: HashMap<Target, Vec<(AttemptId, Time, Time, bool)>> = HashMap::new();
    for row in evidence.rows {
        let Record::Incident { id, event } = &row.record else { continue };
        match event {
            E::AttemptStarted { attempt, locks, charged: true, .. } => {
                for target in locks {
                    let list = past.entry(target.clone()).or_default();
                    let recent = list.iter().filter(|(_, began, ..)| row.at.since(*began) < Duration::from_secs(600));
                    let failed: Vec<Time> = recent.filter(|(.., verified)| !verified).map(|(_, _, ended, _)| *ended).collect();
                    let wait = cooldown.base * 2_u32.pow(u32::try_from(failed.len()).unwrap().clamp(1, 8) - 1);
                    if let Some(last) = failed.iter().max() {
                        assert!(row.at >= *last + wait.min(cooldown.max), "{wait:?} after {last} at the earliest: {row:?}");
                    }
                    list.push((AttemptId { incident: *id, number: *attempt }, row.at, row.at, false));
                }
            }
            E::AttemptEnded { attempt, outcome, .. } => {
                let me = AttemptId { incident: *id, number: *attempt };
                for one in past.values_mut().flatten().filter(|(id, ..)| *id == me) {
                    (one.2, one.3) = (row.at, *outcome == AttemptOutcome::Healed);
                }
            }
            _ => {}
        }
    }
}

/// **R15** Hands off while someone else acts: what a person stopped or masked, what is at its start limit, starting, or has a
/// job of somebody else pending well before heald's first step, is not touched.
fn r15_hands_off(evidence: &Evidence<'_>) {
    let first: BTreeSet<(AttemptId, &str)> = incident_events(evidence.rows)
        .filter_map(|(_, id, event)| match event {
            E::StepStarted { attempt, section: Section::Rung(_), step: 0, text, .. } => {
                Some((AttemptId { incident: id, number: *attempt }, text.as_str()))
            }
            _ => None,
        })
        .collect();
    let mut sent: BTreeSet<AttemptId> = BTreeSet::new();
    for call in evidence.calls.iter().filter(|call| call.kind == "restart") {
        // Only before its own first effect is it sure that somebody else made it so.
        let alone = sent.insert(call.attempt) && first.contains(&(call.attempt, &call.text));
        let hands_off = matches!(call.unit.is, Is::Stopped | Is::Masked | Is::StartLimit | Is::Starting);
        if alone && hands_off {
            assert!(call.at.since(call.unit.since) < Duration::from_secs(1), "left alone, it should have been: {call:?}");
        }
    }
}

/// **R18**, promise 5: a repair counts only when the probes pass; so the target was really up for as long as they say.
fn r18_healed_was_good(evidence: &Evidence<'_>) {
    in_order(evidence, |incident, event, row| {
        let (E::AttemptEnded { outcome: AttemptOutcome::Healed, .. }, Some(target)) = (event, incident.target()) else { return };
        let states = evidence.states.iter().find(|(name, _)| **name == target.name()).map(|(_, states)| states);
        // Looks take up to 0.2 s, and the stable period is 2 s.
        let from = Time(row.at.0 - 1_500);
        let mut was = states.unwrap().iter().rev().skip_while(|(at, _)| *at > Time(row.at.0 - 400));
        let (since, is) = was.next().expect("it was something");
        assert!(*is == Is::Up && *since <= from, "{target} was {is:?} since {since}: {row:?}");
    });
}

/// **R20** SIGTERM and kill -9 lead to the same states: numbers without a gap, time that never runs backwards, whatever the
/// wall clock did.
fn r20_time_and_numbers_go_on(evidence: &Evidence<'_>) {
    for pair in evidence.rows.windows(2) {
        assert!(pair[1].at >= pair[0].at, "time ran backwards at {:?}", pair[1]);
        assert_eq!(pair[1].seq.0, pair[0].seq.0 + 1, "a gap before {:?}", pair[1]);
    }
}

/// **R21** The kill switch stops new effects and survives a restart; so do holds. Escalation goes on.
fn r21_nothing_starts_while_paused(evidence: &Evidence<'_>) {
    let mut house = House::default();
    let mut incidents: BTreeMap<IncidentId, Incident> = BTreeMap::new();
    for row in evidence.rows {
        match &row.record {
            Record::House(event) => house.apply(event, row.at),
            Record::Incident { id, event } => {
                if let Some(incident) = Incident::open(*id, event, row.at) {
                    incidents.insert(*id, incident);
                }
                if matches!(event, E::StepStarted { .. }) {
                    assert!(house.paused(row.at).is_none(), "while paused: {row:?}");
                    let target = incidents.get(id).and_then(Incident::target);
                    assert!(target.and_then(|target| house.held(target, row.at)).is_none(), "on hold: {row:?}");
                }
            }
        }
    }
}

/// **R22** Observe mode makes zero effects, at the world's side.
fn r22_an_observer_touches_nothing(evidence: &Evidence<'_>) {
    let observers: BTreeSet<IncidentId> = incident_events(evidence.rows)
        .filter(|(_, _, event)| matches!(event, E::Opened { playbook, .. } if &*playbook.0 == "trial"))
        .map(|(_, id, _)| id)
        .collect();
    let touched = evidence.calls.iter().find(|call| observers.contains(&call.attempt.incident));
    assert!(touched.is_none(), "an observer acts: {touched:?}");
}

/// **R26** Where consent is needed, each attempt has its own: given to that number, not expired, not denied.
fn r26_consent_is_used_once(evidence: &Evidence<'_>) {
    let mut given: HashMap<IncidentId, (u32, Time, bool)> = HashMap::new();
    in_order(evidence, |incident, event, row| match event {
        E::ApprovalAsked { attempt, expires, .. } => drop(given.insert(incident.id, (*attempt, *expires, false))),
        E::Approved { attempt, .. } => {
            let asked = given.get_mut(&incident.id).unwrap_or_else(|| panic!("nobody asked: {row:?}"));
            assert!(asked.0 == *attempt && row.at < asked.1, "another attempt, or too late: {row:?}");
            asked.2 = true;
        }
        E::Denied { .. } => drop(given.remove(&incident.id)),
        E::AttemptStarted { attempt, .. } if &*incident.playbook.0 == "asked" => {
            let consent = given.remove(&incident.id);
            assert!(
                consent.is_some_and(|(number, expires, yes)| yes && number == *attempt && row.at < expires),
                "unasked: {row:?}"
            );
        }
        _ => {}
    });
}

/// **R25** Messages are delivered at least once, and a death repeats at most the one that was under way.
fn r25_a_death_repeats_one_message(evidence: &Evidence<'_>) {
    let mut due: BTreeSet<(IncidentId, u32, String)> = BTreeSet::new();
    for row in evidence.rows {
        let (id, number, to) = match &row.record {
            Record::Incident { id, event: E::NoticeDue { number, to, .. } | E::PassedOn { number, to, .. } } => {
                (*id, *number, to)
            }
            Record::House(HouseEvent::NoticeDue { number, to, .. } | HouseEvent::PassedOn { number, to, .. }) => {
                (IncidentId(0), *number, to)
            }
            _ => continue,
        };
        due.extend(to.iter().map(|channel| (id, number, channel.clone())));
    }
    let mut read: HashMap<(IncidentId, u32, String), usize> = HashMap::new();
    for told in evidence.told.iter().filter(|told| told.accepted) {
        *read.entry((told.incident, told.number, told.channel.clone())).or_default() += 1;
    }
    for (key, count) in read {
        assert!(due.contains(&key) && count <= 1 + evidence.deaths.len(), "{key:?} told {count} times");
    }
}

/// An incident is one episode, rolled back once, escalated once, and never left with its locks.
fn the_end_is_lawful(evidence: &Evidence<'_>) {
    let mut open: BTreeMap<(String, String), IncidentId> = BTreeMap::new();
    let mut rolled_back: BTreeSet<IncidentId> = BTreeSet::new();
    in_order(evidence, |incident, event, row| match event {
        E::Opened { .. } => {
            let key = (incident.playbook.to_string(), format!("{:?}", incident.subject));
            let twin = open.insert(key, incident.id);
            assert!(twin.is_none(), "opened beside {twin:?}: {row:?}");
        }
        E::RollbackStarted { .. } => assert!(rolled_back.insert(incident.id), "rolled back twice: {row:?}"),
        // A new account, by a person's word.
        E::Retried { .. } => drop(rolled_back.remove(&incident.id)),
        E::Escalated { .. } => {
            assert!(!matches!(incident.phase, Phase::Escalated { .. }), "escalated twice: {row:?}");
            assert!(!incident.holds_locks(), "left its locks behind: {row:?}");
        }
        E::Closed { .. } => {
            assert!(!incident.holds_locks(), "closed in the middle of it: {row:?}");
            open.retain(|_, id| *id != incident.id);
        }
        _ => {}
    });
}

/// Calls with each event of an incident and the incident before it (for `Opened`: after it).
fn in_order<'a>(evidence: &Evidence<'a>, mut visit: impl FnMut(&Incident, &'a E, &'a Row)) {
    let mut incidents: BTreeMap<IncidentId, Incident> = BTreeMap::new();
    for row in evidence.rows {
        let Record::Incident { id, event } = &row.record else { continue };
        if let Some(incident) = Incident::open(*id, event, row.at) {
            visit(&incident, event, row);
            incidents.insert(*id, incident);
            continue;
        }
        let incident = incidents.get_mut(id).expect("opened first");
        visit(incident, event, row);
        incident.apply(event, row.at);
    }
}

type Attached<'a> = (IncidentId, Option<Option<IncidentId>>, (&'a Fingerprint, Timestamp));

/// Every alert that an incident took; `Some`: that opened it, with its predecessor.
fn attached<'a>(evidence: &Evidence<'a>) -> impl Iterator<Item = Attached<'a>> {
    incident_events(evidence.rows).filter_map(|(_, id, event)| match event {
        E::Opened { fingerprint, starts_at, previous, .. } => Some((id, Some(*previous), (fingerprint, *starts_at))),
        E::AlertAttached { fingerprint, starts_at, .. } => Some((id, None, (fingerprint, *starts_at))),
        _ => None,
    })
}

pub fn incident_events(rows: &[Row]) -> impl Iterator<Item = (Seq, IncidentId, &E)> {
    rows.iter().filter_map(|row| match &row.record {
        Record::Incident { id, event } => Some((row.seq, *id, event)),
        Record::House(_) => None,
    })
}
