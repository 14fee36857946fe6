//! Walks the file key by key, and goes on after a mistake.

use super::name::{address, machine_or_address, plain, size};
use super::{Backup, Heartbeat, Host, Inventory, Port, Probe, Service, Severity};
use crate::domain::policy::Objective;
use crate::domain::target::{Target, TargetKind};
use crate::yaml::{Chunk, Fields, File, Kind, Node, Problem, nearest, parse, quote};
use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

const SIZE_MAX: u64 = 1 << 20;
/// A year is no promise any more.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
const SOME: RangeInclusive<Duration> = Duration::from_secs(1)..=LONGEST;

/// What was named already on a host: (host, kind, name) → where.
type Named = BTreeMap<(String, &'static str, String), usize>;

/// # Errors
/// Every mistake in the file, in the order of its lines.
pub fn load(path: &Path) -> Result<Inventory, Vec<Problem>> {
    let of_file = |what: String| vec![Problem::of_file(path, what)];
    let unread = |error: std::io::Error| of_file(format!("the inventory can't be read: {error}"));
    let kind = fs::metadata(path).map_err(unread)?;
    if !kind.is_file() {
        return Err(of_file("the inventory is no regular file".to_owned()));
    }
    if kind.len() > SIZE_MAX {
        return Err(of_file(format!("it has {} bytes; at most {SIZE_MAX} are read", kind.len())));
    }
    let bytes = fs::read(path).map_err(unread)?;
    let text = String::from_utf8(bytes).map_err(|_| of_file("it is not UTF-8".to_owned()))?;
    read(path, &text)
}

/// As [`load`], with the file already read.
///
/// # Errors
/// As [`load`].
pub fn read(path: &Path, text: &str) -> Result<Inventory, Vec<Problem>> {
    let file = File::new(path, text);
    let inventory = parse(&file, &[Chunk { at: 0, text: text.to_owned() }]).and_then(|root| inventory(&file, &root));
    let problems = file.into_problems();
    match inventory {
        Some(inventory) if problems.is_empty() => Ok(inventory),
        _ if problems.is_empty() => Err(vec![Problem::of_file(path, "it can't be read")]),
        _ => Err(problems),
    }
}

/// Of a node of some other file.
pub fn inventory(file: &File<'_>, root: &Node) -> Option<Inventory> {
    let mut fields = Fields::of(file, root)?;
    if !fields.has("hosts") {
        fields.missing("hosts", "name the machines, as in the label `host`: `hosts: { web-1: }`");
    }
    let hosts = named(&mut fields, "hosts", "host", |node| Some(host(file, node)));
    let mut seen = Named::new();
    let services = named(&mut fields, "services", "service", |node| service(file, node, &hosts, &mut seen));
    let continuity = fields.fields("continuity").map(|fields| super::continuity::read(fields, &services));
    fields.end();
    Some(Inventory { hosts, services, continuity })
}

/// A map from names to what `read` makes of the value; None of it where that is no use.
fn named<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    noun: &str,
    mut read: impl FnMut(&Node) -> Option<T>,
) -> BTreeMap<String, T> {
    let file = fields.file();
    let Some(fields) = fields.fields(key) else { return BTreeMap::new() };
    let each = fields.entries().iter().filter_map(|(key, node)| {
        let sound = plain(file, key.at, &key.name, noun);
        let value = read(node)?;
        sound.then(|| (key.name.clone(), value))
    });
    each.collect()
}

fn host(file: &File<'_>, node: &Node) -> Host {
    let mut host = Host { node_exporter: true };
    // `web-1:` alone is a host of which nothing is to be said.
    if !matches!(node.kind, Kind::Null)
        && let Some(mut fields) = Fields::of(file, node)
    {
        host.node_exporter = fields.get("node_exporter").unwrap_or(true);
        fields.end();
    }
    host
}

fn service(file: &File<'_>, node: &Node, hosts: &BTreeMap<String, Host>, seen: &mut Named) -> Option<Service> {
    let mut fields = Fields::of(file, node)?;
    let on = on(&mut fields, hosts);
    let (rto, rpo) = (fields.span("rto", SOME), fields.span("rpo", Duration::ZERO..=LONGEST));
    let severities = Severity::ALL.map(|severity| (severity.label(), severity));
    let mut once = |kind: &'static str, at: usize, name: &str| {
        for host in &on {
            if let Some(first) = seen.insert((host.clone(), kind, name.to_owned()), at) {
                let first = file.line_of(first);
                file.refuse(at, format!("the {kind} {} on {} was named before, in {first}", quote(name), quote(host)));
            }
        }
    };
    let mut service = Service {
        severity: fields.word("severity", &severities),
        objective: (rto.is_some() || rpo.is_some()).then_some(Objective { rto, rpo }),
        units: targets(&mut fields, "units", TargetKind::Unit, &mut once),
        containers: targets(&mut fields, "containers", TargetKind::Container, &mut once),
        programs: targets(&mut fields, "programs", TargetKind::Program, &mut once),
        processes: targets(&mut fields, "processes", TargetKind::Process, &mut once),
        ..Service::default()
    };
    if let Some(fields) = fields.fields("probes") {
        service.probes = probes(fields, &mut once);
    }
    paths(&mut fields, &mut service.probes, &mut once);
    service.ports = ports(&mut fields);
    service.backups = named(&mut fields, "backups", "backup", |node| Some(backup(file, node)));
    service.heartbeats = named(&mut fields, "heartbeats", "heartbeat", |node| Some(heartbeat(file, node)));
    fields.end();
    Some(Service { hosts: on, ..service })
}

fn on(fields: &mut Fields<'_>, hosts: &BTreeMap<String, Host>) -> Vec<String> {
    let file = fields.file();
    if !fields.has("hosts") {
        fields.missing("hosts", "say where it runs: `hosts: [web-1]`");
    }
    let known: Vec<&str> = hosts.keys().map(String::as_str).collect();
    let mut on: Vec<String> = Vec::new();
    let (at, before) = (fields.node("hosts").map(|node| node.at), file.count());
    for (at, name) in fields.texts("hosts").unwrap_or_default() {
        if !hosts.contains_key(&name) {
            let hint = nearest(&name, &known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            file.refuse(at, format!("{} is not among `hosts:`{hint}", quote(&name)));
        } else if on.contains(&name) {
            file.refuse(at, format!("{} is named twice", quote(&name)));
        } else {
            on.push(name);
        }
    }
    if let Some(at) = at.filter(|_| on.is_empty() && file.count() == before) {
        file.refuse(at, "no host: name at least one");
    }
    on
}

fn targets(
    fields: &mut Fields<'_>,
    key: &'static str,
    kind: TargetKind,
    once: &mut impl FnMut(&'static str, usize, &str),
) -> Vec<String> {
    let file = fields.file();
    let mut names = Vec::new();
    for (at, name) in fields.texts(key).unwrap_or_default() {
        match Target::new(kind, &name) {
            Err(why) => file.refuse(at, why),
            Ok(_) => {
                once(kind.label(), at, &name);
                names.push(name);
            }
        }
    }
    names
}

fn probes(mut fields: Fields<'_>, once: &mut impl FnMut(&'static str, usize, &str)) -> Vec<Probe> {
    let url = |text: &str| Target::new(TargetKind::Url, text).map(|_| ());
    let mut probes = instances(&mut fields, "http", "http_2xx", url, once);
    probes.extend(instances(&mut fields, "tcp", "tcp_connect", address, once));
    probes.extend(instances(&mut fields, "dns", "dns", machine_or_address, once));
    probes.extend(instances(&mut fields, "icmp", "icmp", machine_or_address, once));
    fields.end();
    probes
}

fn instances(
    fields: &mut Fields<'_>,
    key: &'static str,
    job: &'static str,
    check: impl Fn(&str) -> Result<(), String>,
    once: &mut impl FnMut(&'static str, usize, &str),
) -> Vec<Probe> {
    let file = fields.file();
    let mut probes = Vec::new();
    for (at, instance) in fields.texts(key).unwrap_or_default() {
        match check(&instance) {
            Err(why) => file.refuse(at, why),
            Ok(()) => {
                once(job, at, &instance);
                probes.push(Probe { job, instance });
            }
        }
    }
    probes
}

/// A port seen from its own machine and from elsewhere: the shipped PathBlocked compares them, once both are probed.
fn paths(fields: &mut Fields<'_>, probes: &mut Vec<Probe>, once: &mut impl FnMut(&'static str, usize, &str)) {
    for mut fields in items(fields, "paths") {
        for (key, job) in [("local", "tcp_local"), ("remote", "tcp_remote")] {
            if !fields.has(key) {
                fields.missing(key, "write `{ local: \"127.0.0.1:443\", remote: \"web-1.example:443\" }`");
            }
            probes.extend(instances(&mut fields, key, job, address, once));
        }
        fields.end();
    }
}

fn ports(fields: &mut Fields<'_>) -> Vec<Port> {
    let mut ports = Vec::new();
    for mut fields in items(fields, "ports") {
        for key in ["unit", "address"] {
            if !fields.has(key) {
                fields.missing(key, "write `{ unit: shop.service, address: \"127.0.0.1:8080\" }`");
            }
        }
        let unit = targets(&mut fields, "unit", TargetKind::Unit, &mut |_, _, _| {}).pop();
        let probe = instances(&mut fields, "address", "tcp_connect", address, &mut |_, _, _| {}).pop();
        fields.end();
        if let (Some(unit), Some(probe)) = (unit, probe) {
            ports.push(Port { unit, address: probe.instance });
        }
    }
    ports
}

/// The maps of a list.
fn items<'a>(fields: &mut Fields<'a>, key: &'static str) -> Vec<Fields<'a>> {
    let file = fields.file();
    let Some(node) = fields.node(key) else { return Vec::new() };
    match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| Fields::of(file, item)).collect(),
        _ => {
            file.refuse(node.at, format!("{} where a list of maps is expected", node.noun()));
            Vec::new()
        }
    }
}

fn backup(file: &File<'_>, node: &Node) -> Backup {
    let mut backup = Backup::default();
    if !matches!(node.kind, Kind::Null)
        && let Some(mut fields) = Fields::of(file, node)
    {
        backup.max_age = fields.span("max_age", SOME);
        backup.min_size = fields.node("min_size").and_then(|node| size(file, node));
        fields.end();
    }
    backup
}

fn heartbeat(file: &File<'_>, node: &Node) -> Heartbeat {
    let mut heartbeat = Heartbeat::default();
    if !matches!(node.kind, Kind::Null)
        && let Some(mut fields) = Fields::of(file, node)
    {
        heartbeat.max_age = fields.span("max_age", SOME);
        fields.end();
    }
    heartbeat
}
