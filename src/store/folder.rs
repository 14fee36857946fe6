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
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
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

/// The database and its log as they were opened: SQLite goes on writing to files that somebody removed.
pub(super) struct Files(Vec<(PathBuf, Option<(u64, u64)>)>);

impl Files {
    /// Once the log has been opened, which the first read does.
    pub fn opened(dir: &Path) -> Self {
        let path = dir.join(DATABASE);
        Self([with_suffix(&path, "-wal"), path].map(|path| (path.clone(), identity(&path))).into())
    }

    /// Their bytes together.
    pub fn size(&self) -> u64 {
        self.0.iter().filter_map(|(path, _)| fs::metadata(path).ok()).map(|meta| meta.len()).sum()
    }

    /// The first that is no longer in its place.
    pub fn moved(&self) -> Option<&Path> {
        self.0.iter().find(|(path, opened)| identity(path) != *opened).map(|(path, _)| &**path)
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
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
    // The database first: without its log it would open as an older journal, if this were cut off.
    for suffix in ["", "-wal", "-shm"] {
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

#[cfg(test)]
mod tests {
    use super::super::fixture::Pen;
    use super::super::{Horizon, InitError, Loaded, OpenError, Store};
    use super::*;
    use std::collections::BTreeMap;

    fn open(dir: &Path) -> Result<Loaded, OpenError> {
        Store::open(dir, Horizon::default()).map(|(_, loaded)| loaded)
    }

    /// A folder whose journal holds 50 incidents, and is closed.
    fn used() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let (mut pen, _) = Pen::open(dir.path());
        for at in 0..50 {
            pen.incident(at);
        }
        dir
    }

    fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        // The lock and the shared memory hold nothing that lasts.
        paths
            .filter(|path| !path.ends_with("lock") && !path.ends_with("heald.db-shm"))
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }

    #[test]
    fn a_first_start_makes_the_folder_for_heald_alone() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("a/b");
        let _pen = Pen::open(&state);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state), 0o700);
        for file in ["heald.db", "heald.db-wal", "heald.db-shm", "heald.state", "lock"] {
            assert_eq!(mode(&state.join(file)), 0o600, "{file}");
        }
    }

    #[test]
    fn a_first_start_that_was_cut_off_is_repeated() {
        let dir = tempfile::tempdir().unwrap();
        write_marker(dir.path(), CREATING).unwrap();
        assert!(open(dir.path()).is_ok());
        write_marker(dir.path(), CREATING).unwrap();
        fs::write(dir.path().join(DATABASE), "half a pa").unwrap();
        assert_eq!(open(dir.path()).unwrap().next_seq.0, 1);
        assert!(read_marker(dir.path()).unwrap() == Marker::Ready);
    }

    #[test]
    fn a_missing_or_empty_journal_is_lost_and_not_made_anew() {
        for lose in [
            (|path| fs::remove_file(path).unwrap()) as fn(&Path),
            |path| fs::write(path, "").unwrap(),
            |path| {
                fs::remove_file(path).unwrap();
                rusqlite::Connection::open(path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
            },
        ] {
            let dir = used();
            lose(&dir.path().join(DATABASE));
            for _ in 0..2 {
                let error = open(dir.path()).unwrap_err();
                assert!(matches!(error, OpenError::Lost { .. }) && error.is_escalate_only(), "{error}");
            }
        }
    }

    #[test]
    fn a_damaged_journal_is_corrupt() {
        let zero = |from: usize, to: usize| move |bytes: &mut Vec<u8>| bytes[from..to].fill(0);
        type Damage = Box<dyn Fn(&mut Vec<u8>)>;
        let damages: Vec<(&str, Damage)> = vec![
            ("magic", Box::new(|bytes| bytes[3] ^= 1)),
            ("header", Box::new(zero(0, 100))),
            ("cut in the header", Box::new(|bytes| bytes.truncate(60))),
            ("cut in the middle", Box::new(|bytes| bytes.truncate(bytes.len() / 2))),
            ("cut by a page", Box::new(|bytes| bytes.truncate(bytes.len() - 4096))),
            (
                "a page of zeros",
                Box::new(|bytes| {
                    let at = bytes.len() - 8192;
                    bytes[at..at + 4096].fill(0)
                }),
            ),
            ("the schema", Box::new(zero(100, 4096))),
            ("no version", Box::new(zero(60, 64))),
            (
                "not an event",
                Box::new(|bytes| {
                    let at = bytes.windows(10).rposition(|part| part == b"not_healed").unwrap();
                    bytes[at..at + 10].copy_from_slice(b"hot_dealed");
                }),
            ),
        ];
        for (name, damage) in damages {
            let dir = used();
            let path = dir.path().join(DATABASE);
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut bytes);
            fs::write(&path, bytes).unwrap();
            let error = open(dir.path()).map(|_| name).unwrap_err();
            assert!(matches!(error, OpenError::Corrupt { .. }) && error.is_escalate_only(), "{name}: {error}");
        }
    }

    #[test]
    fn a_person_can_accept_empty_budgets() {
        let dir = used();
        assert!(matches!(Store::init_accepting_empty_budgets(dir.path()), Err(InitError::Fine)));
        let path = dir.path().join(DATABASE);
        fs::write(&path, "damaged").unwrap();
        let kept = Store::init_accepting_empty_budgets(dir.path()).unwrap().unwrap();
        assert_eq!(fs::read(kept).unwrap(), b"damaged");
        assert_eq!(open(dir.path()).unwrap().next_seq.0, 1);
        fs::remove_file(&path).unwrap();
        assert_eq!(Store::init_accepting_empty_budgets(dir.path()).unwrap(), None);
        fs::write(&path, "again").unwrap();
        let kept = Store::init_accepting_empty_budgets(dir.path()).unwrap().unwrap();
        assert!(kept.ends_with("heald.db.lost-2"), "{kept:?}");
    }

    #[test]
    fn a_newer_journal_is_left_as_it_is() {
        for checkpointed in [true, false] {
            let dir = used();
            let conn = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
            conn.execute_batch("UPDATE meta SET value = '9.8.7' WHERE key = 'written_by'; PRAGMA user_version = 42").unwrap();
            if checkpointed {
                drop(conn);
            } else {
                conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
                drop(conn);
                assert!(fs::metadata(dir.path().join("heald.db-wal")).unwrap().len() > 0);
            }
            let before = files(dir.path());
            let error = open(dir.path()).unwrap_err();
            assert!(matches!(error, OpenError::Newer { found: 42, .. }) && !error.is_escalate_only(), "{error}");
            assert!(matches!(Store::init_accepting_empty_budgets(dir.path()), Err(InitError::Open(OpenError::Newer { .. }))));
            assert!(checkpointed || error.to_string().contains("9.8.7"), "{error}");
            assert_eq!(files(dir.path()), before);
        }
    }

    #[test]
    fn an_older_journal_is_taken_over() {
        let dir = used();
        // Nothing but the number tells the two apart.
        let conn = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
        conn.execute_batch("PRAGMA user_version = 1").unwrap();
        drop(conn);
        assert_eq!(open(dir.path()).unwrap().next_seq.0, 151);
        let conn = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
        assert_eq!(
            conn.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).unwrap(),
            crate::store::schema::VERSION
        );
    }

    #[test]
    fn a_foreign_file_is_left_as_it_is() {
        for text in ["no database at all, but longer than a header would be: ".repeat(3), String::new()] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(DATABASE);
            if text.is_empty() {
                rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
            } else {
                fs::write(&path, text).unwrap();
            }
            let before = files(dir.path());
            let error = open(dir.path()).unwrap_err();
            assert!(matches!(error, OpenError::Foreign { .. }) && !error.is_escalate_only(), "{error}");
            assert_eq!(files(dir.path()), before);
        }
    }

    #[test]
    fn a_journal_brought_without_its_marker_is_taken() {
        let dir = used();
        fs::remove_file(dir.path().join(MARKER)).unwrap();
        assert_eq!(open(dir.path()).unwrap().next_seq.0, 151);
        assert!(read_marker(dir.path()).unwrap() == Marker::Ready);
    }

    #[test]
    fn a_folder_that_can_not_be_used_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(open(&file.join("state")).unwrap_err().to_string().contains("file/state"));
        let open_to_all = dir.path().join("open");
        fs::create_dir(&open_to_all).unwrap();
        fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(open(&open_to_all).unwrap_err().to_string().contains("chmod 700"));
    }

    #[test]
    fn a_second_heald_learns_who_holds_the_folder() {
        let dir = used();
        let (pen, _) = Pen::open(dir.path());
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(pen);
        assert!(open(dir.path()).is_ok());
    }
}
