//! What a start needs, read in one go. A record that can't be decoded makes the journal corrupt: guessing would
//! lose a charge or an intent.

use super::{CLOSED_MAX, Closed, Horizon, Loaded, Mark, Past, ReadError};
use crate::domain::house::HouseEvent;
use crate::domain::id::{Fingerprint, IncidentId, PlaybookId, Revision, Seq};
use crate::domain::incident::IncidentEvent;
use crate::domain::time::Time;
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;
use std::collections::HashMap;

pub(super) const OPEN: &str = "SELECT i.id, e.seq, e.at, e.body FROM incidents i LEFT JOIN events e ON e.incident = i.id
     WHERE i.done_at IS NULL ORDER BY i.id, e.seq";

/// The condition on the kind is the index's own, word for word.
pub(super) const ATTEMPTS: &str =
    "SELECT seq, at, incident, (SELECT playbook FROM incidents WHERE id = incident), body FROM events
     WHERE kind IN ('attempt_started', 'attempt_ended', 'rollback_started', 'rollback_ended') AND at >= ?1
     ORDER BY at, seq";

pub(super) fn load(conn: &Connection, horizon: Horizon) -> Result<Loaded, ReadError> {
    let tx = conn.unchecked_transaction()?;
    let mark = mark(&tx)?;
    Ok(Loaded {
        next_seq: next_seq(&tx)?,
        house: house(&tx)?,
        open: open(&tx)?,
        attempts: attempts(&tx, Horizon::start(mark.as_ref(), horizon.attempts))?,
        closed: closed(&tx, Horizon::start(mark.as_ref(), horizon.closed))?,
        editions: editions(&tx)?,
        mark,
    })
}

fn mark(conn: &Connection) -> Result<Option<Mark>, ReadError> {
    let text: Option<String> = conn.query_row("SELECT value FROM meta WHERE key = 'mark'", [], |row| row.get(0)).optional()?;
    text.map(|text| decode(&text, || "the mark".to_owned())).transpose()
}

fn next_seq(conn: &Connection) -> Result<Seq, ReadError> {
    let last: u64 = conn.query_row("SELECT coalesce(max(seq), 0) FROM events", [], |row| row.get(0))?;
    Ok(Seq(last + 1))
}

fn house(conn: &Connection) -> Result<Vec<(Time, HouseEvent)>, ReadError> {
    let mut query = conn.prepare("SELECT seq, at, body FROM events WHERE incident IS NULL ORDER BY seq")?;
    let mut rows = query.query([])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push((Time(row.get(1)?), record(row.get(0)?, row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?));
    }
    Ok(events)
}

fn open(conn: &Connection) -> Result<Vec<Past>, ReadError> {
    let mut query = conn.prepare(OPEN)?;
    let mut rows = query.query([])?;
    let mut incidents: Vec<Past> = Vec::new();
    while let Some(row) = rows.next()? {
        let id = IncidentId(row.get(0)?);
        let Some(seq) = row.get::<_, Option<u64>>(1)? else { return Err(headless(id)) };
        let event = (Time(row.get(2)?), record(seq, row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?);
        match incidents.last_mut() {
            Some((last, events)) if *last == id => events.push(event),
            _ if seq == id.0 && matches!(event.1, IncidentEvent::Opened { .. }) => incidents.push((id, vec![event])),
            _ => return Err(headless(id)),
        }
    }
    Ok(incidents)
}

fn attempts(conn: &Connection, from: Time) -> Result<Vec<(Time, IncidentId, PlaybookId, IncidentEvent)>, ReadError> {
    let mut query = conn.prepare(ATTEMPTS)?;
    let mut rows = query.query([from.0])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let event = record(row.get(0)?, row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?;
        let playbook = PlaybookId(row.get::<_, String>(3)?.into());
        events.push((Time(row.get(1)?), IncidentId(row.get(2)?), playbook, event));
    }
    Ok(events)
}

fn closed(conn: &Connection, from: Time) -> Result<Vec<Closed>, ReadError> {
    let mut query = conn.prepare(
        "SELECT i.id, i.playbook, i.subject, i.closed_at, a.fingerprint, a.starts_at, i.opened_at
         FROM (SELECT * FROM incidents WHERE done_at IS NOT NULL AND done_at >= ?1 ORDER BY done_at DESC LIMIT ?2) i
         JOIN alerts a ON a.incident = i.id ORDER BY i.done_at DESC, i.id DESC, a.fingerprint",
    )?;
    let mut rows = query.query(params![from.0, CLOSED_MAX])?;
    let mut incidents: Vec<Closed> = Vec::new();
    while let Some(row) = rows.next()? {
        let id = IncidentId(row.get(0)?);
        if incidents.last().is_none_or(|last| last.id != id) {
            let subject: String = row.get(2)?;
            incidents.push(Closed {
                id,
                playbook: PlaybookId(row.get::<_, String>(1)?.into()),
                subject: decode(&subject, || format!("the subject of incident {id}"))?,
                alerts: Vec::new(),
                opened_at: Time(row.get(6)?),
                closed_at: Time(row.get(3)?),
            });
        }
        let starts_at: String = row.get(5)?;
        let starts_at = starts_at
            .parse()
            .map_err(|error| ReadError::Corrupt { why: format!("the start of an alert of incident {id}: {error}") })?;
        if let Some(last) = incidents.last_mut() {
            last.alerts.push((Fingerprint(row.get::<_, String>(4)?.into()), starts_at));
        }
    }
    Ok(incidents)
}

fn editions(conn: &Connection) -> Result<HashMap<Revision, String>, ReadError> {
    let mut query =
        conn.prepare("SELECT hash, body FROM editions WHERE hash IN (SELECT revision FROM incidents WHERE done_at IS NULL)")?;
    let rows = query.query_map([], |row| Ok((Revision(row.get::<_, String>(0)?.into()), row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn record<T: DeserializeOwned>(seq: u64, body: &str) -> Result<T, ReadError> {
    decode(body, || format!("record {seq}"))
}

pub(super) fn decode<T: DeserializeOwned>(text: &str, what: impl Fn() -> String) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| ReadError::Corrupt { why: format!("{} can't be read: {error}", what()) })
}

fn headless(id: IncidentId) -> ReadError {
    ReadError::Corrupt { why: format!("incident {id} lacks the record that opened it") }
}
