//! `process.signal`: a signal to a unit's processes, to what holds a port in its place, or to parents of zombies.

use super::super::systemd::{checked_signal, send_signal};
use super::super::{Act, Call, Form, StepKind, object, object_of};
use super::kin::{Kin, kin, programs};
use super::port::Port;
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::{TargetKind, cut};
use crate::link::LinkError;
use crate::link::process::hold::{self, Holder, holders};
use crate::link::process::send::send;
use crate::link::process::signal::{asks_to_end, name, signal};
use crate::link::process::{Id, zombie};
use crate::link::systemd::{Home, Whom};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use rustix::process::Signal as Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Sends a signal to processes that belong to a unit. Which, is said in one of three ways:
///
/// - `unit`: all processes of the unit, as `systemd.kill` does.
/// - `port_holder`: what listens on a TCP port in the unit's place, while the unit does not run. It must be a leftover of the unit:
///   in the unit's control group; or without a parent, in no other service and no container, and running the unit's own program
///   with the very arguments of its `ExecStart=`. Anything else is a stranger's: nothing is sent, and the refusal names it. If
///   nobody listens, the step is done. Of several holders, all must be leftovers.
/// - `zombie_parents`: those processes of the unit that have zombies as children. SIGCHLD reminds them to ask how their children
///   ended; where that does not help, the unit must be restarted.
///
/// After a signal that asks to end, it waits up to 10 s until the port's holders are gone; after SIGCHLD up to 2 s until the zombies
/// are.
///
/// Never by a name or a pattern; never to pid 1, to heald itself or to the kernel's threads. A pid that got another process since it
/// was looked at is left alone. heald must run in the same pid and control group namespaces as the unit, and needs CAP_KILL,
/// and CAP_SYS_PTRACE to see who holds a port (least-privilege.md).
///
/// Facts: `signalled`, a list of `pid` and `name`; for `port_holder` also `pid`, `name` of the first, and `free`; for
/// `zombie_parents` also `before`, `after`, how many zombies they had.
///
/// ```yaml
/// - process.signal: { signal: SIGTERM, port_holder: { port: 8080, unit: web.service } }
/// - process.signal: { zombie_parents: {} }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// As in `systemd.kill`. SIGTERM where it is left out, for `zombie_parents` SIGCHLD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<String>,
    /// Another unit than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// What listens on a port in a service's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port_holder: Option<PortHolder>,
    /// Processes of a service that leave zombies behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zombie_parents: Option<OfUnit>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PortHolder {
    /// 1 to 65535.
    port: Port,
    /// The service that ought to have the port; the playbook's target where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfUnit {
    /// A service; the playbook's target where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

#[derive(Debug)]
struct Signalling {
    unit: String,
    signal: Number,
    to: To,
}

#[derive(Debug)]
enum To {
    Unit,
    PortHolder(u16),
    ZombieParents,
}

const DEADLINE: Duration = Duration::from_secs(40);
/// How long a leftover may take to end.
const END_MAX: Duration = Duration::from_secs(10);
/// How long a parent may take to ask after its children.
const REAP_MAX: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A unit with more such processes has another problem.
const PARENTS_MAX: usize = 32;

// === impl Signal ===

impl Signal {
    fn object(&self) -> Result<StepObject, String> {
        let unit = match (&self.unit, &self.port_holder, &self.zombie_parents) {
            (unit, None, None) => unit,
            (None, Some(holder), None) => {
                holder.port.check()?;
                &holder.unit
            }
            (None, None, Some(parents)) => &parents.unit,
            _ => return Err("`unit`, `port_holder` and `zombie_parents` exclude each other".to_owned()),
        };
        object(TargetKind::Unit, unit.as_ref())
    }

    fn default(&self) -> Number {
        if self.zombie_parents.is_some() { Number::CHILD } else { Number::TERM }
    }
}

// === impl StepKind for Signal ===

impl StepKind for Signal {
    const KIND: &'static str = "process.signal";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Unit);

    fn form(&self) -> Result<Form, String> {
        checked_signal(self.signal.as_ref(), self.default())?;
        // Whose turn it is, is found out anew each time: what came to run meanwhile is not hit.
        let risk = if self.port_holder.is_some() || self.zombie_parents.is_some() { Risk::Idempotent } else { Risk::Once };
        Ok(Form::new(self.object()?, risk, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        let default = self.default();
        let signal = self.signal.map_or(Ok(default), |name| signal(&name))?;
        let unit = object_of(step, TargetKind::Unit)?;
        let to = match (&self.port_holder, &self.zombie_parents) {
            (Some(holder), _) => To::PortHolder(holder.port.number()?),
            (None, Some(_)) => To::ZombieParents,
            (None, None) => To::Unit,
        };
        if !matches!(to, To::Unit) && !unit.ends_with(".service") {
            return Err(format!("{} is no service", cut(&unit)));
        }
        Ok(Box::new(Signalling { unit, signal, to }))
    }
}

// === impl Act for Signalling ===

impl Act for Signalling {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async {
            if matches!(self.to, To::Unit) {
                return send_signal(call, &self.unit, self.signal, Whom::All).await;
            }
            match tokio::time::timeout_at(call.deadline, self.act(call)).await {
                Ok(Ok(acted)) => acted,
                Ok(Err(error)) => error.into_acted(),
                Err(_) => Acted::new(ActOutcome::Unknown, "not over in time"),
            }
        }
        .boxed()
    }
}

// === impl Signalling ===

impl Signalling {
    async fn act(&self, call: &Call<'_>) -> Result<Acted, LinkError> {
        let Some(home) = call.tools.systemd.home(&self.unit).await? else {
            return Err(LinkError::Missing(format!("{}: no such service", self.unit)));
        };
        match self.to {
            To::PortHolder(port) => self.free(port, &home, call).await,
            To::ZombieParents | To::Unit => self.remind(home, call).await,
        }
    }

    async fn free(&self, port: u16, home: &Home, call: &Call<'_>) -> Result<Acted, LinkError> {
        let found = holders(port).await?;
        let leftovers = match judge(port, &found, home) {
            Ok(leftovers) => leftovers,
            Err(Some(why)) => return Ok(Acted::new(ActOutcome::Impossible(Impossible::Refused), why)),
            Err(None) => {
                let facts = json!({ "signalled": [], "pid": null, "name": null, "free": true });
                return Ok(Acted::new(ActOutcome::Done, format!("nobody listens on port {port}")).knowing(facts));
            }
        };
        let mut sent = Vec::new();
        for leftover in leftovers {
            sent.extend(send(leftover.id, self.signal)?);
        }
        let wait = match asks_to_end(self.signal) {
            true => call.deadline.saturating_duration_since(Instant::now()).min(END_MAX),
            false => Duration::ZERO,
        };
        join_all(sent.iter().map(|sent| sent.ended(wait))).await;
        let free = holders(port).await? == hold::Port::Free;
        let who: Vec<String> = leftovers.iter().map(Holder::words).collect();
        let now = if free { "the port is free" } else { "the port is still held" };
        let detail = format!("{} sent to {}; {now}", name(self.signal), cut(&who.join(", ")));
        let first = leftovers.first();
        let facts = json!({
            "signalled": leftovers.iter().map(|holder| json!({ "pid": holder.id.pid, "name": holder.name })).collect::<Vec<_>>(),
            "pid": first.map(|holder| holder.id.pid),
            "name": first.map(|holder| &holder.name),
            "free": free,
        });
        let outcome = if free || !asks_to_end(self.signal) { ActOutcome::Done } else { ActOutcome::Failed };
        Ok(Acted::new(outcome, detail).knowing(facts))
    }

    async fn remind(&self, home: Home, call: &Call<'_>) -> Result<Acted, LinkError> {
        if home.group.is_empty() {
            let why = format!("{}: systemd does not say where its processes are", self.unit);
            return Err(LinkError::Refused(why));
        }
        let mut parents = zombie::parents(home.group.clone()).await?;
        parents.truncate(PARENTS_MAX);
        let before: usize = parents.iter().map(|parent| parent.zombies).sum();
        let mut signalled = Vec::new();
        for parent in &parents {
            let Id { pid, .. } = parent.row.id;
            if send(parent.row.id, self.signal)?.is_some() {
                signalled.push(json!({ "pid": pid, "name": parent.row.name }));
            }
        }
        let until = call.deadline.min(Instant::now() + REAP_MAX);
        let mut after = before;
        while after > 0 && !signalled.is_empty() {
            let still = zombie::parents(home.group.clone()).await?;
            after = still.iter().map(|parent| parent.zombies).sum();
            if after > 0 && Instant::now() + LOOK_EVERY >= until {
                break;
            }
            sleep(if after > 0 { LOOK_EVERY } else { Duration::ZERO }).await;
        }
        let detail = match (parents.first(), signalled.len()) {
            (None, _) => format!("no process of {} has zombies", self.unit),
            (Some(parent), count) => {
                let worst = format!("{} (pid {})", parent.row.name, parent.row.id.pid);
                format!("{} sent to {count} of its processes, first {worst}; zombies {before}, now {after}", name(self.signal))
            }
        };
        let facts = json!({ "signalled": signalled, "before": before, "after": after });
        Ok(Acted::new(ActOutcome::Done, detail).knowing(facts))
    }
}

/// The leftovers that hold the port; or why nothing is sent, where that is not because nobody does.
fn judge<'a>(port: u16, found: &'a hold::Port, home: &Home) -> Result<&'a [Holder], Option<String>> {
    let holders = match found {
        hold::Port::Free => return Err(None),
        hold::Port::Unseen => {
            return Err(Some(format!("port {port} is held by a process that heald may not see (CAP_SYS_PTRACE)")));
        }
        hold::Port::Held(holders) => holders,
    };
    let programs = programs(home);
    for holder in holders {
        let who = holder.words();
        match kin(holder, home, &programs) {
            Kin::Stale => {}
            Kin::Service => {
                return Err(Some(format!("port {port} is held by {} itself, which is {}: {who}", home.id, home.words)));
            }
            Kin::Foreign(why) => return Err(Some(format!("port {port} is held by {who}, a stranger to {}: {why}", home.id))),
        }
    }
    Ok(holders)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{planned, step};
    use super::*;
    use crate::action::Action;
    use crate::domain::target::Target;
    use crate::link::process::group::Group;

    #[test]
    fn whom_it_is_for_is_said_in_one_way() {
        let unit = Target::new(TargetKind::Unit, "web.service").unwrap();
        for (text, risk) in [
            ("process.signal: { signal: SIGHUP }", Risk::Once),
            ("process.signal: { signal: SIGHUP, unit: web.service }", Risk::Once),
            ("process.signal: { port_holder: { port: 8080 } }", Risk::Idempotent),
            ("process.signal: { signal: KILL, port_holder: { port: 8080, unit: web.service } }", Risk::Idempotent),
            ("process.signal: { zombie_parents: {} }", Risk::Idempotent),
        ] {
            let step = step(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(step.stake.risk, risk, "{text}");
            Action::parse(&planned(step, Some(unit.clone()))).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        for (text, part) in [
            ("process.signal: { unit: a.service, zombie_parents: {} }", "exclude"),
            ("process.signal: { port_holder: { port: 1 }, zombie_parents: {} }", "exclude"),
            ("process.signal: { port_holder: { port: 0 } }", "1 to 65535"),
            ("process.signal: { port_holder: {} }", "port"),
            ("process.signal: { signal: SIGNAL }", "no signal"),
            ("process.signal: { name: nginx }", "name"),
            ("process.signal: { pid: 4242 }", "pid"),
            ("process.signal: { pattern: 'web.*' }", "pattern"),
        ] {
            let error = step(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let timer = Target::new(TargetKind::Unit, "web.timer").unwrap();
        let step = step("process.signal: { zombie_parents: {} }").unwrap();
        assert!(Action::parse(&planned(step, Some(timer))).unwrap_err().contains("no service"));
    }

    #[test]
    fn a_stranger_is_refused_by_name() {
        let home = |up| Home {
            id: "web.service".to_owned(),
            up,
            words: "active (running)".to_owned(),
            group: "/system.slice/web.service".to_owned(),
            ..Home::default()
        };
        let holder = |path: &str, pid| Holder {
            id: Id { pid, started: 7 },
            name: "perl".to_owned(),
            parent: 1,
            kernel: false,
            program: None,
            command: Vec::new(),
            group: Group::of([(&[][..], path)].into_iter()),
        };
        let held = |holders| hold::Port::Held(holders);
        let own = held(vec![holder("/system.slice/web.service", 10)]);
        assert_eq!(judge(80, &own, &home(false)).map(<[Holder]>::len), Ok(1));
        assert_eq!(
            judge(80, &own, &home(true)).unwrap_err().unwrap(),
            "port 80 is held by web.service itself, which is active (running): perl (pid 10, unit web.service)"
        );
        let mixed = held(vec![holder("/system.slice/web.service", 10), holder("/system.slice/shop.service", 11)]);
        assert_eq!(
            judge(80, &mixed, &home(false)).unwrap_err().unwrap(),
            "port 80 is held by perl (pid 11, unit shop.service), a stranger to web.service: it belongs to unit shop.service"
        );
        assert!(judge(80, &hold::Port::Unseen, &home(false)).unwrap_err().unwrap().contains("CAP_SYS_PTRACE"));
        assert_eq!(judge(80, &hold::Port::Free, &home(false)), Err(None));
    }
}
