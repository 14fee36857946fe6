//! A process and all that it started.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Its process group is killed when it is dropped, unless it was forgotten; the rest of it is looked for by `kill`
/// only, because that reads all of /proc.
///
/// Found are: the process group; all children's children by their parents; and whoever has the mark in its environment,
/// also when it has left the group, the session and its parent behind. Only a process that did all of that and emptied its
/// environment, or took another user's rights that a heald without root can't read, is not found.
#[derive(Debug)]
pub struct Family {
    group: Option<Pid>,
    mark: String,
    is_over: bool,
}

/// Whoever starts processes faster than they are killed is not followed for ever.
const ROUNDS: usize = 5;
/// A process that hangs in the kernel can hold whoever reads its environment.
const SCAN_MAX: Duration = Duration::from_millis(1_500);

// === impl Family ===

impl Family {
    pub(super) fn of(process: Option<u32>, name: &str, mark: &str) -> Self {
        let group = process.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self { group, mark: format!("{name}={mark}"), is_over: false }
    }

    /// It ended by itself; what it left running was meant to.
    pub(super) fn forget(&mut self) {
        self.is_over = true;
    }

    /// How many processes were there. Off the runtime; where that takes too long, at least the group is killed.
    ///
    /// The group is not killed before the others are known: a child whose parent is gone can't be told from a stranger.
    pub(super) async fn kill(&mut self) -> usize {
        let Some(group) = self.group else { return 0 };
        let over = Instant::now() + SCAN_MAX;
        let mark = self.mark.clone();
        let killed = timeout_at(over, tokio::task::spawn_blocking(move || kill_all(group, &mark, over))).await;
        match killed {
            Ok(Ok(killed)) => {
                self.is_over = true;
                killed
            }
            _ => {
                self.kill_group();
                1
            }
        }
    }

    fn kill_group(&mut self) {
        if let Some(group) = self.group.filter(|_| !self.is_over) {
            // An error says that it is gone already.
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.is_over = true;
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// Blocks. After `over` nothing is killed any more: the group's number may be another's by then.
fn kill_all(group: Pid, mark: &str, over: Instant) -> usize {
    let mut killed = BTreeSet::new();
    for _ in 0..ROUNDS {
        let members = members(group, mark);
        if Instant::now() >= over {
            break;
        }
        let new = members.iter().filter(|pid| killed.insert(pid.as_raw_nonzero())).count();
        // An error says that it is gone already.
        let _ = kill_process_group(group, Signal::KILL);
        for pid in members {
            let _ = kill_process(pid, Signal::KILL);
        }
        if new == 0 {
            break;
        }
    }
    killed.len()
}

fn members(group: Pid, mark: &str) -> Vec<Pid> {
    let all: Vec<Row> = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| Row::read(&entry)).collect();
    let mut members = BTreeSet::from([group.as_raw_nonzero().get()]);
    let marked = |row: &Row| {
        let environment = fs::read(format!("/proc/{}/environ", row.pid)).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
    };
    members.extend(all.iter().filter(|row| row.group == group.as_raw_nonzero().get() || marked(row)).map(|row| row.pid));
    // Parents come before children only by chance.
    loop {
        let found: Vec<i32> =
            all.iter().filter(|row| members.contains(&row.parent) && !members.contains(&row.pid)).map(|row| row.pid).collect();
        if found.is_empty() {
            break;
        }
        members.extend(found);
    }
    let alive = |pid: &i32| all.iter().any(|row| row.pid == *pid && !row.is_dead);
    members.into_iter().filter(alive).filter_map(Pid::from_raw).collect()
}

/// A line of /proc/PID/stat.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    pid: i32,
    parent: i32,
    group: i32,
    is_dead: bool,
}

// === impl Row ===

impl Row {
    fn read(entry: &fs::DirEntry) -> Option<Self> {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Self::parse(pid, &fs::read_to_string(entry.path().join("stat")).ok()?)
    }

    /// The name stands in parentheses and may hold anything, parentheses too (proc_pid_stat(5)).
    fn parse(pid: i32, stat: &str) -> Option<Self> {
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut words = rest.split(' ');
        let is_dead = matches!(words.next()?, "Z" | "X");
        Some(Self { pid, parent: words.next()?.parse().ok()?, group: words.next()?.parse().ok()?, is_dead })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_do_not_hide_a_process() {
        let row = Row { pid: 7, parent: 1, group: 5, is_dead: false };
        assert_eq!(Row::parse(7, "7 (a) S 9 9) S 1 5 5 0 -1"), Some(row));
        assert_eq!(Row::parse(7, "7 (sh) Z 1 5 5 0").map(|row| row.is_dead), Some(true));
        assert_eq!(Row::parse(7, "7 (sh"), None);
    }
}
