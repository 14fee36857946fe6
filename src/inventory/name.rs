//! Which names are taken, and sizes.

use crate::yaml::{File, Kind, Node, quote, text};

/// Longer names are none that a person reads.
const NAME_MAX: usize = 120;

/// A host's or a service's name: any text that prints on one line. It becomes a label as it is.
pub fn plain(file: &File<'_>, at: usize, name: &str, noun: &str) -> bool {
    let why = if name.trim().is_empty() {
        "it is empty"
    } else if name.trim() != name {
        "it begins or ends with white space"
    } else if name.chars().any(char::is_control) {
        "it holds control characters"
    } else if name.len() > NAME_MAX {
        "it is longer than 120 bytes"
    } else {
        return true;
    };
    file.refuse(at, format!("{} is no name of a {noun}: {why}", quote(name)));
    false
}

/// `host:port`, `[::1]:port`.
pub fn address(text: &str) -> Result<(), String> {
    let refuse = || Err(format!("{} is no address: write host:port, as in 127.0.0.1:6379 or [::1]:6379", quote(text)));
    let Some((host, port)) = text.rsplit_once(':') else { return refuse() };
    match port.parse::<u16>() {
        Ok(port) if port > 0 && machine(host) => Ok(()),
        _ => refuse(),
    }
}

/// A name or an address of a machine, with or without a port.
pub fn machine_or_address(text: &str) -> Result<(), String> {
    if machine(text) { Ok(()) } else { address(text) }
}

fn machine(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            text.parse::<std::net::Ipv6Addr>().is_ok()
                || (!text.is_empty()
                    && !text.starts_with('-')
                    && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)))
        }
    }
}

const SIZES: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// A number of bytes: `512MiB`, `2 GB`, `1048576`.
pub fn size(file: &File<'_>, node: &Node) -> Option<u64> {
    let found = match &node.kind {
        Kind::Number(number, _) => number.as_u64(),
        _ => {
            let written = text(file, node)?;
            let parts = SIZES.iter().find_map(|(unit, factor)| Some((written.strip_suffix(unit)?.trim(), *factor)));
            parts.and_then(|(number, factor)| number.parse::<u64>().ok()?.checked_mul(factor))
        }
    };
    match found {
        Some(0) => file.refuse(node.at, "0 is no size: an empty file is no backup"),
        Some(size) => return Some(size),
        None => file.refuse(node.at, "no size: write a whole number with a unit, as in 512MiB or 2GB"),
    }
    None
}
