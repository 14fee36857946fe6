//! Which files some process has open for writing, as far as heald may see: `/proc/*/fdinfo`.
//!
//! Root sees all processes, also those in containers. Another user sees its own only, and what it can't see counts as not
//! held: that a file is old is the first sign that nobody writes to it, this is the second.

use crate::link::until::Until;
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Of `flags:` in `/proc/PID/fdinfo/N`, octal: `O_WRONLY` and `O_RDWR`.
const WRITES: u32 = 0o3;
/// Descriptors looked at; a host with more has them in few programs.
const DESCRIPTORS_MAX: usize = 200_000;

/// Of these files, by device and inode, those that are written to.
pub fn written_to(files: &HashSet<(u64, u64)>, until: &Until) -> HashSet<(u64, u64)> {
    let mut held = HashSet::new();
    if files.is_empty() {
        return held;
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = processes.filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    let descriptors = numbered.flat_map(|entry| fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten());
    for (nth, descriptor) in descriptors.take(DESCRIPTORS_MAX).enumerate() {
        if nth % 256 == 0 && until.is_over() {
            break;
        }
        // Follows the magic link to the open file itself, under whatever name it was opened.
        let Ok(found) = fs::metadata(descriptor.path()) else { continue };
        let file = (found.dev(), found.ino());
        if found.is_file() && files.contains(&file) && writes(&descriptor.path()).unwrap_or(false) {
            held.insert(file);
        }
    }
    held
}

/// `/proc/7/fd/3` → `/proc/7/fdinfo/3`
fn writes(descriptor: &std::path::Path) -> Option<bool> {
    let info = descriptor.parent()?.with_file_name("fdinfo").join(descriptor.file_name()?);
    let text = fs::read_to_string(info).ok()?;
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    Some(u32::from_str_radix(flags.trim(), 8).ok()? & WRITES != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn writers_are_seen_and_readers_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let id = |name: &str| {
            let found = fs::metadata(dir.path().join(name)).unwrap();
            (found.dev(), found.ino())
        };
        for name in ["written", "read", "closed"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        let _writer = fs::File::options().append(true).open(dir.path().join("written")).unwrap();
        let _reader = fs::File::open(dir.path().join("read")).unwrap();
        let all = ["written", "read", "closed"].map(id).into();
        let until = Until::new(Instant::now() + Duration::from_secs(60));
        assert_eq!(written_to(&all, &until), HashSet::from([id("written")]));
    }
}
