//! SQLite databases: whether they are sound, and how big they are.
//!
//! A check reads the whole file, so it is made at most each `every`, in the background of a scrape; in between
//! its last result is shown with its time. All checks are made one after another. One that came to nothing
//! (locked, no permission) is no result: the last one stays, its time grows old, and it is tried again soon.

use super::blocking::Turn;
use super::page::{Family, Labels};
use super::{Collect, Seen};
use crate::link::clock;
pub use crate::link::sqlite::Depth;
use crate::link::sqlite::{self, Limits, Verdict, beside};
use futures_util::future::BoxFuture;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// `{ name, path, service, every, check, deadline, expect }`
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    pub name: String,
    /// Absolute.
    pub path: PathBuf,
    /// May be empty.
    pub service: String,
    /// Between the end of a check and the next.
    pub every: Duration,
    pub depth: Depth,
    /// For one check.
    pub deadline: Duration,
    pub expect: Option<Expect>,
}

/// A query whose first column must be at least a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    pub query: String,
    pub min: f64,
}

pub struct Databases {
    shared: Arc<Shared>,
    /// Of the sizes; a check of minutes must not keep them waiting.
    turn: Turn,
    /// Ends a running check with the collector.
    stop: Arc<AtomicBool>,
}

struct Shared {
    databases: Vec<Database>,
    /// One for each database.
    memory: Mutex<Vec<Memory>>,
    /// A check is running.
    busy: AtomicBool,
}

#[derive(Clone, Debug, Default)]
struct Memory {
    /// None: at once.
    due: Option<Instant>,
    /// The last result, and when it was had: seconds since 1970.
    last: Option<(Verdict, f64)>,
    /// Why the last try came to none.
    trouble: Option<String>,
}

/// Bytes of the database and of its write-ahead log.
type Sizes = Option<(u64, u64)>;

/// After a try that came to nothing.
const AGAIN: Duration = Duration::from_secs(60);

// === impl Databases ===

impl Databases {
    pub fn new(databases: Vec<Database>) -> Self {
        let memory = Mutex::new(vec![Memory::default(); databases.len()]);
        let shared = Arc::new(Shared { databases, memory, busy: AtomicBool::new(false) });
        Self { shared, turn: Turn::new(), stop: Arc::default() }
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Collect for Databases {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn collect(&self) -> BoxFuture<'_, Seen> {
        Box::pin(async move {
            if self.shared.is_due(Instant::now()) && !self.shared.busy.swap(true, Ordering::AcqRel) {
                let (shared, stop) = (Arc::clone(&self.shared), Arc::clone(&self.stop));
                drop(tokio::task::spawn_blocking(move || {
                    // Also when a check panics.
                    let _busy = Busy(&shared.busy);
                    shared.check_due(&stop);
                }));
            }
            let paths: Vec<PathBuf> = self.shared.databases.iter().map(|one| one.path.clone()).collect();
            let sizes = self.turn.run(move || paths.iter().map(|path| sizes(path)).collect::<Vec<_>>()).await;
            match sizes {
                Ok(sizes) => self.shared.seen(&sizes),
                Err(why) => Seen { failed: Some(why), ..self.shared.seen(&[]) },
            }
        })
    }

    fn blind(&self) -> Vec<Family> {
        self.shared.seen(&[]).families
    }
}

// === impl Shared ===

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Vec<Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_due(&self, now: Instant) -> bool {
        self.memory().iter().any(|one| one.is_due(now))
    }

    /// Blocks.
    fn check_due(&self, stop: &Arc<AtomicBool>) {
        for (nth, database) in self.databases.iter().enumerate() {
            let is_due = self.memory().get(nth).is_some_and(|one| one.is_due(Instant::now()));
            if !is_due || stop.load(Ordering::Relaxed) {
                continue;
            }
            let result = check(database, stop);
            if let Some(memory) = self.memory().get_mut(nth) {
                memory.note(database, result);
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to 9 PB")]
    fn seen(&self, sizes: &[Sizes]) -> Seen {
        let mut ok = Family::gauge("heald_sqlite_ok", "0 when the last check found the database damaged, empty or missing");
        let mut checked =
            Family::gauge("heald_sqlite_checked_timestamp_seconds", "When the last check ended that came to a result");
        let mut size = Family::gauge("heald_sqlite_size_bytes", "Size of the database; none while the file is missing");
        let mut wal = Family::gauge("heald_sqlite_wal_bytes", "Size of its write-ahead log; 0 without one");
        let mut failed = None;
        for (database, memory) in self.databases.iter().zip(&*self.memory()) {
            if let Some((verdict, at)) = &memory.last {
                ok.add(database.labels(), f64::from(u8::from(*verdict == Verdict::Sound)));
                checked.add(database.labels(), *at);
            }
            if let Some(why) = &memory.trouble {
                failed = Some(format!("{}: {why}", database.name));
            }
        }
        for (database, (bytes, log)) in self.databases.iter().zip(sizes).filter_map(|(one, sizes)| Some((one, (*sizes)?))) {
            size.add(database.labels(), bytes as f64);
            wal.add(database.labels(), log as f64);
        }
        Seen { families: vec![ok, checked, size, wal], failed }
    }
}

// === impl Database ===

impl Database {
    fn labels(&self) -> Labels {
        vec![("database", self.name.clone()), ("service", self.service.clone())]
    }
}

// === impl Memory ===

impl Memory {
    fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    fn note(&mut self, database: &Database, result: Result<Verdict, String>) {
        let wait = match &result {
            Ok(_) => database.every,
            Err(_) => AGAIN.min(database.every),
        };
        self.due = Some(Instant::now() + wait);
        match result {
            Ok(verdict) => {
                let was_sound = !matches!(self.last, Some((Verdict::Bad(_), _)));
                match &verdict {
                    Verdict::Bad(why) if was_sound => {
                        tracing::warn!(database = database.name, path = %database.path.display(), why, "the database is not sound");
                    }
                    Verdict::Sound if !was_sound => tracing::info!(database = database.name, "the database is sound again"),
                    _ => {}
                }
                #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970")]
                let now = clock::wall().as_millisecond() as f64 / 1e3;
                (self.last, self.trouble) = (Some((verdict, now)), None);
            }
            Err(why) => self.trouble = Some(why),
        }
    }
}

/// Clears the mark when it goes.
struct Busy<'a>(&'a AtomicBool);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// # Errors
/// Why nothing can be said: locked, not permitted, not done in time.
fn check(database: &Database, stop: &Arc<AtomicBool>) -> Result<Verdict, String> {
    let expected: Vec<_> = database.expect.iter().map(|expect| sqlite::Expect::at_least(&expect.query, expect.min)).collect();
    let limits = Limits::within(database.deadline, stop);
    sqlite::check(&database.path, database.depth, &expected, &limits).map(|report| report.verdict)
}

fn sizes(path: &Path) -> Sizes {
    let found = fs::metadata(path).ok()?;
    Some((found.len(), fs::metadata(beside(path, "-wal")).map_or(0, |wal| wal.len())))
}

#[cfg(test)]
mod tests;
