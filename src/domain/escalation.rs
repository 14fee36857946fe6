//! Who is told, when, and by which channel: `escalation:` of the configuration.
//!
//! A chain has levels: 1 is heald's own time, 2 the operator's, 3 the owner's (rows D06–D08 of the failure modes). An
//! incident climbs from one to the next until somebody acknowledges it or it is over.

use super::calendar::Intervals;
use super::incident::Escalation;
use super::outbox::DIGEST;
use super::playbook::Severity;
use super::time::Time;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A person is at it: nobody else is called until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    pub by: Box<str>,
    pub until: Time,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EscalationPolicy {
    /// All that are configured.
    pub channels: BTreeSet<String>,
    /// These hear every notice at once, whatever the severity: for programs rather than people.
    pub feed: BTreeSet<String>,
    /// By severity. Without one, only the feed is told, or the log.
    pub chains: BTreeMap<Severity, Chain>,
    pub contacts: BTreeMap<String, Contact>,
    pub digest: DigestPolicy,
    /// More than `incidents` opened in any `within`: they are told together.
    pub storm: StormOfNews,
    /// How long an acknowledgement holds.
    pub ack: Duration,
    /// Without it heald does not notice that alerts no longer reach it.
    pub watchdog: Option<Watchdog>,
    /// `{incident}` stands for the number.
    pub dashboard: Option<String>,
    /// Alertmanager's own address, for the link to a new silence.
    pub alertmanager: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    pub levels: Vec<Level>,
    /// After the last level: so often again, until somebody acknowledges.
    pub repeat: Option<Duration>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// After the level before; the first one: after the opening. None (only the first): when heald has something to say.
    pub after: Option<Duration>,
    /// Also as soon as heald stops trying.
    pub when_stuck: bool,
    pub to: Vec<Recipient>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipient {
    Channel(String),
    Contact(String),
    Digest,
}

/// A person, or several who answer as one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contact {
    pub channels: Vec<String>,
    /// None: always.
    pub hours: Option<Intervals>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestPolicy {
    pub every: Duration,
    pub to: Vec<String>,
}

/// Alertmanager's always-firing alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watchdog {
    pub alertname: String,
    /// How often Alertmanager repeats it.
    pub every: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormOfNews {
    pub incidents: u32,
    pub within: Duration,
}

// === impl EscalationPolicy ===

impl Default for EscalationPolicy {
    fn default() -> Self {
        Self {
            channels: BTreeSet::new(),
            feed: BTreeSet::new(),
            chains: BTreeMap::new(),
            contacts: BTreeMap::new(),
            digest: DigestPolicy { every: Duration::from_secs(900), to: Vec::new() },
            storm: StormOfNews { incidents: 20, within: Duration::from_secs(300) },
            ack: Duration::from_secs(3_600),
            watchdog: None,
            dashboard: None,
            alertmanager: None,
        }
    }
}

impl EscalationPolicy {
    pub fn chain(&self, severity: Severity) -> Option<&Chain> {
        self.chains.get(&severity).filter(|chain| !chain.levels.is_empty())
    }

    /// The channels of a level, 1 being the first: of those on duty. Where nobody of it is, the next level's; where nobody
    /// of the whole chain is, everybody of this one, for nobody at all would be worse.
    pub fn level(&self, severity: Severity, level: u8, wall: Timestamp) -> BTreeSet<String> {
        let levels = self.chain(severity).map_or(&[][..], |chain| &chain.levels);
        let first = usize::from(level.saturating_sub(1));
        let on_duty = |level: &Level| self.resolve(&level.to, Some(wall));
        let found = levels.iter().skip(first).map(on_duty).find(|channels| !channels.is_empty());
        found.or_else(|| levels.get(first).map(|level| self.resolve(&level.to, None))).unwrap_or_default()
    }

    /// Everybody up to a level.
    pub fn up_to(&self, severity: Severity, level: u8, wall: Timestamp) -> BTreeSet<String> {
        (1..=level).flat_map(|level| self.level(severity, level, wall)).collect()
    }

    /// Who takes over from channels that fail: the next level, or whoever else there is.
    pub fn instead(&self, severity: Severity, level: u8, failing: &BTreeSet<String>, wall: Timestamp) -> BTreeSet<String> {
        let others = |found: BTreeSet<String>| -> BTreeSet<String> {
            found.into_iter().filter(|channel| channel != DIGEST && !failing.contains(channel)).collect()
        };
        let next = others(self.level(severity, level + 1, wall));
        if next.is_empty() { others(self.channels.clone()) } else { next }
    }

    /// Who is to hear what concerns heald itself: the most urgent chain's first two levels, or whoever there is.
    pub fn house(&self, wall: Timestamp) -> BTreeSet<String> {
        let people = self.chains.keys().next().map(|severity| self.up_to(*severity, 2, wall)).unwrap_or_default();
        let found: BTreeSet<String> = people.into_iter().filter(|channel| channel != DIGEST).chain(self.feed.clone()).collect();
        if found.is_empty() { self.channels.clone() } else { found }
    }

    /// Who is on duty, by level, for people.
    pub fn on_duty(&self, wall: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        for (severity, chain) in &self.chains {
            for (at, level) in chain.levels.iter().enumerate() {
                let names = level.to.iter().map(|recipient| self.name(recipient, wall)).collect::<Vec<_>>().join(", ");
                lines.push(format!("{} level {}: {names}", severity.label(), at + 1));
            }
        }
        if lines.is_empty() {
            lines.push("no escalation chain is configured".to_owned());
        }
        lines
    }

    fn name(&self, recipient: &Recipient, wall: Timestamp) -> String {
        match recipient {
            Recipient::Channel(name) => name.clone(),
            Recipient::Digest => DIGEST.to_owned(),
            Recipient::Contact(name) if self.contacts.get(name).is_some_and(|contact| contact.is_on_duty(wall)) => name.clone(),
            Recipient::Contact(name) => format!("{name} (off duty)"),
        }
    }

    /// `wall` None: whether they are on duty or not.
    fn resolve(&self, to: &[Recipient], wall: Option<Timestamp>) -> BTreeSet<String> {
        let each = to.iter().flat_map(|recipient| match recipient {
            Recipient::Channel(name) => vec![name.clone()],
            Recipient::Digest => vec![DIGEST.to_owned()],
            Recipient::Contact(name) => {
                let contact = self.contacts.get(name).filter(|contact| wall.is_none_or(|wall| contact.is_on_duty(wall)));
                contact.map(|contact| contact.channels.clone()).unwrap_or_default()
            }
        });
        each.collect()
    }
}

impl Contact {
    pub fn is_on_duty(&self, wall: Timestamp) -> bool {
        self.hours.as_ref().is_none_or(|hours| hours.contains(wall))
    }
}

impl Severity {
    /// As a rule's label says it: Prometheus's customary words, and the four of row D06.
    pub fn of_label(label: &str) -> Option<Self> {
        match label.to_ascii_lowercase().as_str() {
            "p0" | "critical" | "page" => Some(Self::P0),
            "p1" | "error" | "high" => Some(Self::P1),
            "p2" | "warning" => Some(Self::P2),
            "p3" | "info" | "none" => Some(Self::P3),
            _ => None,
        }
    }

    /// Within which somebody is expected to respond (row D06).
    pub fn response_time(self) -> Duration {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        match self {
            Self::P0 => Duration::ZERO,
            Self::P1 => minutes(15),
            Self::P2 => minutes(60),
            Self::P3 => minutes(24 * 60),
        }
    }
}

impl Escalation {
    /// It can't wait for the clock: more harm may come, or heald knows too little.
    pub fn is_pressing(self) -> bool {
        matches!(self, Self::BudgetRefused | Self::UnknownOutcome | Self::RollbackFailed | Self::Worse | Self::Chronic)
    }
}
