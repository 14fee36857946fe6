//! What an engine leaves outside its own folders: a key file, empty state folders, an empty
//! control group. Whatever was not there before the lab's engine started goes when it stops.

use std::{fs, path::PathBuf};

use serde::{Deserialize, Serialize};

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

#[derive(Serialize, Deserialize)]
pub struct Footprint {
    absent: Vec<PathBuf>,
}

impl Footprint {
    pub fn before() -> Self {
        let absent = LEFTOVERS
            .iter()
            .map(PathBuf::from)
            .chain(control_groups())
            .filter(|path| !path.exists())
            .collect();
        Self { absent }
    }

    pub fn restore(&self) {
        for path in &self.absent {
            let _ = if path.is_dir() {
                fs::remove_dir(path)
            } else {
                fs::remove_file(path)
            };
        }
    }
}

/// Where an engine puts its containers: one folder in each version-1 hierarchy, or one in all.
fn control_groups() -> Vec<PathBuf> {
    let root = PathBuf::from("/sys/fs/cgroup");
    let hierarchies = super::super::mounts::below(&root);
    hierarchies
        .into_iter()
        .chain([root])
        .map(|hierarchy| hierarchy.join("docker"))
        .collect()
}
