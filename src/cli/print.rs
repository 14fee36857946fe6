//! Text on a terminal: tables, times, and nothing that an alert could smuggle in.

use super::Failure;
use clap::ValueEnum;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io::{ErrorKind, Write};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// The API's own bytes.
    Json,
}

/// Writes to standard output at once: somebody may be following.
pub fn out(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // `| head` has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::Refused(format!("standard output can't be written: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// One line, without anything that moves the cursor or turns the writing direction.
pub fn clean(text: &str) -> String {
    crate::notify::card::line(text)
}

/// Columns two spaces apart; the last one is not padded.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

pub fn day(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%F").to_string()
}

/// `2026-11-22 12:03:01`
pub fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%F %T").to_string()
}

/// `12:03:01.123`
pub fn time_of_day(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%T%.3f").to_string()
}
