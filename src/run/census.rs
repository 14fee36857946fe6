//! Who is down now, by target, playbook and group: kept with every event, so that no guard walks through all incidents.

use crate::domain::guard::{GroupCount, Neighbour, Trouble, group_keys};
use crate::domain::id::{IncidentId, PlaybookId};
use crate::domain::incident::{Incident, Phase};
use crate::domain::policy::Group;
use crate::domain::target::Target;
use std::collections::{BTreeSet, HashMap};

#[derive(Debug, Default)]
pub struct Census {
    known: HashMap<IncidentId, Entry>,
    /// Ordered from harmless to bad.
    by_target: HashMap<Target, BTreeSet<Neighbour>>,
    by_playbook: HashMap<PlaybookId, BTreeSet<Neighbour>>,
    /// How many incidents say so; without those that people mend, or only watch: old trouble is no storm.
    down: HashMap<Target, usize>,
    groups: HashMap<String, Members>,
}

/// Targets of a group, and how many incidents say so.
#[derive(Debug, Default)]
struct Members {
    down: HashMap<Target, usize>,
    repairing: HashMap<Target, usize>,
}

#[derive(Debug)]
struct Entry {
    target: Target,
    playbook: PlaybookId,
    groups: Vec<String>,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    trouble: Option<Trouble>,
    down: bool,
    repairing: bool,
}

// === impl Standing ===

impl Standing {
    fn of(incident: &Incident) -> Self {
        let (trouble, down) = match &incident.phase {
            Phase::Assessing
            | Phase::Held { .. }
            | Phase::Acting { .. }
            | Phase::Verifying { .. }
            | Phase::ResolvedBad { .. } => (Some(Trouble::AtWork), true),
            // A resolve that was lost must not count for ever; and nobody waits for what heald only watches.
            Phase::Escalated { .. } => (Some(Trouble::Escalated), incident.is_firing()),
            Phase::Observed => (None, incident.is_firing()),
            Phase::Healed { since, .. } => (Some(Trouble::Healed(*since)), false),
            Phase::Watching { .. } | Phase::Closed { .. } => (None, false),
        };
        Self { trouble, down, repairing: incident.holds_locks() }
    }
}

// === impl Census ===

impl Census {
    /// True when the number of those that are down has changed, anywhere.
    pub fn update(&mut self, incident: &Incident, groups: &[Group]) -> bool {
        // A runbook for people says nothing about who is down; nor does an alert without a target.
        let (Some(target), false) = (incident.target(), incident.rung_tries.is_empty()) else { return false };
        let id = incident.id;
        let new = Standing::of(incident);
        self.known.entry(id).or_insert_with(|| Entry {
            target: target.clone(),
            playbook: incident.playbook.clone(),
            groups: if groups.is_empty() { Vec::new() } else { group_keys(groups, &incident.context.read().0) },
            standing: Standing::default(),
        });
        let changed = self.set(id, new);
        if !incident.is_open() {
            self.known.remove(&id);
        }
        changed
    }

    pub fn groups_of(&self, id: IncidentId) -> &[String] {
        self.known.get(&id).map_or(&[], |entry| &entry.groups)
    }

    pub fn trouble_of(&self, playbook: &PlaybookId) -> Option<Neighbour> {
        self.by_playbook.get(playbook)?.last().copied()
    }

    pub fn trouble_on(&self, target: &Target) -> Option<Neighbour> {
        self.by_target.get(target)?.last().copied()
    }

    pub fn down(&self) -> usize {
        self.down.len()
    }

    pub fn group(&self, key: &str) -> GroupCount {
        self.groups.get(key).map_or_else(GroupCount::default, |members| GroupCount {
            down: members.down.len(),
            repairing: members.repairing.len(),
        })
    }

    fn set(&mut self, id: IncidentId, new: Standing) -> bool {
        let Some(entry) = self.known.get_mut(&id) else { return false };
        let old = std::mem::replace(&mut entry.standing, new);
        if old == new {
            return false;
        }
        if old.trouble != new.trouble {
            swap(self.by_target.entry(entry.target.clone()).or_default(), id, old.trouble, new.trouble);
            swap(self.by_playbook.entry(entry.playbook.clone()).or_default(), id, old.trouble, new.trouble);
        }
        let fresh = |standing: Standing| standing.down && standing.trouble == Some(Trouble::AtWork);
        count(&mut self.down, &entry.target, fresh(old), fresh(new));
        for key in &entry.groups {
            let members = self.groups.entry(key.clone()).or_default();
            count(&mut members.down, &entry.target, old.down, new.down);
            count(&mut members.repairing, &entry.target, old.repairing, new.repairing);
        }
        old.down != new.down || fresh(old) != fresh(new)
    }
}

fn swap(list: &mut BTreeSet<Neighbour>, incident: IncidentId, old: Option<Trouble>, new: Option<Trouble>) {
    if let Some(trouble) = old {
        list.remove(&Neighbour { trouble, incident });
    }
    if let Some(trouble) = new {
        list.insert(Neighbour { trouble, incident });
    }
}

fn count(of: &mut HashMap<Target, usize>, target: &Target, old: bool, new: bool) {
    match (old, new) {
        (false, true) => *of.entry(target.clone()).or_default() += 1,
        (true, false) => {
            let left = of.get(target).map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                of.remove(target);
            } else {
                of.insert(target.clone(), left);
            }
        }
        _ => {}
    }
}
