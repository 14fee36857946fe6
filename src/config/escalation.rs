//! `escalation:` — who is told, when, and by which channel; see docs/escalation.md.

use super::guards::{COUNT_MAX, DAY, SECOND, YEAR};
use super::intervals;
use crate::domain::calendar::Intervals;
use crate::domain::escalation::{Chain, Contact, DigestPolicy, EscalationPolicy, Level, Recipient, StormOfNews};
use crate::domain::outbox::DIGEST;
use crate::domain::playbook::Severity;
use crate::notify::{Audience, Settings};
use crate::yaml::{Fields, Kind, Node, quote};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// `intervals`: of `time_intervals:`, for working hours.
pub fn read(fields: Option<Fields<'_>>, notify: &Settings, known: &BTreeMap<String, Intervals>) -> EscalationPolicy {
    let channels: Vec<_> = notify.channels.iter().map(|(name, kind)| (name.clone(), kind.audience())).collect();
    read_for(fields, &channels, known)
}

/// As [`read`], for channels of which only the names and whom they reach are known.
pub fn read_for(
    fields: Option<Fields<'_>>,
    channels: &[(String, Audience)],
    known: &BTreeMap<String, Intervals>,
) -> EscalationPolicy {
    let mut policy = defaults(channels);
    let Some(mut fields) = fields else { return policy };
    if let Some(contacts) = fields.fields("contacts") {
        policy.contacts = read_contacts(&contacts, &policy.channels, known);
    }
    if let Some(feed) = self::channels(&mut fields, "feed", &policy.channels) {
        policy.feed = feed.into_iter().collect();
    }
    if let Some(mut fields) = fields.fields("digest") {
        let every = fields.span("every", MINUTE..=DAY).unwrap_or(policy.digest.every);
        let to = self::channels(&mut fields, "to", &policy.channels).unwrap_or_else(|| policy.digest.to.clone());
        policy.digest = DigestPolicy { every, to };
        fields.end();
    }
    if let Some(mut fields) = fields.fields("storm") {
        let old = policy.storm;
        policy.storm = StormOfNews {
            incidents: fields.number("incidents", 1..=COUNT_MAX).unwrap_or(old.incidents),
            within: fields.span("within", SECOND..=DAY).unwrap_or(old.within),
        };
        fields.end();
    }
    if let Some(chains) = fields.fields("chains") {
        read_chains(chains, &mut policy);
    }
    policy.ack = fields.span("acknowledge", MINUTE..=YEAR).unwrap_or(policy.ack);
    policy.dashboard = fields.text("dashboard");
    fields.end();
    policy
}

fn read_contacts(
    fields: &Fields<'_>,
    known_channels: &BTreeSet<String>,
    known: &BTreeMap<String, Intervals>,
) -> BTreeMap<String, Contact> {
    let file = fields.file();
    let mut contacts = BTreeMap::new();
    for (key, node) in fields.entries() {
        if known_channels.contains(&key.name) || key.name == DIGEST {
            file.refuse(key.at, format!("{} is a channel's name; give the contact another", quote(&key.name)));
        }
        let Some(mut fields) = Fields::of(file, node) else { continue };
        if !fields.has("channels") {
            fields.missing("channels", "write `ann: { channels: [ops] }`");
        }
        let channels = channels(&mut fields, "channels", known_channels).unwrap_or_default();
        let hours = fields.has("hours").then(|| {
            let names = intervals::names(&mut fields, "hours", known);
            Intervals(names.iter().filter_map(|name| known.get(name)).flat_map(|intervals| intervals.0.clone()).collect())
        });
        fields.end();
        contacts.insert(key.name.clone(), Contact { channels, hours });
    }
    contacts
}

fn read_chains(mut fields: Fields<'_>, policy: &mut EscalationPolicy) {
    for severity in Severity::ALL {
        let Some(mut fields) = fields.fields(severity.label()) else { continue };
        let file = fields.file();
        let mut levels = Vec::new();
        match fields.node("levels") {
            Some(Node { kind: Kind::List(items), .. }) => {
                for (at, node) in items.iter().enumerate() {
                    levels.extend(Fields::of(file, node).map(|fields| level(fields, at == 0, policy)));
                }
            }
            Some(node) => file.refuse(node.at, format!("{} where a list of levels is expected", node.noun())),
            None => fields.missing("levels", "write `levels: [{ to: [ops] }, { after: 5m, to: [owner] }]`, or `levels: []`"),
        }
        let repeat = fields.span("repeat", MINUTE..=YEAR);
        fields.end();
        policy.chains.insert(severity, Chain { levels, repeat });
    }
    fields.end();
}

fn level(mut fields: Fields<'_>, first: bool, policy: &EscalationPolicy) -> Level {
    let file = fields.file();
    let after = fields.span("after", Duration::ZERO..=DAY);
    if after.is_none() && !first && !fields.has("after") {
        fields.missing("after", "how long after the level before, such as `after: 5m`");
    }
    let when_stuck = fields.word("when_stuck", &[("true", true), ("false", false)]).unwrap_or(false);
    if !fields.has("to") {
        fields.missing("to", "name channels, contacts or `digest`: `to: [ops]`");
    }
    let mut to = Vec::new();
    for (at, name) in fields.texts("to").unwrap_or_default() {
        if name == DIGEST {
            to.push(Recipient::Digest);
        } else if policy.channels.contains(&name) {
            to.push(Recipient::Channel(name));
        } else if policy.contacts.contains_key(&name) {
            to.push(Recipient::Contact(name));
        } else {
            let known = policy.channels.iter().chain(policy.contacts.keys());
            file.refuse(at, format!("{} is neither a channel nor a contact{}", quote(&name), intervals::hint(&name, known)));
        }
    }
    fields.end();
    Level { after, when_stuck, to }
}

/// Names of channels below `key`, each known.
fn channels(fields: &mut Fields<'_>, key: &'static str, known: &BTreeSet<String>) -> Option<Vec<String>> {
    let file = fields.file();
    if !fields.has(key) {
        return None;
    }
    let named = fields.texts(key).unwrap_or_default();
    for (at, name) in &named {
        if !known.contains(name) {
            file.refuse(*at, format!("there is no channel {}{}", quote(name), intervals::hint(name, known.iter())));
        }
    }
    Some(named.into_iter().map(|(_, name)| name).collect())
}

/// Without a word in the file: the levels and delays of row D07, on the channels that there are (row D08).
fn defaults(channels: &[(String, Audience)]) -> EscalationPolicy {
    let of = |audience: Audience| -> Vec<String> {
        let fits = channels.iter().filter(|(_, reaches)| *reaches == audience);
        fits.map(|(name, _)| name.clone()).collect()
    };
    let (chat, board, mail, program) = (of(Audience::Chat), of(Audience::Board), of(Audience::Mail), of(Audience::Program));
    let first =
        |choices: &[&Vec<String>]| choices.iter().find(|names| !names.is_empty()).map_or(Vec::new(), |names| (*names).clone());
    let everybody: Vec<String> = [&chat, &board, &mail].into_iter().flatten().cloned().collect();
    let level = |after: Option<u64>, when_stuck, to: Vec<String>| Level {
        after: after.map(|minutes| MINUTE * u32::try_from(minutes).unwrap_or(u32::MAX)),
        when_stuck,
        to: to.into_iter().map(Recipient::Channel).collect(),
    };
    let hourly = Some(MINUTE * 60);
    let mut policy = EscalationPolicy {
        channels: channels.iter().map(|(name, _)| name.clone()).collect(),
        feed: program.into_iter().collect(),
        ..EscalationPolicy::default()
    };
    if everybody.is_empty() {
        return policy;
    }
    policy.digest.to = first(&[&chat, &mail, &board]);
    let both: Vec<String> = [&chat, &mail].into_iter().flatten().cloned().collect();
    let urgent = vec![
        level(Some(0), false, first(&[&chat, &mail, &board])),
        level(Some(5), true, first(&[&both, &board])),
        level(Some(10), false, everybody.clone()),
    ];
    let soon = vec![
        level(None, false, first(&[&board, &chat, &mail])),
        level(Some(5), false, first(&[&chat, &mail, &board])),
        level(Some(25), false, everybody),
    ];
    let later = Chain { levels: vec![Level { after: None, when_stuck: false, to: vec![Recipient::Digest] }], repeat: None };
    policy.chains = [
        (Severity::P0, Chain { levels: urgent, repeat: hourly }),
        (Severity::P1, Chain { levels: soon, repeat: hourly }),
        (Severity::P2, later.clone()),
        (Severity::P3, later),
    ]
    .into();
    policy
}
