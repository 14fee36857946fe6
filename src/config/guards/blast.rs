//! `blast_radius:` — groups of which most must stay untouched, and what counts as a storm.

use super::{ATTEMPTS_MAX, COUNT_MAX, DAY, SECOND};
use crate::book::read_selector;
use crate::domain::policy::{BlastPolicy, Group, StormPolicy};
use crate::yaml::{Fields, File, Kind, Node, number, quote, text};
use std::time::Duration;

const SIZE_MAX: u32 = 100_000;
const COOL_DOWN: Duration = Duration::from_secs(30);

/// How many of a group, as it was written.
#[derive(Clone, Copy)]
enum Share {
    Count(u32),
    Percent(u32),
}

pub fn read(mut fields: Fields<'_>) -> BlastPolicy {
    let file = fields.file();
    let mut groups: Vec<Group> = Vec::new();
    match fields.node("groups") {
        Some(Node { kind: Kind::List(items), .. }) => {
            for node in items {
                let Some(group) = Fields::of(file, node).and_then(group) else { continue };
                if groups.iter().any(|known| known.name == group.name) {
                    file.refuse(node.at, format!("group {} is named twice", quote(&group.name)));
                }
                groups.push(group);
            }
        }
        Some(node) => file.refuse(node.at, format!("{} where a list of groups is expected", node.noun())),
        None => {}
    }
    let storm = fields.fields("storm").map(storm).unwrap_or_default();
    fields.end();
    BlastPolicy { groups, storm }
}

fn group(mut fields: Fields<'_>) -> Option<Group> {
    let file = fields.file();
    if !fields.has("name") {
        fields.missing("name", "messages need it: `name: web`");
    }
    let name = fields.text("name");
    let selector = read_selector(&mut fields);
    let by = fields.node("by").and_then(|node| {
        let label = text(file, node)?;
        let sound =
            !label.starts_with(|c: char| c.is_ascii_digit()) && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !sound {
            file.refuse(node.at, format!("{} is no label name: letters, digits and _", quote(&label)));
        }
        Some(label)
    });
    let size = fields.number("size", 1..=SIZE_MAX);
    let max = fields.node("max").map(|node| (node.at, share(file, node)));
    let min_healthy = fields.node("min_healthy").map(|node| (node.at, share(file, node)));
    if !fields.has("size") {
        let percent = [max, min_healthy].into_iter().flatten().find(|(_, share)| matches!(share, Some(Share::Percent(_))));
        let help = "say how many targets it has when all is well: `size: 20`";
        match percent {
            Some((at, _)) => file.refuse_with_help(at, "percent of what? key `size` is missing", help),
            None => fields.missing("size", help),
        }
    }
    if !fields.has("max") && !fields.has("min_healthy") {
        fields.missing("max", "without `max` or `min_healthy` the group limits nothing: write `max: 25%` or `min_healthy: 11`");
    }
    let cool_down = fields.span("cool_down", Duration::ZERO..=DAY).unwrap_or(COOL_DOWN);
    fields.end();
    let size = size?;
    let max = match max {
        Some((at, share)) => most(file, at, share?, size)?,
        None => size,
    };
    let min_healthy = match min_healthy {
        Some((at, share)) => least(file, at, share?, size)?,
        None => 0,
    };
    Some(Group { name: name?, selector: selector?, by, size, max, min_healthy, cool_down })
}

/// `3`, or `25%`.
fn share(file: &File<'_>, node: &Node) -> Option<Share> {
    if !matches!(node.kind, Kind::Text(_)) {
        return number(file, node, 1..=SIZE_MAX).map(Share::Count);
    }
    let found = text(file, node)?;
    let percent = found.strip_suffix('%').and_then(|number| number.trim_end().parse().ok()).filter(|n| (1..=100).contains(n));
    if percent.is_none() {
        file.refuse(node.at, format!("{} is no share: write a number as in 3, or from 1% to 100%", quote(&found)));
    }
    percent.map(Share::Percent)
}

/// Rounded down, so that no more are touched than was said; but at least one, or nothing could be repaired.
fn most(file: &File<'_>, at: usize, share: Share, size: u32) -> Option<u32> {
    match share {
        Share::Count(count) if count > size => {
            file.refuse(at, format!("`max` {count} is more than `size` {size}"));
            None
        }
        Share::Count(count) => Some(count),
        Share::Percent(percent) => Some(u32::try_from(u64::from(size) * u64::from(percent) / 100).unwrap_or(size).max(1)),
    }
}

/// Rounded up, so that no fewer stay good than was said.
fn least(file: &File<'_>, at: usize, share: Share, size: u32) -> Option<u32> {
    let count = match share {
        Share::Count(count) => count,
        Share::Percent(percent) => u32::try_from((u64::from(size) * u64::from(percent)).div_ceil(100)).unwrap_or(size),
    };
    if count < size {
        return Some(count);
    }
    let what = format!("`min_healthy` {count} of {size}: with one down there are fewer, so nothing would ever be repaired");
    file.refuse_with_help(at, what, format!("at most {}", size - 1));
    None
}

fn storm(mut fields: Fields<'_>) -> StormPolicy {
    let default = StormPolicy::default();
    let read = StormPolicy {
        targets: fields.number("targets", 1..=COUNT_MAX).unwrap_or(default.targets),
        attempts: fields.number("attempts", 0..=ATTEMPTS_MAX).unwrap_or(default.attempts),
        within: fields.span("within", SECOND..=DAY).unwrap_or(default.within),
        cool_down: fields.span("cool_down", Duration::ZERO..=DAY).unwrap_or(default.cool_down),
    };
    fields.end();
    read
}
