//! What a run could leave on this machine, to be compared before and after.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// One line for each thing found, prefixed by its kind.
#[derive(Debug)]
pub struct Residue(BTreeSet<String>);

impl Residue {
    pub fn now() -> Self {
        let mut found = BTreeSet::new();
        found.extend(processes());
        let names = |dir: &str| {
            let entries = fs::read_dir(dir).into_iter().flatten().flatten();
            entries.map(|entry| entry.path().display().to_string()).collect::<Vec<_>>()
        };
        found.extend(names("/sys/class/net").into_iter().map(|path| format!("interface {path}")));
        for dir in ["/run", "/run/heald-lab/runs", "/etc", "/etc/docker", "/opt", "/tmp", "/sys/fs/cgroup"] {
            let paths = names(dir).into_iter().filter(|path| is_the_labs(path));
            found.extend(paths.map(|path| format!("path {path}")));
        }
        for group in super::mounts::below(Path::new("/sys/fs/cgroup")) {
            let group = group.display().to_string();
            found.extend(names(&group).into_iter().map(|path| format!("cgroup {path}")));
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        found.extend(mounts.lines().map(|line| format!("mount {line}")));
        for command in ["iptables-save", "ip6tables-save"] {
            found.extend(lines(command).map(|line| format!("{command} {line}")));
        }
        for setting in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
            let value = fs::read_to_string(Path::new("/proc/sys").join(setting)).unwrap_or_default();
            found.insert(format!("sysctl {setting} {}", value.trim()));
        }
        Self(found)
    }

    /// What is there now and was not there `before`, and the other way round.
    pub fn since(&self, before: &Self) -> Vec<String> {
        let more = self.0.difference(&before.0).map(|line| format!("+ {line}"));
        let less = before.0.difference(&self.0).map(|line| format!("- {line}"));
        more.chain(less).collect()
    }
}

/// Its folder with two lock files stays, since removing a lock file is a race; and of what comes
/// and goes in `/tmp` only mmdebstrap's working folders can be the lab's.
fn is_the_labs(path: &str) -> bool {
    path != "/run/heald-lab" && (!path.starts_with("/tmp/") || path.starts_with("/tmp/mmdebstrap"))
}

/// Only the lab's programs: other things start and end on this machine meanwhile. A zombie holds
/// nothing and waits for whatever is PID 1 here.
fn processes() -> impl Iterator<Item = String> {
    const OURS: [&str; 8] =
        ["dockerd", "containerd", "containerd-shim", "prometheus", "prometheus-aler", "prometheus-node", "mmdebstrap", "systemd"];
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (pid, rest) = stat.split_once(" (")?;
        let (comm, rest) = rest.rsplit_once(") ")?;
        (OURS.contains(&comm) && !rest.starts_with('Z')).then(|| format!("process {pid} {comm}"))
    })
}

/// Counters and comments of the firewall change by themselves.
fn lines(command: &str) -> impl Iterator<Item = String> {
    let output = Command::new(command).output().map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output).into_owned();
    let kept: Vec<String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(" [").next().unwrap_or_default().to_owned())
        .collect();
    kept.into_iter()
}
