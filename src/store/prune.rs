//! Retention: what is over and old goes; what a decision may still need stays.

use super::load::record;
use super::{CommitError, ReadError, Store};
use crate::domain::house::HouseEvent;
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
    let mut spoken: HashSet<String> = HashSet::new();
    let mut void = Vec::new();
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let body: String = row.get(2)?;
        let event: HouseEvent =
            record(seq.unsigned_abs(), &body).map_err(|error: ReadError| CommitError::Broken { why: error.to_string() })?;
        let (about, lifts) = event.about();
        let latest = spoken.insert(about);
        if row.get::<_, i64>(1)? < before.0 && (!latest || lifts) {
            void.push(seq);
        }
    }
    Ok(void)
}

#[cfg(test)]
mod tests {
    use super::super::Pruned;
    use super::super::fixture::{Pen, of, revision, started, target};
    use crate::domain::house::{Hold, HouseEvent};
    use crate::domain::id::Seq;
    use crate::domain::time::Time;

    #[test]
    fn what_is_over_and_old_goes_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let old = pen.incident(100);
        let open = pen.incident(110);
        let young = pen.incident(120);
        pen.finish(old, 200);
        pen.finish(young, 900);
        let pruned = pen.store.prune(Time(500)).unwrap();
        assert_eq!(pruned, Pruned { incidents: 1, events: 4, editions: 0, more: false });
        let loaded = pen.store.reload().unwrap();
        assert_eq!(loaded.open.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [open]);
        assert_eq!(loaded.closed.iter().map(|closed| closed.id).collect::<Vec<_>>(), [young]);
        assert!(loaded.attempts.iter().all(|(_, id, ..)| *id != old) && loaded.attempts.len() == 4);
        assert_eq!(pen.store.prune(Time(500)).unwrap(), Pruned::default());
    }

    #[test]
    fn numbers_are_never_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let first = pen.incident(1);
        pen.finish(first, 2);
        let second = pen.incident(3);
        pen.finish(second, 4);
        assert_eq!(pen.store.prune(Time(1_000)).unwrap().incidents, 1);
        drop(pen);
        assert_eq!(Pen::open(dir.path()).1.next_seq, Seq(9));
    }

    #[test]
    fn a_late_record_keeps_its_incident() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let id = pen.incident(1);
        pen.finish(id, 2);
        let batch = pen.batch(600, vec![of(id, started(2))]);
        pen.write(&batch);
        pen.incident(700);
        assert_eq!(pen.store.prune(Time(500)).unwrap().incidents, 0);
        assert_eq!(pen.store.prune(Time(650)).unwrap().incidents, 1);
    }

    #[test]
    fn editions_stay_while_an_incident_names_them() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let id = pen.incident(1);
        let mut batch = pen.batch(2, vec![]);
        batch.editions = vec![(revision(), "text".into())];
        pen.write(&batch);
        assert_eq!(pen.store.prune(Time(1_000)).unwrap().editions, 0);
        pen.finish(id, 3);
        pen.house(4, HouseEvent::Resumed { by: "ann".into() });
        assert_eq!(pen.store.prune(Time(1_000)).unwrap().editions, 1);
        assert_eq!(pen.store.edition(&revision()).unwrap(), None);
    }

    #[test]
    fn a_standing_hold_outlives_every_retention() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let hold = |why: &str| Hold { until: None, why: why.into(), by: "ann".into() };
        let placed = |why: &str| HouseEvent::HoldPlaced { target: target(), hold: hold(why) };
        pen.house(1, HouseEvent::Paused { hold: hold("storm") });
        pen.house(2, placed("first"));
        pen.house(3, HouseEvent::HoldLifted { target: target(), by: "ann".into() });
        pen.house(4, HouseEvent::Resumed { by: "ann".into() });
        pen.house(5, placed("second"));
        pen.house(900, HouseEvent::Paused { hold: hold("again") });
        assert_eq!(pen.store.prune(Time(500)).unwrap().events, 4);
        let house = pen.store.reload().unwrap().house;
        assert_eq!(house, [(Time(5), placed("second")), (Time(900), HouseEvent::Paused { hold: hold("again") })]);
    }
    #[test]
    fn each_switch_has_a_word_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let hold = || Hold { until: None, why: "storm".into(), by: "ann".into() };
        let barred = HouseEvent::Barred { hold: hold() };
        let held = |playbook: &str| HouseEvent::PlaybookHeld { playbook: playbook.into(), hold: hold() };
        pen.house(1, barred.clone());
        pen.house(2, HouseEvent::Paused { hold: hold() });
        pen.house(3, held("a"));
        pen.house(4, held("b"));
        // Neither lifts the file's pause, nor the hold on b.
        pen.house(5, HouseEvent::Resumed { by: "ann".into() });
        pen.house(6, HouseEvent::PlaybookReleased { playbook: "a".into(), by: "ann".into() });
        pen.house(900, HouseEvent::Resumed { by: "ann".into() });
        assert_eq!(pen.store.prune(Time(500)).unwrap().events, 4);
        let house = pen.store.reload().unwrap().house;
        assert_eq!(house[..2], [(Time(1), barred), (Time(4), held("b"))]);
        pen.house(901, HouseEvent::Unbarred { by: "the file".into() });
        pen.house(902, HouseEvent::Paused { hold: hold() });
        assert_eq!(pen.store.prune(Time(950)).unwrap().events, 3);
        assert_eq!(pen.store.reload().unwrap().house.len(), 2);
    }
}
