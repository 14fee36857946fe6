//! FAULTS: what a drill breaks on purpose, one file for each family and one line for each kind in `kinds!`.
//!
//! A fault is no repair, so it has no `Permit`: what it touches must be on a list of its own, `drills: { allowed: … }`, and
//! [`Marked`] is made by asking that list and by nothing else. How it is undone is known before it is done
//! ([`Marked::prepare`]), so that it can be written down first.

use crate::domain::target::{AllowList, Target, TargetKind, cut};
use crate::link::Tools;
use futures_util::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

mod command;
mod disk;
mod docker;
mod files;
mod http;
mod keep;
mod port;
mod process;
mod redis;
mod sqlite;
mod undo;

pub use undo::Undo;

/// One kind of fault. Its parameters are a struct whose doc comment is the kind's reference.
pub(crate) trait FaultKind: Serialize + DeserializeOwned + JsonSchema + fmt::Debug + Send + Sync + 'static {
    /// `port.hold`
    const KIND: &'static str;

    /// Everything that it touches.
    ///
    /// # Errors
    /// What does not fit in the parameters.
    fn marks(&self) -> Result<Vec<Mark>, String>;

    /// Looks, changes nothing, and says how it will be undone.
    ///
    /// # Errors
    /// Why it can't be injected now.
    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>>;

    /// Injects it. What it returns is held until the fault is undone, and let go by dropping.
    ///
    /// # Errors
    /// Why not; it is undone all the same.
    fn inject<'a>(&'a self, tools: &'a Tools, undo: &'a Undo) -> BoxFuture<'a, Result<Held, String>>;
}

/// What lives as long as the fault: a listener, a lock.
pub(crate) type Held = Option<Box<dyn Any + Send>>;

/// An object that a fault touches, and the key of `drills: allowed:` that must name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    Target(Target),
    /// `host:port`
    Address(String),
    Command(String),
    Network(String),
}

/// A fault as a file has it: its parameters fit.
pub struct Fault {
    pub kind: &'static str,
    /// For reports: the kind and its parameters.
    pub text: String,
    pub marks: Vec<Mark>,
    work: Box<dyn Work>,
}

/// A fault whose objects are all marked. [`Marked::new`] asks the list, and nothing else makes one.
#[derive(Debug)]
pub struct Marked<'a> {
    fault: &'a Fault,
}

trait Work: fmt::Debug + Send + Sync {
    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>>;
    fn inject<'a>(&'a self, tools: &'a Tools, undo: &'a Undo) -> BoxFuture<'a, Result<Held, String>>;
}

/// For one call that injects or undoes.
const CALL_MAX: Duration = Duration::from_secs(30);

macro_rules! kinds {
    ($($params:ty),+ $(,)?) => {
        /// All kinds, in the order of the reference.
        pub const KINDS: &[&str] = &[$(<$params as FaultKind>::KIND),+];

        /// Reads the parameters of one fault.
        ///
        /// # Errors
        /// The outer one has a place in the file; the inner one is about the parameters together.
        pub fn read<'de, D: Deserializer<'de>>(kind: &str, input: D) -> Result<Result<Fault, String>, D::Error> {
            $(if kind == <$params as FaultKind>::KIND {
                return Ok(fault(<$params>::deserialize(input)?));
            })+
            Ok(Err(format!("{} is no kind of fault; known are {}", cut(kind), KINDS.join(", "))))
        }

        /// The parameters of all kinds, with their doc comments.
        pub fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
            vec![$((<$params as FaultKind>::KIND, <$params>::json_schema(generator))),+]
        }
    };
}

kinds! {
    process::SystemdKill,
    docker::Kill,
    docker::Pause,
    docker::Memory,
    docker::Detach,
    process::SupervisorStop,
    process::ProcessKill,
    port::Hold,
    disk::Fill,
    files::Spoil,
    files::Hide,
    files::Put,
    files::Age,
    sqlite::Corrupt,
    sqlite::Lock,
    redis::Fill,
    http::Switch,
    command::Run,
}

fn fault<P: FaultKind>(params: P) -> Result<Fault, String> {
    let marks = params.marks()?;
    let args = serde_json::to_value(&params).map_err(|error| error.to_string())?;
    let text = match &args {
        serde_json::Value::Object(map) => {
            let words = map.iter().map(|(key, value)| match value {
                serde_json::Value::String(text) => format!("{key}: {}", cut(text)),
                other => format!("{key}: {}", cut(&other.to_string())),
            });
            format!("{} {{ {} }}", P::KIND, words.collect::<Vec<_>>().join(", "))
        }
        _ => P::KIND.to_owned(),
    };
    Ok(Fault { kind: P::KIND, text, marks, work: Box::new(params) })
}

impl<P: FaultKind> Work for P {
    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        FaultKind::prepare(self, tools)
    }

    fn inject<'a>(&'a self, tools: &'a Tools, undo: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        FaultKind::inject(self, tools, undo)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({})", self.text)
    }
}

// === impl Marked ===

impl<'a> Marked<'a> {
    /// # Errors
    /// Each object that is not marked, with the key to add it under.
    pub fn new(fault: &'a Fault, allowed: &AllowList) -> Result<Self, String> {
        let missing: Vec<String> = fault.marks.iter().filter(|mark| !mark.is_on(allowed)).map(Mark::missing).collect();
        if missing.is_empty() { Ok(Self { fault }) } else { Err(missing.join("; ")) }
    }

    pub fn text(&self) -> &str {
        &self.fault.text
    }

    /// How it will be undone; nothing is changed yet.
    ///
    /// # Errors
    /// Why it can't be injected now.
    pub async fn prepare(&self, tools: &Tools) -> Result<Undo, String> {
        self.fault.work.prepare(tools).await.map_err(|why| format!("{}: {why}", self.fault.kind))
    }

    /// # Errors
    /// Why not; half of it may be there, so it is undone all the same.
    pub(crate) async fn inject(&self, tools: &Tools, undo: &Undo) -> Result<Held, String> {
        self.fault.work.inject(tools, undo).await.map_err(|why| format!("{}: {why}", self.fault.kind))
    }
}

// === impl Mark ===

impl Mark {
    pub(crate) fn of(kind: TargetKind, name: &str) -> Result<Self, String> {
        Target::new(kind, name).map(Self::Target)
    }

    pub(crate) fn is_on(&self, allowed: &AllowList) -> bool {
        match self {
            Self::Target(target) => {
                allowed.allows(target) || (target.kind() == TargetKind::Path && allowed.databases.contains(target.name()))
            }
            Self::Address(address) => allowed.addresses.contains(address),
            Self::Command(program) => allowed.commands.contains(program),
            Self::Network(name) => allowed.networks.contains(name),
        }
    }

    fn key(&self) -> &'static str {
        match self {
            Self::Target(target) => match target.kind() {
                TargetKind::Unit => "units",
                TargetKind::Container => "containers",
                TargetKind::Program => "programs",
                TargetKind::Url => "urls",
                TargetKind::Database => "databases",
                TargetKind::Host => "hosts",
                TargetKind::Service => "services",
                TargetKind::Path | TargetKind::Compose | TargetKind::Process | TargetKind::Volume => "paths",
            },
            Self::Address(_) => "addresses",
            Self::Command(_) => "commands",
            Self::Network(_) => "networks",
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Target(target) => target.name(),
            Self::Address(name) | Self::Command(name) | Self::Network(name) => name,
        }
    }

    /// For one who reads: what to add, if it is meant.
    pub(crate) fn missing(&self) -> String {
        let (key, name) = (self.key(), cut(self.name()));
        format!("{name} is not marked for drills; to let drills break it, add it under `drills: allowed: {key}:` of heald.yaml")
    }
}

fn deadline() -> Instant {
    Instant::now() + CALL_MAX
}

/// On one line, and no longer than a report bears.
fn said(error: impl fmt::Display) -> String {
    const SHOWN: usize = 400;
    error.to_string().chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
