//! What is broken right now and how it is mended: on the disk before it is broken.
//!
//! A drill that is killed leaves this file behind; the next `heald drill run`, or `heald drill undo`, carries it out.

use super::fault::Undo;
use crate::link::Tools;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The file, and the lock that says that its drill lives.
#[derive(Debug)]
pub struct UnderWay {
    path: PathBuf,
    /// Held for as long as this lives.
    _lock: File,
    record: Record,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Record {
    drill: String,
    /// In the order of the faults; undone in reverse.
    faults: Vec<Broken>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Broken {
    fault: String,
    undo: Undo,
}

const NAME: &str = "under-way.json";
const LOCK: &str = "lock";

impl UnderWay {
    /// Opens the folder of the drills, and sees to it that no other drill runs.
    ///
    /// # Errors
    /// Another one runs, or the folder can't be written.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{} can't be written: {error}", folder.display());
        make(folder).map_err(|error| failed(&error))?;
        let lock = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join(LOCK))
            .map_err(|error| failed(&error))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => "another drill is running: one at a time".to_owned(),
            fs::TryLockError::Error(error) => failed(&error),
        })?;
        let path = folder.join(NAME);
        let record = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| {
                format!("{} can't be read: {error}; see what it names, mend that by hand and remove the file", path.display())
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Record::default(),
            Err(error) => return Err(failed(&error)),
        };
        Ok(Self { path, _lock: lock, record })
    }

    /// The drill that left something behind, if one did.
    pub fn left(&self) -> Option<&str> {
        (!self.record.faults.is_empty()).then_some(self.record.drill.as_str())
    }

    /// Written before the fault is injected.
    ///
    /// # Errors
    /// It is not on the disk: nothing may be injected.
    pub fn note(&mut self, drill: &str, fault: &str, undo: &Undo) -> Result<(), String> {
        drill.clone_into(&mut self.record.drill);
        self.record.faults.push(Broken { fault: fault.to_owned(), undo: undo.clone() });
        self.write()
    }

    /// Undoes everything, the last first; what was done, and what could not be. What could not be stays in the file.
    pub async fn undo(&mut self, tools: &Tools) -> (Vec<String>, Vec<String>) {
        let (mut done, mut failed, mut left) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(broken) = self.record.faults.pop() {
            match broken.undo.run(tools).await {
                Ok(words) => done.push(format!("{}: {words}", broken.fault)),
                Err(why) => {
                    failed.push(format!("{}: {why}", broken.fault));
                    left.insert(0, broken);
                }
            }
        }
        self.record.faults = left;
        let kept = if self.record.faults.is_empty() { self.clear() } else { self.write() };
        failed.extend(kept.err());
        (done, failed)
    }

    fn clear(&self) -> Result<(), String> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("{} can't be removed: {error}", self.path.display()))
            }
            _ => Ok(()),
        }
    }

    fn write(&self) -> Result<(), String> {
        let text = serde_json::to_string_pretty(&self.record).map_err(|error| error.to_string())?;
        let fresh = self.path.with_extension("new");
        let written = (|| {
            let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &self.path)?;
            File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()
        })();
        written.map_err(|error: std::io::Error| format!("{} can't be written: {error}", self.path.display()))
    }
}

/// What an earlier drill left broken is mended; the drill's name, what was done and what was not. `None`: nothing was left.
///
/// # Errors
/// As [`UnderWay::open`] says.
pub async fn undo_all(under_way: &mut UnderWay, tools: &Tools) -> Option<(String, Vec<String>, Vec<String>)> {
    let drill = under_way.left()?.to_owned();
    let (done, failed) = under_way.undo(tools).await;
    Some((drill, done, failed))
}

/// Whether a drill left something broken, or one is under way.
pub fn is_left(folder: &Path) -> bool {
    folder.join(NAME).exists()
}

/// The folder, whose owner is that of the state folder above it: root's drills and the daemon's share it.
pub(super) fn make(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    if let Some(above) = folder.parent()
        && rustix::process::geteuid().is_root()
    {
        let like = fs::metadata(above)?;
        std::os::unix::fs::chown(folder, Some(like.uid()), Some(like.gid()))?;
    }
    Ok(())
}
