//! Past attempts and present locks, derived from events alone, so that no restart enlarges a budget or loses a lock.

use super::census::Census;
use crate::domain::guard::{Account, GroupCount, Ledger as Facts, Neighbour, PastAttempt};
use crate::domain::id::{AttemptId, IncidentId, PlaybookId};
use crate::domain::incident::IncidentEvent as E;
use crate::domain::target::Target;
use crate::domain::time::Time;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Ledger {
    past: HashMap<Target, Vec<PastAttempt>>,
    by_playbook: HashMap<PlaybookId, Vec<Time>>,
    all: Vec<Time>,
    locks: HashMap<Target, IncidentId>,
    /// Who repairs something within it.
    inside: HashMap<Target, BTreeSet<IncidentId>>,
    running: HashMap<IncidentId, Running>,
    /// Who is down now.
    pub census: Census,
    opened: HashMap<(PlaybookId, Target), Vec<Time>>,
}

/// What the running attempt or rollback of an incident locks, and what contains that.
#[derive(Debug, Default)]
struct Running {
    locks: Vec<Target>,
    within: Vec<Target>,
}

/// How long openings are counted for the repeat offenders.
const OPENED_KEPT: Duration = Duration::from_secs(30 * 86_400);

impl Ledger {
    /// The targets whose locks were freed.
    pub fn apply(&mut self, incident: IncidentId, playbook: &PlaybookId, event: &E, at: Time) -> Vec<Target> {
        match event {
            E::AttemptStarted { attempt, locks, charged, seen, .. } => {
                if *charged {
                    self.charge(AttemptId { incident, number: *attempt }, playbook, locks, at);
                }
                self.lock(incident, locks, &seen.around.within);
                Vec::new()
            }
            E::RollbackStarted { locks, .. } | E::AfterwardsStarted { locks, .. } => {
                self.lock(incident, locks, &[]);
                Vec::new()
            }
            E::AttemptEnded { attempt, outcome, .. } => {
                let id = AttemptId { incident, number: *attempt };
                for target in self.running.get(&incident).into_iter().flat_map(|running| &running.locks) {
                    let list = self.past.get_mut(target).into_iter().flatten().rev();
                    for past in list.filter(|past| past.attempt == id) {
                        past.ended = Some((at, *outcome));
                    }
                }
                self.unlock(incident)
            }
            E::RollbackEnded { .. } | E::AfterwardsEnded { .. } | E::Escalated { .. } | E::Closed { .. } => self.unlock(incident),
            _ => Vec::new(),
        }
    }

    /// Forgets attempts that no window reaches any more.
    pub fn prune(&mut self, now: Time, horizon: Duration) {
        let young = |at: &Time| now.since(*at) < horizon;
        self.past.retain(|_, list| {
            list.retain(|past| young(&past.at));
            !list.is_empty()
        });
        self.by_playbook.retain(|_, list| {
            list.retain(young);
            !list.is_empty()
        });
        self.all.retain(young);
        self.opened.retain(|_, list| {
            list.retain(|at| now.since(*at) < OPENED_KEPT);
            !list.is_empty()
        });
    }

    /// Which playbook was tried on which target; those with fewer attempts than `least` are left out.
    pub fn tried(&self, least: usize) -> impl Iterator<Item = (PlaybookId, Target)> {
        let often = self.past.iter().filter(move |(_, list)| list.len() >= least);
        often.flat_map(|(target, list)| list.iter().map(|past| (past.playbook.clone(), target.clone())))
    }

    /// The attempts on each target, oldest first.
    pub fn by_target(&self) -> impl Iterator<Item = &[PastAttempt]> {
        self.past.values().map(Vec::as_slice)
    }

    /// When attempts were permitted, oldest first.
    pub fn all(&self) -> &[Time] {
        &self.all
    }

    /// Without the attempts, which are to be read again.
    pub fn anew(old: Self) -> Self {
        Self { census: old.census, opened: old.opened, ..Self::default() }
    }

    /// An incident was opened then.
    pub fn open(&mut self, playbook: &PlaybookId, target: &Target, at: Time) {
        let list = self.opened.entry((playbook.clone(), target.clone())).or_default();
        list.push(at);
        // At a start those that are over are told of first.
        list.sort();
    }

    fn charge(&mut self, attempt: AttemptId, playbook: &PlaybookId, targets: &[Target], at: Time) {
        for target in targets {
            let past = PastAttempt { attempt, playbook: playbook.clone(), at, ended: None };
            self.past.entry(target.clone()).or_default().push(past);
        }
        self.by_playbook.entry(playbook.clone()).or_default().push(at);
        self.all.push(at);
    }

    fn lock(&mut self, incident: IncidentId, targets: &[Target], within: &[Target]) {
        for target in targets {
            self.locks.insert(target.clone(), incident);
        }
        for target in within {
            self.inside.entry(target.clone()).or_default().insert(incident);
        }
        self.running.insert(incident, Running { locks: targets.to_vec(), within: within.to_vec() });
    }

    fn unlock(&mut self, incident: IncidentId) -> Vec<Target> {
        let Some(Running { mut locks, within }) = self.running.remove(&incident) else { return Vec::new() };
        for target in &locks {
            if self.locks.get(target) == Some(&incident) {
                self.locks.remove(target);
            }
        }
        for target in &within {
            if let Some(holders) = self.inside.get_mut(target) {
                holders.remove(&incident);
            }
        }
        self.inside.retain(|_, holders| !holders.is_empty());
        locks.extend(within);
        locks
    }
}

impl Facts for Ledger {
    fn opened(&self, playbook: &PlaybookId, target: &Target) -> &[Time] {
        self.opened.get(&(playbook.clone(), target.clone())).map_or(&[], Vec::as_slice)
    }

    fn past(&self, target: &Target) -> &[PastAttempt] {
        self.past.get(target).map_or(&[], Vec::as_slice)
    }

    fn spent(&self, on: Account<'_>) -> &[Time] {
        match on {
            Account::Playbook(playbook) => self.by_playbook.get(playbook).map_or(&[], Vec::as_slice),
            Account::All => &self.all,
        }
    }

    fn lock_holder(&self, target: &Target) -> Option<IncidentId> {
        self.locks.get(target).copied()
    }

    fn lock_inside(&self, target: &Target) -> Option<IncidentId> {
        self.inside.get(target).and_then(|holders| holders.first().copied())
    }

    fn trouble_of(&self, playbook: &PlaybookId) -> Option<Neighbour> {
        self.census.trouble_of(playbook)
    }

    fn trouble_on(&self, target: &Target) -> Option<Neighbour> {
        self.census.trouble_on(target)
    }

    fn down(&self) -> usize {
        self.census.down()
    }

    fn group(&self, key: &str) -> GroupCount {
        self.census.group(key)
    }
}
