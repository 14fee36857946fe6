//! One database, once: is it sound?
//!
//! A look must never stand in a writer's way, and must leave nothing behind: a `-wal` or `-shm` of root's would
//! lock the application out of its own database. How a file can be read so depends on its journal
//! (<https://sqlite.org/wal.html#read_only_databases>, <https://sqlite.org/uri.html>):
//!
//! - A `-wal` beside it: somebody has it open, or died with it open. `readonly_shm=1` reads by the index that is
//!   there and makes none. Readers never block writers there.
//! - No `-wal`, and no journal of a running transaction: `immutable=1` takes no lock and makes no file. A writer
//!   may come while we read and make sound pages look torn. So a bad result counts only if the file was not
//!   written meanwhile; else it is read again, the last time under a reader's lock, for a moment only.
//!   That is judged by the file's times alone: were the file opened beside SQLite and closed again, all locks on it
//!   that this process has (heald's own journal may be the one to check) would be gone (<https://sqlite.org/howtocorrupt.html>, 2.2).
//! - A journal that is neither empty nor finished: a transaction under way, or a writer that died. Wait a
//!   moment; only a writer may roll back, so more can't be said.

use super::{Database, Depth};
use crate::link::clock;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What a check that could be made has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Sound,
    /// Damaged, missing or empty, or what is expected in it is not there; the first words on what it is.
    Bad(String),
}

/// How the file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Wal,
    /// Without a lock.
    Quiet,
    Locked,
}

/// What changes when somebody writes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    has_wal: bool,
    has_journal: bool,
}

const TRIES: u32 = 4;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);
/// Times of files go in steps of up to 10 ms. A file that was written just now may be written again without a trace.
const STEP: Duration = Duration::from_millis(50);
/// Under a lock, a writer of a database without a WAL waits.
const LOCKED_MAX: Duration = Duration::from_secs(2);
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// # Errors
/// Why nothing can be said: locked, not permitted, not done in time.
pub(super) fn check(database: &Database, stop: &Arc<AtomicBool>) -> Result<Verdict, String> {
    let deadline = Instant::now() + database.deadline;
    let mut why = String::new();
    for attempt in 1..=TRIES {
        let Some(before) = Stamp::of(&database.path)? else { return Ok(Verdict::Bad("there is no such file".to_owned())) };
        if before.size == 0 {
            return Ok(Verdict::Bad("the file is empty".to_owned()));
        }
        let way = match &before {
            Stamp { has_wal: true, .. } => Way::Wal,
            // A reader without rights to it would leave a -wal and a -shm of its own behind.
            _ if attempt == TRIES && is_wal(&database.path) => {
                return Err(format!(
                    "its writers come and go faster than it can be read{}{why}",
                    if why.is_empty() { "" } else { "; before: " }
                ));
            }
            _ if attempt == TRIES => Way::Locked,
            Stamp { has_journal: true, .. } => {
                "a transaction is under way, or its writer died and only the next one can roll back".clone_into(&mut why);
                std::thread::sleep(BETWEEN_TRIES);
                continue;
            }
            _ if before.is_just_written() => {
                "it is written all the time".clone_into(&mut why);
                std::thread::sleep(BETWEEN_TRIES);
                continue;
            }
            _ => Way::Quiet,
        };
        let until = if way == Way::Locked { deadline.min(Instant::now() + LOCKED_MAX) } else { deadline };
        let found = look(database, way, until, stop);
        let is_still = || Stamp::of(&database.path).is_ok_and(|after| after.as_ref() == Some(&before));
        match found {
            Ok(Verdict::Bad(_)) if way == Way::Quiet && !is_still() => {
                "it is written all the time, so that a bad page may be half of a good one".clone_into(&mut why);
            }
            Err(error) if attempt < TRIES && !stop.load(Ordering::Relaxed) && Instant::now() < deadline => why = error,
            other => return other.map_err(|error| if why.is_empty() { error } else { format!("{error}; before: {why}") }),
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Err(why)
}

fn look(database: &Database, way: Way, until: Instant, stop: &Arc<AtomicBool>) -> Result<Verdict, String> {
    match judge(database, way, until, stop) {
        Ok(verdict) => Ok(verdict),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Ok(Verdict::Bad(error.to_string())),
            Some(ErrorCode::OperationInterrupted) if stop.load(Ordering::Relaxed) => Err("heald is ending".to_owned()),
            Some(ErrorCode::OperationInterrupted) if way == Way::Locked => {
                Err(format!("not done within {LOCKED_MAX:?} under a lock"))
            }
            Some(ErrorCode::OperationInterrupted) => Err(format!("not done within {:?}", database.deadline)),
            _ => Err(error.to_string()),
        },
    }
}

fn judge(database: &Database, way: Way, until: Instant, stop: &Arc<AtomicBool>) -> rusqlite::Result<Verdict> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri(&database.path, way), flags)?;
    connection.busy_timeout(Duration::from_secs(1))?;
    // The file is a stranger's: nothing that its schema names is run.
    connection.pragma_update(None, "trusted_schema", false)?;
    let stop = Arc::clone(stop);
    connection.progress_handler(STEPS, Some(move || stop.load(Ordering::Relaxed) || Instant::now() >= until))?;
    let pragma = match database.depth {
        Depth::Quick => "PRAGMA quick_check(3)",
        Depth::Integrity => "PRAGMA integrity_check(3)",
    };
    let mut statement = connection.prepare(pragma)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    if lines != ["ok"] {
        return Ok(Verdict::Bad(lines.join("; ").replace('\n', " ")));
    }
    drop(statement);
    let Some(expected) = &database.expect else { return Ok(Verdict::Sound) };
    Ok(match connection.query_row(&expected.query, [], |row| row.get::<_, f64>(0)) {
        Ok(number) if number >= expected.min => Verdict::Sound,
        Ok(number) => Verdict::Bad(format!("`{}` gives {number}, and at least {} is expected", expected.query, expected.min)),
        // No such table, no row, no number.
        Err(error) if !matches!(error.sqlite_error_code(), Some(code) if code != ErrorCode::Unknown) => {
            Verdict::Bad(format!("`{}`: {error}", expected.query))
        }
        Err(error) => return Err(error),
    })
}

/// The file's name with SQLite's options behind it.
fn uri(path: &Path, way: Way) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
            other => uri += &format!("%{other:02X}"),
        }
    }
    uri + match way {
        Way::Wal => "?mode=ro&readonly_shm=1",
        Way::Quiet => "?mode=ro&immutable=1",
        Way::Locked => "?mode=ro",
    }
}

/// `shop.db-wal` for `shop.db`.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

// === impl Stamp ===

impl Stamp {
    /// None when there is no such file.
    fn of(path: &Path) -> Result<Option<Self>, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let found = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed)?,
        };
        if !found.is_file() {
            return Err(format!("{} is no regular file", path.display()));
        }
        Ok(Some(Self {
            inode: found.ino(),
            size: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            has_wal: fs::symlink_metadata(beside(path, "-wal")).is_ok(),
            has_journal: is_hot(&beside(path, "-journal")).map_err(failed)?,
        }))
    }

    fn is_just_written(&self) -> bool {
        let now = clock::wall();
        let (seconds, fraction) = (now.as_second() - self.modified.0, i64::from(now.subsec_nanosecond()) - self.modified.1);
        i128::from(seconds) * 1_000_000_000 + i128::from(fraction) < STEP.as_nanos().cast_signed() && seconds > -2
    }
}

/// Whether the header says so (bytes 18 and 19 of <https://www.sqlite.org/fileformat.html>).
fn is_wal(path: &Path) -> bool {
    let mut header = [0; 20];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header[18] == 2
}

/// A journal that is not empty and does not begin with a zero, as SQLite itself judges
/// (`hasHotJournal`, src/pager.c).
fn is_hot(journal: &Path) -> std::io::Result<bool> {
    let mut first = [0];
    // Nothing else than a file is opened: a pipe would wait for ever.
    match fs::symlink_metadata(journal) {
        Ok(found) if !found.is_file() => return Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        _ => {}
    }
    match fs::File::open(journal).and_then(|mut file| file.read(&mut first)) {
        Ok(count) => Ok(count > 0 && first[0] != 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
