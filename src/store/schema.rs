//! The tables, their version, and whether a file may be trusted.
//!
//! A new kind of event is a new schema, even where no table changes: an older
//! heald could not read it, and must refuse the file instead of calling it corrupt.

use super::error::OpenError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use rusqlite_migration::{M, Migrations};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// `PRAGMA application_id`: "heal".
pub(super) const APPLICATION: i32 = 0x6865_616c;
/// `PRAGMA user_version`: the number of migrations.
pub(super) const VERSION: u32 = MIGRATIONS.len() as u32;

const MIGRATIONS: &[M<'static>] = &[M::up(FIRST), M::up(SWITCHES), M::up(PEOPLE)];

/// `at`, `*_at`: milliseconds on heald's own clock (for people: `datetime(at / 1000, 'unixepoch')`).
/// `incidents` and `alerts` repeat what the events say, written in the same transaction, so that lists need no folding.
const FIRST: &str = "
PRAGMA application_id = 0x6865616c;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('schema', 'heald');
CREATE TABLE incidents (
    id        INTEGER PRIMARY KEY,
    playbook  TEXT NOT NULL,
    revision  TEXT NOT NULL,
    subject   TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('open', 'healed', 'escalated', 'closed')),
    outcome   TEXT,
    attempts  INTEGER NOT NULL DEFAULT 0,
    opened_at INTEGER NOT NULL,
    healed_at INTEGER,
    closed_at INTEGER,
    done_at   INTEGER,
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK (done_at IS NULL OR closed_at IS NOT NULL)
) STRICT;
CREATE INDEX incidents_not_done ON incidents (id) WHERE done_at IS NULL;
CREATE INDEX incidents_done ON incidents (done_at) WHERE done_at IS NOT NULL;
CREATE TABLE alerts (
    incident    INTEGER NOT NULL REFERENCES incidents,
    fingerprint TEXT NOT NULL,
    starts_at   TEXT NOT NULL,
    PRIMARY KEY (incident, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    seq      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    wall     TEXT NOT NULL,
    incident INTEGER REFERENCES incidents,
    kind     TEXT NOT NULL GENERATED ALWAYS AS (body ->> '$.kind') STORED,
    body     TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_incident ON events (incident, seq);
CREATE INDEX events_of_attempts ON events (at)
    WHERE kind IN ('attempt_started', 'attempt_ended', 'rollback_started', 'rollback_ended');
CREATE TABLE editions (hash TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// New kinds of event: `barred`, `unbarred`, `playbook_held`, `playbook_released`; and `retried` may name a revision.
const SWITCHES: &str = "";

/// New kinds of event: `gathered`, `passed_on`, `climbed`, `climb_set`, `severity_rose`, `acknowledged`, `pressed`,
/// `silence_asked`, `silence_set`, `resolve_doubted`; and a message is told by its number, channel by channel.
const PEOPLE: &str = "";

/// Up to this size every page is checked at each start (a few hundred ms). Above it only the small tables are;
/// the events that a start needs are decoded in any case, and damage in older ones shows when they are read.
const FULL_CHECK_MAX: u64 = 64 << 20;
/// A reader's transaction may delay a checkpoint; the log shrinks to this afterwards.
const WAL_KEEP: u64 = 16 << 20;
/// Only a foreign program can hold the write lock; the loop must not wait long for it.
const BUSY_WAIT: Duration = Duration::from_secs(1);

pub(super) fn create(path: &Path) -> Result<Connection, OpenError> {
    let mut conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    tune(&conn)?;
    migrate(&mut conn)?;
    Ok(conn)
}

/// `known`: the folder's marker says that heald wrote this file.
pub(super) fn open(path: &Path, known: bool) -> Result<Connection, OpenError> {
    check_header(path, known)?;
    let mut conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // Until the version is known, closing must not move the log into the file.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    check_version(&conn, path, known)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    tune(&conn)?;
    check_pages(&conn, path)?;
    migrate(&mut conn)?;
    Ok(conn)
}

/// Without SQLite, which might write: the file's own first page already tells most.
fn check_header(path: &Path, known: bool) -> Result<(), OpenError> {
    let mut header = [0; 100];
    let mut file = File::open(path).map_err(OpenError::folder("open", path))?;
    let read = file.read_exact(&mut header);
    if read.is_err() || !header.starts_with(b"SQLite format 3\0") {
        let why = "it does not begin as an SQLite file does".to_owned();
        return Err(if known { OpenError::Corrupt { why } } else { foreign(path, why) });
    }
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    check_ids(path, word(68), word(60), known, || LATER.to_owned())
}

/// What the log holds counts too.
fn check_version(conn: &Connection, path: &Path, known: bool) -> Result<(), OpenError> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let meta =
        |key: &str| conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get::<_, String>(0)).optional();
    let writer = || meta("written_by").ok().flatten().unwrap_or_else(|| LATER.to_owned());
    check_ids(path, application.cast_unsigned(), version.cast_unsigned(), known, writer)?;
    match meta("schema")?.as_deref() {
        Some("heald") => Ok(()),
        other => Err(OpenError::Corrupt { why: format!("its schema is called {other:?} instead of \"heald\"") }),
    }
}

fn check_ids(path: &Path, application: u32, version: u32, known: bool, writer: impl Fn() -> String) -> Result<(), OpenError> {
    if application != APPLICATION.cast_unsigned() {
        let why = format!("its application id is {application:#x} instead of {APPLICATION:#x}");
        // Where the marker says that a journal was here, another file in its place means that it is gone.
        return Err(if known { OpenError::Lost { why } } else { foreign(path, why) });
    }
    match version {
        0 => Err(OpenError::Corrupt { why: "it has no schema version".to_owned() }),
        version if version > VERSION => Err(OpenError::Newer { found: version, known: VERSION, written_by: writer() }),
        _ => Ok(()),
    }
}

/// Who wrote a journal that this heald can't read.
const LATER: &str = "(a later version)";

fn foreign(path: &Path, why: String) -> OpenError {
    OpenError::Foreign { path: path.to_owned(), why }
}

fn tune(conn: &Connection) -> Result<(), OpenError> {
    conn.busy_timeout(BUSY_WAIT)?;
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::Corrupt { why: format!("it can't keep a write-ahead log (journal mode {mode})") });
    }
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    // A sort must not need a file of its own when the disk is full.
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "journal_size_limit", WAL_KEEP)?;
    conn.set_prepared_statement_cache_capacity(32);
    Ok(())
}

fn check_pages(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let size = std::fs::metadata(path).map_err(OpenError::folder("open", path))?.len();
    let checks: &[&str] = if size < FULL_CHECK_MAX {
        &["PRAGMA quick_check(1)"]
    } else {
        &[
            "PRAGMA quick_check(meta)",
            "PRAGMA quick_check(incidents)",
            "PRAGMA quick_check(alerts)",
            "PRAGMA quick_check(editions)",
        ]
    };
    for check in checks {
        let found: String = conn.query_row(check, [], |row| row.get(0))?;
        if found != "ok" {
            return Err(OpenError::Corrupt { why: found });
        }
    }
    Ok(())
}

/// Each migration is one transaction. Afterwards the file itself shows its version, not only the log.
fn migrate(conn: &mut Connection) -> Result<(), OpenError> {
    let migrations = Migrations::from_slice(MIGRATIONS);
    let version: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == VERSION {
        return Ok(());
    }
    migrations.to_latest(conn).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => err.into(),
        error => OpenError::Corrupt { why: error.to_string() },
    })?;
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}
