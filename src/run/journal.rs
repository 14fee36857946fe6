//! The loop and its journal: committing, taking back what could not be committed, folding what is there, forgetting.

use super::handle::Reply;
use super::pace::Pace;
use super::perform::Answer;
use super::state::State;
use super::world::World;
use super::{Driver, ROUND_MAX, Round};
use crate::domain::decide::Signal;
use crate::domain::id::IncidentId;
use crate::domain::notice::NoticeKind;
use crate::domain::time::Time;
use crate::store::{Batch, Loaded, Store};
use std::sync::Arc;
use std::time::Duration;

/// How long the journal keeps what is over.
const RETENTION: Duration = Duration::from_secs(90 * 86_400);
const CHORES_EVERY: Duration = Duration::from_secs(6 * 3_600);
/// After a failed commit.
const STORE_RETRY: Duration = Duration::from_secs(1);

impl<W: World> Driver<W> {
    pub(super) async fn commit(&mut self, batch: Batch) -> Result<Batch, String> {
        let started = tokio::time::Instant::now();
        let committed = self.with_store(move |store| {
            let result = store.commit(&batch);
            (batch, result, store.space())
        });
        let (batch, result, space) = committed.await?;
        self.show_space(space);
        if let Err(error) = result {
            if !error.is_passing() {
                self.fatal = Some(error.to_string());
            }
            return Err(error.to_string());
        }
        self.telemetry.committed(batch.rows.len(), started.elapsed(), self.clock.wall().as_millisecond());
        self.store_trouble = None;
        Ok(batch)
    }

    /// Writes the mark alone, where that is asked for: a sign of life is worth nothing if it says only that the loop turns.
    pub(super) async fn prove(&mut self, now: Time) {
        let due = self.config.proof_every.is_some_and(|every| now.since(self.proven) >= every);
        if due && self.store_trouble.is_none() {
            self.proven = now;
            let batch = Batch { rows: Vec::new(), editions: Vec::new(), done: Vec::new(), mark: self.clock.mark() };
            if let Err(why) = self.commit(batch).await {
                self.take_back(why, Vec::new(), Vec::new()).await;
            }
        }
    }

    /// On the blocking pool: a disk that hangs must not hang the runtime. A panic there ends the loop, for the store is lost with it.
    pub(super) async fn with_store<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Result<T, String> {
        let Some(mut store) = self.store.take() else { return Err("the store is gone".to_owned()) };
        let task = tokio::task::spawn_blocking(move || {
            let result = work(&mut store);
            (store, result)
        });
        match task.await {
            Ok((store, result)) => {
                self.store = Some(store);
                Ok(result)
            }
            Err(error) => {
                let why = format!("the store's thread died: {error}");
                self.fatal = Some(why.clone());
                Err(why)
            }
        }
    }

    /// Nothing of the round is on disk: what is there is the truth, and the answers are handled again.
    pub(super) async fn take_back(&mut self, why: String, replies: Vec<Reply>, answers: Vec<Answer>) {
        for reply in replies {
            reply.refuse(&why);
        }
        if self.store_trouble.as_ref() != Some(&why) {
            tracing::error!(reason = %why, "the journal can't be written: nothing is taken on and nothing is done until it can");
            let what = format!("no alert is taken on and nothing is repaired until the journal can be written: {why}");
            self.cry(NoticeKind::EscalateOnly, &what);
        }
        self.store_trouble = Some(why);
        tokio::time::sleep(STORE_RETRY).await;
        // Should this fail too, the answers are lost with it; evidence settles their steps later.
        self.proven = Time::default();
        // What was to be told of heald itself was not recorded either.
        self.told_of_house.retain(|(kind, _), _| *kind == NoticeKind::EscalateOnly);
        match self.with_store(|store| store.reload()).await {
            Ok(Ok(loaded)) => {
                self.adopt(&loaded);
                // What is under way stays so, and so does what only waits for its answer to be heard again.
                let answered: Vec<IncidentId> = self.performer.requeue(answers);
                let idle =
                    self.state.incidents.keys().copied().filter(|id| !self.performer.is_busy(*id) && !answered.contains(id));
                self.unsettled = idle.collect();
            }
            Ok(Err(error)) => tracing::error!(reason = %error, "the journal can't be read back"),
            Err(why) => tracing::error!(reason = %why, "the journal can't be read back"),
        }
    }

    pub(super) fn adopt(&mut self, loaded: &Loaded) {
        self.state = State::fold(loaded, &self.config.in_force.policy.blast.groups);
        let mut opened: Vec<Time> = self.state.incidents.values().map(|incident| incident.opened).collect();
        opened.sort();
        self.opened = opened.into();
        self.doubts_end = (self.state.house.blind.is_none()).then(|| self.clock.now() + self.config.in_force.group_interval);
        self.pace = Pace::replayed(self.config.in_force.policy.rate, self.state.ledger.all(), self.clock.now());
        self.shown.changed();
        self.began &= self.state.house.running;
        self.next_seq = loaded.next_seq;
        for (revision, text) in &loaded.editions {
            if self.editions.contains_key(revision) || self.pinned.contains_key(revision) {
                continue;
            }
            match (self.config.compile)(text) {
                Ok(book) => {
                    self.pinned.insert(revision.clone(), Arc::new(book));
                }
                Err(why) => {
                    tracing::error!(%revision, reason = %why, "a stored playbook can't be read; its incidents use the one in force")
                }
            }
        }
    }

    /// After a start, or after a round that was taken back: heald looks first, then decides.
    pub(super) fn settle(&mut self, round: &mut Round) {
        let now = self.clock.now();
        let batch = self.unsettled.len().min(ROUND_MAX);
        for id in self.unsettled.drain(..batch).collect::<Vec<_>>() {
            self.signal(id, Signal::Recovered { crashed: self.crashed }, now, round);
        }
    }

    /// Forgets what no budget and no reader needs any more.
    pub(super) async fn chores(&mut self, now: Time) {
        self.next_chores = now + CHORES_EVERY;
        let longest = self.longest_window();
        self.state.prune(now, longest);
        self.shown.changed();
        let keep = RETENTION.max(longest);
        let before = Time(now.0.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX)));
        let pruned = self.with_store(move |store| (store.prune(before), store.space())).await;
        let pruned = pruned.map(|(pruned, space)| {
            self.show_space(space);
            pruned
        });
        match pruned {
            // A bounded piece at a time; the loop goes on in between.
            Ok(Ok(pruned)) if pruned.more => self.next_chores = now,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(reason = %error, "old journal records can't be removed"),
            Err(why) => tracing::error!(reason = %why, "old journal records can't be removed"),
        }
    }
}
