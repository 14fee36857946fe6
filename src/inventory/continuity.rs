//! `continuity:` — which services come first when much is down, and which next (row A27 of the failure modes).

use super::promql::Selector;
use super::rules::{MINIMAL, Page, REDUCED, Rule};
use super::{Inventory, Service, Severity};
use crate::domain::id::PlaybookId;
use crate::domain::policy::ContinuityMode;
use crate::domain::target::{Target, TargetKind};
use crate::yaml::{Fields, nearest, quote};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Each mode's own services; a member of the first is one of the second too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuity {
    pub minimal: Set,
    pub reduced: Set,
    /// A mode is entered when so many services of one host are down at once.
    pub down: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// As in `services:`.
    pub services: Vec<String>,
    pub within: Duration,
}

const DOWN_DEFAULT: u32 = 3;
/// What of a service can be down, as the shipped rules and those of the inventory call it.
const DOWN: &str = "ServiceProbeDown|ServiceUnitDown|ServiceContainerDown|ServiceTimingOut|SystemdUnitFailed|SystemdUnitNotRunning|ContainerDown|ContainerMissing\
                    |SupervisorProgramDown|ValkeyDown";

pub(super) fn read(mut fields: Fields<'_>, services: &BTreeMap<String, Service>) -> Continuity {
    let minimal = set(&mut fields, "minimal", services, Duration::from_secs(1_800));
    let reduced = set(&mut fields, "reduced", services, Duration::from_secs(3_600));
    let down = fields.number("down", 2..=1_000).unwrap_or(DOWN_DEFAULT);
    let (file, at) = (fields.file(), fields.at());
    if let Some(twice) = reduced.services.iter().find(|name| minimal.services.contains(name)) {
        file.refuse(at, format!("{} is in both sets; the minimal one is part of the reduced one already", quote(twice)));
    }
    fields.end();
    Continuity { minimal, reduced, down }
}

fn set(fields: &mut Fields<'_>, key: &'static str, services: &BTreeMap<String, Service>, within: Duration) -> Set {
    let file = fields.file();
    let Some(mut own) = fields.fields(key) else {
        if !fields.has(key) && key == "minimal" {
            fields.missing(key, "name what comes first: `minimal: { services: [shop], within: 30m }`");
        }
        return Set { services: Vec::new(), within };
    };
    let known: Vec<&str> = services.keys().map(String::as_str).collect();
    let mut names: Vec<String> = Vec::new();
    for (at, name) in own.texts("services").unwrap_or_default() {
        if !services.contains_key(&name) {
            let hint = nearest(&name, &known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            file.refuse(at, format!("{} is not among `services:`{hint}", quote(&name)));
        } else if names.contains(&name) {
            file.refuse(at, format!("{} is named twice", quote(&name)));
        } else {
            names.push(name);
        }
    }
    let within = own.span("within", Duration::from_secs(60)..=Duration::from_secs(86_400)).unwrap_or(within);
    if !own.has("services") {
        own.missing("services", "name services of this inventory: `services: [shop]`");
    }
    own.end();
    Set { services: names, within }
}

// === impl Continuity ===

impl Continuity {
    /// What the sets mean on one host, the smallest first. A set that has nothing there is left out.
    pub fn on(&self, host: &str, inventory: &Inventory) -> Vec<ContinuityMode> {
        let mut members: BTreeSet<Target> = BTreeSet::new();
        let mut modes = Vec::new();
        for (name, page, set) in self.sets() {
            let own = set.services.iter().filter_map(|name| Some((name, inventory.services.get(name)?)));
            let before = members.len();
            for (name, service) in own.filter(|(_, service)| service.hosts.iter().any(|on| on == host)) {
                members.extend(targets(name, service));
            }
            if members.len() > before {
                let (playbook, members) = (PlaybookId::from(page.id), members.clone());
                modes.push(ContinuityMode { name, playbook, members, within: set.within });
            }
        }
        modes
    }

    pub(super) fn rules(&self, inventory: &Inventory) -> Vec<Rule> {
        let mut rules = Vec::new();
        for host in inventory.hosts.keys() {
            for (name, page, set) in self.sets() {
                let here = |service: &&String| inventory.services.get(*service).is_some_and(|one| one.hosts.contains(host));
                let services: Vec<&String> = set.services.iter().filter(here).collect();
                if !services.is_empty() {
                    rules.push(self.rule(host, name, page, &services));
                }
            }
        }
        rules
    }

    fn rule(&self, host: &str, name: &'static str, page: &'static Page, services: &[&String]) -> Rule {
        let down = Selector::of("ALERTS").with("alertstate", "firing").with("host", host).matching("alertname", DOWN);
        let names: Vec<String> = services.iter().map(|name| super::promql::literal(name)).collect();
        let ours = down.clone().matching("service", &names.join("|"));
        let listed = services.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        Rule {
            alert: if name == "minimal" { "ContinuityMinimal" } else { "ContinuityReduced" },
            expr: format!(
                "count by (host) (count by (host, service) ({down})) >= {} and on (host) count by (host) ({ours})",
                self.down
            ),
            hold: "1m",
            severity: if name == "minimal" { Severity::P0 } else { Severity::P1 },
            host: host.to_owned(),
            service: None,
            extra: Vec::new(),
            kind: TargetKind::Host,
            target: host.to_owned(),
            page,
            remediate: "auto",
            summary: format!("Much is down on {host}: the {name} set of services comes first"),
            description: format!(
                "At least {} services of {host} are down at once, and one of {listed} is among them. heald's {name} mode \
                 repairs these before all others.",
                self.down
            ),
        }
    }

    fn sets(&self) -> [(&'static str, &'static Page, &Set); 2] {
        [("minimal", &MINIMAL, &self.minimal), ("reduced", &REDUCED, &self.reduced)]
    }
}

/// Under each name that an alert may have for it.
fn targets(name: &str, service: &Service) -> Vec<Target> {
    let kinds = [TargetKind::Unit, TargetKind::Container, TargetKind::Program];
    let parts = kinds.into_iter().flat_map(|kind| service.running(kind).iter().map(move |name| (kind, name.as_str())));
    parts.chain([(TargetKind::Service, name)]).filter_map(|(kind, name)| Target::new(kind, name).ok()).collect()
}
