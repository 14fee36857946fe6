//! `command`: a program's exit code.

use super::dns::patience;
use super::{Look, ProbeKind, Verdict};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::{AllowList, cut};
use crate::domain::time::Span;
use crate::link::command::{Argv, Command, End, Exits, check_user};
use crate::link::{Tools, admit_command};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Passes when a program of this host ends with the expected code: the last resort, for what no other probe sees.
///
/// The program must only look: it is run many times during a verification. It is checked and run as the action `command` does
/// it: no shell, from `targets: commands:`, in nobody's hands but root's and heald's, with an empty environment. Another code,
/// and an end that does not come in time, are failures; a program that can't be run is unknown.
///
/// ```yaml
/// - command: { argv: [/usr/local/bin/check-queue, "{{ target }}"] }
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The program's absolute path and its arguments: at most 64 texts.
    argv: Argv,
    /// A name of /etc/passwd. Another than heald's own needs heald to be root.
    #[serde(default)]
    user: Option<String>,
    /// The exit codes that pass: one, or a list; 0 where it is left out.
    #[serde(default)]
    exit: Option<Exits>,
    /// 1ms to 30s; 5s where it is left out.
    #[serde(default)]
    timeout: Option<Span>,
    /// heald's own note: which arguments a template begins.
    #[serde(default)]
    #[schemars(skip)]
    values: Vec<usize>,
}

#[derive(Debug)]
struct Run {
    command: Command,
    exit: Option<Exits>,
    patience: Duration,
}

/// Its last line is told, and no more.
const OUTPUT: usize = 2_000;

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Kept<'a> {
            argv: &'a Argv,
            #[serde(skip_serializing_if = "Option::is_none")]
            user: &'a Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            exit: &'a Option<Exits>,
            #[serde(skip_serializing_if = "Option::is_none")]
            timeout: Option<Span>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            values: Vec<usize>,
        }
        let Self { argv, user, exit, timeout, .. } = self;
        Kept { argv, user, exit, timeout: *timeout, values: argv.values() }.serialize(output)
    }
}

// === impl ProbeKind for Params ===

impl ProbeKind for Params {
    const KIND: &'static str = "command";

    fn form(&self) -> Result<StepObject, String> {
        self.argv.check()?;
        check_user(self.user.as_deref())?;
        patience(self.timeout)?;
        Ok(StepObject::Nothing)
    }

    fn ready(self, _: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        let patience = patience(self.timeout)?;
        let argv = self.argv.ready(&self.values)?;
        let command = Command { argv, user: self.user, env: BTreeMap::new(), output_max: OUTPUT };
        Ok(Box::new(Run { command, exit: self.exit, patience }))
    }
}

// === impl Look for Run ===

impl Look for Run {
    fn is_costly(&self) -> bool {
        true
    }

    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        admit_command(&self.command.argv, allow)
    }

    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        async move {
            if let Err(why) = self.admit(&tools.allow.now()) {
                return (ProbeVerdict::Unknown, why);
            }
            match self.command.run(Instant::now() + self.patience).await {
                Ok(ended) => {
                    let is_good = matches!(ended.how, End::Exit(code) if Exits::allow(self.exit.as_ref(), code));
                    let last = ended.output.lines().rev().find(|line| !line.trim().is_empty());
                    let words = last.map_or(ended.how.text(), |line| format!("{}: {}", ended.how.text(), cut(line)));
                    (if is_good { ProbeVerdict::Pass } else { ProbeVerdict::Fail }, words)
                }
                Err(error) => (ProbeVerdict::Unknown, error.to_string()),
            }
        }
        .boxed()
    }
}
