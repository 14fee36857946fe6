//! What is in force: what a reload replaces between two rounds, and what of it a decision is told.
//!
//! Open incidents keep the revision of their playbook; what tightens (allow-list, guards, a lower mode, a smaller
//! budget) holds at the next permit all the same.

use super::handle::Unavailable;
use super::pace::Pace;
use super::world::World;
use super::{Driver, Round};
use crate::domain::decide::Signal;
use crate::domain::guard::Facts;
use crate::domain::id::{IncidentId, Revision};
use crate::domain::incident::Incident;
use crate::domain::playbook::{Library, Mode, Playbook};
use crate::domain::policy::Policy;
use crate::domain::target::AllowList;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The part of the configuration that a reload replaces, all of it at once.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The alert's label that names its host.
    pub host_label: String,
    pub allow: AllowList,
    /// Alertmanager's: how long it may keep a second failure to itself.
    pub group_interval: Duration,
    pub policy: Policy,
    /// The playbooks, each with the text that the store keeps of it.
    pub books: Vec<(Arc<Playbook>, Arc<str>)>,
}

/// Waits for the end of the round that it came in.
#[derive(Debug)]
pub(super) struct Reload {
    pub in_force: Box<InForce>,
    pub reply: oneshot::Sender<Result<(), Unavailable>>,
}

/// Breakers, the flapping count and self-protection look so far back at least.
const LEDGER_MIN: Duration = Duration::from_secs(86_400);

impl InForce {
    pub(super) fn library(&self) -> Library {
        Library::new(self.books.iter().map(|(book, _)| Arc::clone(book)).collect())
    }

    pub(super) fn editions(&self) -> HashMap<Revision, Arc<str>> {
        self.books.iter().map(|(book, text)| (book.revision.clone(), Arc::clone(text))).collect()
    }
}

impl<W: World> Driver<W> {
    /// Puts in force what was asked for during the last round. All that this round decides goes by it.
    pub(super) async fn reload(&mut self, round: &mut Round) {
        if self.reloads.is_empty() {
            return;
        }
        let mut replaced = false;
        for Reload { in_force, reply } in std::mem::take(&mut self.reloads) {
            let answer = self.look_back(&in_force).await.map_err(Unavailable::Store);
            if answer.is_ok() {
                self.put_in_force(*in_force);
                replaced = true;
            }
            drop(reply.send(answer));
        }
        if replaced {
            let now = self.clock.now();
            self.count_anew(round);
            for held in self.state.held() {
                self.signal(held, Signal::Unblocked, now, round);
            }
        }
    }

    /// By the groups and thresholds in force: who is down, from what heald stands back, how fast it may go.
    fn count_anew(&mut self, round: &mut Round) {
        let now = self.clock.now();
        let policy = &self.config.in_force.policy;
        self.state.regroup(&policy.blast.groups);
        self.pace = Pace::replayed(policy.rate, self.state.ledger.all(), now);
        self.shown.changed();
        let mut groups: Vec<String> = self.state.house.apart.keys().cloned().collect();
        for id in self.state.incidents.keys() {
            groups.extend(self.state.ledger.census.groups_of(*id).iter().cloned());
        }
        // Records are numbered from 1: nobody's incident, no further groups.
        self.weather(groups, IncidentId(0), now, round);
    }

    /// How far back a guard looks: by what is in force, and by the revisions that incidents are pinned to.
    pub(super) fn longest_window(&self) -> Duration {
        let books = self.library.books().iter().chain(self.pinned.values());
        longest(books, &self.config.in_force.policy)
    }

    /// A budget that looks further back than all before it must find the attempts that the ledger has let go.
    async fn look_back(&mut self, wanted: &InForce) -> Result<(), String> {
        let window = longest(wanted.books.iter().map(|(book, _)| book), &wanted.policy);
        if window <= self.longest_window() {
            return Ok(());
        }
        let read = self.with_store(move |store| {
            store.look_back(window);
            store.reload()
        });
        let loaded = read.await?.map_err(|error| error.to_string())?;
        self.state.relearn(&loaded);
        Ok(())
    }

    fn put_in_force(&mut self, in_force: InForce) {
        let (library, editions) = (in_force.library(), in_force.editions());
        let used: HashSet<&Revision> = self.state.incidents.values().map(|incident| &incident.revision).collect();
        // Their texts are on disk since the incidents opened with them.
        for book in self.library.books().iter().filter(|book| used.contains(&book.revision)) {
            self.pinned.insert(book.revision.clone(), Arc::clone(book));
        }
        self.pinned.retain(|revision, _| used.contains(revision) && !editions.contains_key(revision));
        self.world.reloaded(&in_force.allow);
        (self.library, self.editions, self.config.in_force) = (library, editions, in_force);
    }

    /// The pinned revision; failing that, the one in force.
    pub(super) fn playbook_of(&self, incident: &Incident) -> Option<Arc<Playbook>> {
        let in_force = self.library.get(&incident.playbook);
        match in_force {
            Some(book) if book.revision == incident.revision => Some(Arc::clone(book)),
            _ => self.pinned.get(&incident.revision).or(in_force).cloned(),
        }
    }

    pub(super) fn facts<'a>(&'a self, playbook: &'a Playbook) -> Facts<'a> {
        // What tightens holds at once, also for pinned revisions.
        let in_force = self.library.get(&playbook.id);
        let earned = if playbook.earns { self.state.house.trust(playbook).level } else { Mode::Auto };
        Facts {
            playbook,
            mode: playbook.mode.min(in_force.map_or(playbook.mode, |book| book.mode)).min(earned),
            removed: in_force.is_none(),
            budget_in_force: in_force.map_or(&[], |book| &book.limits.budget),
            allow: &self.config.in_force.allow,
            policy: &self.config.in_force.policy,
            house: &self.state.house,
            ledger: &self.state.ledger,
            pace: &self.pace,
            group_interval: self.config.in_force.group_interval,
            asks_alertmanager: self.config.asks_alertmanager,
            wall: self.clock.wall(),
            host: &self.config.host,
            #[cfg(any(test, feature = "failpoints"))]
            without: self.config.without,
        }
    }
}

fn longest<'a>(books: impl Iterator<Item = &'a Arc<Playbook>>, policy: &Policy) -> Duration {
    let windows = books.flat_map(|book| &book.limits.budget).chain(policy.budgets.each()).map(|budget| budget.window);
    windows.max().unwrap_or_default().max(policy.flapping.within).max(LEDGER_MIN)
}
