//! Reading beside the writer: lists and timelines for the console, the command line and exports.

use super::load::{decode, record};
use super::schema::{APPLICATION, VERSION};
use super::{ReadError, Record, Row, folder};
use crate::domain::id::{IncidentId, PlaybookId, Seq};
use crate::domain::incident::{Outcome, Subject};
use crate::domain::time::Time;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
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
        let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let (application, found) = (pragma("application_id")?, pragma("user_version")?.cast_unsigned());
        if application != APPLICATION || found != VERSION {
            return Err(ReadError::Schema { application: application.cast_unsigned(), found, known: VERSION });
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

    /// When the last record was written; `None`: there is none.
    ///
    /// # Errors
    /// The journal can't be read.
    pub fn last(&self) -> Result<Option<Time>, ReadError> {
        let mut query = self.conn.prepare_cached("SELECT at FROM events ORDER BY seq DESC LIMIT 1")?;
        Ok(query.query_row([], |row| row.get(0)).optional()?.map(Time))
    }

    /// The last record before that time: what [`Reader::events`] goes on after. heald's own time never runs backwards.
    ///
    /// # Errors
    /// The journal can't be read.
    pub fn before(&self, time: Time) -> Result<Seq, ReadError> {
        let mut query = self.conn.prepare_cached("SELECT coalesce(max(seq), 0) FROM events WHERE at < ?1")?;
        Ok(Seq(query.query_row([time.0], |row| row.get(0))?))
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

    /// Of one playbook and subject, opened since then and before the incident `before`; newest first. It walks through all
    /// incidents: for a page that a person asked for.
    ///
    /// # Errors
    /// The journal can't be read.
    pub fn episodes(
        &self,
        playbook: &PlaybookId,
        subject: &Subject,
        since: Time,
        before: IncidentId,
        limit: usize,
    ) -> Result<Vec<Summary>, ReadError> {
        let subject = serde_json::to_string(subject).map_err(|error| ReadError::Corrupt { why: error.to_string() })?;
        let sql = "WHERE playbook = ?1 AND subject = ?2 AND opened_at >= ?3 AND id < ?4 ORDER BY id DESC LIMIT ?5";
        let mut query = self.conn.prepare_cached(&format!("{SUMMARY} {sql}"))?;
        let mut rows = query.query(params![&*playbook.0, subject, since.0, clamp(before.0), limit])?;
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{Pen, of, row, started};
    use super::*;
    use crate::domain::house::HouseEvent;
    use crate::domain::incident::{Escalation, IncidentEvent};

    #[test]
    fn a_reader_pages_through_records() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let reader = pen.store.reader().unwrap();
        let first = pen.incident(1);
        pen.house(2, HouseEvent::Resumed { by: "ann".into() });
        let second = pen.incident(3);
        let all = reader.events(Seq(0), None, 100).unwrap();
        assert_eq!(all.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(all[3], row(4, 2, Record::House(HouseEvent::Resumed { by: "ann".into() })));
        assert_eq!(reader.events(Seq(5), None, 1).unwrap(), [row(6, 3, of(second, started(1)))]);
        assert_eq!(reader.events(Seq(1), Some(first), 100).unwrap(), all[1..3]);
        assert_eq!((reader.last().unwrap(), reader.before(Time(2)).unwrap()), (Some(Time(3)), Seq(3)));
        assert_eq!((reader.before(Time(0)).unwrap(), reader.before(Time(99)).unwrap()), (Seq(0), Seq(7)));
        assert_eq!(reader.events(Seq(u64::MAX), None, 100).unwrap(), []);
        let line = serde_json::to_string(&all[0]).unwrap();
        assert_eq!(serde_json::from_str::<Row>(&line).unwrap(), all[0]);
    }

    #[test]
    fn a_list_says_where_incidents_stand() {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        let [over, healed, escalated, retried] = [1, 2, 3, 4].map(|at| pen.incident(at));
        pen.finish(over, 5);
        let gave_up = |id| of(id, IncidentEvent::Escalated { reason: Escalation::NotHealed, text: String::new() });
        let batch = pen.batch(
            6,
            vec![
                of(healed, IncidentEvent::Healed { after_care_until: Time(9) }),
                gave_up(escalated),
                gave_up(retried),
                of(retried, IncidentEvent::Retried { by: "ann".into(), revision: None, rungs: None }),
            ],
        );
        pen.write(&batch);
        let reader = Reader::open(dir.path()).unwrap();
        let states = |which, before, limit| {
            let found = reader.incidents(which, before, limit).unwrap();
            found.into_iter().map(|summary| (summary.id, summary.state)).collect::<Vec<_>>()
        };
        let open = [(retried, State::Open), (escalated, State::Escalated), (healed, State::Healed)];
        assert_eq!(states(Which::Open, None, 100), open);
        assert_eq!(states(Which::All, None, 2), open[..2]);
        assert_eq!(states(Which::All, Some(escalated), 2), [(healed, State::Healed), (over, State::Closed)]);
        let summary = reader.incident(over).unwrap().unwrap();
        assert_eq!((summary.outcome, summary.closed_at), (Some(Outcome::ResolvedByItself), Some(Time(5))));
        assert_eq!((summary.attempts, summary.healed_at), (1, None));
        assert_eq!(reader.incident(IncidentId(99)).unwrap(), None);
        let same = |since, before| {
            let found = reader.episodes(&summary.playbook, &summary.subject, Time(since), before, 100).unwrap();
            found.into_iter().map(|summary| summary.id).collect::<Vec<_>>()
        };
        assert_eq!((same(2, retried), same(0, over)), (vec![escalated, healed], vec![]));
        assert_eq!(reader.episodes(&"other".into(), &summary.subject, Time(0), retried, 100).unwrap(), []);
    }

    #[test]
    fn a_reader_can_not_write() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Reader::open(dir.path()).is_err());
        let (pen, _) = Pen::open(dir.path());
        let reader = pen.store.reader().unwrap();
        assert!(reader.conn.execute("DELETE FROM events", []).is_err());
    }

    #[test]
    fn lists_and_loads_walk_indexes() {
        let dir = tempfile::tempdir().unwrap();
        let (pen, _) = Pen::open(dir.path());
        let plan = |sql: &str| {
            let mut query = pen.store.conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let (mut steps, mut text) = (query.raw_query(), String::new());
            while let Some(step) = steps.next().unwrap() {
                text += &(step.get::<_, String>(3).unwrap() + "; ");
            }
            text
        };
        let open = plan(&format!("{SUMMARY} WHERE done_at IS NULL AND closed_at IS NULL AND id < 9 ORDER BY id DESC LIMIT 9"));
        assert!(open.contains("incidents_not_done") && !open.contains("TEMP"), "{open}");
        let attempts = plan(super::super::load::ATTEMPTS);
        assert!(attempts.contains("events_of_attempts") && !attempts.contains("TEMP"), "{attempts}");
        let load = plan(super::super::load::OPEN);
        assert!(load.contains("incidents_not_done") && load.contains("events_by_incident") && !load.contains("TEMP"), "{load}");
    }
}
