//! `command`: a program of this host, by an argument vector.

use super::{Act, Call, Form, StepKind};
use crate::domain::outcome::{ActOutcome, Acted, FACTS_MAX, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::{AllowList, cut};
use crate::domain::time::Span;
use crate::link::admit_command;
use crate::link::command::{Argv, Command, End, Ended, Exits, NotRun, check_user};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Runs a program of this host: the last resort, for what no other kind can do.
///
/// No shell reads the arguments. The program stands under `targets: commands:` with its absolute path, is an ordinary file, and
/// neither it nor a folder above it can be changed by anybody but root and heald's own user; setuid files are refused. It gets
/// an environment with `PATH`, `LANG` and `env` only, `/` as its folder, no input, and heald's umask. A value from a template
/// can't become an option: one that begins with a hyphen is refused. Nor can it become code: where a shell, an interpreter or a
/// program that starts others (`env`, `xargs`, `sudo`) is named anywhere in `argv`, no template may stand in it.
///
/// At its `timeout` it is killed with all that it started: its process group, its children's children, and whatever has left
/// both but still carries its environment. A process that also emptied its environment escapes, and so does all of it when
/// heald itself is killed just then. What it leaves running after a good end is left alone. It is never repeated after a crash
/// of heald, and counts as something that no rollback undoes.
///
/// Its output, standard error too, is kept: the first and last part of it. `register:` keeps `exit`, `output`, `bytes`, `ms`.
///
/// ```yaml
/// - command:
///     argv: [/usr/local/bin/refresh-token, --service, "{{ target }}"]
///     user: litellm
///     env: { HEALD_TARGET: "{{ target }}" }
///     timeout: 20s
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The program's absolute path and its arguments: at most 64 texts.
    argv: Argv,
    /// A name of /etc/passwd: its user and main group, without further groups. Another than heald's own needs heald to be root.
    #[serde(default)]
    user: Option<String>,
    /// Further variables; each name begins with `HEALD_`.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// The exit codes that are success: one, or a list; 0 where it is left out.
    #[serde(default)]
    exit: Option<Exits>,
    /// So many bytes of its output are kept: 100 to 6000; 4096 where it is left out.
    #[serde(default)]
    output_max: Option<u32>,
    /// 1s to 30m; 30s where it is left out.
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
    timeout: Duration,
}

const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_MAX: Duration = Duration::from_secs(1_800);
/// What is kept of the output is part of a step's facts.
const OUTPUT: u32 = 4_096;
const OUTPUT_MAX: u32 = 6_000;
/// For the killing.
const MARGIN: Duration = Duration::from_secs(2);

// === impl Params ===

impl Params {
    fn timeout(&self) -> Result<Duration, String> {
        let timeout = self.timeout.map_or(TIMEOUT, |timeout| timeout.0);
        match timeout >= Duration::from_secs(1) && timeout <= TIMEOUT_MAX {
            true => Ok(timeout),
            false => Err(format!("timeout {} is out of range: 1s to 30m", Span(timeout))),
        }
    }

    fn output(&self) -> Result<usize, String> {
        match self.output_max.unwrap_or(OUTPUT) {
            most if (100..=OUTPUT_MAX).contains(&most) => Ok(most as usize),
            most => Err(format!("output_max {most} is out of range: 100 to {OUTPUT_MAX}")),
        }
    }
}

/// A name that may not decide how a program is loaded or found (`LD_PRELOAD`, `PATH`, `PYTHONPATH`).
fn check_env(env: &BTreeMap<String, String>) -> Result<(), String> {
    let sound = |name: &String| {
        name.len() > "HEALD_".len()
            && name.starts_with("HEALD_")
            && name != "HEALD_RUN"
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    match env.iter().find(|(name, value)| !sound(name) || value.contains('\0')) {
        Some((name, _)) => Err(format!("env: {:?} is not taken: a name begins with HEALD_, as in HEALD_TARGET", cut(name))),
        None => Ok(()),
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Kept<'a> {
            argv: &'a Argv,
            #[serde(skip_serializing_if = "Option::is_none")]
            user: &'a Option<String>,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            env: &'a BTreeMap<String, String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            exit: &'a Option<Exits>,
            #[serde(skip_serializing_if = "Option::is_none")]
            output_max: Option<u32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            timeout: Option<Span>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            values: Vec<usize>,
        }
        let Self { argv, user, env, exit, output_max, timeout, .. } = self;
        Kept { argv, user, env, exit, output_max: *output_max, timeout: *timeout, values: argv.values() }.serialize(output)
    }
}

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "command";

    fn form(&self) -> Result<Form, String> {
        self.argv.check()?;
        check_user(self.user.as_deref())?;
        check_env(&self.env)?;
        self.output()?;
        if matches!(&self.exit, Some(Exits::Any(codes)) if codes.is_empty()) {
            return Err("exit: the list is empty".to_owned());
        }
        Ok(Form::new(StepObject::Nothing, Risk::Once, self.timeout()? + MARGIN).for_good())
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        check_env(&self.env)?;
        let (output_max, timeout) = (self.output()?, self.timeout()?);
        let argv = self.argv.ready(&self.values)?;
        let command = Command { argv, user: self.user, env: self.env, output_max };
        Ok(Box::new(Run { command, exit: self.exit, timeout }))
    }
}

// === impl Act for Run ===

impl Act for Run {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        admit_command(&self.command.argv, allow)
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}

// === impl Run ===

impl Run {
    async fn act(&self, call: &Call<'_>) -> Acted {
        if let Err(why) = self.admit(&call.tools.allow.now()) {
            return Acted::new(ActOutcome::Impossible(Impossible::BadParameters), why);
        }
        let start = Instant::now();
        match self.command.run(call.deadline.min(start + self.timeout)).await {
            Ok(ended) => {
                let is_good = matches!(ended.how, End::Exit(code) if Exits::allow(self.exit.as_ref(), code));
                let outcome = if is_good { ActOutcome::Done } else { ActOutcome::Failed };
                Acted::new(outcome, words(&ended)).knowing(facts(&ended, start.elapsed()))
            }
            Err(error) => {
                let outcome = match &error {
                    NotRun::Missing(_) => ActOutcome::Impossible(Impossible::NotFound),
                    NotRun::Unsafe(_) => ActOutcome::Impossible(Impossible::Refused),
                    NotRun::Denied(_) => ActOutcome::Impossible(Impossible::AccessDenied),
                    NotRun::Failed(_) => ActOutcome::NotSent,
                };
                Acted::new(outcome, error.to_string())
            }
        }
    }
}

/// How it ended, and its last word.
fn words(ended: &Ended) -> String {
    let last = ended.output.lines().rev().find(|line| !line.trim().is_empty());
    match last {
        Some(line) => format!("{}: {}", ended.how.text(), cut(line)),
        None => ended.how.text(),
    }
}

/// The output is halved until it fits: quotes and line ends take two bytes each as JSON.
fn facts(ended: &Ended, took: Duration) -> Value {
    let exit = match ended.how {
        End::Exit(code) => Some(code),
        End::Signal(_) | End::Late { .. } => None,
    };
    let mut output = ended.output.clone();
    loop {
        let facts = json!({ "exit": exit, "output": output, "bytes": ended.written, "ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX) });
        if facts.to_string().len() <= FACTS_MAX || output.is_empty() {
            return facts;
        }
        let most = output.chars().count() / 2;
        output = output.chars().take(most).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(args: Value) -> Result<Params, String> {
        serde_json::from_value(args).map_err(|error| error.to_string())
    }

    #[test]
    fn what_does_not_fit_is_refused_when_read() {
        for (args, part) in [
            (json!({ "argv": "/bin/tool | sh" }), "no shell reads it"),
            (json!({ "argv": ["tool"] }), "no absolute path"),
            (json!({ "argv": ["/bin/tool"], "env": { "LD_PRELOAD": "/x" } }), "begins with HEALD_"),
            (json!({ "argv": ["/bin/tool"], "env": { "HEALD_RUN": "x" } }), "begins with HEALD_"),
            (json!({ "argv": ["/bin/sh", "-c", "logger {{ labels.x }}"] }), "as code"),
            (json!({ "argv": ["/bin/tool"], "user": "{{ labels.x }}" }), "the user is written out"),
            (json!({ "argv": ["/bin/tool"], "timeout": "2h" }), "out of range"),
            (json!({ "argv": ["/bin/tool"], "output_max": 65536 }), "out of range"),
            (json!({ "argv": ["/bin/tool"], "exit": [] }), "empty"),
            (json!({ "argv": ["/bin/tool"], "shell": true }), "unknown field"),
        ] {
            let error = params(args.clone()).and_then(|params| params.form().map(drop)).unwrap_err();
            assert!(error.contains(part), "{args}: {error}");
        }
        let form = params(json!({ "argv": ["/bin/tool"] })).unwrap().form().unwrap();
        assert_eq!((form.risk, form.reversible, form.deadline.as_secs()), (Risk::Once, false, 32));
    }

    #[test]
    fn what_a_template_begins_is_remembered() {
        let kept = serde_json::to_value(params(json!({ "argv": ["/bin/tool", "{{ target }}"], "exit": 3 })).unwrap()).unwrap();
        assert_eq!(kept, json!({ "argv": ["/bin/tool", "{{ target }}"], "exit": 3, "values": [1] }));
        let rendered = params(json!({ "argv": ["/bin/tool", "--all"], "values": [1] })).unwrap();
        assert!(rendered.argv.ready(&rendered.values).unwrap_err().contains("an option"));
    }

    #[test]
    fn the_last_word_is_told_and_the_facts_fit() {
        let ended = Ended { how: End::Exit(3), output: "a\nno such token\n\n".to_owned(), written: 17 };
        assert_eq!(words(&ended), "exit 3: no such token");
        let quotes = Ended { how: End::Late { killed: 2 }, output: "\"\n".repeat(3_000), written: 6_000 };
        let facts = facts(&quotes, Duration::from_millis(5));
        assert!(facts.to_string().len() <= FACTS_MAX && facts["output"].as_str().unwrap().len() == 3_000);
        assert_eq!((&facts["exit"], &facts["ms"]), (&Value::Null, &json!(5)));
    }
}
