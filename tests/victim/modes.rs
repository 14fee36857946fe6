//! Flags that a repair sets: offline, degraded, low-memory … Over HTTP, or as a file in the state folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

pub const FLAGS: [&str; 6] = ["offline", "degraded", "low-memory", "backup-endpoint", "autonomy", "local-commit"];

#[derive(Debug, Default)]
pub struct Modes {
    folder: Option<PathBuf>,
    without_folder: Mutex<BTreeSet<String>>,
}

impl Modes {
    pub fn in_folder(folder: Option<&PathBuf>) -> Self {
        Self { folder: folder.cloned(), without_folder: Mutex::default() }
    }

    pub fn is_on(&self, flag: &str) -> bool {
        match &self.folder {
            Some(folder) => folder.join(flag).exists(),
            None => self.without_folder.lock().unwrap_or_else(PoisonError::into_inner).contains(flag),
        }
    }

    /// # Errors
    /// No such flag, or a folder that can't be written.
    pub fn set(&self, flag: &str, on: bool) -> Result<(), String> {
        let Some(flag) = FLAGS.iter().find(|known| **known == flag) else {
            return Err(format!("no flag {flag}; there are: {}", FLAGS.join(" ")));
        };
        match (&self.folder, on) {
            (Some(folder), true) => fs::write(folder.join(flag), "").map_err(|error| error.to_string()),
            (Some(folder), false) if folder.join(flag).exists() => {
                fs::remove_file(folder.join(flag)).map_err(|error| error.to_string())
            }
            (Some(_), false) => Ok(()),
            (None, on) => {
                let mut flags = self.without_folder.lock().unwrap_or_else(PoisonError::into_inner);
                if on {
                    flags.insert((*flag).to_owned())
                } else {
                    flags.remove(*flag)
                };
                Ok(())
            }
        }
    }
}
