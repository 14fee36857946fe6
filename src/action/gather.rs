//! `gather`: the last lines of a log, as facts for messages.

use super::{Act, Call, Form, StepKind, object};
use crate::domain::logs::{KEPT_MAX, end, redact};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::{Target, TargetKind};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Reads the last lines that a unit wrote to the journal, or a container to its engine, and keeps them for messages and later
/// steps.
///
/// It reads only. At most 4096 bytes are kept, of the end; what looks like a password, a token or a key is taken out. Where
/// nothing was written, or heald may not read it, the step is done all the same and says so: a log is no reason to leave
/// a repair out.
///
/// Facts: `lines` (the text; empty where there is none), `count`.
///
/// ```yaml
/// - gather: {}
///   register: log
/// - gather: { container: shop, lines: 20 }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gather {
    /// A unit; the playbook's target where neither is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// A container instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// 1 to 500; 50 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lines: Option<u32>,
}

#[derive(Debug)]
struct Gathering {
    target: Target,
    lines: u32,
}

const DEADLINE: Duration = Duration::from_secs(15);
const LINES: u32 = 50;
const LINES_MAX: u32 = 500;

// === impl Gather ===

impl Gather {
    fn object(&self) -> Result<StepObject, String> {
        match (&self.unit, &self.container) {
            (Some(_), Some(_)) => Err("`unit` and `container` exclude each other".to_owned()),
            (Some(_), None) => object(TargetKind::Unit, self.unit.as_ref()),
            (None, container) => object(TargetKind::Container, container.as_ref()),
        }
    }

    fn lines(&self) -> Result<u32, String> {
        match self.lines.unwrap_or(LINES) {
            lines @ 1..=LINES_MAX => Ok(lines),
            lines => Err(format!("lines {lines} is out of range: 1 to {LINES_MAX}")),
        }
    }
}

// === impl StepKind for Gather ===

impl StepKind for Gather {
    const KIND: &'static str = "gather";

    fn form(&self) -> Result<Form, String> {
        self.lines()?;
        Ok(Form::new(self.object()?, Risk::Read, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        let lines = self.lines()?;
        match &step.object {
            Some(target) if matches!(target.kind(), TargetKind::Unit | TargetKind::Container) => {
                Ok(Box::new(Gathering { target: target.clone(), lines }))
            }
            Some(target) => Err(format!("{target} writes no log that heald can read: name a unit or a container in the step")),
            None => Err("gather needs a unit or a container".to_owned()),
        }
    }
}

// === impl Act for Gathering ===

impl Act for Gathering {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async {
            match call.tools.logs(&self.target, self.lines).await {
                Some(read) => report(read),
                None => {
                    let why = format!("{} writes no log", self.target);
                    Acted::new(ActOutcome::Impossible(Impossible::BadParameters), why)
                }
            }
        }
        .boxed()
    }
}

fn report(read: Result<String, String>) -> Acted {
    match read {
        Ok(text) => {
            let text = redact(&text);
            let kept = end(&text, KEPT_MAX);
            let count = kept.lines().count();
            Acted::new(ActOutcome::Done, format!("{count} lines")).knowing(json!({ "lines": kept, "count": count }))
        }
        Err(why) => Acted::new(ActOutcome::Done, format!("no lines: {why}")).knowing(json!({ "lines": "", "count": 0 })),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{planned, step};
    use super::*;
    use crate::action::Action;

    #[test]
    fn it_reads_from_a_unit_or_a_container() {
        let target = |kind, name| Some(Target::new(kind, name).unwrap());
        let whole = step("gather: {}").unwrap();
        assert_eq!((whole.stake.risk, &whole.stake.object), (Risk::Read, &StepObject::Default));
        for (object, good) in [
            (target(TargetKind::Unit, "web.service"), true),
            (target(TargetKind::Container, "shop"), true),
            (target(TargetKind::Url, "http://a/"), false),
            (None, false),
        ] {
            assert_eq!(Action::parse(&planned(step("gather: {}").unwrap(), object.clone())).is_ok(), good, "{object:?}");
        }
        for (text, part) in [
            ("gather: { unit: a.service, container: b }", "exclude"),
            ("gather: { lines: 0 }", "1 to 500"),
            ("gather: { lines: 501 }", "1 to 500"),
            ("gather: { unit: a }", "must end in"),
            ("gather: { path: /var/log/x }", "path"),
        ] {
            let error = step(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn lines_are_facts_without_secrets_and_within_bounds() {
        let acted = report(Ok("one\nlogin password=hunter2\n".to_owned()));
        assert_eq!(acted.facts.unwrap()["lines"], "one\nlogin password=[redacted]\n");
        let long = report(Ok("a line of the log\n".repeat(2_000))).facts.unwrap();
        let kept = long["lines"].as_str().unwrap();
        assert!(kept.len() <= KEPT_MAX && kept.starts_with("a line"), "{}", kept.len());
        // A log that can't be read is no reason to leave a repair out.
        let none = report(Err("no right".to_owned()));
        assert_eq!((none.outcome, none.detail.as_str()), (ActOutcome::Done, "no lines: no right"));
        assert_eq!(none.facts.unwrap()["count"], 0);
    }
}
