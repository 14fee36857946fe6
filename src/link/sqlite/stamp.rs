//! Whether somebody writes to a database, by its files' times alone.

use super::beside;
use crate::link::clock;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// What changes when somebody writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    pub size: u64,
    modified: (i64, i64),
    pub has_wal: bool,
    pub has_journal: bool,
}

/// Times of files go in steps of up to 10 ms. A file that was written just now may be written again without a trace.
const STEP: Duration = Duration::from_millis(50);

// === impl Stamp ===

impl Stamp {
    /// None when there is no such file.
    pub fn of(path: &Path) -> Result<Option<Self>, String> {
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

    pub fn is_just_written(&self) -> bool {
        let now = clock::wall();
        let (seconds, fraction) = (now.as_second() - self.modified.0, i64::from(now.subsec_nanosecond()) - self.modified.1);
        i128::from(seconds) * 1_000_000_000 + i128::from(fraction) < STEP.as_nanos().cast_signed() && seconds > -2
    }
}

/// Whether the header says so (bytes 18 and 19 of <https://www.sqlite.org/fileformat.html>).
pub(super) fn is_wal(path: &Path) -> bool {
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
