//! ACT: the kinds of steps, one file each. Only this module knows what a kind means.
//!
//! `book/` reads [`Raw`] from a file and keeps a [`Step`]; after the labels are filled in,
//! [`Action::parse`] checks the parameters once more against their types, and [`Action::run`] acts.

use crate::domain::outcome::Acted;
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, Stake, Step, StepObject, TargetTemplate};
use crate::domain::target::{AllowList, Target, TargetKind};
use crate::domain::template::is_template;
use crate::link::Tools;
use crate::link::http::RawCall;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

mod docker;
mod http;
mod systemd;
mod wait;

/// One step as a playbook file writes it: `- docker.restart: {}`.
///
/// Text may hold templates; durations may not, because the limits of a step are fixed when it is read.
#[derive(Debug, Deserialize)]
pub enum Raw {
    #[serde(rename = "systemd.restart")]
    SystemdRestart(systemd::Params),
    #[serde(rename = "systemd.start")]
    SystemdStart(systemd::Params),
    #[serde(rename = "systemd.stop")]
    SystemdStop(systemd::Params),
    #[serde(rename = "systemd.reset_failed")]
    SystemdResetFailed(systemd::Params),
    #[serde(rename = "docker.restart")]
    DockerRestart(docker::Graceful),
    #[serde(rename = "docker.start")]
    DockerStart(docker::Plain),
    #[serde(rename = "docker.stop")]
    DockerStop(docker::Graceful),
    #[serde(rename = "http")]
    Http(RawCall),
    #[serde(rename = "wait")]
    Wait(wait::Params),
}

/// A rendered step with typed parameters.
#[derive(Clone, Debug)]
pub enum Action {
    Systemd(systemd::Systemd),
    Docker(docker::Docker),
    Http(http::Http),
    Wait(Duration),
}

/// Beside the parameters: what the guards may know.
struct Form {
    kind: &'static str,
    args: Value,
    object: StepObject,
    risk: Risk,
    reversible: bool,
    in_flight: Duration,
    deadline: Duration,
}

// === impl Raw ===

impl Raw {
    pub const KINDS: &[&str] = &[
        "systemd.restart",
        "systemd.start",
        "systemd.stop",
        "systemd.reset_failed",
        "docker.restart",
        "docker.start",
        "docker.stop",
        "http",
        "wait",
    ];

    /// # Errors
    /// What in the parameters does not fit, as far as it shows before the templates are filled in.
    pub fn into_step(self) -> Result<Step, String> {
        let form = match self {
            Self::SystemdRestart(params) => systemd::form(systemd::Verb::Restart, &params)?,
            Self::SystemdStart(params) => systemd::form(systemd::Verb::Start, &params)?,
            Self::SystemdStop(params) => systemd::form(systemd::Verb::Stop, &params)?,
            Self::SystemdResetFailed(params) => systemd::form(systemd::Verb::ResetFailed, &params)?,
            Self::DockerRestart(params) => docker::restart(&params)?,
            Self::DockerStart(params) => docker::start(&params)?,
            Self::DockerStop(params) => docker::stop(&params)?,
            Self::Http(call) => http::form(&call)?,
            Self::Wait(params) => wait::form(&params)?,
        };
        let Form { kind, args, object, risk, reversible, in_flight, deadline } = form;
        Ok(Step { kind, args, stake: Stake { object, risk, reversible, in_flight, deadline } })
    }
}

/// The kind of target that a kind of step needs, for a step that names no other object.
pub fn object_kind(kind: &str) -> Option<TargetKind> {
    match kind.split_once('.') {
        Some(("systemd", _)) => Some(TargetKind::Unit),
        Some(("docker", _)) => Some(TargetKind::Container),
        _ => None,
    }
}

// === impl Action ===

impl Action {
    /// # Errors
    /// What does not fit, and what would.
    pub fn parse(step: &PlannedStep) -> Result<Self, String> {
        let action = match step.kind {
            "systemd.restart" => Self::Systemd(systemd::Systemd::parse(systemd::Verb::Restart, step)?),
            "systemd.start" => Self::Systemd(systemd::Systemd::parse(systemd::Verb::Start, step)?),
            "systemd.stop" => Self::Systemd(systemd::Systemd::parse(systemd::Verb::Stop, step)?),
            "systemd.reset_failed" => Self::Systemd(systemd::Systemd::parse(systemd::Verb::ResetFailed, step)?),
            "docker.restart" | "docker.start" | "docker.stop" => Self::Docker(docker::Docker::parse(step)?),
            "http" => Self::Http(http::Http::parse(step)?),
            "wait" => Self::Wait(wait::parse(step)?),
            other => return Err(format!("{other} is no kind of step; known are {}", Raw::KINDS.join(", "))),
        };
        Ok(action)
    }

    /// # Errors
    /// What the allow-list does not name. Units and containers were judged when the plan was bound.
    pub fn admit(&self, allow: &AllowList) -> Result<(), String> {
        match self {
            Self::Http(http) => http.admit(allow),
            Self::Systemd(_) | Self::Docker(_) | Self::Wait(_) => Ok(()),
        }
    }

    /// Ends at the deadline at the latest. Dropping it takes nothing back.
    pub async fn run(&self, tools: &Tools, deadline: Instant) -> Acted {
        match self {
            Self::Systemd(systemd) => systemd.run(tools, deadline).await,
            Self::Docker(docker) => docker.run(tools, deadline).await,
            Self::Http(http) => http.run(tools, deadline).await,
            Self::Wait(length) => wait::run(*length, deadline).await,
        }
    }
}

/// The object of a step from its optional name in the file.
fn object(kind: TargetKind, name: Option<&String>) -> Result<StepObject, String> {
    let Some(name) = name else { return Ok(StepObject::Default) };
    if !is_template(name) {
        Target::new(kind, name)?;
    }
    Ok(StepObject::Other(TargetTemplate { kind, name: name.clone() }))
}

/// The object of a rendered step, which must be of the kind that the step works on.
fn object_of(step: &PlannedStep, wanted: TargetKind) -> Result<String, String> {
    match &step.object {
        Some(target) if target.kind() == wanted => Ok(target.name().to_owned()),
        Some(target) => {
            let wanted = wanted.label();
            Err(format!("{} works on a {wanted}, not on {target}: name a {wanted} in the step", step.kind))
        }
        None => Err(format!("{} needs a {}", step.kind, wanted.label())),
    }
}

fn args_of<T: serde::de::DeserializeOwned>(step: &PlannedStep) -> Result<T, String> {
    serde_json::from_value(step.args.clone()).map_err(|error| format!("{}: {error}", step.kind))
}

fn as_args<T: serde::Serialize>(params: &T) -> Result<Value, String> {
    serde_json::to_value(params).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(text: &str) -> Result<Step, String> {
        serde_saphyr::from_str::<Raw>(text).map_err(|error| error.to_string())?.into_step()
    }

    fn planned(step: Step, object: Option<Target>) -> PlannedStep {
        let Stake { risk, in_flight, deadline, .. } = step.stake;
        PlannedStep { kind: step.kind, args: step.args, object, risk, in_flight, deadline }
    }

    #[test]
    fn every_kind_is_read_and_parsed() {
        let unit = Target::new(TargetKind::Unit, "web.service").unwrap();
        let container = Target::new(TargetKind::Container, "shop").unwrap();
        for (text, object, risk, deadline_s) in [
            ("systemd.restart: {}", Some(&unit), Risk::Seen, 120),
            ("systemd.start: {}", Some(&unit), Risk::Seen, 120),
            ("systemd.stop: {}", Some(&unit), Risk::Idempotent, 120),
            ("systemd.reset_failed: {}", Some(&unit), Risk::Idempotent, 120),
            ("docker.restart: { grace: 2s }", Some(&container), Risk::Seen, 62),
            ("docker.start: {}", Some(&container), Risk::Seen, 60),
            ("docker.stop: {}", Some(&container), Risk::Idempotent, 70),
            ("http: { post: 'http://127.0.0.1/', json: { a: [1] } }", None, Risk::Once, 11),
            ("http: { put: 'http://127.0.0.1/', timeout: 2s }", None, Risk::Idempotent, 3),
            ("http: { get: 'http://127.0.0.1/', status: [200, 204] }", None, Risk::Read, 11),
            ("wait: 5s", None, Risk::Read, 10),
            ("wait: { for: 5s }", None, Risk::Read, 10),
        ] {
            let step = step(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(Raw::KINDS.contains(&step.kind), "{text}");
            assert_eq!((step.stake.risk, step.stake.deadline.as_secs()), (risk, deadline_s), "{text}");
            Action::parse(&planned(step, object.cloned())).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_when_read() {
        for (text, part) in [
            ("docker.recreate: {}", "docker.recreate"),
            ("systemd.restart: { retry: 3 }", "retry"),
            ("docker.start: { grace: 1s }", "grace"),
            ("systemd.restart: { unit: '--now' }", "hyphen"),
            ("docker.stop: { grace: 20m }", "out of range"),
            ("docker.stop: { grace: 1500ms }", "whole seconds"),
            ("wait: 5", "no duration"),
            ("wait: 0s", "out of range"),
            ("wait: { until: 5s }", "until"),
            ("http: { get: 'http://a/', post: 'http://a/' }", "one method"),
        ] {
            let error = step(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let named = step("systemd.restart: { unit: '{{ labels.target }}' }").unwrap();
        assert_eq!(
            named.stake.object,
            StepObject::Other(TargetTemplate { kind: TargetKind::Unit, name: "{{ labels.target }}".to_owned() })
        );
    }

    #[test]
    fn the_wrong_kind_of_target_is_named() {
        let unit = Target::new(TargetKind::Unit, "web.service").unwrap();
        let error = Action::parse(&planned(step("docker.restart: {}").unwrap(), Some(unit))).unwrap_err();
        assert_eq!(error, "docker.restart works on a container, not on unit web.service: name a container in the step");
        let mut odd = planned(step("wait: 5s").unwrap(), None);
        odd.args = json!({ "for": true });
        assert!(Action::parse(&odd).unwrap_err().contains("wait"));
    }
}
