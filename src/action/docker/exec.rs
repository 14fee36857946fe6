//! `docker.exec`: a command inside a container.

use crate::action::{Act, Call, Form, StepKind, object, object_of};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::{TargetKind, cut};
use crate::domain::time::Span;
use crate::link::command::check_no_code;
use crate::link::docker::Executed;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Runs a command inside a running container, as the container's own user, and expects exit code 0.
///
/// `command` is a list of arguments: no shell reads it, and where a shell or an interpreter is named in it (`sh -c`) it holds
/// no values from an alert, because they would be taken for code. Of the output 4 KiB are kept (`exit_code`, `output`, `bytes`). What still
/// runs at the end of `timeout` is killed with its children; where heald can't see the container's processes (it runs in
/// a container itself) it says that it could not. Never repeated after a crash of heald unless `once: false`, and nothing
/// takes it back.
///
/// ```yaml
/// - docker.exec: { command: [valkey-cli, --raw, memory, purge], timeout: 20s }
///   register: purge
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// The program and its arguments: 1 to 64, of 4 KiB each at most.
    command: Vec<String>,
    /// 1s to 30m; 60s where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

#[derive(Debug)]
struct Ready {
    container: String,
    command: Vec<String>,
}

const TIMEOUT: Duration = Duration::from_secs(60);
const TIMEOUT_MAX: Duration = Duration::from_secs(1_800);
/// For the calls around the command, and the kill.
const MARGIN: Duration = Duration::from_secs(10);
const ITEMS_MAX: usize = 64;
const ITEM_MAX: usize = 4 << 10;
const OUTPUT_MAX: usize = 4 << 10;

// === impl StepKind for Exec ===

impl StepKind for Exec {
    const KIND: &'static str = "docker.exec";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<Form, String> {
        self.check()?;
        check_no_code(&self.command)?;
        let object = object(TargetKind::Container, self.container.as_ref())?;
        Ok(Form::new(object, Risk::Once, self.timeout()? + MARGIN).for_good())
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.check()?;
        Ok(Box::new(Ready { container: object_of(step, TargetKind::Container)?, command: self.command }))
    }
}

impl Exec {
    fn check(&self) -> Result<(), String> {
        match self.command.first() {
            None => return Err("command is empty: write [program, argument, …]".to_owned()),
            Some(program) if program.is_empty() => return Err("the program's name is empty".to_owned()),
            Some(_) if self.command.len() > ITEMS_MAX => return Err(format!("command has more than {ITEMS_MAX} parts")),
            Some(_) => {}
        }
        match self.command.iter().find(|item| item.len() > ITEM_MAX || item.chars().any(|c| c.is_control() && c != '\n')) {
            Some(item) => Err(format!("{:?} is no argument: at most 4 KiB, without control characters", cut(item))),
            None => Ok(()),
        }
    }

    fn timeout(&self) -> Result<Duration, String> {
        match self.timeout {
            None => Ok(TIMEOUT),
            Some(Span(timeout)) if (Duration::from_secs(1)..=TIMEOUT_MAX).contains(&timeout) => Ok(timeout),
            Some(timeout) => Err(format!("timeout {timeout} is out of range: 1s to 30m")),
        }
    }
}

// === impl Ready ===

impl Ready {
    async fn act(&self, call: &Call<'_>) -> Acted {
        // The killing must be over by the deadline.
        let deadline = call.deadline - (MARGIN / 2);
        match call.tools.docker.exec(&self.container, &self.command, OUTPUT_MAX, deadline).await {
            Ok(executed) => judge(&executed),
            Err(error) => error.into_acted(),
        }
    }
}

fn judge(executed: &Executed) -> Acted {
    let Executed { exit_code, output, written, killed } = executed;
    let facts = json!({ "exit_code": exit_code, "output": output, "bytes": written, "killed": killed });
    let last = output.lines().rev().find(|line| !line.trim().is_empty()).map(|line| format!(": {}", cut(line.trim())));
    let last = last.unwrap_or_default();
    let (outcome, detail) = match exit_code {
        Some(0) => (ActOutcome::Done, format!("exit code 0{last}")),
        // The engine's own words for a program that is not there or can't be run.
        Some(code @ (126 | 127)) => {
            (ActOutcome::Impossible(Impossible::BadParameters), format!("it could not be run (exit code {code}){last}"))
        }
        Some(code) => (ActOutcome::Failed, format!("exit code {code}{last}")),
        None if *killed > 0 => (ActOutcome::Failed, format!("not done in time: {killed} processes killed{last}")),
        None => (ActOutcome::Unknown, format!("not done in time, and out of heald's reach: it may still run{last}")),
    };
    Acted::new(outcome, detail).knowing(facts)
}

// === impl Act for Ready ===

impl Act for Ready {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_mean_what_they_mean() {
        for (exit_code, killed, outcome) in [
            (Some(0), 0, "done"),
            (Some(3), 0, "failed"),
            (Some(126), 0, "bad_parameters"),
            (None, 2, "failed"),
            (None, 0, "unknown"),
        ] {
            let acted = judge(&Executed { exit_code, killed, output: "one\ntwo\n".to_owned(), written: 8 });
            assert_eq!(acted.outcome.label(), outcome, "{}", acted.detail);
            assert!(acted.detail.ends_with(": two"), "{}", acted.detail);
            assert_eq!(acted.facts.unwrap()["bytes"], 8);
        }
    }
}
