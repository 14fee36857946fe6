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
        E::AlertAttached { fingerprint, starts_at } => attach(tx, id, &fingerprint.0, *starts_at),
        E::AttemptStarted { attempt, .. } => set(tx, id, "UPDATE incidents SET attempts = ?2 WHERE id = ?1", &[attempt]),
        E::Healed { .. } => set(tx, id, "UPDATE incidents SET state = 'healed', healed_at = ?2 WHERE id = ?1", &[&at.0]),
        E::CareFailed { .. } | E::Retried { .. } => set(tx, id, "UPDATE incidents SET state = 'open' WHERE id = ?1", &[]),
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
