//! Whether the lab can run at all, asked before anything is started.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{Error, Result};

const PROGRAMS: [&str; 12] = [
    "prometheus",
    "prometheus-alertmanager",
    "prometheus-node-exporter",
    "prometheus-blackbox-exporter",
    "prometheus-redis-exporter",
    "mmdebstrap",
    "mtail",
    "redis-server",
    "supervisord",
    "dnsmasq",
    "docker-compose",
    "haproxy",
];

/// An error says in one line what to run.
pub fn can_run() -> Result<()> {
    let missing: Vec<&str> = PROGRAMS.into_iter().filter(|name| program(name).is_none()).collect();
    if !missing.is_empty() {
        return Err(Error::new(format!("{} missing; run: sudo tests/lab/setup.sh", missing.join(", "))));
    }
    let engine = env::var_os("DOCKER_HOST").is_some() || Path::new("/var/run/docker.sock").exists();
    if !engine && !rustix::process::geteuid().is_root() {
        return Err(Error::new("no Docker engine runs, and only root can start one; run: sudo make"));
    }
    Ok(())
}

/// The first of this name along the `PATH`.
pub fn program(name: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).map(|folder| folder.join(name)).find(|file| file.is_file())
}
