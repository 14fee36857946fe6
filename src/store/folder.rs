//! The state folder: tells a first start from a lost journal.
//!
//! `heald.state` is on disk before the database is. It says `creating` until the
//! database is complete, and nothing can be committed before it says `ready`; so a
//! start that is cut off is repeated, and a journal that is missing later is lost.

use super::error::OpenError;
use super::schema;
use rusqlite::Connection;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(super) const DATABASE: &str = "heald.db";
const MARKER: &str = "heald.state";
const CREATING: &str = "journal: creating";
const READY: &str = "journal: ready";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Absent,
    Creating,
    Ready,
}

/// Creates the folder for heald alone. One that exists keeps its mode, unless others could swap files in it.
pub(super) fn prepare(dir: &Path) -> Result<(), OpenError> {
    if !dir.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(OpenError::folder("create", dir))?;
    }
    let mode = fs::metadata(dir).map_err(OpenError::folder("open", dir))?.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(OpenError::Exposed { path: dir.to_owned(), mode });
    }
    Ok(())
}

/// The open, checked and migrated database. The caller holds the folder's lock.
pub(super) fn connect(dir: &Path) -> Result<Connection, OpenError> {
    let path = dir.join(DATABASE);
    let marker = read_marker(dir)?;
    let size = match fs::metadata(&path) {
        Ok(meta) => Some(meta.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(OpenError::folder("open", &path)(error)),
    };
    let traces = with_suffix(&path, "-wal").exists();
    match (marker, size) {
        (Marker::Creating, _) => create(dir),
        (Marker::Absent, None) if !traces => create(dir),
        (_, None) => Err(OpenError::Lost { why: format!("{} is missing", path.display()) }),
        (_, Some(0)) => Err(OpenError::Lost { why: format!("{} is empty", path.display()) }),
        (Marker::Ready, Some(_)) => schema::open(&path, true),
        // A journal brought from elsewhere without its marker.
        (Marker::Absent, Some(_)) => {
            let conn = schema::open(&path, false)?;
            write_marker(dir, READY)?;
            Ok(conn)
        }
    }
}

/// An empty journal. Removes what an interrupted creation left.
pub(super) fn create(dir: &Path) -> Result<Connection, OpenError> {
    write_marker(dir, CREATING)?;
    let path = dir.join(DATABASE);
    for file in [with_suffix(&path, "-wal"), with_suffix(&path, "-shm"), path.clone()] {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(OpenError::folder("remove", &file)(error)),
            _ => {}
        }
    }
    // SQLite gives its other files the mode of this one.
    File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(OpenError::folder("create", &path))?;
    let conn = schema::create(&path)?;
    write_marker(dir, READY)?;
    Ok(conn)
}

/// Renames what is left of a lost journal; nothing is deleted. Returns the new name of the database, if there was one.
pub(super) fn set_aside(dir: &Path) -> Result<Option<PathBuf>, OpenError> {
    let path = dir.join(DATABASE);
    let aside = (1..)
        .map(|n| dir.join(format!("{DATABASE}.lost-{n}")))
        .find(|aside| !["", "-wal", "-shm"].iter().any(|suffix| with_suffix(aside, suffix).exists()));
    let Some(aside) = aside else { return Ok(None) };
    let mut kept = None;
    for suffix in ["-wal", "-shm", ""] {
        let from = with_suffix(&path, suffix);
        if from.exists() {
            fs::rename(&from, with_suffix(&aside, suffix)).map_err(OpenError::folder("rename", &from))?;
            kept = Some(aside.clone());
        }
    }
    Ok(kept)
}

fn read_marker(dir: &Path) -> Result<Marker, OpenError> {
    let path = dir.join(MARKER);
    match fs::read(&path) {
        // Anything but a whole `creating` counts as ready: on the safe side.
        Ok(text) if String::from_utf8_lossy(&text).lines().any(|line| line == CREATING) => Ok(Marker::Creating),
        Ok(_) => Ok(Marker::Ready),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Marker::Absent),
        Err(error) => Err(OpenError::folder("read", &path)(error)),
    }
}

/// Whole or not at all, and on disk when it returns.
fn write_marker(dir: &Path, state: &str) -> Result<(), OpenError> {
    let (path, new) = (dir.join(MARKER), dir.join("heald.state.new"));
    let write = || {
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        writeln!(
            file,
            "heald keeps its journal, {DATABASE}, in this folder.\n\
             Without it heald calls people and repairs nothing: it can't know which budgets are spent.\n\
             Remedy: restore it, or run: heald store init --accept-empty-budgets\n{state}"
        )?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(OpenError::folder("write", &path))
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
