//! The machine's memory: what is left, and giving back what is only cached.

use super::{blocking, unreadable};
use crate::link::LinkError;
use procfs::sys::vm::{DropCache, drop_caches as write_drop_caches};
use procfs::{Current as _, Meminfo, ProcError};

/// In bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    pub total: u64,
    /// The kernel's own estimate of what programs could still get without swapping.
    pub available: u64,
    pub free: u64,
}

/// # Errors
/// `/proc/meminfo` can't be read.
pub async fn memory() -> Result<Memory, LinkError> {
    blocking(read).await
}

fn read() -> Result<Memory, LinkError> {
    let info = Meminfo::current().map_err(|error| unreadable(&error))?;
    // Kernels before 3.14 have no estimate.
    let estimate = info.mem_available.unwrap_or(info.mem_free.saturating_add(info.cached));
    Ok(Memory { total: info.mem_total, available: estimate, free: info.mem_free })
}

/// Writes what waits for the disk, then lets the page cache go. What was free before, and after.
///
/// # Errors
/// [`LinkError::Denied`] where the kernel's settings may not be written.
pub async fn drop_caches() -> Result<(Memory, Memory), LinkError> {
    blocking(|| {
        let before = read()?;
        rustix::fs::sync();
        write_drop_caches(DropCache::PageCache).map_err(|error| match error {
            ProcError::PermissionDenied(_) => denied("permission denied"),
            // A read-only mount, as `ProtectKernelTunables=` makes it.
            ProcError::Io(io, _) if io.kind() == std::io::ErrorKind::ReadOnlyFilesystem => denied("read-only file system"),
            error => LinkError::Refused(format!("/proc/sys/vm/drop_caches: {error}")),
        })?;
        Ok((before, read()?))
    })
    .await
}

fn denied(why: &str) -> LinkError {
    LinkError::Denied(format!("/proc/sys/vm/drop_caches: {why} (docs/least-privilege.md says what it needs)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_memory() {
        let memory = memory().await.unwrap();
        assert!(memory.total > memory.available && memory.available > 0 && memory.free <= memory.total, "{memory:?}");
    }
}
