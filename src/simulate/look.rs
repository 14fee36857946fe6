//! What a look at the simulated host sees: the words of the real probes.

use super::host::{Host, Is, START_LIMIT};
use super::scene::Scene;
use crate::domain::look::{
    AlertSight, Evidence, LookOrder, Observation, ProbeResult, ProbeVerdict, StartLimit, Surroundings, TargetState,
};
use crate::domain::plan::PlannedProbe;
use crate::domain::target::{Target, TargetKind};
use crate::domain::time::Time;
use serde_json::Value;

pub fn see(scene: &Scene, now: Time, order: &LookOrder) -> Observation {
    let host = &scene.host;
    let own = order.target.as_ref().and_then(|target| service(host, target));
    let probes = order.probes.iter().map(|probe| result(host, now, probe, own)).collect();
    let (state, evidence) = match (&order.target, own) {
        (Some(target), _) if !matches!(target.kind(), TargetKind::Unit | TargetKind::Container) => (TargetState::Stateless, None),
        (_, Some(service)) => (state(host, now, service), evidence(host, now, service)),
        (Some(_), None) => (TargetState::Missing, None),
        (None, None) => (TargetState::Stateless, None),
    };
    let mut seen = Observation::new(probes, state, evidence);
    if let Some(query) = &order.alerts {
        let listed = query.fingerprints.iter().any(|fingerprint| scene.alerting.lists(fingerprint));
        seen.alert = if listed { AlertSight::Firing } else { AlertSight::Gone };
    }
    if let Some(service) = own {
        seen.around = around(host, service);
    }
    seen
}

/// A unit or container by its name; a URL by who answers there.
pub fn service(host: &Host, target: &Target) -> Option<usize> {
    host.find(target).or_else(|| if target.kind() == TargetKind::Url { host.behind(target.name()) } else { None })
}

/// Where an `http` step or probe goes.
pub fn place(args: &Value) -> Option<&str> {
    let keys = ["get", "head", "post", "put", "delete", "patch", "address"];
    keys.iter().find_map(|key| args.get(key).and_then(Value::as_str))
}

fn result(host: &Host, now: Time, probe: &PlannedProbe, own: Option<usize>) -> ProbeResult {
    let managed = !matches!(probe.kind, "http" | "tcp");
    let found = match (&probe.object, managed) {
        (Some(object), true) => service(host, object),
        _ => place(&probe.args).and_then(|place| host.behind(place)).or(own),
    };
    let (verdict, detail) = match found {
        None => (ProbeVerdict::Unknown, "nothing in this world answers there".to_owned()),
        Some(service) if managed => active(host, now, service),
        Some(service) if host.answers(service) => (ProbeVerdict::Pass, "answered".to_owned()),
        Some(_) => (ProbeVerdict::Fail, "no answer".to_owned()),
    };
    ProbeResult { probe: probe.text(), verdict, detail }
}

/// `systemd.active`, `docker.running`: what the manager thinks of it.
fn active(host: &Host, now: Time, service: usize) -> (ProbeVerdict, String) {
    let text = state(host, now, service).text();
    match state(host, now, service) {
        TargetState::Unreachable { .. } => (ProbeVerdict::Unknown, text),
        TargetState::Up { .. } => (ProbeVerdict::Pass, text),
        _ => (ProbeVerdict::Fail, text),
    }
}

pub fn state(host: &Host, now: Time, service: usize) -> TargetState {
    let (machine, tells) = (&host.machines[service], host.services[service].tells);
    let detail = |text: &str| text.to_owned();
    if host.is_hidden(service, now) {
        return TargetState::Unreachable { detail: detail("its manager does not answer") };
    }
    match machine.is {
        Is::Starting if tells => TargetState::Starting { detail: detail("starting") },
        Is::Hung if tells => TargetState::Failed { detail: detail("unhealthy") },
        // A plain process is up as soon as it runs.
        Is::Up | Is::Hung | Is::Starting => TargetState::up(now.since(machine.since)),
        Is::Restarting => TargetState::Restarting { detail: detail("auto-restart") },
        Is::Failed => TargetState::Failed { detail: detail("failed, Result=exit-code") },
        Is::Stopped => TargetState::StoppedByPerson { detail: detail("stopped cleanly") },
        Is::Masked => TargetState::Masked,
        Is::StartLimit => TargetState::StartLimitHit,
    }
}

pub fn evidence(host: &Host, now: Time, service: usize) -> Option<Evidence> {
    (!host.is_hidden(service, now)).then(|| Evidence(host.machines[service].starts.to_string().into()))
}

fn around(host: &Host, service: usize) -> Surroundings {
    let own = &host.services[service];
    let down = own.needs.iter().filter(|needed| !host.answers(**needed));
    let mut needs_down: Vec<Target> = down.map(|needed| host.services[*needed].target.clone()).collect();
    needs_down.sort();
    let start_limit = (own.target.kind() == TargetKind::Unit).then(|| StartLimit {
        burst: u32::try_from(START_LIMIT.0).unwrap_or(u32::MAX),
        interval_ms: u64::try_from(START_LIMIT.1.as_millis()).unwrap_or(u64::MAX),
    });
    Surroundings { needs_down, start_limit, ..Surroundings::default() }
}
