//! Writing: one transaction per batch, on disk when it returns.

use super::{Batch, CommitError, Record, Row, Store};
use crate::domain::id::{IncidentId, Seq};
use crate::domain::incident::IncidentEvent;
use crate::domain::time::Time;
use rusqlite::{Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

impl Store {
    /// All of the batch in one transaction, synced.
    ///
    /// # Errors
    /// Nothing was written, unless the error is [`CommitError::Broken`].
    pub fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if self.broken {
            return Err(CommitError::Broken { why: "an earlier write failed half-way".to_owned() });
        }
        let written = self.write(batch);
        match &written {
            Ok(()) => {
                self.next_seq = Seq(self.next_seq.0 + batch.rows.len() as u64);
                if self.mark.as_ref().is_none_or(|mark| mark.at <= batch.mark.at) {
                    self.mark = Some(batch.mark.clone());
                }
            }
            Err(error) => self.broken = matches!(error, CommitError::Broken { .. }),
        }
        written
    }

    fn write(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if let Some(path) = self.files.moved() {
            return Err(CommitError::Broken { why: format!("{} was moved or removed", path.display()) });
        }
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (revision, text) in &batch.editions {
            tx.prepare_cached("INSERT OR IGNORE INTO editions (hash, body) VALUES (?1, ?2)")?
                .execute(params![&*revision.0, &**text])?;
        }
        for (row, seq) in batch.rows.iter().zip(self.next_seq.0..) {
            if row.seq != Seq(seq) {
                return Err(unfit(format!("record {} comes where {seq} is due", row.seq)));
            }
            insert(&tx, row)?;
        }
        for id in &batch.done {
            set(
                &tx,
                *id,
                "UPDATE incidents SET done_at = coalesce(done_at, ?2) WHERE id = ?1 AND closed_at IS NOT NULL",
                &[&batch.mark.at.0],
            )?;
        }
        // A mark never goes back: it is what keeps the clock from doing so.
        if self.mark.as_ref().is_none_or(|mark| mark.at <= batch.mark.at) {
            tx.prepare_cached(
                "INSERT INTO meta (key, value) VALUES ('mark', ?1), ('written_by', ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )?
            .execute(params![json(&batch.mark)?, env!("CARGO_PKG_VERSION")])?;
        }
        Ok(tx.commit()?)
    }
}

fn insert(tx: &Transaction<'_>, row: &Row) -> Result<(), CommitError> {
    let (incident, body) = match &row.record {
        Record::Incident { id, event } => {
            project(tx, *id, row.seq, row.at, event)?;
            (Some(id.0), json(event)?)
        }
        Record::House(event) => (None, json(event)?),
    };
    tx.prepare_cached("INSERT INTO events (seq, at, wall, incident, body) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        row.seq.0,
        row.at.0,
        row.wall.to_string(),
        incident,
        body
    ])?;
    Ok(())
}

/// What the event means for the lists of incidents and alerts.
fn project(tx: &Transaction<'_>, id: IncidentId, seq: Seq, at: Time, event: &IncidentEvent) -> Result<(), CommitError> {
    use IncidentEvent as E;
    match event {
        E::Opened { playbook, revision, subject, fingerprint, starts_at, .. } => {
            if id.0 != seq.0 {
                return Err(unfit(format!("incident {id} is opened by record {seq}")));
            }
            tx.prepare_cached(
                "INSERT INTO incidents (id, playbook, revision, subject, state, opened_at) VALUES (?1, ?2, ?3, ?4, 'open', ?5)",
            )?
            .execute(params![id.0, &*playbook.0, &*revision.0, json(subject)?, at.0])?;
            attach(tx, id, &fingerprint.0, *starts_at)
        }
        E::AlertAttached { fingerprint, starts_at, .. } => attach(tx, id, &fingerprint.0, *starts_at),
        E::AttemptStarted { attempt, .. } => set(tx, id, "UPDATE incidents SET attempts = ?2 WHERE id = ?1", &[attempt]),
        E::Healed { .. } => set(tx, id, "UPDATE incidents SET state = 'healed', healed_at = ?2 WHERE id = ?1", &[&at.0]),
        E::Retried { revision: Some(revision), .. } => {
            set(tx, id, "UPDATE incidents SET state = 'open', revision = ?2 WHERE id = ?1", &[&&*revision.0])
        }
        E::CareFailed { .. } | E::Retried { revision: None, .. } => {
            set(tx, id, "UPDATE incidents SET state = 'open' WHERE id = ?1", &[])
        }
        E::Escalated { .. } => set(tx, id, "UPDATE incidents SET state = 'escalated' WHERE id = ?1", &[]),
        E::Closed { outcome, .. } => set(
            tx,
            id,
            "UPDATE incidents SET state = 'closed', outcome = ?2 ->> '$', closed_at = ?3 WHERE id = ?1",
            &[&json(outcome)?, &at.0],
        ),
        _ => Ok(()),
    }
}

fn attach(tx: &Transaction<'_>, id: IncidentId, fingerprint: &str, starts_at: jiff::Timestamp) -> Result<(), CommitError> {
    tx.prepare_cached("INSERT OR REPLACE INTO alerts (incident, fingerprint, starts_at) VALUES (?1, ?2, ?3)")?
        .execute(params![id.0, fingerprint, starts_at.to_string()])?;
    Ok(())
}

/// Exactly one row, or the batch speaks of an incident that the journal does not know in that state.
fn set(tx: &Transaction<'_>, id: IncidentId, sql: &str, rest: &[&dyn rusqlite::ToSql]) -> Result<(), CommitError> {
    let mut params: Vec<&dyn rusqlite::ToSql> = vec![&id.0];
    params.extend_from_slice(rest);
    match tx.prepare_cached(sql)?.execute(&params[..])? {
        1 => Ok(()),
        _ => Err(unfit(format!("incident {id} is unknown or not closed"))),
    }
}

/// Read back before it is written: a record that can't be would cost the whole journal at the next start.
fn json<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> Result<String, CommitError> {
    let text = serde_json::to_string(value).map_err(|error| unfit(error.to_string()))?;
    match serde_json::from_str::<T>(&text) {
        Ok(back) if back == *value => Ok(text),
        Ok(_) => Err(unfit(format!("{text} reads back as something else"))),
        Err(error) => Err(unfit(format!("{text} does not read back: {error}"))),
    }
}

fn unfit(why: String) -> CommitError {
    CommitError::Unfit { why }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Pen, closed, ended, mark, of, opened, revision, started, target};
    use super::super::{CommitError, Horizon, Mark, OpenError, Record, Store};
    use crate::domain::house::{Hold, HouseEvent};
    use crate::domain::id::{IncidentId, Seq};
    use crate::domain::incident::{AttemptOutcome, IncidentEvent};
    use crate::domain::time::Time;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn a_restart_finds_what_was_committed() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, loaded) = Pen::open(dir.path());
        assert_eq!((loaded.next_seq, loaded.mark), (Seq(1), None));
        let over = pen.incident(1_000);
        pen.finish(over, 2_000);
        let id = IncidentId(pen.next);
        let hold = Hold { until: None, why: "deploy".into(), by: "ann".into() };
        let placed = HouseEvent::HoldPlaced { target: target(), hold };
        let mut batch = pen.batch(3_000, vec![of(id, opened()), Record::House(placed.clone()), of(id, started(1))]);
        batch.editions = vec![(revision(), "# A playbook".into())];
        pen.write(&batch);
        let now = pen.store.reload().unwrap();
        drop(pen);

        let (pen, loaded) = Pen::open(dir.path());
        assert_eq!(loaded, now);
        assert_eq!((loaded.next_seq, loaded.mark), (Seq(8), Some(mark(3_000))));
        assert_eq!(loaded.house, [(Time(3_000), placed)]);
        assert_eq!(loaded.open, [(id, vec![(Time(3_000), opened()), (Time(3_000), started(1))])]);
        assert_eq!(
            loaded.attempts,
            [
                (Time(1_000), over, "unit-failed".into(), started(1)),
                (Time(1_000), over, "unit-failed".into(), ended(1)),
                (Time(3_000), id, "unit-failed".into(), started(1))
            ]
        );
        assert_eq!(loaded.closed.iter().map(|closed| (closed.id, closed.closed_at)).collect::<Vec<_>>(), [(over, Time(2_000))]);
        assert_eq!(loaded.closed[0].alerts, [("f00d".into(), jiff::Timestamp::UNIX_EPOCH)]);
        assert_eq!(loaded.editions[&revision()], "# A playbook");
        assert_eq!(pen.store.edition(&revision()).unwrap().unwrap(), "# A playbook");
    }

    #[test]
    fn a_closed_incident_is_loaded_until_everybody_was_told() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let id = pen.incident(1);
        let batch = pen.batch(2, vec![of(id, closed())]);
        pen.write(&batch);
        let loaded = pen.store.reload().unwrap();
        assert_eq!((loaded.open.len(), loaded.closed.len()), (1, 0));
        let mut told = pen.batch(3, vec![]);
        told.done.push(id);
        pen.write(&told);
        let loaded = pen.store.reload().unwrap();
        assert_eq!((loaded.open.len(), loaded.closed.len(), loaded.mark), (0, 1, Some(mark(3))));
    }

    #[test]
    fn a_batch_that_does_not_fit_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let id = pen.incident(1);
        let before = pen.store.reload().unwrap();
        let good = of(id, ended(1));
        let mut gap = pen.batch(2, vec![good.clone(), good.clone()]);
        gap.rows[1].seq = Seq(9);
        let stranger = pen.batch(2, vec![good.clone(), of(IncidentId(77), ended(1))]);
        let misnamed = pen.batch(2, vec![good.clone(), of(IncidentId(77), opened())]);
        let mut not_closed = pen.batch(2, vec![good.clone()]);
        not_closed.done.push(id);
        for batch in [gap, stranger, misnamed, not_closed] {
            let error = pen.store.commit(&batch).unwrap_err();
            assert!(matches!(error, CommitError::Unfit { .. }), "{error}");
            assert_eq!(pen.store.reload().unwrap(), before);
        }
        let batch = pen.batch(2, vec![good]);
        pen.write(&batch);
    }

    #[test]
    fn a_full_disk_passes_and_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let id = pen.incident(1);
        let before = pen.store.reload().unwrap();
        let pages: i64 = pen.store.conn.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        pen.store.conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        let text = "x".repeat(100_000);
        let long = IncidentEvent::AttemptEnded { attempt: 1, outcome: AttemptOutcome::NotHealed, text };
        let batch = pen.batch(2, vec![of(id, long)]);
        let error = pen.store.commit(&batch).unwrap_err();
        assert!(matches!(error, CommitError::Full) && error.is_passing(), "{error}");
        assert_eq!(pen.store.reload().unwrap(), before);
        pen.store.conn.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
        pen.write(&batch);
    }

    #[test]
    fn somebody_elses_write_lock_passes() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let person = rusqlite::Connection::open(dir.path().join("heald.db")).unwrap();
        person.execute_batch("BEGIN IMMEDIATE").unwrap();
        let batch = pen.batch(1, vec![of(IncidentId(1), opened())]);
        assert!(matches!(pen.store.commit(&batch), Err(CommitError::Busy)));
        person.execute_batch("ROLLBACK").unwrap();
        pen.write(&batch);
    }

    #[test]
    fn the_mark_never_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        for at in [500, 400, 499] {
            let batch = pen.batch(at, vec![]);
            pen.write(&batch);
        }
        assert_eq!(pen.store.reload().unwrap().mark, Some(mark(500)));
        let reboot = Mark { boot_id: "another".into(), ..mark(500) };
        let batch = super::Batch { mark: reboot.clone(), ..pen.batch(500, vec![]) };
        pen.write(&batch);
        assert_eq!(pen.store.reload().unwrap().mark, Some(reboot));
    }

    #[test]
    fn a_broken_handle_takes_nothing_more() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["heald.db-wal", "heald.db"] {
            let (mut pen, _) = Pen::open(dir.path());
            pen.incident(1);
            // A person tidies up under the running heald.
            std::fs::rename(dir.path().join(file), dir.path().join("aside")).unwrap();
            let batch = pen.batch(1, vec![of(IncidentId(pen.next), opened())]);
            let error = pen.store.commit(&batch).unwrap_err();
            assert!(error.to_string().contains(file) && !error.is_passing(), "{error}");
            std::fs::rename(dir.path().join("aside"), dir.path().join(file)).unwrap();
            assert!(matches!(pen.store.commit(&batch), Err(CommitError::Broken { .. })));
            assert!(pen.store.reload().is_err() && pen.store.prune(Time(0)).is_err());
        }
        assert_eq!(Pen::open(dir.path()).1.next_seq, Seq(7));
    }

    #[test]
    fn a_transaction_that_was_cut_off_never_was() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        pen.incident(1);
        let before = pen.store.reload().unwrap();
        pen.store.conn.execute_batch("BEGIN; DELETE FROM events; DELETE FROM meta").unwrap();
        drop(pen);
        assert_eq!(Pen::open(dir.path()).1, before);
    }

    /// The other process of the next test.
    #[test]
    #[ignore = "runs until it is killed"]
    fn writes_until_killed() {
        let dir = std::env::var("HEALD_TEST_STORE").unwrap();
        let (mut pen, _) = Pen::open(dir.as_ref());
        loop {
            let id = pen.incident(1);
            pen.finish(id, 1);
            println!("\ncommitted {}", pen.next - 1);
        }
    }

    #[test]
    fn kill_9_loses_nothing_that_was_committed_and_frees_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let mut begins = 1;
        for _ in 0..5 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--ignored", "--exact", "--nocapture", "store::commit::tests::writes_until_killed"])
                .env("HEALD_TEST_STORE", dir.path())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
            // Everything that it says it has committed, also what it still says while it dies.
            let mut committed = lines.filter_map(|line| line.strip_prefix("committed ")?.parse().ok());
            let last: u64 = committed.nth(20).unwrap();
            match Store::open(dir.path(), Horizon::default()) {
                Err(OpenError::Held { pid, .. }) => assert_eq!(pid, Some(child.id())),
                other => panic!("{:?}", other.map(|(_, loaded)| loaded)),
            }
            child.kill().unwrap();
            child.wait().unwrap();
            let last = committed.last().unwrap_or(last);
            let (_, loaded) = Pen::open(dir.path());
            assert!(loaded.next_seq.0 > last, "{} after {last}", loaded.next_seq);
            // Whole batches only: the three records of an attempt, then its end; each child begins where the last was cut off.
            assert!(matches!((loaded.next_seq.0 - begins) % 4, 0 | 3), "{} from {begins} on", loaded.next_seq);
            begins = loaded.next_seq.0;
        }
    }
}
