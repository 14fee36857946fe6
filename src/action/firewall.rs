//! `network.firewall_rules`: what the host's firewall lets through, for people.

use super::{Act, Call, Form, StepKind};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::link::command::{Command, End, Ended, NotRun};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Reads the firewall's rules. It changes nothing: adding a rule is a person's.
///
/// Runs `ufw status verbose` or `nft list ruleset` from /usr/sbin or /sbin, for which heald must be root. A host without the tool
/// is a refusal. `register:` keeps `tool`, `rules` (their first and last 2.5 KiB), `bytes`.
///
/// ```yaml
/// - network.firewall_rules: { tool: ufw }
///   register: firewall
///   optional: true
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    tool: Tool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Tool {
    Ufw,
    Nft,
}

#[derive(Debug)]
struct Rules(Tool);

/// Escaped as JSON it must fit among a step's facts.
const OUTPUT_MAX: usize = 5 << 10;
const DEADLINE: Duration = Duration::from_secs(10);

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "network.firewall_rules";

    fn form(&self) -> Result<Form, String> {
        Ok(Form::reads(DEADLINE))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        Ok(Box::new(Rules(self.tool)))
    }
}

// === impl Tool ===

impl Tool {
    fn label(self) -> &'static str {
        match self {
            Self::Ufw => "ufw",
            Self::Nft => "nft",
        }
    }

    /// Nothing of it comes from outside: the allow-list need not name it.
    fn argv(self) -> Option<Vec<String>> {
        let (paths, arguments) = match self {
            Self::Ufw => (["/usr/sbin/ufw", "/sbin/ufw"], ["status", "verbose"]),
            Self::Nft => (["/usr/sbin/nft", "/sbin/nft"], ["list", "ruleset"]),
        };
        let program = paths.into_iter().find(|path| Path::new(path).exists())?;
        Some(std::iter::once(program).chain(arguments).map(str::to_owned).collect())
    }
}

// === impl Act for Rules ===

impl Act for Rules {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async move {
            let tool = self.0.label();
            let Some(argv) = self.0.argv() else {
                return Acted::new(ActOutcome::Impossible(Impossible::NotFound), format!("{tool} is not installed"));
            };
            let command = Command { argv, user: None, env: BTreeMap::new(), output_max: OUTPUT_MAX };
            match command.run(call.deadline).await {
                Ok(ended) => told(tool, &ended),
                Err(error @ NotRun::Failed(_)) => Acted::new(ActOutcome::NotSent, error.to_string()),
                Err(error) => Acted::new(ActOutcome::Impossible(Impossible::AccessDenied), error.to_string()),
            }
        }
        .boxed()
    }
}

fn told(tool: &str, ended: &Ended) -> Acted {
    let first = ended.output.lines().find(|line| !line.trim().is_empty()).unwrap_or("no rules");
    match ended.how {
        End::Exit(0) => {
            let facts = json!({ "tool": tool, "rules": ended.output, "bytes": ended.written });
            Acted::new(ActOutcome::Done, format!("{tool}: {}", crate::domain::target::cut(first))).knowing(facts)
        }
        how => Acted::new(ActOutcome::Failed, format!("{tool}: {}: {}", how.text(), crate::domain::target::cut(first))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_kept_and_a_no_is_told() {
        let ended = |how, output: &str| Ended { how, output: output.to_owned(), written: 7 };
        let acted = told("ufw", &ended(End::Exit(0), "Status: active\nTo Action From\n"));
        assert_eq!((acted.outcome, acted.detail.as_str()), (ActOutcome::Done, "ufw: Status: active"));
        assert_eq!(acted.facts.unwrap()["rules"], "Status: active\nTo Action From\n");
        let acted = told("nft", &ended(End::Exit(1), "Operation not permitted\n"));
        assert_eq!((acted.outcome, acted.detail.as_str()), (ActOutcome::Failed, "nft: exit 1: Operation not permitted"));
        assert_eq!(told("nft", &ended(End::Exit(0), "")).detail, "nft: no rules");
    }
}
