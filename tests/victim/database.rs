//! A SQLite database as an application uses it: one connection that stays open, a read and a lock twice a second, and a log
//! line when that fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::state::Victim;

const BETWEEN: Duration = Duration::from_millis(500);

/// On a thread of its own, for as long as the process lives.
pub fn watch(victim: Arc<Victim>) {
    let Some(path) = victim.args.database.clone() else { return };
    std::thread::spawn(move || {
        let mut open = None;
        loop {
            let looked = look(&mut open, &path);
            if let Err(error) = &looked {
                victim.log(&format!("ERROR query failed: {error}"));
            }
            victim.database_ok.store(looked.is_ok(), Ordering::Relaxed);
            std::thread::sleep(BETWEEN);
        }
    });
}

fn look(open: &mut Option<Connection>, path: &std::path::Path) -> rusqlite::Result<()> {
    if open.is_none() {
        // It never makes one: an empty database would look well.
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(Duration::ZERO)?;
        // So that it sees what the file says now.
        connection.pragma_update(None, "cache_size", 1)?;
        *open = Some(connection);
    }
    let Some(connection) = open else { return Ok(()) };
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK; PRAGMA shrink_memory")?;
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match found.as_str() {
        "ok" => Ok(()),
        _ => Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(format!("database disk image is malformed: {found}")),
        )),
    }
}
