//! Whose a process is, by its control group: the unit that systemd put it into, and the container.

use crate::domain::target::{Target, TargetKind};

/// Where the kernel counts a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// In systemd's own hierarchy, as seen from heald's control group namespace. Empty: not known.
    pub path: String,
    /// The service (or scope) of the innermost systemd.
    pub unit: Option<String>,
    /// Its full id in hexadecimal.
    pub container: Option<String>,
}

/// The hierarchy that systemd keeps for itself on hosts with control groups of version 1.
const SYSTEMD_V1: &str = "name=systemd";
/// Of a full id, in hexadecimal.
const ID_LENGTH: usize = 64;

// === impl Group ===

impl Group {
    /// From the lines of `/proc/PID/cgroup`: the controllers (none for version 2), and the path.
    pub fn of<'a>(lines: impl Iterator<Item = (&'a [String], &'a str)>) -> Self {
        let (mut of_systemd, mut unified, mut other) = (None, None, None);
        for (controllers, path) in lines {
            // The kernel says so of a group that was removed around its last process.
            let path = path.strip_suffix(" (deleted)").unwrap_or(path);
            if path.is_empty() || path == "/" {
                continue;
            }
            match controllers {
                [] => unified = Some(path),
                [one] if one == SYSTEMD_V1 => of_systemd = Some(path),
                _ => other = Some(path),
            }
        }
        of_systemd.or(unified).or(other).map(Self::at).unwrap_or_default()
    }

    fn at(path: &str) -> Self {
        let mut group = Self { path: path.to_owned(), ..Self::default() };
        for component in path.split('/') {
            if let Some(id) = container(component) {
                // What comes below it is its own systemd's.
                group = Self { container: Some(id), unit: None, ..group };
            } else if group.unit.is_none() {
                group.unit = unit(component);
            }
        }
        group
    }

    /// Whether a process there is one of `home`'s own: there or below, and nowhere else that merely ends alike.
    pub fn is_within(&self, home: &str) -> bool {
        !home.is_empty()
            && home != "/"
            && self.path.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// `unit web.service`, `container 5f2d9c0e5f2d`; for people.
    pub fn words(&self) -> Option<String> {
        let container = self.container.as_ref().map(|id| format!("container {}", &id[..12]));
        let unit = self.unit.as_ref().map(|unit| format!("unit {unit}"));
        match (unit, container) {
            (Some(unit), Some(container)) => Some(format!("{unit} in {container}")),
            (unit, container) => unit.or(container),
        }
    }
}

/// A slice only groups units; the first that is none is the owner.
fn unit(component: &str) -> Option<String> {
    // systemd puts a `_` before names that the kernel could mistake for its own.
    let name = component.strip_prefix('_').unwrap_or(component);
    match name.strip_suffix(".scope") {
        Some(scope) => (!scope.is_empty() && name.len() <= 255).then(|| name.to_owned()),
        None => Target::new(TargetKind::Unit, name).ok().map(|target| target.name().to_owned()),
    }
}

/// `5f2d…`, `docker-5f2d….scope`, `libpod-5f2d….scope`.
fn container(component: &str) -> Option<String> {
    let id = component.strip_suffix(".scope").unwrap_or(component).rsplit('-').next()?;
    (id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}

/// Where systemd keeps a unit's processes, by what it says of itself: its own root, the unit's slice and its name.
///
/// systemd forgets the place of a unit that went down, also where a process was left behind in it.
pub fn home(root: &str, slice: &str, unit: &str) -> Option<String> {
    let stem = slice.strip_suffix(".slice")?;
    let mut path = root.trim_end_matches('/').to_owned();
    if stem != "-" {
        // `a-b.slice` lies in `a.slice`.
        let mut name = String::new();
        for part in stem.split('-') {
            if part.is_empty() {
                return None;
            }
            name += if name.is_empty() { "" } else { "-" };
            name += part;
            path += &format!("/{name}.slice");
        }
    }
    Some(format!("{path}/{}", escaped(unit)))
}

/// `cg_escape` of systemd (src/basic/cgroup-util.c), as far as a service's name can need it.
fn escaped(unit: &str) -> String {
    const CONTROLLERS: [&str; 15] = [
        "cpu",
        "cpuacct",
        "cpuset",
        "io",
        "blkio",
        "memory",
        "devices",
        "pids",
        "bpf-firewall",
        "bpf-devices",
        "freezer",
        "hugetlb",
        "misc",
        "rdma",
        "cgroup",
    ];
    let first = unit.split('.').next().unwrap_or_default();
    let taken = unit.starts_with(['_', '.']) || CONTROLLERS.contains(&first);
    if taken { format!("_{unit}") } else { unit.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e";

    /// As `/proc/PID/cgroup` has it.
    fn group(text: &str) -> Group {
        let lines: Vec<(Vec<String>, String)> = text
            .lines()
            .map(|line| {
                let mut fields = line.splitn(3, ':').skip(1);
                let controllers = fields.next().unwrap().split(',').filter(|name| !name.is_empty()).map(str::to_owned);
                (controllers.collect(), fields.next().unwrap().to_owned())
            })
            .collect();
        Group::of(lines.iter().map(|(controllers, path)| (controllers.as_slice(), path.as_str())))
    }

    #[test]
    fn the_owner_is_read_from_both_versions() {
        let in_docker = format!("0::/system.slice/docker-{ID}.scope/system.slice/web.service");
        let of_docker = format!("4:memory:/docker/{ID}\n1:name=systemd:/docker/{ID}");
        let nested = format!("4:memory:/user.slice\n1:name=systemd:/docker/{ID}/system.slice/web.service/sub\n0::/");
        for (text, unit, container) in [
            ("0::/system.slice/web.service", Some("web.service"), None),
            ("0::/system.slice/system-web.slice/web@1.service/payload", Some("web@1.service"), None),
            ("0::/system.slice/_cpu.service", Some("cpu.service"), None),
            ("0::/system.slice/web.service (deleted)", Some("web.service"), None),
            // A user's service stands on the service of that user.
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", Some("user@1000.service"), None),
            ("0::/user.slice/user-1000.slice/session-2.scope", Some("session-2.scope"), None),
            ("0::/init.scope", Some("init.scope"), None),
            ("9:name=systemd:/system.slice/web.service\n4:memory:/other\n0::/", Some("web.service"), None),
            (of_docker.as_str(), None, Some(ID)),
            (nested.as_str(), Some("web.service"), Some(ID)),
            (in_docker.as_str(), Some("web.service"), Some(ID)),
            ("0::/", None, None),
            ("", None, None),
        ] {
            let found = group(text);
            assert_eq!((found.unit.as_deref(), found.container.as_deref()), (unit, container), "{text}");
        }
        assert_eq!(group(&in_docker).words().unwrap(), "unit web.service in container 5f2d9c0e5f2d");
        assert_eq!(group("0::/").words(), None);
    }

    #[test]
    fn only_the_units_own_place_is_its_own() {
        let home = "/system.slice/web.service";
        for (path, own) in [
            ("/system.slice/web.service", true),
            ("/system.slice/web.service/worker", true),
            ("/system.slice/web.service2", false),
            ("/system.slice", false),
            ("/user.slice/user@1000.service/web.service", false),
            // The service of the same name of another systemd, in a container.
            ("/docker/5f2d/system.slice/web.service", false),
        ] {
            assert_eq!(group(&format!("0::{path}")).is_within(home), own, "{path}");
        }
        assert!(!group("0::/system.slice/web.service").is_within("/"), "everything is in the root");
        assert!(!group("0::/system.slice/web.service").is_within(""), "systemd did not say where");
        assert!(!Group::default().is_within(home));
    }

    #[test]
    fn the_place_is_made_as_systemd_makes_it() {
        for (root, slice, unit, path) in [
            ("", "system.slice", "web.service", Some("/system.slice/web.service")),
            ("/", "-.slice", "web.service", Some("/web.service")),
            ("/docker/5f2d", "system.slice", "web.service", Some("/docker/5f2d/system.slice/web.service")),
            ("", "a-b-c.slice", "cpu.service", Some("/a.slice/a-b.slice/a-b-c.slice/_cpu.service")),
            ("", "system-web.slice", "web@1.service", Some("/system.slice/system-web.slice/web@1.service")),
            ("", "a--b.slice", "web.service", None),
            ("", "", "web.service", None),
        ] {
            assert_eq!(home(root, slice, unit).as_deref(), path, "{root} {slice} {unit}");
        }
    }
}
