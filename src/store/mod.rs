//! The journal: what heald knows and did, in one SQLite file that people may read with `sqlite3`.
//!
//! The loop is its only writer: it commits a [`Batch`] before it performs what the
//! batch announces. A restart is rebuilt from [`Loaded`]; timelines are read through
//! a [`Reader`] of their own. A folder that has held a journal never gets a fresh one
//! unasked: that would refill every budget.

mod commit;
mod error;
#[cfg(test)]
mod fixture;
mod folder;
mod history;
mod line;
mod load;
mod lock;
mod prune;
mod schema;

pub use error::{CommitError, InitError, OpenError, ReadError};
pub use history::{Reader, State, Summary, Which};
pub use prune::Pruned;

use crate::domain::house::HouseEvent;
use crate::domain::id::{Fingerprint, IncidentId, PlaybookId, Revision, Seq};
use crate::domain::incident::{IncidentEvent, Subject};
use crate::domain::time::Time;
use folder::Files;
use jiff::Timestamp;
use lock::Lock;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The one writer. Dropping it frees the folder.
pub struct Store {
    conn: Connection,
    dir: PathBuf,
    next_seq: Seq,
    mark: Option<Mark>,
    horizon: Horizon,
    /// After an I/O error the handle can't be trusted: what it wrote may or may not be on disk.
    broken: bool,
    files: Files,
    /// Last, so that the folder is freed after the database is closed.
    _lock: Lock,
}

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// The journal's files.
    pub used: u64,
    /// Left on their file system for whoever is not root.
    pub free: u64,
}

/// All of it is on disk when the commit returns, or none of it.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Numbered on from [`Loaded::next_seq`], without gaps.
    pub rows: Vec<Row>,
    /// The playbook texts that the batch's `Opened` events name. Those already kept cost nothing:
    /// send them with each `Opened`, for pruning drops what no incident names.
    pub editions: Vec<(Revision, Arc<str>)>,
    /// Incidents that are over with this batch and of which nobody is left to be told (`Incident::is_done`).
    pub done: Vec<IncidentId>,
    pub mark: Mark,
}

/// One journal record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub seq: Seq,
    pub at: Time,
    /// For people; no decision reads it.
    pub wall: Timestamp,
    pub record: Record,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    Incident { id: IncidentId, event: IncidentEvent },
    House(HouseEvent),
}

/// heald's time when the batch was written, with the reading it was taken from: where the clock goes on after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub at: Time,
    pub boottime_ms: u64,
    pub boot_id: String,
}

/// How far back a start looks, counted from the last mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Not below the longest budget window in use.
    pub attempts: Duration,
    pub closed: Duration,
}

/// What a start needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub next_seq: Seq,
    pub mark: Option<Mark>,
    pub house: Vec<(Time, HouseEvent)>,
    /// Every event of the incidents that are not done, by incident.
    pub open: Vec<Past>,
    /// `AttemptStarted`, `AttemptEnded`, `RollbackStarted` and `RollbackEnded` of all incidents within the horizon,
    /// in order: what budgets and cooldowns count.
    pub attempts: Vec<(Time, IncidentId, PlaybookId, IncidentEvent)>,
    /// Done within the horizon, newest first, at most [`CLOSED_MAX`]: to tell a repeat from a new episode.
    pub closed: Vec<Closed>,
    /// The playbook texts of the incidents in `open`.
    pub editions: HashMap<Revision, String>,
}

/// An incident and all that happened in it, in order; `Opened` is the first.
pub type Past = (IncidentId, Vec<(Time, IncidentEvent)>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    pub id: IncidentId,
    pub playbook: PlaybookId,
    pub subject: Subject,
    pub alerts: Vec<(Fingerprint, Timestamp)>,
    pub opened_at: Time,
    pub closed_at: Time,
}

/// About 20 MB of memory; an alert storm of a week stays below.
pub const CLOSED_MAX: usize = 50_000;

// === impl Store ===

impl Store {
    /// Takes the folder, creates what a first start lacks, checks the file and reads what the loop needs.
    ///
    /// # Errors
    /// Whatever keeps heald from trusting the journal; a folder that has lost its journal is left as it is.
    pub fn open(dir: &Path, horizon: Horizon) -> Result<(Store, Loaded), OpenError> {
        folder::prepare(dir)?;
        let lock = Lock::take(dir)?;
        Self::open_locked(dir, horizon, lock)
    }

    /// After [`OpenError::Lost`] or [`OpenError::Corrupt`], by a person's word: an empty journal, and so full budgets.
    /// What is left of the old one is kept beside it; its path is returned.
    ///
    /// # Errors
    /// The folder can't be opened for another reason, or its journal is fine.
    pub fn init_accepting_empty_budgets(dir: &Path) -> Result<Option<PathBuf>, InitError> {
        folder::prepare(dir)?;
        let lock = Lock::take(dir)?;
        match Self::open_locked(dir, Horizon::default(), lock) {
            Ok((_, loaded)) if loaded.next_seq == Seq(1) => Ok(None),
            Ok(_) => Err(InitError::Fine),
            Err(OpenError::Lost { .. } | OpenError::Corrupt { .. }) => {
                let _lock = Lock::take(dir)?;
                let kept = folder::set_aside(dir)?;
                folder::create(dir)?;
                Ok(kept)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// # Errors
    /// The folder's file system does not tell.
    pub fn space(&self) -> std::io::Result<Space> {
        let disk = rustix::fs::statvfs(&self.dir)?;
        Ok(Space { used: self.files.size(), free: disk.f_bavail.saturating_mul(disk.f_frsize) })
    }

    fn open_locked(dir: &Path, horizon: Horizon, lock: Lock) -> Result<(Store, Loaded), OpenError> {
        let conn = folder::connect(dir)?;
        let loaded = load::load(&conn, horizon)?;
        let (next_seq, mark) = (loaded.next_seq, loaded.mark.clone());
        Ok((
            Store { conn, dir: dir.to_owned(), next_seq, mark, horizon, broken: false, files: Files::opened(dir), _lock: lock },
            loaded,
        ))
    }

    /// What is on disk, which after a failed commit is the truth.
    ///
    /// # Errors
    /// The journal can't be read, or an I/O error has left its state unknown.
    pub fn reload(&self) -> Result<Loaded, ReadError> {
        if self.broken {
            return Err(ReadError::Broken { why: "an earlier write failed half-way".to_owned() });
        }
        load::load(&self.conn, self.horizon)
    }

    /// From now on [`Store::reload`] reads the attempts of at least that long.
    pub fn look_back(&mut self, span: Duration) {
        self.horizon.attempts = self.horizon.attempts.max(span);
    }

    /// The text of a playbook as it was.
    ///
    /// # Errors
    /// The journal can't be read.
    pub fn edition(&self, revision: &Revision) -> Result<Option<String>, ReadError> {
        let mut query = self.conn.prepare_cached("SELECT body FROM editions WHERE hash = ?1")?;
        Ok(query.query_row([&*revision.0], |row| row.get(0)).optional()?)
    }

    /// A connection of its own that can't write.
    ///
    /// # Errors
    /// The journal can't be opened again.
    pub fn reader(&self) -> Result<Reader, ReadError> {
        Reader::open(&self.dir)
    }
}

// === impl Horizon ===

const DAY: Duration = Duration::from_secs(86_400);

impl Default for Horizon {
    fn default() -> Self {
        Self { attempts: 35 * DAY, closed: 7 * DAY }
    }
}

impl Horizon {
    /// `span` before the mark; the beginning of time where there is no mark.
    fn start(mark: Option<&Mark>, span: Duration) -> Time {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        mark.map_or(Time(0), |mark| Time(mark.at.0.saturating_sub(millis)))
    }
}
