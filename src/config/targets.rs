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
    };
    fields.unsupported(&["paths", "commands"]);
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
