//! A first configuration for the host that this runs on: what is found there, and the files that follow from it.
//!
//! Called by `heald init`. [`look()`] asks systemd, Docker and three HTTP ports once, and changes nothing; [`expected`]
//! sorts out what must run; [`files()`] is pure: the same findings give the same texts. Writing is the caller's.

mod files;
mod look;
mod sort;

use crate::link::docker::Found;
use crate::link::systemd::Installed;
use std::path::PathBuf;

pub use files::{File, files};
pub use look::look;
pub use sort::{Expected, Left, expected};

/// What was seen of the host.
#[derive(Clone, Debug)]
pub struct Findings {
    pub host: String,
    /// Or why systemd could not be asked.
    pub units: Result<Vec<Installed>, String>,
    pub containers: Result<Vec<Found>, String>,
    /// Whether each answers on its usual port of this machine.
    pub node_exporter: bool,
    pub prometheus: bool,
    pub alertmanager: bool,
    /// The playbooks that were installed with the program.
    pub shared: Option<PathBuf>,
    /// As heald will reach them.
    pub bus: String,
    pub engine: String,
}

pub const BUS: &str = "unix:path=/run/dbus/system_bus_socket";
pub const ENGINE: &str = "unix:///var/run/docker.sock";

#[cfg(test)]
mod tests;
