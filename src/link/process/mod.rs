//! Processes of this machine, as `/proc` shows them: who runs, who holds a port, who left zombies behind; and signals.
//!
//! Actions and probes ask here. A process is known by its pid *and* the moment it started, since a pid is used again.
//! heald sees its own pid namespace and its own network namespace, and nothing of others.

use super::LinkError;
use procfs::ProcError;
use procfs::process::{Process, Stat, StatFlags, all_processes};

pub mod group;
pub mod hold;
pub mod memory;
pub mod send;
pub mod signal;
pub mod top;
pub mod zombie;

use group::Group;

/// Which process, and no other that gets its pid later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    pub pid: i32,
    /// In clock ticks after boot.
    pub started: u64,
}

/// A line of `/proc/PID/stat`, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: Id,
    pub parent: i32,
    /// The kernel's short name, at most 15 bytes; whoever runs may choose it.
    pub name: String,
    pub zombie: bool,
    /// A thread of the kernel's own.
    pub kernel: bool,
    /// Processor time so far, in clock ticks.
    pub ticks: u64,
    /// Resident memory in bytes.
    pub resident: u64,
}

/// Every process that can be seen. One that ends meanwhile is left out.
fn rows() -> Result<Vec<Row>, LinkError> {
    let all = all_processes().map_err(|error| unreadable(&error))?;
    Ok(all.filter_map(|process| process.ok()?.stat().ok()).map(|stat| Row::of(&stat)).collect())
}

/// Where it belongs; nothing is known of one that has ended, or may not be looked at.
fn group(process: &Process) -> Group {
    let Ok(groups) = process.cgroups() else { return Group::default() };
    Group::of(groups.0.iter().map(|group| (group.controllers.as_slice(), group.pathname.as_str())))
}

fn group_of(pid: i32) -> Group {
    Process::new(pid).map(|process| group(&process)).unwrap_or_default()
}

/// Reading thousands of small files is nothing for the threads that answer others.
async fn blocking<T: Send + 'static>(read: impl FnOnce() -> Result<T, LinkError> + Send + 'static) -> Result<T, LinkError> {
    let broken_off = |_| LinkError::NotSent("reading /proc broke off".to_owned());
    tokio::task::spawn_blocking(read).await.map_err(broken_off)?
}

fn unreadable(error: &ProcError) -> LinkError {
    match error {
        ProcError::PermissionDenied(_) => LinkError::Denied(format!("/proc: {error}")),
        _ => LinkError::Refused(format!("/proc: {error}")),
    }
}

// === impl Row ===

impl Row {
    fn of(stat: &Stat) -> Self {
        Self {
            id: Id { pid: stat.pid, started: stat.starttime },
            parent: stat.ppid,
            name: crate::domain::target::cut(&stat.comm),
            zombie: stat.state == 'Z',
            kernel: is_kernel(stat),
            ticks: stat.utime.saturating_add(stat.stime),
            resident: stat.rss.saturating_mul(procfs::page_size()),
        }
    }
}

fn is_kernel(stat: &Stat) -> bool {
    // Unknown flags of newer kernels must not hide this one.
    StatFlags::from_bits_truncate(stat.flags).contains(StatFlags::PF_KTHREAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_among_them() {
        let own = std::process::id().cast_signed();
        let rows = rows().unwrap();
        let me = rows.iter().find(|row| row.id.pid == own).unwrap();
        assert!(!me.kernel && !me.zombie && me.resident > 0 && me.parent > 0, "{me:?}");
    }
}
