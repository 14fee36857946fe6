//! What the benches share: a heald to measure, a client that loads it, and how figures are printed.
//!
//! Nothing here is asserted for its speed; a bench fails only where heald gives a wrong answer.

#![allow(dead_code, reason = "each bench uses its own part")]

pub mod bare;
pub mod client;
pub mod daemon;
pub mod paper;
pub mod peer;

use std::path::Path;
use std::time::Duration;

/// On the disk that the build is on, for `/tmp` is often memory.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the run")
}

/// A quarter of the time, for a quick look: `BENCH_QUICK=1 make bench`.
pub fn span(full: Duration) -> Duration {
    if std::env::var_os("BENCH_QUICK").is_some() { full / 4 } else { full }
}

/// Sorted in place; `share` between 0 and 1.
pub fn percentile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
    let at = ((times.len() as f64 - 1.0).max(0.0) * share).round() as usize;
    times.get(at).copied().unwrap_or_default()
}

pub fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

/// A line of `/proc/PID/status`, in MB of 1,000,000 bytes.
pub fn memory_mb(pid: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with(field)).expect("the field is there");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number");
    kib * 1_024.0 / 1e6
}

/// User and system time of a process so far.
pub fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let after = stat.rsplit_once(") ").expect("a name in brackets").1;
    let ticks: u64 = after.split(' ').skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    // USER_HZ is 100 on every Linux that heald runs on.
    Duration::from_millis(ticks * 10)
}

/// Columns as wide as their widest cell; the first to the left, the others to the right.
#[expect(clippy::print_stdout, reason = "what a bench is for")]
pub fn table(title: &str, head: &[&str], rows: &[Vec<String>]) {
    let rows: Vec<Vec<String>> =
        std::iter::once(head.iter().map(|cell| (*cell).to_owned()).collect()).chain(rows.iter().cloned()).collect();
    let wide = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    println!("\n{title}");
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| if column == 0 { format!("{cell:<0$}", wide(0)) } else { format!("{cell:>0$}", wide(column)) })
            .collect();
        println!("  {}", cells.join("  "));
    }
}

#[expect(clippy::print_stdout, reason = "what a bench is for")]
pub fn say(text: &str) {
    println!("{text}");
}

pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("the folder");
    std::fs::write(path, text).expect("the file");
}
