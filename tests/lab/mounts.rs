//! The mount table: what lies below a folder, and taking it away again.

use std::{fs, path::Path, path::PathBuf, process::Command};

/// Mount points strictly below `dir`, deepest first.
pub fn below(dir: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut points: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| point != dir && point.starts_with(dir))
        .collect();
    points.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    points
}

/// Unmounts what an engine that was killed left behind. Without this, removing the folder would
/// reach through the mounts.
pub fn unmount_below(dir: &Path) {
    for point in below(dir) {
        let _ = Command::new("umount").arg("--lazy").arg(&point).status();
    }
}
