//! Where the commands that read the past find it: a state folder or an exported file, and since when.

use super::Failure;
use crate::domain::id::Seq;
use crate::domain::time::{Span, Time};
use crate::store::{Reader, Row};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::{Path, PathBuf};

/// `7d` before the journal's last record, or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    Ago(Span),
    At(Timestamp),
}

/// Records in order, a page at a time.
pub enum Journal {
    Folder { reader: Reader, page: VecDeque<Row>, after: Seq },
    Lines { lines: Lines<BufReader<Box<dyn Read>>>, name: String, number: usize },
}

const PAGE: usize = 1_000;

// === impl Since ===

impl std::str::FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        text.parse().map(Self::Ago).map_err(|_| "neither a duration as 7d nor a time as 2026-11-22T06:00:00Z".to_owned())
    }
}

impl Since {
    /// `last`: when the journal's last record was written.
    pub fn time(self, last: Option<Time>) -> Time {
        match (self, last) {
            (Self::At(at), _) => Time(at.as_millisecond()),
            (Self::Ago(span), Some(last)) => Time(last.0.saturating_sub(i64::try_from(span.0.as_millis()).unwrap_or(i64::MAX))),
            (Self::Ago(_), None) => Time(0),
        }
    }
}

// === impl Journal ===

impl Journal {
    /// Opened for reading only, whether or not a heald runs on it.
    pub fn folder(dir: &Path, after: impl FnOnce(&Reader) -> Result<Seq, Failure>) -> Result<Self, Failure> {
        let reader = Reader::open(dir).map_err(|error| unreadable(dir, &error))?;
        let after = after(&reader)?;
        Ok(Self::Folder { reader, page: VecDeque::new(), after })
    }

    /// What `heald export` wrote; `-` is standard input.
    pub fn file(path: &Path) -> Result<Self, Failure> {
        let source: Box<dyn Read> = match path.to_str() {
            Some("-") => Box::new(std::io::stdin()),
            _ => Box::new(File::open(path).map_err(|error| unreadable(path, &error))?),
        };
        Ok(Self::Lines { lines: BufReader::new(source).lines(), name: path.display().to_string(), number: 0 })
    }

    pub fn reader(&self) -> Option<&Reader> {
        match self {
            Self::Folder { reader, .. } => Some(reader),
            Self::Lines { .. } => None,
        }
    }

    pub fn next(&mut self) -> Result<Option<Row>, Failure> {
        match self {
            Self::Folder { reader, page, after } => {
                if page.is_empty() {
                    *page = reader.events(*after, None, PAGE).map_err(|error| Failure::Usage(error.to_string()))?.into();
                }
                let row = page.pop_front();
                *after = row.as_ref().map_or(*after, |row| row.seq);
                Ok(row)
            }
            Self::Lines { lines, name, number } => loop {
                let Some(line) = lines.next() else { return Ok(None) };
                *number += 1;
                let wrong = |why: String| Failure::Usage(format!("{name}:{number}: {why}"));
                let line = line.map_err(|error| wrong(error.to_string()))?;
                if !line.trim().is_empty() {
                    return Row::from_line(&line).map(Some).map_err(wrong);
                }
            },
        }
    }
}

/// The folder of `--state`, of `--config.file`, or heald's own.
pub fn state_folder(state: Option<PathBuf>, config_file: Option<&Path>) -> Result<PathBuf, Failure> {
    match (state, config_file) {
        (Some(state), _) => Ok(state),
        (None, file) => super::client::state_of(file),
    }
}

pub fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_duration_or_a_moment() {
        let last = Some(Time(1_000_000));
        assert_eq!("10m".parse::<Since>().unwrap().time(last), Time(400_000));
        assert_eq!("10m".parse::<Since>().unwrap().time(None), Time(0));
        assert_eq!("1970-01-01T00:01:00Z".parse::<Since>().unwrap().time(last), Time(60_000));
        assert!("yesterday".parse::<Since>().unwrap_err().contains("7d"));
    }
}
