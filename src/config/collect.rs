//! `collect:` — what heald looks at for Prometheus. Nothing, unless it is written down.

use crate::collect::Settings;
use crate::collect::backup::{Backup, Files};
use crate::collect::heartbeat::Heartbeat;
use crate::collect::sqlite::{Database, Depth, Expect};
use crate::yaml::{Fields, File, Kind, Node, nearest, quote, read as value, text};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
pub(super) const SUPERVISOR: &str = "/run/supervisor.sock";
const NVIDIA_SMI: &str = "nvidia-smi";
const CHECK_EVERY: Duration = Duration::from_secs(3_600);
const CHECK_MAX: Duration = Duration::from_secs(600);
/// Decimal as disks are sold, binary as memory is.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

pub fn read(mut fields: Fields<'_>) -> Settings {
    let settings = Settings {
        docker: fields.fields("docker").map(Fields::end).is_some(),
        supervisor: fields.fields("supervisor").map(|mut fields| {
            let socket = if fields.has("socket") { path(&mut fields, "socket") } else { Some(SUPERVISOR.into()) };
            fields.end();
            socket.unwrap_or_default()
        }),
        sqlite: list(&mut fields, "sqlite", |fields, name| {
            Some(Database {
                name,
                path: path(fields, "path")?,
                service: service(fields),
                every: fields.span("every", Duration::from_secs(60)..=30 * DAY).unwrap_or(CHECK_EVERY),
                depth: fields.word("check", &[("quick", Depth::Quick), ("integrity", Depth::Integrity)]).unwrap_or_default(),
                deadline: fields.span("deadline", Duration::from_secs(1)..=DAY).unwrap_or(CHECK_MAX),
                expect: fields.fields("expect").and_then(expect),
            })
        }),
        backups: list(&mut fields, "backups", |fields, name| {
            let (files, service) = (files(fields), service(fields));
            let (max_age, min_size) = (max_age(fields), size(fields, "min_size"));
            Some(Backup { name, files: files?, service, max_age: max_age?, min_size: min_size? })
        }),
        heartbeats: list(&mut fields, "heartbeats", |fields, name| {
            let (file, service, max_age) = (path(fields, "file"), service(fields), max_age(fields));
            Some(Heartbeat { name, file: file?, service, max_age: max_age? })
        }),
        gpu: fields.fields("gpu").map(|mut fields| {
            let program = if fields.has("program") { path(&mut fields, "program") } else { Some(NVIDIA_SMI.into()) };
            fields.end();
            program.unwrap_or_default()
        }),
    };
    fields.end();
    settings
}

/// A list of maps with a `name` each, which is the series' label.
fn list<T>(fields: &mut Fields<'_>, key: &'static str, each: impl Fn(&mut Fields<'_>, String) -> Option<T>) -> Vec<T> {
    let file = fields.file();
    let Some(node) = fields.node(key) else { return Vec::new() };
    let Kind::List(items) = &node.kind else {
        file.refuse(node.at, format!("{} where a list is expected", node.noun()));
        return Vec::new();
    };
    let mut names = BTreeSet::new();
    let read = items.iter().filter_map(|item| {
        let mut fields = Fields::of(file, item)?;
        let name = name(&mut fields, &mut names).unwrap_or_default();
        let found = each(&mut fields, name);
        fields.end();
        found
    });
    read.collect()
}

fn name(fields: &mut Fields<'_>, names: &mut BTreeSet<String>) -> Option<String> {
    if !fields.has("name") {
        fields.missing("name", "it becomes a label of the series: `name: shop`");
    }
    let node = fields.node("name")?;
    let found = text(fields.file(), node)?;
    if !found.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        fields.file().refuse(node.at, format!("{} is no name: letters, digits, `.`, `_` and `-`", quote(&found)));
    }
    if !names.insert(found.clone()) {
        fields.file().refuse(node.at, format!("{} is named twice", quote(&found)));
    }
    Some(found)
}

fn service(fields: &mut Fields<'_>) -> String {
    if fields.has("service") { fields.text("service").unwrap_or_default() } else { String::new() }
}

fn path(fields: &mut Fields<'_>, key: &'static str) -> Option<PathBuf> {
    if !fields.has(key) {
        fields.missing(key, &format!("write `{key}: /absolute/path`"));
    }
    let node = fields.node(key)?;
    absolute(fields.file(), node).map(PathBuf::from)
}

fn absolute(file: &File<'_>, node: &Node) -> Option<String> {
    let found = text(file, node)?;
    let why = match () {
        () if !found.starts_with('/') => "it must be absolute",
        () if found.contains('\0') => "it holds a NUL",
        () if found.split('/').any(|part| part == "..") => "`..` does not belong there",
        () => return Some(found),
    };
    file.refuse(node.at, format!("{} is not taken: {why}", quote(&found)));
    None
}

fn files(fields: &mut Fields<'_>) -> Option<Files> {
    let (at, file) = (fields.at(), fields.file());
    match (fields.has("path"), fields.has("glob")) {
        (true, false) => {
            let node = fields.node("path")?;
            let found = absolute(file, node)?;
            if found.contains(['*', '?']) {
                file.refuse(node.at, format!("{} is one file; for a pattern write `glob:`", quote(&found)));
                return None;
            }
            Some(Files::One(found.into()))
        }
        (false, true) => {
            let node = fields.node("glob")?;
            let found = absolute(file, node)?;
            let (folder, name) = found.rsplit_once('/')?;
            let why = match () {
                () if folder.contains(['*', '?']) => "`*` and `?` belong into the file's name, not into its folder's",
                () if found.contains(['[', '{']) => "`*` and `?` are all that is known",
                () if name.is_empty() => "it names a folder; add a file's name, such as `/*`",
                () => {
                    let folder = Path::new(if folder.is_empty() { "/" } else { folder }).to_owned();
                    return Some(Files::Like { folder, name: name.to_owned() });
                }
            };
            file.refuse(node.at, format!("{} is not taken: {why}", quote(&found)));
            None
        }
        (both, _) => {
            for key in ["path", "glob"] {
                // So that the other keys' mistakes are told as well, and these are not called unknown.
                fields.node(key);
            }
            let what = if both { "`path` and `glob` exclude each other" } else { "a backup needs `path` or `glob`" };
            file.refuse_with_help(at, what, "write `glob: /srv/backup/shop-*.tar.zst`, or `path` for one file that is replaced");
            None
        }
    }
}

fn max_age(fields: &mut Fields<'_>) -> Option<Duration> {
    if !fields.has("max_age") {
        fields.missing("max_age", "how old it may become before somebody is told: `max_age: 26h`");
    }
    fields.span("max_age", Duration::from_secs(1)..=3_660 * DAY)
}

/// Bytes; at least one, for an empty file is nothing.
fn size(fields: &mut Fields<'_>, key: &'static str) -> Option<u64> {
    if !fields.has(key) {
        fields.missing(key, "what a backup that is none is smaller than: `min_size: 10MB`");
    }
    let (file, node) = (fields.file(), fields.node(key)?);
    let found = text(file, node)?;
    let (digits, unit) = found.split_at(found.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(found.len()));
    let units = UNITS.map(|(unit, _)| unit);
    let factor = UNITS.iter().find(|(known, _)| *known == unit.trim()).map(|(_, factor)| *factor);
    let bytes = match (digits.parse::<u64>(), factor) {
        (Ok(number), Some(factor)) => number.checked_mul(factor).filter(|bytes| *bytes > 0),
        _ => None,
    };
    if bytes.is_none() {
        let hint = nearest(unit.trim(), &units).map_or_else(String::new, |near| format!("; did you mean `{digits}{near}`?"));
        file.refuse(node.at, format!("{} is no size: a whole number with {}, as in 10MB{hint}", quote(&found), units.join(", ")));
    }
    bytes
}

fn expect(mut fields: Fields<'_>) -> Option<Expect> {
    for key in ["query", "min"] {
        if !fields.has(key) {
            fields.missing(key, "write `expect: { query: \"SELECT count(*) FROM orders\", min: 1 }`");
        }
    }
    let query = fields.text("query");
    let min = fields.node("min").and_then(|node| value::<f64>(fields.file(), node));
    fields.end();
    Some(Expect { query: query?, min: min? })
}
