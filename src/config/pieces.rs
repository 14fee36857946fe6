//! A few keys of a configuration, written into another file: what a test of playbooks runs with.
//!
//! The keys mean what they mean in heald.yaml; what a test can't need (addresses, secrets) is not among them.

use super::{escalation, guards, intervals, read, targets};
use crate::book::Override;
use crate::domain::calendar::Intervals;
use crate::domain::escalation::EscalationPolicy;
use crate::domain::policy::Policy;
use crate::domain::target::AllowList;
use crate::inventory;
use crate::notify::Audience;
use crate::yaml::Fields;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// None where nothing is written.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    pub host: Option<String>,
    pub host_label: Option<String>,
    pub targets: Option<AllowList>,
    pub vars: BTreeMap<String, Value>,
    /// By playbook.
    pub overrides: BTreeMap<String, Override>,
    /// `guards:`, `time_intervals:`, `escalation:` and the `continuity:` of `inventory:` together.
    pub policy: Option<Policy>,
    /// Alertmanager's own.
    pub group_interval: Option<Duration>,
}

/// The one that people read where the file names none.
const CHANNEL: &str = "people";

/// Problems go to the file.
pub fn pieces(mut fields: Fields<'_>) -> Pieces {
    let found = fields.fields("targets").map(targets::read);
    let policy = ["guards", "time_intervals", "escalation", "channels", "inventory"].iter().any(|key| fields.has(key));
    let intervals = intervals::read(&mut fields);
    let escalation = escalation(&mut fields, &intervals);
    let allow = found.clone().unwrap_or_default();
    let mut guards = guards::read(fields.fields("guards"), intervals, &allow);
    let host = fields.text("host");
    let inventory = fields.node("inventory").and_then(|node| inventory::read_node(fields.file(), node));
    if let Some(inventory) = inventory {
        // The sets are those of one host.
        let named = host.as_ref().or(inventory.hosts.keys().next());
        guards.order.modes = named.map(|host| inventory.continuity_on(host)).unwrap_or_default();
    }
    let pieces = Pieces {
        host,
        host_label: fields.text("host_label"),
        targets: found,
        vars: fields.values("vars").unwrap_or_default(),
        overrides: read::overrides(&mut fields),
        policy: policy.then_some(Policy { escalation, ..guards }),
        group_interval: fields.span("group_interval", Duration::from_secs(1)..=Duration::from_secs(86_400)),
    };
    fields.end();
    pieces
}

/// What holds where a file says nothing: one channel to people, and the levels and delays that a configuration has
/// without a word of its own.
pub fn plain() -> Policy {
    let escalation = escalation::read_for(None, &[(CHANNEL.to_owned(), Audience::Chat)], &BTreeMap::new());
    Policy { escalation, ..Policy::default() }
}

fn escalation(fields: &mut Fields<'_>, intervals: &BTreeMap<String, Intervals>) -> EscalationPolicy {
    let named = fields.texts("channels").unwrap_or_else(|| vec![(0, CHANNEL.to_owned())]);
    let channels: Vec<_> = named.into_iter().map(|(_, name)| (name, Audience::Chat)).collect();
    escalation::read_for(fields.fields("escalation"), &channels, intervals)
}

// === impl Pieces ===

impl Pieces {
    /// What is written here goes before what `other` says.
    #[must_use]
    pub fn over(self, other: &Self) -> Self {
        let mut vars = other.vars.clone();
        vars.extend(self.vars);
        let mut overrides = other.overrides.clone();
        overrides.extend(self.overrides);
        Self {
            host: self.host.or_else(|| other.host.clone()),
            host_label: self.host_label.or_else(|| other.host_label.clone()),
            targets: self.targets.or_else(|| other.targets.clone()),
            vars,
            overrides,
            policy: self.policy.or_else(|| other.policy.clone()),
            group_interval: self.group_interval.or(other.group_interval),
        }
    }
}
