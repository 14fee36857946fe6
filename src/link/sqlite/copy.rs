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

/// `PRAGMA wal_checkpoint(TRUNCATE)`: waits for readers and writers until the deadline.
///
/// # Errors
/// The file is damaged, or may not be written.
pub fn checkpoint(path: &Path, limits: &Limits) -> Result<Checkpoint, String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let asked = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(limits.deadline.saturating_duration_since(Instant::now()))?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
    });
    match asked {
        Ok((0, -1, _)) => Ok(Checkpoint::NoLog),
        Ok((0, _, pages)) => Ok(Checkpoint::Done { pages }),
        Ok(_) => Ok(Checkpoint::Busy),
        Err(error) if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {
            Ok(Checkpoint::Busy)
        }
        Err(error) => Err(error.to_string()),
    }
}
