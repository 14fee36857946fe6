//! What stands beside a step's kind: `when optional on_failure timeout retry once register`.

use super::templates::check_expression;
use crate::domain::playbook::{Backoff, OnFailure, Retry, Risk, Step, StepObject, StepOptions};
use crate::yaml::{Fields, File, Key, Kind, Node, number, quote, span};
use std::time::Duration;

pub const OPTIONS: [&str; 7] = ["when", "optional", "timeout", "retry", "once", "on_failure", "register"];
/// In one file; each result may be 8 KiB, and is kept while the incident is open.
pub const RESULTS_MAX: usize = 16;
const TIMEOUT_MAX: Duration = Duration::from_secs(3_600);
const RETRY_MAX: Duration = Duration::from_secs(600);

type Entries = Vec<(Key, Node)>;

/// As written; nothing is decided yet.
#[derive(Debug, Default)]
pub struct Options {
    step: StepOptions,
    timeout: Option<Duration>,
    once: Option<bool>,
}

/// Takes the options out of one entry of a list of steps. They stand beside the kind, or, all but `timeout`, among its
/// parameters.
pub fn split(file: &File<'_>, entries: &[(Key, Node)]) -> (Entries, Entries) {
    let is_option = |key: &Key| OPTIONS.contains(&key.name.as_str());
    let (mut options, named): (Vec<_>, Vec<_>) = entries.iter().cloned().partition(|(key, _)| is_option(key));
    let named = named
        .into_iter()
        .map(|(key, node)| {
            let Kind::Map(params) = &node.kind else { return (key, node) };
            let (inside, params): (Vec<_>, Vec<_>) =
                params.iter().cloned().partition(|(key, _)| is_option(key) && key.name != "timeout");
            for (key, node) in inside {
                if options.iter().any(|(other, _)| other.name == key.name) {
                    file.refuse(key.at, format!("`{}` is given twice: beside the step and inside it", key.name));
                }
                options.push((key, node));
            }
            let node = node.with(Kind::Map(params));
            (key, node)
        })
        .collect();
    (options, named)
}

// === impl Options ===

impl Options {
    pub fn read(file: &File<'_>, map: &Node) -> Option<Self> {
        let mut fields = Fields::of(file, map)?;
        let when = fields.node("when").and_then(|node| expression(file, node));
        let optional = flag(&mut fields, "optional");
        let words = [("verify", OnFailure::Verify), ("continue", OnFailure::Continue), ("escalate", OnFailure::Escalate)];
        let on_failure = fields.word("on_failure", &words);
        if let (Some(_), Some(other)) = (optional.filter(|yes| *yes), on_failure)
            && other != OnFailure::Continue
        {
            file.refuse(fields.at(), "`optional: true` means `on_failure: continue`; the step says both that and something else");
        }
        let on_failure = if optional == Some(true) { OnFailure::Continue } else { on_failure.unwrap_or_default() };
        let timeout = fields.span("timeout", Duration::from_secs(1)..=TIMEOUT_MAX);
        let retry = fields.node("retry").and_then(|node| read_retry(file, node));
        let once = flag(&mut fields, "once");
        let register = fields.node("register").and_then(|node| read_name(file, node));
        fields.end();
        Some(Self { step: StepOptions { when, on_failure, retry, register }, timeout, once })
    }

    /// # Errors
    /// What the step can't have, and what would do.
    pub fn suits(&self, step: &Step) -> Result<(), (String, &'static str)> {
        let changes = step.stake.risk != Risk::Read && step.stake.object != StepObject::Nothing;
        if self.step.retry.is_some() && changes {
            let what = format!("`retry` can't stand beside `{}`: each try would be one more that no budget counts", step.kind);
            return Err((what, "give the rung `times:`; each of its attempts is charged and cooled down"));
        }
        if self.once.is_some() && step.stake.risk == Risk::Whole {
            let what = format!("`once` can't stand beside `{}`", step.kind);
            return Err((what, "half of it is worse than none: after a crash it is always finished"));
        }
        Ok(())
    }

    pub fn apply(self, mut step: Step) -> Step {
        step.options = self.step;
        step.stake.deadline = self.timeout.unwrap_or(step.stake.deadline);
        step.stake.risk = match (self.once, step.stake.risk) {
            (_, Risk::Read) => Risk::Read,
            (Some(true), _) => Risk::Once,
            (Some(false), Risk::Once) => Risk::Idempotent,
            (_, risk) => risk,
        };
        step
    }
}

fn flag(fields: &mut Fields<'_>, key: &'static str) -> Option<bool> {
    let node = fields.node(key)?;
    if let Kind::Bool(flag, _) = &node.kind {
        return Some(*flag);
    }
    fields.file().refuse(node.at, format!("{} where true or false is expected", node.noun()));
    None
}

fn expression(file: &File<'_>, node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Bool(flag, _) => Some(flag.to_string()),
        _ => {
            let text = crate::yaml::text(file, node)?;
            check_expression(file, node.at, &text);
            Some(text)
        }
    }
}

fn read_name(file: &File<'_>, node: &Node) -> Option<String> {
    let name = crate::yaml::text(file, node)?;
    let sound = name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if sound {
        return Some(name);
    }
    let what = format!("{} is no name for a result: lower-case letters, digits and _, at most 32 of them", quote(&name));
    file.refuse(node.at, what);
    None
}

/// `3`, or `{ attempts: 3, base: 1s, factor: 2, max: 60s, jitter: 10 }`.
fn read_retry(file: &File<'_>, node: &Node) -> Option<Retry> {
    if matches!(node.kind, Kind::Number(..)) {
        return Some(Retry { attempts: number(file, node, 2..=10)?, backoff: Backoff::RETRY });
    }
    let mut fields = Fields::of(file, node)?;
    let attempts = fields.number("attempts", 2..=10).unwrap_or(3);
    let range = Duration::from_millis(1)..=RETRY_MAX;
    let standard = Backoff::RETRY;
    let base = fields.node("base").and_then(|node| span(file, node, range.clone())).unwrap_or(standard.base);
    let max = fields.node("max").and_then(|node| span(file, node, range)).unwrap_or(standard.max.max(base));
    let factor = fields.number("factor", 1..=10).unwrap_or(standard.factor);
    let jitter = fields.number("jitter", 0..=100).and_then(|percent| u8::try_from(percent).ok()).unwrap_or(standard.jitter);
    if max < base {
        file.refuse(fields.at(), "`max` is shorter than `base`");
    }
    fields.end();
    Some(Retry { attempts, backoff: Backoff { base, factor, max, jitter } })
}
