//! All that the loop knows, folded from the journal: incidents, their indexes, the ledger, the house.

use super::census::Census;
use super::ledger::Ledger;
use crate::domain::guard::Guard;
use crate::domain::house::{House, HouseEvent};
use crate::domain::id::{Fingerprint, IncidentId, PlaybookId};
use crate::domain::incident::{Incident, IncidentEvent, Phase, Subject};
use crate::domain::outbox::DIGEST;
use crate::domain::policy::Group;
use crate::domain::target::Target;
use crate::domain::time::Time;
use crate::store::Loaded;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

#[derive(Debug, Default)]
pub struct State {
    pub incidents: BTreeMap<IncidentId, Incident>,
    pub house: House,
    pub ledger: Ledger,
    /// Open incidents by what they are about.
    keys: HashMap<(PlaybookId, Subject), IncidentId>,
    /// Open incidents by alert.
    alerts: HashMap<Fingerprint, IncidentId>,
    /// Alerts of incidents that are over, the newest last: their repeats are looked at before anything is done.
    closed: HashMap<Fingerprint, (Timestamp, IncidentId)>,
    closed_order: VecDeque<Fingerprint>,
    /// By what they are about.
    waiting_for_locks: HashMap<Target, BTreeSet<IncidentId>>,
    /// Who is held, by which guard.
    held: BTreeMap<Guard, BTreeSet<IncidentId>>,
    held_as: HashMap<IncidentId, Guard>,
    timers: BTreeSet<(Time, IncidentId)>,
    timer_of: HashMap<IncidentId, Time>,
    phases: BTreeMap<&'static str, usize>,
    /// Since when something of them waits for the digest.
    digest: BTreeMap<IncidentId, Time>,
    owing: BTreeSet<IncidentId>,
    /// The configuration's, for the census.
    groups: Vec<Group>,
}

/// Bounds the memory for repeats of closed alerts; older ones open a linked-less incident, which looks first too.
const CLOSED_MAX: usize = 50_000;

/// What an event changed for others.
#[derive(Debug, Default)]
pub struct Change {
    /// Targets whose locks were freed.
    pub freed: Vec<Target>,
    /// The number of targets that are down has changed.
    pub census: bool,
}

impl State {
    /// From the journal, as after any restart.
    pub fn fold(loaded: &Loaded, groups: &[Group]) -> Self {
        let mut state = Self { groups: groups.to_vec(), ..Self::default() };
        for (at, event) in &loaded.house {
            state.house.apply(event, *at);
        }
        state.relearn(loaded);
        // The newest come first in `loaded`, and the newest of an alert counts.
        for closed in loaded.closed.iter().rev() {
            if let Subject::Target(target) = &closed.subject {
                state.ledger.open(&closed.playbook, target, closed.opened_at);
            }
            for (fingerprint, starts_at) in &closed.alerts {
                state.remember_closed(fingerprint.clone(), *starts_at, closed.id);
            }
        }
        for (id, events) in &loaded.open {
            let mut events = events.iter();
            let Some(mut incident) = events.next().and_then(|(at, event)| Incident::open(*id, event, *at)) else { continue };
            for (at, event) in events {
                incident.apply(event, *at);
            }
            state.insert(incident);
        }
        state
    }

    /// The attempts alone, as far back as they were read.
    pub fn relearn(&mut self, loaded: &Loaded) {
        let old = std::mem::take(&mut self.ledger);
        self.ledger = Ledger::anew(old);
        for (at, id, playbook, event) in &loaded.attempts {
            self.ledger.apply(*id, playbook, event, *at);
        }
    }

    pub fn apply_house(&mut self, event: &HouseEvent, at: Time) {
        self.house.apply(event, at);
    }

    /// Applies an event to its incident and to everything derived from it.
    pub fn apply(&mut self, id: IncidentId, event: &IncidentEvent, at: Time) -> Change {
        if let Some(incident) = Incident::open(id, event, at) {
            return Change { census: self.insert(incident), freed: Vec::new() };
        }
        let Some(incident) = self.incidents.get_mut(&id) else { return Change::default() };
        let freed = self.ledger.apply(id, &incident.playbook, event, at);
        let before = incident.phase.label();
        incident.apply(event, at);
        let after = incident.phase.label();
        let census = self.ledger.census.update(incident, &self.groups);
        self.count(Some(before), Some(after));
        match event {
            IncidentEvent::AlertAttached { fingerprint, .. } => {
                self.alerts.insert(fingerprint.clone(), id);
            }
            IncidentEvent::Closed { .. } => self.leave_indexes(id),
            _ => {}
        }
        self.reindex(id);
        Change { freed, census }
    }

    /// Another configuration: everybody is counted anew.
    pub fn regroup(&mut self, groups: &[Group]) {
        self.groups = groups.to_vec();
        self.ledger.census = Census::default();
        for incident in self.incidents.values().filter(|incident| incident.is_open()) {
            self.ledger.census.update(incident, groups);
        }
    }

    pub fn open_for(&self, playbook: &PlaybookId, subject: &Subject) -> Option<IncidentId> {
        self.keys.get(&(playbook.clone(), subject.clone())).copied()
    }

    pub fn open_with(&self, fingerprint: &Fingerprint) -> Option<&Incident> {
        self.alerts.get(fingerprint).and_then(|id| self.incidents.get(id))
    }

    /// The last closed incident of this alert, for a repeat of its last episode or of one before.
    pub fn closed_with(&self, fingerprint: &Fingerprint, starts_at: Timestamp) -> Option<IncidentId> {
        self.closed.get(fingerprint).filter(|(start, _)| *start >= starts_at).map(|(_, id)| *id)
    }

    /// Whether a channel is still to take a notice. Incident 0: heald itself.
    pub fn owes(&self, id: IncidentId, number: u32, channel: &str) -> bool {
        let outbox = if id == IncidentId(0) { Some(&self.house.outbox) } else { self.incidents.get(&id).map(|one| &one.outbox) };
        outbox.is_some_and(|outbox| outbox.owes(number, channel))
    }

    /// Incidents with something for the digest.
    pub fn in_digest(&self) -> impl Iterator<Item = &Incident> {
        self.digest.keys().filter_map(|id| self.incidents.get(id))
    }

    /// Since when the oldest of that waits.
    pub fn digest_since(&self) -> Option<Time> {
        self.digest.values().min().copied()
    }

    /// Incidents with something that a channel has not taken yet.
    pub fn owing(&self) -> impl Iterator<Item = &Incident> {
        self.owing.iter().filter_map(|id| self.incidents.get(id))
    }

    /// Who waits for the lock of one of these targets.
    pub fn waiting_for(&self, targets: &[Target]) -> Vec<IncidentId> {
        targets.iter().filter_map(|target| self.waiting_for_locks.get(target)).flatten().copied().collect()
    }

    pub fn held_by(&self, guard: Guard) -> Vec<IncidentId> {
        self.held.get(&guard).into_iter().flatten().copied().collect()
    }

    pub fn held_count(&self, guard: Guard) -> usize {
        self.held.get(&guard).map_or(0, BTreeSet::len)
    }

    pub fn held(&self) -> Vec<IncidentId> {
        self.held.values().flatten().copied().collect()
    }

    pub fn timer(&self, id: IncidentId) -> Option<Time> {
        self.timer_of.get(&id).copied()
    }

    pub fn next_timer(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    pub fn due(&mut self, now: Time, limit: usize) -> Vec<IncidentId> {
        let due: Vec<(Time, IncidentId)> = self.timers.iter().take_while(|(at, _)| *at <= now).take(limit).copied().collect();
        for (at, id) in &due {
            self.timers.remove(&(*at, *id));
            self.timer_of.remove(id);
        }
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Sets when the incident is woken; `None`: by events only.
    pub fn set_timer(&mut self, id: IncidentId, at: Option<Time>) {
        if let Some(old) = self.timer_of.remove(&id) {
            self.timers.remove(&(old, id));
        }
        if let Some(at) = at {
            self.timers.insert((at, id));
            self.timer_of.insert(id, at);
        }
    }

    /// The timer that went off was one of several: the others are still to come.
    pub fn rearm(&mut self, id: IncidentId, now: Time) {
        let wake = self.incidents.get(&id).and_then(|incident| incident.wake_after(now));
        if wake.is_some() && !self.timer_of.contains_key(&id) {
            self.set_timer(id, wake);
        }
    }

    pub fn prune(&mut self, now: Time, horizon: std::time::Duration) {
        self.ledger.prune(now, horizon);
    }

    /// Incidents by phase, for metrics and `status`.
    pub fn by_phase(&self) -> Vec<(&'static str, usize)> {
        self.phases.iter().map(|(phase, count)| (*phase, *count)).collect()
    }

    fn count(&mut self, before: Option<&'static str>, after: Option<&'static str>) {
        if let Some(count) = before.and_then(|phase| self.phases.get_mut(phase)) {
            *count = count.saturating_sub(1);
        }
        if let Some(phase) = after {
            *self.phases.entry(phase).or_default() += 1;
        }
    }

    fn insert(&mut self, incident: Incident) -> bool {
        let id = incident.id;
        if let Some(target) = incident.target() {
            self.ledger.open(&incident.playbook, target, incident.opened);
        }
        let census = self.ledger.census.update(&incident, &self.groups);
        if incident.is_open() {
            self.keys.insert((incident.playbook.clone(), incident.subject.clone()), id);
            for fingerprint in incident.alerts.keys() {
                self.alerts.insert(fingerprint.clone(), id);
            }
        }
        if !incident.is_open() {
            // Closed, and somebody is still to be told.
            for (fingerprint, alert) in &incident.alerts {
                self.remember_closed(fingerprint.clone(), alert.starts_at, id);
            }
        }
        self.count(None, Some(incident.phase.label()));
        self.incidents.insert(id, incident);
        self.reindex(id);
        census
    }

    fn reindex(&mut self, id: IncidentId) {
        let Some(incident) = self.incidents.get(&id) else { return };
        let guard = match incident.phase {
            Phase::Held { guard, .. } => Some(guard),
            _ => None,
        };
        let before = match guard {
            Some(guard) => self.held_as.insert(id, guard),
            None => self.held_as.remove(&id),
        };
        if let Some(held) = before.filter(|before| Some(*before) != guard).and_then(|before| self.held.get_mut(&before)) {
            held.remove(&id);
        }
        if let Some(guard) = guard {
            self.held.entry(guard).or_default().insert(id);
        }
        let waits = guard == Some(Guard::Exclusive);
        match incident.target().cloned() {
            Some(target) if waits => drop(self.waiting_for_locks.entry(target).or_default().insert(id)),
            Some(target) => {
                let none_left = self.waiting_for_locks.get_mut(&target).is_some_and(|waiting| {
                    waiting.remove(&id);
                    waiting.is_empty()
                });
                if none_left {
                    self.waiting_for_locks.remove(&target);
                }
            }
            None => {}
        }
        let outbox = &incident.outbox;
        let digest = outbox.owed.iter().filter(|owed| owed.to.contains_key(DIGEST)).map(|owed| owed.since).min();
        match digest {
            Some(since) => drop(self.digest.insert(id, since)),
            None => drop(self.digest.remove(&id)),
        }
        match outbox.owed.is_empty() {
            true => drop(self.owing.remove(&id)),
            false => drop(self.owing.insert(id)),
        }
        let wake = incident.wake();
        let done = incident.is_done();
        if done && let Some(incident) = self.incidents.remove(&id) {
            self.count(Some(incident.phase.label()), None);
        }
        self.set_timer(id, if done { None } else { wake });
    }

    fn leave_indexes(&mut self, id: IncidentId) {
        let Some(incident) = self.incidents.get(&id) else { return };
        self.keys.remove(&(incident.playbook.clone(), incident.subject.clone()));
        let alerts: Vec<(Fingerprint, Timestamp)> =
            incident.alerts.iter().map(|(fingerprint, alert)| (fingerprint.clone(), alert.starts_at)).collect();
        for (fingerprint, starts_at) in alerts {
            self.alerts.remove(&fingerprint);
            self.remember_closed(fingerprint, starts_at, id);
        }
    }

    fn remember_closed(&mut self, fingerprint: Fingerprint, starts_at: Timestamp, id: IncidentId) {
        // A late repeat of an older episode does not make the newer one forgotten, whichever was done with first.
        let known = self.closed.get(&fingerprint).copied().unwrap_or((starts_at, id));
        let newest = (known.0.max(starts_at), known.1.max(id));
        if self.closed.insert(fingerprint.clone(), newest).is_none() {
            self.closed_order.push_back(fingerprint);
        }
        if self.closed_order.len() > CLOSED_MAX
            && let Some(oldest) = self.closed_order.pop_front()
        {
            self.closed.remove(&oldest);
        }
    }
}
