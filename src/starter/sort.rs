//! What of all that was found must run, and what may be restarted.

use super::Findings;
use crate::domain::target::{Target, TargetKind};
use crate::link::docker::Found;
use crate::link::systemd::Installed;
use std::collections::BTreeMap;

/// Sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub units: Vec<String>,
    /// Those that are failed now.
    pub failed: Vec<String>,
    pub containers: Vec<Container>,
    pub left: Vec<Left>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    pub name: String,
    /// Of the inventory.
    pub service: String,
}

/// What was found and is not expected, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    pub why: &'static str,
    pub name: String,
}

/// The system's own: its distribution looks after them, and a person sees at once when they are gone.
const SYSTEM: [&str; 14] = [
    "systemd-", "user@", "user-runtime-dir@", "getty@", "serial-getty@", "console-", "dbus", "polkit", "plymouth", "initrd-",
    "modprobe@", "emergency", "rescue", "init",
];
const DESKTOP: [&str; 24] = [
    "accounts-daemon", "alsa-", "avahi-daemon", "bluetooth", "colord", "cups", "display-manager", "fwupd", "gdm", "geoclue",
    "kerneloops", "lightdm", "ModemManager", "NetworkManager-", "packagekit", "power-profiles-daemon", "rtkit-daemon", "sddm",
    "speech-dispatcher", "switcheroo-control", "udisks2", "upower", "whoopsie", "wpa_supplicant",
];
/// Everything else hangs on these: alerts yes, restarts only when a person has thought about it.
const DELICATE: [&str; 12] = [
    "containerd.service", "docker.service", "firewalld.service", "libvirtd.service", "NetworkManager.service",
    "networking.service", "nftables.service", "podman.service", "ssh.service", "sshd.service", "tailscaled.service",
    "ufw.service",
];

/// Whether a restart of the unit touches more than the unit.
pub fn is_delicate(unit: &str) -> bool {
    DELICATE.contains(&unit) || unit.starts_with("wg-quick@")
}

pub fn expected(findings: &Findings) -> Expected {
    let mut expected = Expected::default();
    for unit in findings.units.iter().flatten() {
        match leave_unit(unit) {
            Some(why) => expected.left.push(Left { why, name: unit.name.clone() }),
            None => {
                if unit.active == "failed" {
                    expected.failed.push(unit.name.clone());
                }
                expected.units.push(unit.name.clone());
            }
        }
    }
    let all: Vec<&Found> = findings.containers.iter().flatten().collect();
    for found in &all {
        match leave_container(found) {
            Some(why) => expected.left.push(Left { why, name: format!("{} ({})", found.name, found.text) }),
            None => expected.containers.push(Container { name: found.name.clone(), service: service(found, &all) }),
        }
    }
    expected.units.sort();
    expected.left.sort();
    expected
}

fn leave_unit(unit: &Installed) -> Option<&'static str> {
    let begins = |list: &[&str]| list.iter().any(|start| unit.name.starts_with(start));
    if unit.name == "heald.service" {
        Some("heald itself: systemd restarts it, and others must watch it")
    } else if begins(&SYSTEM) {
        Some("the system's own")
    } else if begins(&DESKTOP) {
        Some("of a desktop or of hardware")
    } else if Target::new(TargetKind::Unit, &unit.name).is_err() {
        Some("a name that heald takes for no unit's")
    } else if unit.kind == "oneshot" {
        Some("it runs once and ends (oneshot)")
    } else if unit.active == "failed" {
        None
    } else if !matches!(&*unit.file, "enabled" | "enabled-runtime" | "generated") {
        Some("not enabled: started by something else, or by hand")
    } else if unit.active != "active" {
        Some("enabled, and not running now")
    } else {
        None
    }
}

fn leave_container(found: &Found) -> Option<&'static str> {
    if found.is_oneoff {
        Some("made by `docker compose run`")
    } else if Target::new(TargetKind::Container, &found.name).is_err() {
        Some("a name that heald takes for no container's")
    } else if !found.is_running {
        Some("not running now: a job that has ended, or a container that should run and doesn't")
    } else {
        None
    }
}

/// Compose's name, which the alerts carry too, where only one project has it.
fn service(found: &Found, all: &[&Found]) -> String {
    if found.service.is_empty() {
        return found.name.clone();
    }
    let mut projects: BTreeMap<&str, ()> = BTreeMap::new();
    for other in all.iter().filter(|other| other.service == found.service) {
        projects.insert(&other.project, ());
    }
    if projects.len() > 1 { format!("{}-{}", found.project, found.service) } else { found.service.clone() }
}
