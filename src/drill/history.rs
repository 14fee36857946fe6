//! What drills showed so far: one JSON object to a line, only ever added to.

use super::file::{Every, Expect};
use super::under_way::make;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// One drill that was run. Fields are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub drill: String,
    pub playbook: String,
    pub covers: Vec<String>,
    pub host: String,
    /// heald's own.
    pub version: String,
    /// When the first fault was injected.
    pub at: Timestamp,
    pub ended: Timestamp,
    pub passed: bool,
    pub expected: Expect,
    /// How the incident stood at the end; `None`: there was none.
    pub state: Option<String>,
    pub incident: Option<u64>,
    /// The alert came of the drill itself, not of a rule.
    pub posted: bool,
    /// Milliseconds; `None`: it did not come to that.
    pub detect_ms: Option<u64>,
    pub act_ms: Option<u64>,
    pub verify_ms: Option<u64>,
    pub recovery_ms: Option<u64>,
    /// The goal.
    pub within_ms: Option<u64>,
    pub attempts: u32,
    pub steps: Vec<String>,
    pub faults: Vec<String>,
    /// Why it failed; empty: it passed.
    pub why: Vec<String>,
    /// What undoing found and did.
    pub undone: Vec<String>,
    /// What is still broken.
    pub left: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Every>,
}

/// The folder of the reports.
#[derive(Clone, Debug)]
pub struct History {
    folder: PathBuf,
}

const NAME: &str = "history.jsonl";
/// Of an older history the end is read.
const SIZE_MAX: u64 = 64 << 20;

// === impl History ===

impl History {
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All entries, the oldest first. A line that can't be read (cut short by a full disk, written by a later heald) is left out.
    ///
    /// # Errors
    /// The file is there and can't be read.
    pub fn read(&self) -> Result<Vec<Entry>, String> {
        let path = self.folder.join(NAME);
        let failed = |error: std::io::Error| format!("{} can't be read: {error}", path.display());
        match fs::metadata(&path) {
            Ok(found) if found.len() > SIZE_MAX => return Err(format!("{} is larger than 64 MiB: move it away", path.display())),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        }
        let text = fs::read_to_string(&path).map_err(failed)?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Adds one, and writes its report beside as Markdown and JSON; the reports' path without ending.
    ///
    /// # Errors
    /// Something can't be written.
    pub fn add(&self, entry: &Entry, markdown: &str) -> Result<PathBuf, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{} can't be written: {error}", self.folder.display());
        make(&self.folder).map_err(|error| failed(&error))?;
        let line = serde_json::to_string(entry).map_err(|error| failed(&error))?;
        let pretty = serde_json::to_string_pretty(entry).map_err(|error| failed(&error))?;
        let stem = format!("{}-{}", entry.at.strftime("%Y-%m-%dT%H%M%SZ"), entry.drill);
        for (ending, text) in [("md", markdown), ("json", pretty.as_str())] {
            fs::write(self.folder.join(format!("{stem}.{ending}")), text).map_err(|error| failed(&error))?;
        }
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o644)
            .open(self.folder.join(NAME))
            .map_err(|error| failed(&error))?;
        file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(|error| failed(&error))?;
        Ok(self.folder.join(stem))
    }
}
