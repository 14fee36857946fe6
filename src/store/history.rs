//! Reading beside the writer: lists and timelines for the console, the command line and exports.

use super::load::{decode, record};
use super::schema::{APPLICATION, VERSION};
use super::{ReadError, Record, Row, folder};
use crate::domain::id::{IncidentId, PlaybookId, Seq};
use crate::domain::incident::{Outcome, Subject};
use crate::domain::time::Time;
use rusqlite::{Connection, OpenFlags, params};
use std::path::Path;
use std::time::Duration;

/// Sees what is committed, never writes.
pub struct Reader {
    conn: Connection,
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub id: IncidentId,
    pub playbook: PlaybookId,
    pub subject: Subject,
    pub state: State,
    pub outcome: Option<Outcome>,
    pub attempts: u32,
    pub opened_at: Time,
    pub healed_at: Option<Time>,
    pub closed_at: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Healed,
    Escalated,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are not closed.
    Open,
    All,
}

// === impl Reader ===

impl Reader {
    /// The journal of a folder, whether or not a heald runs on it.
    ///
    /// # Errors
    /// There is none, or it is not one that this heald reads.
    pub fn open(dir: &Path) -> Result<Self, ReadError> {
        let path = dir.join(folder::DATABASE);
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.busy_timeout(Duration::from_secs(1))?;
        conn.pragma_update(None, "query_only", true)?;
        conn.pragma_update(None, "temp_store", "memory")?;
        let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (application, version) = (pragma("application_id")?, pragma("user_version")?);
        if application != i64::from(APPLICATION) || version != i64::from(VERSION) {
            let why = format!("it is not a heald journal of schema {VERSION} (application {application:#x}, schema {version})");
            return Err(ReadError::Corrupt { why });
        }
        Ok(Self { conn })
    }

    /// Records after `after`, in order; of one incident, or of all and the house.
    ///
    /// # Errors
    /// The journal can't be read.
    pub fn events(&self, after: Seq, incident: Option<IncidentId>, limit: usize) -> Result<Vec<Row>, ReadError> {
        let sql = match incident {
            Some(_) => "SELECT seq, at, wall, incident, body FROM events WHERE incident = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2",
            None => "SELECT seq, at, wall, incident, body FROM events WHERE seq > ?1 AND ?3 IS NULL ORDER BY seq LIMIT ?2",
        };
        let mut query = self.conn.prepare_cached(sql)?;
        let mut rows = query.query(params![clamp(after.0), limit, incident.map(|id| clamp(id.0))])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            let seq: u64 = row.get(0)?;
            let (wall, body): (String, String) = (row.get(2)?, row.get(4)?);
            events.push(Row {
                seq: Seq(seq),
                at: Time(row.get(1)?),
                wall: wall
                    .parse()
                    .map_err(|error| ReadError::Corrupt { why: format!("the wall time of record {seq}: {error}") })?,
                record: match row.get::<_, Option<u64>>(3)? {
                    Some(id) => Record::Incident { id: IncidentId(id), event: record(seq, &body)? },
                    None => Record::House(record(seq, &body)?),
                },
            });
        }
        Ok(events)
    }

    /// Newest first; `before` is the last id of the page before.
    ///
    /// # Errors
    /// The journal can't be read.
    pub fn incidents(&self, which: Which, before: Option<IncidentId>, limit: usize) -> Result<Vec<Summary>, ReadError> {
        let sql = match which {
            // Closed and not yet done ones are few: the partial index serves both conditions.
            Which::Open => format!("{SUMMARY} WHERE done_at IS NULL AND closed_at IS NULL AND id < ?1 ORDER BY id DESC LIMIT ?2"),
            Which::All => format!("{SUMMARY} WHERE id < ?1 ORDER BY id DESC LIMIT ?2"),
        };
        let mut query = self.conn.prepare_cached(&sql)?;
        let mut rows = query.query(params![before.map_or(i64::MAX, |id| clamp(id.0)), limit])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(summary(row)?);
        }
        Ok(found)
    }

    /// # Errors
    /// The journal can't be read.
    pub fn incident(&self, id: IncidentId) -> Result<Option<Summary>, ReadError> {
        let mut query = self.conn.prepare_cached(&format!("{SUMMARY} WHERE id = ?1"))?;
        let mut rows = query.query([clamp(id.0)])?;
        rows.next()?.map(summary).transpose()
    }
}

const SUMMARY: &str = "SELECT id, playbook, subject, state, outcome, attempts, opened_at, healed_at, closed_at FROM incidents";

fn summary(row: &rusqlite::Row<'_>) -> Result<Summary, ReadError> {
    let id = IncidentId(row.get(0)?);
    let (subject, state): (String, String) = (row.get(2)?, row.get(3)?);
    let outcome = row.get::<_, Option<String>>(4)?.map(serde_json::Value::String);
    Ok(Summary {
        id,
        playbook: PlaybookId(row.get::<_, String>(1)?.into()),
        subject: decode(&subject, || format!("the subject of incident {id}"))?,
        state: State::ALL
            .into_iter()
            .find(|known| known.label() == state)
            .ok_or_else(|| ReadError::Corrupt { why: format!("incident {id} is in state {state:?}") })?,
        outcome: outcome
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| ReadError::Corrupt { why: format!("the outcome of incident {id}: {error}") })?,
        attempts: row.get(5)?,
        opened_at: Time(row.get(6)?),
        healed_at: row.get::<_, Option<i64>>(7)?.map(Time),
        closed_at: row.get::<_, Option<i64>>(8)?.map(Time),
    })
}

/// Numbers beyond what SQLite holds name nothing.
fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

// === impl State ===

impl State {
    pub const ALL: [State; 4] = [Self::Open, Self::Healed, Self::Escalated, Self::Closed];

    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Healed => "healed",
            Self::Escalated => "escalated",
            Self::Closed => "closed",
        }
    }
}
