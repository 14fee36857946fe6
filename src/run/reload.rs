//! What may change while heald runs, and its replacement between two rounds.
//!
//! Open incidents keep the revision of their playbook; what tightens (allow-list, a lower mode, a smaller budget)
//! holds at the next permit all the same, for `Driver::facts` reads it from what is in force.

use super::handle::Unavailable;
use super::world::World;
use super::{Driver, Round};
use crate::domain::decide::Signal;
use crate::domain::id::Revision;
use crate::domain::playbook::{Library, Playbook};
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
    /// The playbooks, each with the text that the store keeps of it.
    pub books: Vec<(Arc<Playbook>, Arc<str>)>,
}

/// Waits for the end of the round that it came in.
#[derive(Debug)]
pub(super) struct Reload {
    pub in_force: Box<InForce>,
    pub reply: oneshot::Sender<Result<(), Unavailable>>,
}

/// No ledger is kept shorter than this, whatever the budgets say.
const LEDGER_MIN: Duration = Duration::from_secs(3_600);

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
            for held in self.state.held() {
                self.signal(held, Signal::Unblocked, now, round);
            }
        }
    }

    /// How far back a budget looks: those in force, and those of revisions that incidents are pinned to.
    pub(super) fn longest_window(&self) -> Duration {
        let books = self.library.books().iter().chain(self.pinned.values());
        longest(books).max(LEDGER_MIN)
    }

    /// A budget that looks further back than all before it must find the attempts that the ledger has let go.
    async fn look_back(&mut self, wanted: &InForce) -> Result<(), String> {
        let window = longest(wanted.books.iter().map(|(book, _)| book));
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
}

fn longest<'a>(books: impl Iterator<Item = &'a Arc<Playbook>>) -> Duration {
    books.flat_map(|book| book.limits.budget.iter().map(|budget| budget.window)).max().unwrap_or_default()
}
