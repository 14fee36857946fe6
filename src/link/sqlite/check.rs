//! Whether a database is sound: SQLite's own check, and what is expected in it. A flipped byte of a text passes the former.

use super::expect::Expect;
use super::{Limits, Met, read};
use rusqlite::{Connection, ErrorCode};
use serde_json::Value;
use std::path::Path;

/// What a check that could be made has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Sound,
    /// Damaged, missing or empty, or what is expected in it is not there; the first words on what it is.
    Bad(String),
}

/// Which pragma.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// All pages; not whether the indexes agree with the tables.
    #[default]
    Quick,
    Integrity,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub verdict: Verdict,
    /// What the queries gave, as far as they were asked.
    pub values: Vec<Value>,
}

/// Reads the whole file.
///
/// # Errors
/// Why nothing can be said: locked, not permitted, not done in time.
pub fn check(path: &Path, depth: Depth, expected: &[Expect], limits: &Limits) -> Result<Report, String> {
    let torn = |report: &Report| report.verdict != Verdict::Sound;
    let met = read(path, limits, torn, |connection| examine(connection, depth, expected))?;
    let bad = |why: &str| Report { verdict: Verdict::Bad(why.to_owned()), values: Vec::new() };
    Ok(match met {
        Met::Missing => bad("there is no such file"),
        Met::Empty => bad("the file is empty"),
        Met::Damaged(why) => bad(&why),
        Met::Read(report) => report,
    })
}

pub(super) fn examine(connection: &Connection, depth: Depth, expected: &[Expect]) -> rusqlite::Result<Report> {
    let pragma = match depth {
        Depth::Quick => "PRAGMA quick_check(3)",
        Depth::Integrity => "PRAGMA integrity_check(3)",
    };
    let mut statement = connection.prepare(pragma)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    drop(statement);
    let mut values = Vec::new();
    if lines != ["ok"] {
        return Ok(Report { verdict: Verdict::Bad(lines.join("; ").replace('\n', " ")), values });
    }
    for expect in expected {
        match expect.ask(connection) {
            Ok(value) => {
                let fits = expect.judge(&value);
                values.push(value);
                if let Err(why) = fits {
                    return Ok(Report { verdict: Verdict::Bad(why), values });
                }
            }
            // No such table, no row, no number.
            Err(error) if !matches!(error.sqlite_error_code(), Some(code) if code != ErrorCode::Unknown) => {
                return Ok(Report { verdict: Verdict::Bad(format!("`{}`: {error}", expect.query)), values });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Report { verdict: Verdict::Sound, values })
}
