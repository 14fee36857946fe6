//! The inventory: what is expected of all hosts, in one file; and the Prometheus rules that only such a list can give.
//!
//! A rule that compares what is measured can't miss what is no longer measured: a unit that was unloaded, a container
//! that was removed, a scrape target that somebody deleted. Only a list of what must be there can. Called by
//! `heald rules` and `heald init`, and by `config/` for the recovery objectives. It reads its file and nothing else.

mod continuity;
mod name;
mod print;
mod promql;
mod read;
mod rules;

use crate::domain::policy::{ContinuityMode, Objective};
use crate::domain::target::TargetKind;
use std::collections::BTreeMap;
use std::time::Duration;

pub use continuity::Continuity;
pub use print::{page, scalar};
pub use promql::{Selector, escape};
pub use read::{inventory as read_node, load, read};
pub use rules::{BASIC, Page, Rule, rules};

/// All hosts and services, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    pub hosts: BTreeMap<String, Host>,
    pub services: BTreeMap<String, Service>,
    pub continuity: Option<Continuity>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Whether Prometheus scrapes a node exporter there, by the job `node`.
    pub node_exporter: bool,
}

/// What belongs to a service on each of its hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Never empty.
    pub hosts: Vec<String>,
    /// How fast a person must look when one of its parts is gone; None leaves it to the kind of part.
    pub severity: Option<Severity>,
    /// `rto` and `rpo`.
    pub objective: Option<Objective>,
    pub units: Vec<String>,
    pub containers: Vec<String>,
    /// supervisord's programs, as `heald_supervisor_program_state` names them: `group:name`, or `name`.
    pub programs: Vec<String>,
    /// process exporter's groups.
    pub processes: Vec<String>,
    pub probes: Vec<Probe>,
    pub ports: Vec<Port>,
    pub backups: BTreeMap<String, Backup>,
    pub heartbeats: BTreeMap<String, Heartbeat>,
}

/// A target of the blackbox exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The scrape job, which is also the module's name.
    pub job: &'static str,
    /// As in the label `instance`.
    pub instance: String,
}

/// A port that a unit listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub unit: String,
    /// `host:port`, the label `instance` of the job `tcp_connect`.
    pub address: String,
}

/// What was promised of a backup. Whoever watches it may be stricter, never laxer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    pub max_age: Option<Duration>,
    /// In bytes.
    pub min_size: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    pub max_age: Option<Duration>,
}

/// The label `severity` of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    P0,
    P1,
    P2,
    P3,
}

// === impl Inventory ===

impl Inventory {
    /// In the form of `recovery_objectives:`.
    pub fn objectives(&self) -> BTreeMap<String, Objective> {
        self.services.iter().filter_map(|(name, service)| Some((name.clone(), service.objective?))).collect()
    }

    /// What `continuity:` means on a host, the smallest set first.
    pub fn continuity_on(&self, host: &str) -> Vec<ContinuityMode> {
        self.continuity.as_ref().map(|continuity| continuity.on(host, self)).unwrap_or_default()
    }
}

// === impl Service ===

impl Service {
    /// The names of one kind of what runs.
    fn running(&self, kind: TargetKind) -> &[String] {
        match kind {
            TargetKind::Unit => &self.units,
            TargetKind::Container => &self.containers,
            TargetKind::Program => &self.programs,
            TargetKind::Process => &self.processes,
            _ => &[],
        }
    }
}

// === impl Severity ===

impl Severity {
    pub const ALL: [Severity; 4] = [Self::P0, Self::P1, Self::P2, Self::P3];

    pub fn label(self) -> &'static str {
        match self {
            Self::P0 => "P0",
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
        }
    }
}

#[cfg(test)]
mod tests;
