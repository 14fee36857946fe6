//! `targets:` — the allow-list. Exact names only: a wildcard would allow what nobody has thought of.

use crate::domain::target::{AllowList, Target, TargetKind};
use crate::yaml::{Fields, quote};
use std::collections::BTreeSet;

const PORT: &str = "write host:port, as in 127.0.0.1:6379 or [::1]:6379";

pub fn read(mut fields: Fields<'_>) -> AllowList {
    let list = AllowList {
        units: names(&mut fields, "units", TargetKind::Unit),
        containers: names(&mut fields, "containers", TargetKind::Container),
        urls: names(&mut fields, "urls", TargetKind::Url),
        addresses: addresses(&mut fields),
        programs: names(&mut fields, "programs", TargetKind::Program),
        paths: paths(&mut fields, "paths", PROTECTED),
        databases: paths(&mut fields, "databases", &[]),
        commands: paths(&mut fields, "commands", &[]),
        networks: entries(&mut fields, "networks", |name| Target::new(TargetKind::Container, name).map(drop)),
        hosts: names(&mut fields, "hosts", TargetKind::Host),
        services: names(&mut fields, "services", TargetKind::Service),
        macs: entries(&mut fields, "macs", mac),
        own: BTreeSet::new(),
    };
    fields.end();
    list
}

fn names(fields: &mut Fields<'_>, key: &'static str, kind: TargetKind) -> BTreeSet<String> {
    entries(fields, key, |name| {
        if name.contains('*') || (kind == TargetKind::Url && name.contains('@')) {
            let why = if name.contains('*') { "names are exact, without wildcards" } else { "it holds a user or password" };
            return Err(format!("{} is not taken: {why}", quote(name)));
        }
        Target::new(kind, name).map(|_| ())
    })
}

/// Folders that no clean-up has any business in as a whole; a folder beneath most of them is fine.
const PROTECTED: &[&str] = &[
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys",
    "/usr", "/var", "/var/lib",
];

fn paths(fields: &mut Fields<'_>, key: &'static str, protected: &[&str]) -> BTreeSet<String> {
    entries(fields, key, |path| {
        let refuse = |why: &str| Err(format!("{} is not taken: {why}", quote(path)));
        if path.contains('*') {
            return refuse("paths are exact, without wildcards");
        }
        if protected.contains(&path) {
            return refuse("it is too much; name the folder that is meant");
        }
        let plain = path.starts_with('/')
            && !path.ends_with('/')
            && path.split('/').skip(1).all(|piece| !matches!(piece, "" | "." | ".."));
        if !plain {
            return refuse("write an absolute path without `.`, `..` and a slash at its end");
        }
        Target::new(TargetKind::Path, path).map(drop)
    })
}

fn mac(text: &str) -> Result<(), String> {
    let pieces: Vec<&str> = text.split(':').collect();
    let hex = |piece: &&str| piece.len() == 2 && piece.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    if pieces.len() == 6 && pieces.iter().all(hex) {
        return Ok(());
    }
    Err(format!("{} is no hardware address: write it in lower case, as in aa:bb:cc:dd:ee:ff", quote(text)))
}

fn addresses(fields: &mut Fields<'_>) -> BTreeSet<String> {
    entries(fields, "addresses", |address| {
        let refuse = || Err(format!("{} is no address: {PORT}", quote(address)));
        let Some((host, port)) = address.rsplit_once(':') else { return refuse() };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let sound = match bare {
            Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)),
        };
        match port.parse::<u16>() {
            Ok(port) if port > 0 && sound && !host.starts_with('-') => Ok(()),
            _ => refuse(),
        }
    })
}

fn entries(fields: &mut Fields<'_>, key: &'static str, check: impl Fn(&str) -> Result<(), String>) -> BTreeSet<String> {
    let file = fields.file();
    let mut found = BTreeSet::new();
    for (at, name) in fields.texts(key).unwrap_or_default() {
        match check(&name) {
            Err(why) => file.refuse(at, why),
            Ok(()) if found.contains(&name) => file.refuse(at, format!("{} is named twice", quote(&name))),
            Ok(()) => {
                found.insert(name);
            }
        }
    }
    found
}
