//! ACT: the kinds of steps, one file each, and one line each in `kinds!`. Only this module knows what a kind means.
//!
//! `book/` reads parameters from a file by [`read`] and keeps a [`Step`]; after the labels are filled in,
//! [`Action::parse`] checks them once more against their types, and [`Action::run`] acts.

use crate::domain::outcome::Acted;
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, Stake, Step, StepObject, StepOptions, TargetTemplate};
use crate::domain::target::{AllowList, Target, TargetKind};
use crate::domain::template::is_template;
use crate::link::Tools;
use futures_util::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Debug;
use std::time::Duration;
use tokio::time::Instant;

mod command;
mod dns;
mod docker;
mod files;
mod firewall;
mod gather;
mod http;
mod journal;
mod process;
mod progress;
mod redis;
mod sqlite;
mod supervisor;
mod systemd;
mod wait;
mod wake_on_lan;

pub use progress::Progress;

/// One kind of step. Its parameters are a struct whose doc comment is the kind's reference page.
///
/// Text may hold templates; durations and numbers may not, unless all that they speak of is `vars`, because the limits of
/// a step are fixed when it is read.
pub(crate) trait StepKind: Serialize + DeserializeOwned + JsonSchema + Sized {
    /// `docker.restart`
    const KIND: &'static str;
    /// What it works on where the step names no other object.
    const OBJECT: Option<TargetKind> = None;

    /// What the guards may know.
    ///
    /// # Errors
    /// What does not fit, as far as it shows before the templates are filled in.
    fn form(&self) -> Result<Form, String>;

    /// With the templates filled in.
    ///
    /// # Errors
    /// What does not fit, and what would.
    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String>;

    /// A step that is due when the incident closes: what this one keeps only until it has proved itself.
    fn at_closing(&self) -> Option<(&'static str, Value)> {
        None
    }
}

/// A rendered step with typed parameters.
pub(crate) trait Act: Debug + Send + Sync {
    /// # Errors
    /// What the allow-list does not name. Its objects were judged when the plan was bound.
    fn admit(&self, _: &AllowList) -> Result<(), String> {
        Ok(())
    }

    /// Ends at the deadline at the latest. Dropping it takes nothing back.
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted>;
}

/// What a running step works with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub tools: &'a Tools,
    pub deadline: Instant,
    pub progress: &'a Progress,
}

/// What the guards may know of a step; see [`Stake`].
#[derive(Debug)]
pub(crate) struct Form {
    pub object: StepObject,
    pub risk: Risk,
    /// Nothing is gone for good after it.
    pub reversible: bool,
    pub in_flight: Duration,
    pub deadline: Duration,
}

/// One rendered step, ready to run.
#[derive(Debug)]
pub struct Action(Box<dyn Act>);

macro_rules! kinds {
    ($($params:ty),+ $(,)?) => {
        /// All kinds, in the order of the reference.
        pub const KINDS: &[&str] = &[$(<$params as StepKind>::KIND),+];

        /// Reads the parameters of one step. `kind` is one of [`KINDS`].
        ///
        /// # Errors
        /// The outer one has a place in the file; the inner one is about the parameters together.
        pub fn read<'de, D: Deserializer<'de>>(kind: &str, input: D) -> Result<Result<Step, String>, D::Error> {
            $(if kind == <$params as StepKind>::KIND {
                return Ok(step(&<$params>::deserialize(input)?));
            })+
            Ok(Err(unknown(kind)))
        }

        /// The kind of target that a kind of step needs, for a step that names no other object.
        pub fn object_kind(kind: &str) -> Option<TargetKind> {
            $(if kind == <$params as StepKind>::KIND {
                return <$params as StepKind>::OBJECT;
            })+
            None
        }

        /// The parameters of all kinds, with their doc comments.
        pub fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
            vec![$((<$params as StepKind>::KIND, <$params>::json_schema(generator))),+]
        }

        fn closing(kind: &str, args: &Value) -> Option<(&'static str, Value)> {
            $(if kind == <$params as StepKind>::KIND {
                return <$params>::deserialize(args).ok()?.at_closing();
            })+
            None
        }

        fn ready(step: &PlannedStep) -> Result<Box<dyn Act>, String> {
            $(if step.kind == <$params as StepKind>::KIND {
                let params = <$params>::deserialize(&step.args).map_err(|error| format!("{}: {error}", step.kind))?;
                return params.ready(step).map_err(|why| match why.starts_with(step.kind) {
                    true => why,
                    false => format!("{}: {why}", step.kind),
                });
            })+
            Err(unknown(step.kind))
        }
    };
}

kinds! {
    systemd::Restart,
    systemd::Start,
    systemd::Stop,
    systemd::Reload,
    systemd::ResetFailed,
    systemd::Kill,
    systemd::SetProperty,
    systemd::DropIn,
    systemd::RemoveDropIn,
    journal::Vacuum,
    gather::Gather,
    process::ListTop,
    process::FindPortHolder,
    process::Signal,
    process::DropCaches,
    docker::Restart,
    docker::Start,
    docker::Stop,
    docker::Kill,
    docker::Pause,
    docker::Unpause,
    docker::Recreate,
    docker::Restore,
    docker::Discard,
    docker::Exec,
    docker::NetworkConnect,
    docker::Prune,
    http::Params,
    redis::Info,
    redis::Ping,
    redis::Purge,
    wake_on_lan::Params,
    dns::Params,
    firewall::Params,
    supervisor::Params,
    command::Params,
    wait::Params,
    files::DeleteOlder,
    files::CompressOlder,
    files::ArchiveLarger,
    files::MoveBack,
    files::CopyAside,
    files::RestoreBackup,
    files::WriteDefault,
    files::Touch,
    files::Remove,
    sqlite::Backup,
    sqlite::Check,
    sqlite::Checkpoint,
    sqlite::Restore,
}

fn unknown(kind: &str) -> String {
    format!("{kind} is no kind of step; known are {}", KINDS.join(", "))
}

fn step<P: StepKind>(params: &P) -> Result<Step, String> {
    let Form { object, risk, reversible, in_flight, deadline } = params.form()?;
    let args = serde_json::to_value(params).map_err(|error| error.to_string())?;
    let stake = Stake { object, risk, reversible, in_flight, deadline };
    Ok(Step { kind: P::KIND, args, stake, options: StepOptions::default() })
}

/// The step that is due when the incident closes, on the same object.
pub fn at_closing(step: &Step) -> Option<Step> {
    let (kind, args) = closing(step.kind, &step.args)?;
    let mut later = read(kind, args).ok()?.ok()?;
    later.stake.object.clone_from(&step.stake.object);
    Some(later)
}

// === impl Form ===

impl Form {
    /// Calls at once and is over with the answer.
    pub fn new(object: StepObject, risk: Risk, deadline: Duration) -> Self {
        Self { object, risk, reversible: true, in_flight: Duration::ZERO, deadline }
    }

    /// Changes nothing: no budget, no lock.
    pub fn reads(deadline: Duration) -> Self {
        Self::new(StepObject::Nothing, Risk::Read, deadline)
    }

    /// Something is gone that no rollback brings back.
    pub fn for_good(self) -> Self {
        Self { reversible: false, ..self }
    }
}

// === impl Action ===

impl Action {
    /// # Errors
    /// What does not fit, and what would.
    pub fn parse(step: &PlannedStep) -> Result<Self, String> {
        ready(step).map(Self)
    }

    /// # Errors
    /// What the allow-list does not name. Objects were judged when the plan was bound.
    pub fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.0.admit(allow)
    }

    /// Ends at the deadline at the latest. Dropping it takes nothing back.
    pub async fn run(&self, tools: &Tools, deadline: Instant, progress: &Progress) -> Acted {
        self.0.run(&Call { tools, deadline, progress }).await
    }
}

/// The object of a step from its optional name in the file.
pub(crate) fn object(kind: TargetKind, name: Option<&String>) -> Result<StepObject, String> {
    let Some(name) = name else { return Ok(StepObject::Default) };
    if !is_template(name) {
        Target::new(kind, name)?;
    }
    Ok(StepObject::Other(TargetTemplate { kind, name: name.clone() }))
}

/// The object of a rendered step, which must be of the kind that the step works on.
pub(crate) fn object_of(step: &PlannedStep, wanted: TargetKind) -> Result<String, String> {
    match &step.object {
        Some(target) if target.kind() == wanted => Ok(target.name().to_owned()),
        Some(target) => {
            let wanted = wanted.label();
            Err(format!("{} works on a {wanted}, not on {target}: name a {wanted} in the step", step.kind))
        }
        None => Err(format!("{} needs a {}", step.kind, wanted.label())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    pub(super) fn step(text: &str) -> Result<Step, String> {
        let map: serde_json::Map<String, Value> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let (kind, args) = map.into_iter().next().unwrap();
        read(&kind, args).map_err(|error| error.to_string())?
    }

    pub(super) fn planned(step: Step, object: Option<Target>) -> PlannedStep {
        PlannedStep::new(&step, step.args.clone(), object)
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
            ("docker.kill: {}", Some(&container), Risk::Once, 30),
            ("docker.pause: {}", Some(&container), Risk::Idempotent, 30),
            ("docker.unpause: {}", Some(&container), Risk::Idempotent, 30),
            ("docker.recreate: {}", Some(&container), Risk::Whole, 350),
            ("docker.recreate: { from: compose, grace: 1s }", Some(&container), Risk::Whole, 301),
            ("docker.restore: {}", Some(&container), Risk::Whole, 350),
            ("docker.discard: {}", Some(&container), Risk::Idempotent, 300),
            ("docker.exec: { command: [ls, '{{ labels.x }}'] }", Some(&container), Risk::Once, 70),
            ("docker.network_connect: { network: back }", Some(&container), Risk::Idempotent, 30),
            ("docker.prune: { images: { older_than: 7d } }", None, Risk::Idempotent, 600),
            ("http: { post: 'http://127.0.0.1/', json: { a: [1] } }", None, Risk::Once, 11),
            ("http: { put: 'http://127.0.0.1/', timeout: 2s }", None, Risk::Idempotent, 3),
            ("http: { get: 'http://127.0.0.1/', status: [200, 204] }", None, Risk::Read, 11),
            ("wait: 5s", None, Risk::Read, 10),
            ("wait: { for: 5s }", None, Risk::Read, 10),
        ] {
            let step = step(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(KINDS.contains(&step.kind), "{text}");
            assert_eq!((step.stake.risk, step.stake.deadline.as_secs()), (risk, deadline_s), "{text}");
            Action::parse(&planned(step, object.cloned())).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_when_read() {
        for (text, part) in [
            ("docker.recreate: { from: image }", "image"),
            ("docker.recreate: { grace: 20m }", "out of range"),
            ("docker.kill: { signal: SIGSTOP }", "is none of SIGHUP"),
            ("docker.exec: { command: [] }", "empty"),
            ("docker.exec: { command: 'ls -l' }", "string"),
            ("docker.exec: { command: ['{{ labels.program }}'] }", "written out"),
            ("docker.exec: { command: [/bin/sh, -c, 'echo {{ labels.x }}'] }", "as code"),
            ("docker.exec: { command: [env, sh, -c, 'echo {{ labels.x }}'] }", "as code"),
            ("docker.exec: { command: [ls], timeout: 1h }", "out of range"),
            ("docker.network_connect: { network: 'a b' }", "no name of a network"),
            ("docker.network_connect: { network: a, aliases: ['-x'] }", "no name"),
            ("docker.prune: {}", "what to prune"),
            ("docker.prune: { images: {} }", "older_than"),
            ("docker.prune: { volumes: {} }", "older_than"),
            ("docker.prune: { build_cache: { labels: [a] } }", "labels"),
            ("docker.prune: { containers: { older_than: 100ms } }", "out of range"),
            ("docker.prune: { containers: { labels: ['a b=c'] } }", "no label"),
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
