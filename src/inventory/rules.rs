//! One rule for each thing that is expected.
//!
//! Rules that compare a value are shipped in `alert-rules/`. These name what must exist, and fire when it does not.

use super::promql::Selector;
use super::{Backup, Heartbeat, Inventory, Port, Service, Severity};
use crate::domain::target::TargetKind;

/// A Prometheus alerting rule. Texts are as people wrote them: printing quotes and escapes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub alert: &'static str,
    pub expr: String,
    /// `for`.
    pub hold: &'static str,
    pub severity: Severity,
    pub host: String,
    /// None: the host itself.
    pub service: Option<String>,
    /// Labels that tell two rules of the same target apart.
    pub extra: Vec<(&'static str, String)>,
    pub kind: TargetKind,
    pub target: String,
    pub page: &'static Page,
    pub remediate: &'static str,
    pub summary: String,
    pub description: String,
}

/// The document that goes with an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The folder below `playbooks/`.
    pub domain: &'static str,
    pub id: &'static str,
    /// The whole document, for who has no installed copy.
    pub text: &'static str,
}

macro_rules! page {
    ($domain:literal, $id:literal) => {
        Page { domain: $domain, id: $id, text: include_str!(concat!("../../playbooks/", $domain, "/", $id, ".md")) }
    };
}

/// What a host needs at least, beside the pages of its own rules.
pub static BASIC: [Page; 2] = [page!("systemd", "systemd-unit-failed"), page!("container", "container-down")];
static UNIT: Page = page!("systemd", "systemd-unit-failed");
static HOST: Page = page!("host", "host-missing");
static CONTAINER: Page = page!("container", "container-missing");
static PROGRAM: Page = page!("worker", "supervisor-program-missing");
static PROCESS: Page = page!("worker", "worker-missing");
static PORT: Page = page!("systemd", "port-held-by-other");
pub(super) static MINIMAL: Page = page!("emergency", "continuity-minimal");
pub(super) static REDUCED: Page = page!("emergency", "continuity-reduced");
static WATCH: Page = page!("heald", "not-watched");

/// What runs, in the order in which its rules are printed.
const RUNNING: [TargetKind; 4] = [TargetKind::Unit, TargetKind::Container, TargetKind::Program, TargetKind::Process];

/// Hosts first, then service by service in the order of their names.
pub fn rules(inventory: &Inventory) -> Vec<Rule> {
    let watched = inventory.hosts.iter().filter(|(_, host)| host.node_exporter);
    let mut rules: Vec<Rule> = watched.map(|(name, _)| host(name)).collect();
    // Of a host each: beside its own, in one group.
    rules.extend(inventory.continuity.iter().flat_map(|continuity| continuity.rules(inventory)));
    for (name, service) in &inventory.services {
        for host in &service.hosts {
            of_service(&mut rules, &Place { host, name, service });
        }
    }
    rules
}

struct Place<'a> {
    host: &'a str,
    name: &'a str,
    service: &'a Service,
}

fn of_service(rules: &mut Vec<Rule>, place: &Place<'_>) {
    for kind in RUNNING {
        rules.extend(place.service.running(kind).iter().map(|target| running(place, kind, target)));
    }
    rules.extend(place.service.ports.iter().map(|port| held(place, port)));
    rules.extend(place.service.probes.iter().map(|probe| {
        let looked = place.look("probe_success").with("service", place.name);
        let looked = looked.with("job", probe.job).with("instance", &probe.instance);
        let what = format!("the {} probe of {}", probe.job, probe.instance);
        let extra = vec![("job", probe.job.to_owned()), ("instance", probe.instance.clone())];
        Rule { extra, ..place.unwatched("ProbeMissing", place.name, format!("absent({looked})"), &what) }
    }));
    rules.extend(place.service.backups.iter().map(|(name, promise)| {
        place.unwatched("BackupUnwatched", name, backup(place, name, promise), &format!("the backup {name}"))
    }));
    rules.extend(place.service.heartbeats.iter().map(|(name, promise)| {
        place.unwatched("HeartbeatUnwatched", name, heartbeat(place, name, promise), &format!("the heartbeat {name}"))
    }));
}

fn host(name: &str) -> Rule {
    Rule {
        alert: "HostMissing",
        // One that is scraped and does not answer is HostDown.
        expr: format!("absent({})", Selector::of("up").with("job", "node").with("host", name)),
        hold: "5m",
        severity: Severity::P1,
        host: name.to_owned(),
        service: None,
        extra: Vec::new(),
        kind: TargetKind::Host,
        target: name.to_owned(),
        page: &HOST,
        remediate: "ask",
        summary: format!("{name} is expected, and Prometheus does not scrape it"),
        description: format!(
            "No target of the job node has had the label host {name} for 5 minutes or more: nobody would notice if the \
             machine were down. See: Status, Targets in Prometheus"
        ),
    }
}

/// Blindness that has an alert of its own, and would make one of each container.
fn unless_blind(host: &str, up: &'static str) -> String {
    let (own, scraped) =
        (Selector::of(up).with("host", host), Selector::of("up").with("job", "heald-targets").with("host", host));
    format!("unless on (host) ({own} == 0 or {scraped} == 0)")
}

fn running(place: &Place<'_>, kind: TargetKind, target: &str) -> Rule {
    let host = place.host;
    match kind {
        TargetKind::Container => {
            let seen = place.look("heald_container_state").with("container", target);
            Rule {
                alert: "ContainerMissing",
                // One that is there and does not run is ContainerDown.
                expr: format!("absent({seen}) {}", unless_blind(host, "heald_container_engine_up")),
                hold: "2m",
                page: &CONTAINER,
                summary: format!("There is no container {target} on {host}"),
                description: format!(
                    "{target} must run on {host}, and for 2 minutes or more the engine has had no container of that \
                     name, running or not: it was removed, or renamed. See: docker ps -a"
                ),
                ..place.rule(kind, target)
            }
        }
        TargetKind::Program => {
            let seen = place.look("heald_supervisor_program_state").with("program", target);
            Rule {
                alert: "SupervisorProgramMissing",
                // One that is there and does not run is SupervisorProgramDown.
                expr: format!("absent({seen}) {}", unless_blind(host, "heald_supervisor_up")),
                hold: "2m",
                page: &PROGRAM,
                summary: format!("supervisord on {host} knows no program {target}"),
                description: format!(
                    "{target} must run on {host}, and for 2 minutes or more supervisord has not listed it: its section \
                     is gone from the configuration, or its name changed. See: supervisorctl status"
                ),
                ..place.rule(kind, target)
            }
        }
        TargetKind::Process => {
            let seen = place.look("namedprocess_namegroup_num_procs").with("groupname", target);
            Rule {
                alert: "WorkerMissing",
                expr: format!("absent({seen} > 0)"),
                hold: "1m",
                page: &PROCESS,
                summary: format!("No process of {target} runs on {host}"),
                description: format!(
                    "{target} must run on {host}, and process exporter has not seen a process of that group for 1 \
                     minute or more; or its configuration knows no such group, or it does not answer. See: ps -eo \
                     pid,ppid,stat,etime,cmd"
                ),
                ..place.rule(kind, target)
            }
        }
        _ => {
            let seen = place.look("node_systemd_unit_state").with("name", target).with("state", "active");
            Rule {
                alert: "SystemdUnitNotRunning",
                // `== 1` belongs inside: failed, inactive, activating and unloaded all leave nothing behind.
                expr: format!("absent({seen} == 1)"),
                // Outlives a planned restart, and the first scrape after Prometheus starts.
                hold: "1m",
                page: &UNIT,
                remediate: "auto",
                summary: format!("{target} is not seen running on {host}"),
                description: format!(
                    "{target} must run on {host}, and has not been seen active for 1 minute or more. It is stopped, \
                     failed, starting or gone, or its exporter does not answer. See: systemctl status {target}"
                ),
                ..place.rule(kind, target)
            }
        }
    }
}

/// The unit gave up, and yet something answers on its port.
fn held(place: &Place<'_>, port: &Port) -> Rule {
    let failed = place.look("node_systemd_unit_state").with("name", &port.unit).with("state", "failed");
    let answers = place.look("probe_success").with("job", "tcp_connect").with("instance", &port.address);
    let (unit, address, host) = (&port.unit, &port.address, place.host);
    Rule {
        alert: "PortHeldByOther",
        expr: format!("max without (state, type) ({failed} == 1) and on (host) ({answers} == 1)"),
        hold: "30s",
        page: &PORT,
        summary: format!("Something else answers on {address}, and {unit} failed on {host}"),
        // Two ports of a unit are two alerts.
        extra: vec![("instance", address.clone())],
        description: format!(
            "{unit} has been failed for 30 seconds or more, and a process that is not its own holds {address}: a \
             restart would fail in the same way. See: ss -ltnp"
        ),
        ..place.rule(TargetKind::Unit, unit)
    }
}

/// That the backup is watched at least as strictly as was promised; whether it is good, the watcher says.
fn backup(place: &Place<'_>, name: &str, promise: &Backup) -> String {
    let age = place.look("heald_backup_max_age_seconds").with("backup", name);
    let size = place.look("heald_backup_min_bytes").with("backup", name);
    let age = promise.max_age.map_or_else(|| age.to_string(), |max| format!("{age} <= {}", max.as_secs()));
    match promise.min_size {
        Some(min) => format!("absent({age} and {size} >= {min})"),
        None => format!("absent({age})"),
    }
}

fn heartbeat(place: &Place<'_>, name: &str, promise: &Heartbeat) -> String {
    let age = place.look("heald_heartbeat_max_age_seconds").with("heartbeat", name);
    match promise.max_age {
        Some(max) => format!("absent({age} <= {})", max.as_secs()),
        None => format!("absent({age})"),
    }
}

// === impl Place ===

impl Place<'_> {
    /// On the host; never across hosts: the same name on another machine would hide the loss.
    fn look(&self, metric: &'static str) -> Selector {
        Selector::of(metric).with("host", self.host)
    }

    fn rule(&self, kind: TargetKind, target: &str) -> Rule {
        Rule {
            alert: "",
            expr: String::new(),
            hold: "1m",
            severity: self.service.severity.unwrap_or(Severity::P1),
            host: self.host.to_owned(),
            service: Some(self.name.to_owned()),
            extra: Vec::new(),
            kind,
            target: target.to_owned(),
            page: &WATCH,
            remediate: "ask",
            summary: String::new(),
            description: String::new(),
        }
    }

    /// Nothing is known to be wrong but that nobody would see it: people look within the hour.
    fn unwatched(&self, alert: &'static str, target: &str, expr: String, what: &str) -> Rule {
        let host = self.host;
        Rule {
            alert,
            expr,
            hold: "5m",
            severity: Severity::P2,
            summary: format!("Nobody watches {what} on {host} as was promised"),
            description: format!(
                "For 5 minutes or more {what} on {host} has not been measured, or not as strictly as the inventory says: \
                 it is gone from a configuration, or whoever measures it does not answer."
            ),
            ..self.rule(TargetKind::Service, target)
        }
    }
}
