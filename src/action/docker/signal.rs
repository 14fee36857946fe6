//! `docker.kill`, `docker.pause`, `docker.unpause`, `docker.network_connect`.

use crate::action::{Act, Call, Form, StepKind, object, object_of};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::{AllowList, TargetKind, cut};
use crate::domain::template::is_template;
use crate::link::LinkError;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Sends a signal to a container's first process, as `docker kill` does.
///
/// To the engine that is a fault, not a wish: if it ends by it, its restart policy applies, and heald repairs it. Never
/// repeated after a crash of heald, because a second signal may hit the next run.
///
/// ```yaml
/// - docker.kill: { signal: SIGHUP }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGABRT or SIGKILL, which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<String>,
}

/// Freezes all processes of a container.
///
/// heald remembers that the pause is its own, and does not take it for a person's, until heald itself ends; after that it
/// is a person's, who is told, and *Afterwards* or a rollback may still end it. So end it in the same rung or under
/// *Afterwards*.
///
/// ```yaml
/// - docker.pause: { container: worker }
/// - files.copy_aside: { path: /srv/worker/state.db }
/// - docker.unpause: { container: worker }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
}

/// Lets a frozen container go on, whoever froze it. One that is not paused is left alone.
///
/// A playbook's own target that a person paused is never touched: heald asks before each attempt. Another container than
/// the target is unpaused as written, so name only those that your own steps pause.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unpause {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
}

/// Attaches a container to a network that it has fallen out of. The network must be under `targets: { networks }`.
///
/// One that is attached already is left as it is, aliases included. heald never makes, changes or removes a network.
///
/// ```yaml
/// - docker.network_connect: { network: shop_back, aliases: [db] }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkConnect {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// The network's name.
    network: String,
    /// Names under which the others in that network find it, beside its own: at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
}

#[derive(Debug)]
enum Verb {
    Kill { signal: String },
    Pause,
    Unpause,
    Connect { network: String, aliases: Vec<String> },
}

#[derive(Debug)]
struct Ready {
    verb: Verb,
    container: String,
}

const DEADLINE: Duration = Duration::from_secs(30);
const SIGNALS: [&str; 9] = ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "WINCH", "ABRT", "KILL"];
const ALIASES_MAX: usize = 16;

fn form(container: Option<&String>, risk: Risk) -> Result<Form, String> {
    Ok(Form { in_flight: Duration::from_secs(2), ..Form::new(object(TargetKind::Container, container)?, risk, DEADLINE) })
}

fn ready(verb: Verb, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
    Ok(Box::new(Ready { verb, container: object_of(step, TargetKind::Container)? }))
}

/// With or without `SIG`.
fn signal(given: Option<&String>) -> Result<String, String> {
    let given = given.map_or("SIGKILL", String::as_str);
    match SIGNALS.iter().find(|name| **name == given.strip_prefix("SIG").unwrap_or(given)) {
        Some(name) => Ok(format!("SIG{name}")),
        None => Err(format!("signal {:?} is none of SIG{}", cut(given), SIGNALS.join(", SIG"))),
    }
}

/// The engine's own pattern for names (`RestrictedNameChars` in moby's daemon/names).
fn name(what: &str, given: &str) -> Result<(), String> {
    let fits = given.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
        && given.starts_with(|c: char| c.is_ascii_alphanumeric())
        && given.len() <= 255;
    if fits { Ok(()) } else { Err(format!("{:?} is no name of {what}: letters, digits and _.- are allowed", cut(given))) }
}

// === impl StepKind for Kill ===

impl StepKind for Kill {
    const KIND: &'static str = "docker.kill";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<Form, String> {
        if !self.signal.as_deref().is_some_and(is_template) {
            signal(self.signal.as_ref())?;
        }
        form(self.container.as_ref(), Risk::Once)
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        ready(Verb::Kill { signal: signal(self.signal.as_ref())? }, step)
    }
}

// === impl StepKind for Pause ===

impl StepKind for Pause {
    const KIND: &'static str = "docker.pause";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<Form, String> {
        form(self.container.as_ref(), Risk::Idempotent)
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        ready(Verb::Pause, step)
    }
}

// === impl StepKind for Unpause ===

impl StepKind for Unpause {
    const KIND: &'static str = "docker.unpause";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<Form, String> {
        form(self.container.as_ref(), Risk::Idempotent)
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        ready(Verb::Unpause, step)
    }
}

// === impl StepKind for NetworkConnect ===

impl StepKind for NetworkConnect {
    const KIND: &'static str = "docker.network_connect";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<Form, String> {
        self.check(is_template)?;
        form(self.container.as_ref(), Risk::Idempotent)
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.check(|_| false)?;
        ready(Verb::Connect { network: self.network, aliases: self.aliases }, step)
    }
}

impl NetworkConnect {
    fn check(&self, later: impl Fn(&str) -> bool) -> Result<(), String> {
        if self.aliases.len() > ALIASES_MAX {
            return Err(format!("{} aliases are too many: at most {ALIASES_MAX}", self.aliases.len()));
        }
        if !later(&self.network) {
            name("a network", &self.network)?;
        }
        self.aliases.iter().filter(|alias| !later(alias)).try_for_each(|alias| name("a container in a network", alias))
    }
}

// === impl Ready ===

impl Ready {
    async fn act(&self, call: &Call<'_>) -> Acted {
        let (docker, who) = (&call.tools.docker, self.container.as_str());
        if let Err(why) = self.admit(&call.tools.allow.now()) {
            return Acted::new(ActOutcome::Impossible(crate::domain::outcome::Impossible::BadParameters), why);
        }
        let acted = match &self.verb {
            Verb::Kill { signal } => docker.signal(who, signal).await.map(|()| (true, format!("{signal} was sent"))),
            Verb::Pause => docker.pause(who).await.map(|new| (new, said(new, "paused", "it was paused already"))),
            Verb::Unpause => docker.unpause(who).await.map(|new| (new, said(new, "it goes on", "it was not paused"))),
            Verb::Connect { network, aliases } => docker.attach(who, network, aliases).await.map(|new| {
                let attached = format!("attached to {network}");
                (new, said(new, &attached, &format!("it is attached to {network} already")))
            }),
        };
        let after = docker.container(who).await.ok();
        let acted = match acted {
            Ok((changed, detail)) => {
                let now = after.as_ref().map_or_else(|| "not seen since".to_owned(), |container| container.words());
                let facts = json!({ "changed": changed, "state": now });
                Acted::new(ActOutcome::Done, format!("{detail}, now {now}")).knowing(facts)
            }
            Err(error) => LinkError::into_acted(error),
        };
        acted.with(after.and_then(|container| container.evidence()))
    }
}

fn said(new: bool, done: &str, already: &str) -> String {
    if new { done } else { already }.to_owned()
}

// === impl Act for Ready ===

impl Act for Ready {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        match &self.verb {
            Verb::Connect { network, .. } if !allow.networks.contains(network) => {
                Err(format!("network {network} is not on the allow-list: add it to `targets: {{ networks }}`"))
            }
            _ => Ok(()),
        }
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}
