//! The mount table: what lies in a folder, and taking it away again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Mount points at or below `dir`, deepest first.
pub fn at_or_below(dir: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut points: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| point.starts_with(dir))
        .collect();
    points.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    points
}

pub fn below(dir: &Path) -> Vec<PathBuf> {
    let mut points = at_or_below(dir);
    points.retain(|point| point != dir);
    points
}

/// Lazily, because what used the mount may be ending still.
pub fn unmount(point: &Path) {
    let _ = Command::new("umount").arg("--lazy").arg(point).status();
}
