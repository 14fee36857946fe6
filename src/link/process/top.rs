//! Who uses most of the processor, or of the memory, right now.

use super::{Row, blocking, group_of, rows};
use crate::link::LinkError;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// One process and what it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    pub pid: i32,
    pub name: String,
    /// Of one processor: a process with two busy threads takes 200.
    pub cpu_percent: f64,
    pub memory_bytes: u64,
    pub unit: Option<String>,
    pub container: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Cpu,
    Memory,
}

/// Processor time is counted in hundredths of a second: shorter would be guessing.
const INTERVAL: Duration = Duration::from_secs(1);

/// The first `count` of all, over one second.
///
/// # Errors
/// `/proc` can't be read.
pub async fn top(by: By, count: usize) -> Result<Vec<Top>, LinkError> {
    let before = blocking(rows).await?;
    let began = Instant::now();
    sleep(INTERVAL).await;
    let after = blocking(rows).await?;
    let elapsed = began.elapsed();
    blocking(move || {
        let first = rank(&before, after, elapsed, procfs::ticks_per_second(), by, count);
        let shown = first.into_iter().map(|(row, cpu_percent)| {
            let group = group_of(row.id.pid);
            Top {
                pid: row.id.pid,
                name: row.name,
                cpu_percent,
                memory_bytes: row.resident,
                unit: group.unit,
                container: group.container,
            }
        });
        Ok(shown.collect())
    })
    .await
}

/// Beside each its processor time in per cent, to a tenth.
fn rank(before: &[Row], after: Vec<Row>, elapsed: Duration, ticks_per_s: u64, by: By, count: usize) -> Vec<(Row, f64)> {
    let earlier: HashMap<_, _> = before.iter().map(|row| (row.id, row.ticks)).collect();
    let mut all: Vec<(u64, Row)> = after
        .into_iter()
        // One that began meanwhile has used all that it has used in this time.
        .map(|row| (row.ticks.saturating_sub(earlier.get(&row.id).copied().unwrap_or(0)), row))
        .collect();
    all.sort_by(|(ticks_a, a), (ticks_b, b)| {
        let key = |ticks: u64, row: &Row| match by {
            By::Cpu => (ticks, row.resident),
            By::Memory => (row.resident, ticks),
        };
        key(*ticks_b, b).cmp(&key(*ticks_a, a)).then(a.id.cmp(&b.id))
    });
    all.truncate(count);
    let whole = elapsed.as_secs_f64().max(0.001) * ticks_per_s.max(1) as f64;
    all.into_iter().map(|(ticks, row)| (row, (ticks as f64 / whole * 1_000.0).round() / 10.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Id;
    use super::*;

    fn row(pid: i32, started: u64, ticks: u64, resident: u64) -> Row {
        let name = format!("p{pid}");
        Row { id: Id { pid, started }, parent: 1, name, zombie: false, kernel: false, ticks, resident }
    }

    #[test]
    fn the_busiest_come_first() {
        let before = [row(10, 1, 500, 0), row(11, 1, 90, 0), row(12, 1, 7, 0)];
        // 12 ended, and another got its pid; 13 is new.
        let after = || vec![row(10, 1, 510, 4), row(11, 1, 290, 3), row(12, 9, 30, 2), row(13, 5, 50, 1)];
        let ranked = |by, count| {
            let ranked = rank(&before, after(), Duration::from_secs(2), 100, by, count);
            ranked.into_iter().map(|(row, cpu)| (row.id.pid, cpu)).collect::<Vec<_>>()
        };
        assert_eq!(ranked(By::Cpu, 10), [(11, 100.0), (13, 25.0), (12, 15.0), (10, 5.0)]);
        assert_eq!(ranked(By::Memory, 2), [(10, 5.0), (11, 100.0)]);
    }

    #[tokio::test]
    async fn a_busy_process_is_seen() {
        let mut busy = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let found = top(By::Cpu, 10_000).await;
        busy.kill().unwrap();
        busy.wait().unwrap();
        let found = found.unwrap();
        let own = found.iter().find(|top| top.pid == busy.id().cast_signed());
        assert!(own.is_some_and(|own| own.cpu_percent > 1.0 && own.memory_bytes > 0), "{own:?}");
    }
}
