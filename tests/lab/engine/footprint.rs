//! What an engine leaves outside its own folders: a key file, empty state folders, an empty
//! control group. Whatever was not there before the lab's engine started goes when it stops.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::super::mounts;

/// Folders are removed only when empty, innermost first.
const LEFTOVERS: [&str; 9] = [
    "/etc/docker/key.json",
    "/etc/docker",
    "/run/docker/plugins",
    "/run/docker",
    "/run/containerd/s",
    "/run/containerd",
    "/opt/containerd/bin",
    "/opt/containerd/lib",
    "/opt/containerd",
];

const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

#[derive(Serialize, Deserialize)]
pub struct Footprint {
    absent: Vec<PathBuf>,
    /// The engine's own folders, and what was mounted in them before.
    folders: Vec<PathBuf>,
    mounted: Vec<PathBuf>,
}

impl Footprint {
    pub fn before(folders: &[&Path]) -> Self {
        let absent = LEFTOVERS.iter().map(PathBuf::from).chain(control_groups()).filter(|path| !path.exists()).collect();
        let folders: Vec<PathBuf> = folders.iter().map(|&folder| folder.to_owned()).collect();
        let mounted = folders.iter().flat_map(|folder| mounts::at_or_below(folder)).collect();
        Self { absent, folders, mounted }
    }

    pub fn restore(&self) {
        // An engine that is cut short leaves its containers' file systems, and its data folder
        // mounted on itself. Removing folders would reach through such mounts.
        for point in self.folders.iter().flat_map(|folder| mounts::at_or_below(folder)) {
            if !self.mounted.contains(&point) {
                mounts::unmount(&point);
            }
        }
        for path in &self.absent {
            if path.starts_with(CONTROL_GROUPS) {
                remove_groups(path);
            } else if path.is_dir() {
                let _ = fs::remove_dir(path);
            } else {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Groups that hold no process, innermost first; the kernel refuses the others.
fn remove_groups(group: &Path) {
    for inner in fs::read_dir(group).into_iter().flatten().flatten() {
        if inner.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_groups(&inner.path());
        }
    }
    let _ = fs::remove_dir(group);
}

/// Where an engine puts its containers: one folder in each version-1 hierarchy, or one in all.
fn control_groups() -> Vec<PathBuf> {
    let root = PathBuf::from(CONTROL_GROUPS);
    let hierarchies = mounts::below(&root);
    hierarchies.into_iter().chain([root]).map(|hierarchy| hierarchy.join("docker")).collect()
}
