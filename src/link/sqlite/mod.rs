//! SQLite files of other programs: read without standing in a writer's way, checked, copied. All of it blocks.
//!
//! A look must never stand in a writer's way, and must leave nothing behind: a `-wal` or `-shm` of root's would
//! lock the application out of its own database. How a file can be read so depends on its journal
//! (<https://sqlite.org/wal.html#read_only_databases>, <https://sqlite.org/uri.html>):
//!
//! - A `-wal` beside it: somebody has it open, or died with it open. `readonly_shm=1` reads by the index that is
//!   there and makes none. Readers never block writers there.
//! - No `-wal`, and no journal of a running transaction: `immutable=1` takes no lock and makes no file. A writer
//!   may come while we read and make sound pages look torn. So a result that could be torn counts only if the file was not
//!   written meanwhile; else it is read again, the last time under a reader's lock, for a moment only.
//!   That is judged by the file's times alone: were the file opened beside SQLite and closed again, all locks on it
//!   that this process has (heald's own journal may be the one to check) would be gone (<https://sqlite.org/howtocorrupt.html>, 2.2).
//! - A journal that is neither empty nor finished: a transaction under way, or a writer that died. Wait a
//!   moment; only a writer may roll back, so more can't be said.

mod check;
mod copy;
mod expect;
mod stamp;

pub use check::{Depth, Report, Verdict, check};
pub use copy::{Checkpoint, checkpoint, copy, copy_is_sound};
pub use expect::{Expect, Expected};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use stamp::{Stamp, is_wal};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What a reader met.
#[derive(Clone, Debug, PartialEq)]
pub enum Met<T> {
    Missing,
    Empty,
    /// SQLite's own words.
    Damaged(String),
    Read(T),
}

/// For how long a reader may go on.
#[derive(Clone, Debug)]
pub struct Limits {
    pub deadline: Instant,
    /// The time in words that is over at the deadline.
    pub span: Duration,
    /// Under a reader's lock a writer of a database without a WAL waits: for so long at most.
    pub locked_max: Duration,
    /// Set: end at once.
    pub stop: Arc<AtomicBool>,
}

/// How the file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Wal,
    /// Without a lock.
    Quiet,
    Locked,
}

/// What SQLite keeps beside a database.
pub const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

const TRIES: u32 = 4;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// Does a reader's job on a database, again where a writer came between. `torn`: whether a result may be what a writer in
/// between has made of it.
///
/// # Errors
/// Why nothing can be said: locked, not permitted, not done in time.
pub fn read<T>(
    path: &Path,
    limits: &Limits,
    torn: impl Fn(&T) -> bool,
    job: impl Fn(&Connection) -> rusqlite::Result<T>,
) -> Result<Met<T>, String> {
    let mut why = String::new();
    for attempt in 1..=TRIES {
        let Some(before) = Stamp::of(path)? else { return Ok(Met::Missing) };
        if before.size == 0 {
            return Ok(Met::Empty);
        }
        let way = match &before {
            Stamp { has_wal: true, .. } => Way::Wal,
            // A reader without rights to it would leave a -wal and a -shm of its own behind.
            _ if attempt == TRIES && is_wal(path) => {
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
        let until = if way == Way::Locked { limits.deadline.min(Instant::now() + limits.locked_max) } else { limits.deadline };
        let found = limits.words(way, open(path, way, until, &limits.stop).and_then(|connection| job(&connection)));
        let is_still = || Stamp::of(path).is_ok_and(|after| after.as_ref() == Some(&before));
        let doubtful = match &found {
            Ok(Met::Read(result)) => torn(result),
            Ok(_) => true,
            Err(_) => false,
        };
        match found {
            Ok(_) if way == Way::Quiet && doubtful && !is_still() => {
                "it is written all the time, so that a bad page may be half of a good one".clone_into(&mut why);
            }
            Err(error) if attempt < TRIES && !limits.stop.load(Ordering::Relaxed) && Instant::now() < limits.deadline => {
                why = error;
            }
            other => return other.map_err(|error| if why.is_empty() { error } else { format!("{error}; before: {why}") }),
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Err(why)
}

fn open(path: &Path, way: Way, until: Instant, stop: &Arc<AtomicBool>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri(path, way), flags)?;
    connection.busy_timeout(Duration::from_secs(1))?;
    // The file is a stranger's: nothing that its schema names is run.
    connection.pragma_update(None, "trusted_schema", false)?;
    let stop = Arc::clone(stop);
    connection.progress_handler(STEPS, Some(move || stop.load(Ordering::Relaxed) || Instant::now() >= until))?;
    Ok(connection)
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
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

// === impl Limits ===

impl Limits {
    /// A read of so long at most, which may be stopped.
    pub fn within(span: Duration, stop: &Arc<AtomicBool>) -> Self {
        let locked_max = Duration::from_secs(2);
        Self { deadline: Instant::now() + span, span, locked_max, stop: Arc::clone(stop) }
    }

    /// What came of a job, and of SQLite's own errors what can be told by them.
    fn words<T>(&self, way: Way, done: rusqlite::Result<T>) -> Result<Met<T>, String> {
        let error = match done {
            Ok(result) => return Ok(Met::Read(result)),
            Err(error) => error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Ok(Met::Damaged(error.to_string())),
            Some(ErrorCode::OperationInterrupted) if self.stop.load(Ordering::Relaxed) => Err("heald is ending".to_owned()),
            Some(ErrorCode::OperationInterrupted) if way == Way::Locked => {
                Err(format!("not done within {:?} under a lock", self.locked_max))
            }
            Some(ErrorCode::OperationInterrupted) => Err(format!("not done within {:?}", self.span)),
            _ => Err(error.to_string()),
        }
    }
}
