//! Retention: what is over and old goes; what a decision may still need stays.

use super::load::record;
use super::{CommitError, ReadError, Store};
use crate::domain::house::HouseEvent;
use crate::domain::target::Target;
use crate::domain::time::Time;
use rusqlite::{Transaction, TransactionBehavior, params};
use std::collections::HashSet;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub incidents: usize,
    pub events: usize,
    pub editions: usize,
    /// Call again: one call does a bounded piece, for the loop waits meanwhile.
    pub more: bool,
}

/// A few milliseconds' worth.
const INCIDENTS_MAX: usize = 200;

impl Store {
    /// Removes incidents that were done, and had their last record, before `before`; house events that later ones
    /// have made void; editions that no remaining incident names. The last record always stays: numbers go on from it.
    ///
    /// `before` must lie further back than the longest budget window, for the charges go with their incidents.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn prune(&mut self, before: Time) -> Result<Pruned, CommitError> {
        if self.broken {
            return Err(CommitError::Broken { why: "an earlier write failed half-way".to_owned() });
        }
        let done = self.remove(before);
        if let Err(error) = &done {
            self.broken = matches!(error, CommitError::Broken { .. });
        }
        done
    }

    fn remove(&mut self, before: Time) -> Result<Pruned, CommitError> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let old: Vec<i64> = tx
            .prepare_cached(
                "SELECT id FROM incidents WHERE done_at IS NOT NULL AND done_at < ?1
                 AND NOT EXISTS (SELECT 1 FROM events WHERE incident = id AND (at >= ?1 OR seq = (SELECT max(seq) FROM events)))
                 ORDER BY done_at LIMIT ?2",
            )?
            .query_map(params![before.0, INCIDENTS_MAX], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut pruned = Pruned { incidents: old.len(), more: old.len() == INCIDENTS_MAX, ..Pruned::default() };
        for id in &old {
            pruned.events += tx.prepare_cached("DELETE FROM events WHERE incident = ?1")?.execute([id])?;
            tx.prepare_cached("DELETE FROM alerts WHERE incident = ?1")?.execute([id])?;
            tx.prepare_cached("DELETE FROM incidents WHERE id = ?1")?.execute([id])?;
        }
        for seq in void_house_events(&tx, before)? {
            pruned.events +=
                tx.prepare_cached("DELETE FROM events WHERE seq = ?1 AND seq < (SELECT max(seq) FROM events)")?.execute([seq])?;
        }
        pruned.editions =
            tx.prepare_cached("DELETE FROM editions WHERE hash NOT IN (SELECT revision FROM incidents)")?.execute([])?;
        tx.commit()?;
        Ok(pruned)
    }
}

/// Old ones that the latest word on the same thing has replaced, and old latest words that say "as if nothing had been".
fn void_house_events(tx: &Transaction<'_>, before: Time) -> Result<Vec<i64>, CommitError> {
    let mut query = tx.prepare_cached("SELECT seq, at, body FROM events WHERE incident IS NULL ORDER BY seq DESC")?;
    let mut rows = query.query([])?;
    let mut spoken: HashSet<Option<Target>> = HashSet::new();
    let mut void = Vec::new();
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let body: String = row.get(2)?;
        let event: HouseEvent =
            record(seq.unsigned_abs(), &body).map_err(|error: ReadError| CommitError::Broken { why: error.to_string() })?;
        let (about, lifts) = match event {
            HouseEvent::Paused { .. } => (None, false),
            HouseEvent::Resumed { .. } => (None, true),
            HouseEvent::HoldPlaced { target, .. } => (Some(target), false),
            HouseEvent::HoldLifted { target, .. } => (Some(target), true),
        };
        let latest = spoken.insert(about);
        if row.get::<_, i64>(1)? < before.0 && (!latest || lifts) {
            void.push(seq);
        }
    }
    Ok(void)
}
