//! `systemd.kill`: a signal to a unit's processes.

use super::super::{Act, Call, Form, StepKind, object, object_of};
use super::known;
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::TargetKind;
use crate::domain::template::is_template;
use crate::link::process::signal::{asks_to_end, name, signal};
use crate::link::systemd::{UnitState, Whom};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rustix::process::Signal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Sends a signal to the processes of a unit, as `systemctl kill` does.
///
/// After a signal that asks to end (SIGTERM, SIGKILL, SIGINT, SIGQUIT, SIGABRT) it waits up to 10 s until the unit is down or
/// started anew, so that a `systemd.start` may follow. A unit that goes down by it counts as stopped by heald, not by a person.
///
/// It asks systemd, which knows the unit's processes by its control group: nothing else is ever hit. What was sent is not taken
/// back, and what the program had not yet written is lost with SIGKILL; after a crash of heald it is not sent again, and a
/// person is told. A stop that hangs is ended by `signal: SIGKILL`.
///
/// Facts: `signal`, `unit_state`.
///
/// ```yaml
/// - systemd.kill: {}
/// - systemd.kill: { unit: web.service, signal: SIGHUP, whom: main }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// Another unit than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// By name: SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCHLD, SIGCONT, SIGSTOP or
    /// SIGWINCH; SIGTERM where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<String>,
    /// `all` processes of the unit, or its `main` process only; all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whom: Option<For>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum For {
    All,
    Main,
}

#[derive(Debug)]
struct Killing {
    unit: String,
    signal: Signal,
    whom: Whom,
}

const DEADLINE: Duration = Duration::from_secs(30);
/// How long a program may take to end that was asked to.
const END_MAX: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A signal's name in a step: checked as soon as it can be.
pub(crate) fn checked(text: Option<&String>, default: Signal) -> Result<Signal, String> {
    match text {
        Some(text) if is_template(text) => Ok(default),
        Some(text) => signal(text),
        None => Ok(default),
    }
}

// === impl StepKind for Kill ===

impl StepKind for Kill {
    const KIND: &'static str = "systemd.kill";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Unit);

    fn form(&self) -> Result<Form, String> {
        checked(self.signal.as_ref(), Signal::TERM)?;
        Ok(Form::new(object(TargetKind::Unit, self.unit.as_ref())?, Risk::Once, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        let whom = match self.whom {
            Some(For::Main) => Whom::Main,
            Some(For::All) | None => Whom::All,
        };
        let signal = self.signal.map_or(Ok(Signal::TERM), |name| signal(&name))?;
        Ok(Box::new(Killing { unit: object_of(step, TargetKind::Unit)?, signal, whom }))
    }
}

// === impl Act for Killing ===

impl Act for Killing {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        send(call, &self.unit, self.signal, self.whom).boxed()
    }
}

/// Through systemd, and until it shows.
pub(crate) async fn send(call: &Call<'_>, unit: &str, signal: Signal, whom: Whom) -> Acted {
    let before = match known(call, unit).await {
        Ok(before) => before,
        Err(refusal) => return *refusal,
    };
    let systemd = &call.tools.systemd;
    if let Err(error) = systemd.kill(&before.id, whom, signal, call.deadline).await {
        return error.into_acted();
    }
    let after = match asks_to_end(signal) {
        true => settle(call, &before).await,
        false => systemd.unit(&before.id).await.ok(),
    };
    let to = match whom {
        Whom::All => "all processes",
        Whom::Main => "the main process",
    };
    let now = after.as_ref().map_or_else(|| "not seen since".to_owned(), |unit| format!("now {}", unit.words()));
    let facts = json!({ "signal": name(signal), "unit_state": after.as_ref().map(UnitState::words) });
    Acted::new(ActOutcome::Done, format!("{} sent to {to}, {now}", name(signal)))
        .with(after.and_then(|unit| unit.evidence()))
        .knowing(facts)
}

/// The unit once it has come to rest in another state, or as another start of itself; or as it is when nothing came of it.
async fn settle(call: &Call<'_>, before: &UnitState) -> Option<UnitState> {
    let until = call.deadline.min(Instant::now() + END_MAX);
    loop {
        let now = call.tools.systemd.unit(&before.id).await.ok()?;
        let moved = (&now.active, &now.invocation) != (&before.active, &before.invocation);
        // What was down before has only left something behind: that shows on no unit.
        let was_down = matches!(before.active.as_str(), "failed" | "inactive");
        if was_down || (moved && now.active != "deactivating") || Instant::now() + LOOK_EVERY >= until {
            return Some(now);
        }
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{planned, step};
    use super::*;
    use crate::action::Action;
    use crate::domain::target::Target;

    #[test]
    fn signals_are_named_and_never_repeated() {
        let unit = Target::new(TargetKind::Unit, "web.service").unwrap();
        for text in [
            "systemd.kill: {}",
            "systemd.kill: { signal: SIGKILL, whom: main }",
            "systemd.kill: { unit: web.service, signal: HUP, whom: all }",
            "systemd.kill: { signal: '{{ vars.signal }}' }",
        ] {
            let step = step(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(step.stake.risk, Risk::Once, "{text}");
            let ready = Action::parse(&planned(step, Some(unit.clone())));
            assert_eq!(ready.is_err(), text.contains("vars"), "{text}: a template is no signal");
        }
        for (text, part) in [
            ("systemd.kill: { signal: SIGSEGV }", "no signal that a playbook may send"),
            ("systemd.kill: { signal: 9 }", "invalid type"),
            ("systemd.kill: { whom: children }", "unknown variant"),
            ("systemd.kill: { unit: '--all' }", "hyphen"),
            ("systemd.kill: { pid: 1 }", "pid"),
        ] {
            let error = step(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
