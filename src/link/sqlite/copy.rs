//! A sound copy of a database, also while others write to it, and its log put into it.

use super::check::{Depth, Report, Verdict, examine};
use super::{Expect, Limits, Met, Way, open, read};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// What became of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// All of the log is in the database, and the log is empty: so many pages.
    Done { pages: i64 },
    /// A reader or writer was in the way until the end.
    Busy,
    /// It has no write-ahead log.
    NoLog,
}

/// 4 MB of the usual pages; under a reader's lock a writer waits no longer than this takes.
const PAGES: i32 = 1_000;
const AGAIN: Duration = Duration::from_millis(100);
/// For so long at once a checkpoint keeps the application from writing.
const WRITERS_WAIT: Duration = Duration::from_millis(500);

/// SQLite's online backup into an empty file: all that is committed, with what is only in the log.
///
/// # Errors
/// Why there is no copy: locked, damaged, no room, not done in time.
pub fn copy(from: &Path, to: &Path, limits: &Limits) -> Result<(), String> {
    // Between its steps the lock is let go, so a long copy keeps nobody waiting.
    let limits = Limits { locked_max: limits.span, ..limits.clone() };
    // A copy that began before a writer came may be half of each.
    let met = read(from, &limits, |()| true, |source| pages(source, to, &limits))?;
    match met {
        Met::Missing => Err("there is no such file".to_owned()),
        Met::Empty => Err("the file is empty".to_owned()),
        Met::Damaged(why) => Err(why),
        Met::Read(()) => Ok(()),
    }
}

fn pages(source: &Connection, to: &Path, limits: &Limits) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(to, flags)?;
    // A copy that is cut off is thrown away, and a whole one is synced by whoever renames it.
    target.pragma_update(None, "journal_mode", "off")?;
    target.pragma_update(None, "synchronous", "off")?;
    let backup = Backup::new(source, &mut target)?;
    loop {
        let over = Instant::now() >= limits.deadline || limits.stop.load(Ordering::Relaxed);
        match backup.step(PAGES)? {
            StepResult::Done => return Ok(()),
            _ if over => return Err(interrupted()),
            StepResult::Busy | StepResult::Locked => std::thread::sleep(AGAIN),
            _ => {}
        }
    }
}

fn interrupted() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT), None)
}

/// Of a file that nobody else knows yet.
///
/// # Errors
/// It could not be read, or not in time.
pub fn copy_is_sound(path: &Path, expected: &[Expect], limits: &Limits) -> Result<Report, String> {
    let examined = open(path, Way::Quiet, limits.deadline, &limits.stop)
        .and_then(|connection| examine(&connection, Depth::Integrity, expected));
    let bad = |why: String| Report { verdict: Verdict::Bad(why), values: Vec::new() };
    Ok(match limits.words(Way::Quiet, examined)? {
        Met::Read(report) => report,
        Met::Damaged(why) => bad(why),
        Met::Missing | Met::Empty => bad("the file is empty".to_owned()),
    })
}

/// `PRAGMA wal_checkpoint(TRUNCATE)`: tries until the deadline, or until it is called off.
///
/// While it waits for a reader it keeps all writers out, so each try is short, and most of the work is done before.
///
/// # Errors
/// The file is damaged, or may not be written.
pub fn checkpoint(path: &Path, limits: &Limits) -> Result<Checkpoint, String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let asked = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(WRITERS_WAIT)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        // In nobody's way. What is wrong with the file the next one says too.
        let _ = checkpointed(&connection, "PRAGMA wal_checkpoint(PASSIVE)");
        loop {
            let left = limits.deadline.saturating_duration_since(Instant::now());
            connection.busy_timeout(WRITERS_WAIT.min(left))?;
            let asked = checkpointed(&connection, "PRAGMA wal_checkpoint(TRUNCATE)");
            let is_busy = match &asked {
                Ok((busy, ..)) => *busy != 0,
                Err(error) => is_locked(error),
            };
            if !is_busy || limits.stop.load(Ordering::Relaxed) || Instant::now() + AGAIN >= limits.deadline {
                return asked;
            }
            std::thread::sleep(AGAIN);
        }
    });
    match asked {
        Ok((0, -1, _)) => Ok(Checkpoint::NoLog),
        Ok((0, _, pages)) => Ok(Checkpoint::Done { pages }),
        Ok(_) => Ok(Checkpoint::Busy),
        Err(error) if is_locked(&error) => Ok(Checkpoint::Busy),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether somebody was in the way, the pages in the log, and those of them that are in the database.
fn checkpointed(connection: &Connection, pragma: &str) -> rusqlite::Result<(i64, i64, i64)> {
    connection.query_row(pragma, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
