//! What no playbook may repair unasked: heald itself, and what it stands on.
//!
//! heald learns its own unit and container from the kernel; the rest are the names that distributions and images use.

use crate::domain::target::{Target, TargetKind};
use std::collections::BTreeSet;

/// Restarting one of these takes from heald its hands, its eyes or its life.
const UNITS: [&str; 13] = [
    "alertmanager.service",
    "containerd.service",
    "dbus-broker.service",
    "dbus.service",
    "dbus.socket",
    "docker.service",
    "docker.socket",
    "heald.service",
    "polkit.service",
    "prometheus-alertmanager.service",
    "prometheus.service",
    "systemd-journald.service",
    "systemd-logind.service",
];
const CONTAINERS: [&str; 3] = ["alertmanager", "heald", "prometheus"];
/// The engine mounts these from a folder that bears the container's id.
const MOUNTED: [&str; 3] = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];
/// Of a full id, in hexadecimal.
const ID_LENGTH: usize = 64;

/// Asked once, at start. heald's own container is named by its id; its name is for the engine to tell
/// ([`crate::domain::look::Surroundings::also`]).
pub fn protected() -> BTreeSet<Target> {
    // Where there is no /proc nothing is learned, and the well-known names still hold.
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    of(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"))
}

/// The ids of the containers that heald itself runs in; empty where it runs in none.
pub fn containers() -> BTreeSet<String> {
    let ids = protected().into_iter().filter(|target| target.kind() == TargetKind::Container && target.name().len() == ID_LENGTH);
    ids.map(|target| target.name().to_owned()).collect()
}

fn of(cgroup: &str, mountinfo: &str) -> BTreeSet<Target> {
    let known_units = UNITS.iter().filter_map(|name| Target::new(TargetKind::Unit, name).ok());
    let known_containers = CONTAINERS.iter().filter_map(|name| Target::new(TargetKind::Container, name).ok());
    let own = cgroup.lines().flat_map(components).filter_map(owner);
    known_units.chain(known_containers).chain(own).chain(mountinfo.lines().filter_map(mounted)).collect()
}

/// `0::/system.slice/heald.service` (version 2) or `4:memory:/docker/5f2d…` (version 1).
fn components(line: &str) -> impl Iterator<Item = &str> {
    line.splitn(3, ':').nth(2).unwrap_or_default().split('/')
}

/// A service at any depth: a user's service stands on `user@1000.service`.
fn owner(component: &str) -> Option<Target> {
    if component.ends_with(".service") {
        // systemd puts a `_` before names that the kernel could mistake for its own.
        return Target::new(TargetKind::Unit, component.strip_prefix('_').unwrap_or(component)).ok();
    }
    // `5f2d…`, `docker-5f2d….scope`, `libpod-5f2d….scope`.
    let id = component.strip_suffix(".scope").unwrap_or(component).rsplit('-').next()?;
    container(id)
}

/// In a control group namespace of its own a container sees nothing but `/`, but its mounts tell.
fn mounted(line: &str) -> Option<Target> {
    let mut fields = line.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    if !MOUNTED.contains(&point) {
        return None;
    }
    root.split('/').find_map(container)
}

fn container(id: &str) -> Option<Target> {
    let is_id = id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { Target::new(TargetKind::Container, id).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e";

    /// What is learned beyond the well-known names.
    fn learned(cgroup: &str, mountinfo: &str) -> Vec<String> {
        let known = of("", "");
        of(cgroup, mountinfo).into_iter().filter(|target| !known.contains(target)).map(|target| target.to_string()).collect()
    }

    #[test]
    fn the_well_known_names_are_all_names() {
        assert_eq!(of("", "").len(), UNITS.len() + CONTAINERS.len());
        assert!(protected().is_superset(&of("", "")));
    }

    #[test]
    fn its_own_unit() {
        for (cgroup, units) in [
            ("0::/system.slice/keeper.service\n", &["unit keeper.service"][..]),
            ("0::/system.slice/system-keeper.slice/keeper@a.service/sub\n", &["unit keeper@a.service"]),
            ("0::/system.slice/_cpu.service\n", &["unit cpu.service"]),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/keeper.service\n",
                &["unit keeper.service", "unit user@1000.service"],
            ),
            // Version 1: one line for each hierarchy.
            (
                "9:name=systemd:/system.slice/keeper.service\n4:memory:/system.slice/keeper.service\n1:cpu,cpuacct:/\n",
                &["unit keeper.service"],
            ),
            ("0::/user.slice/user-1000.slice/session-2.scope\n", &[]),
            ("0::/\n", &[]),
            ("nonsense\n\n0:\n", &[]),
        ] {
            assert_eq!(learned(cgroup, ""), units, "{cgroup}");
        }
    }

    #[test]
    fn its_own_container() {
        let expected = [format!("container {ID}")];
        for cgroup in [
            format!("4:memory:/docker/{ID}\n1:name=systemd:/docker/{ID}\n"),
            format!("0::/system.slice/docker-{ID}.scope\n"),
            format!("0::/machine.slice/libpod-{ID}.scope/container\n"),
        ] {
            assert_eq!(learned(&cgroup, ""), expected, "{cgroup}");
        }
        let docker =
            format!("612 605 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw\n");
        let podman = format!(
            "612 605 0:25 /containers/overlay-containers/{ID}/userdata/resolv.conf /etc/resolv.conf rw,nosuid - tmpfs tmpfs rw\n"
        );
        assert_eq!(learned("0::/\n", &docker), expected);
        assert_eq!(learned("0::/\n", &podman), expected);
        // As the host sees the mounts of its containers.
        let host = format!("700 29 0:50 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw\n");
        assert!(learned("0::/\n", &host).is_empty());
    }
}
