//! `process.list_top`: who uses most, for the timeline.

use super::super::{Act, Call, Form, StepKind};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::size::words;
use crate::link::process::top::{By, Top, top};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// Lists the processes of this machine that use most of the processor, measured over one second, or of the memory.
///
/// It reads only. Per cent are of one processor: a process with two busy threads has 200. With heald in a container it sees that
/// container's processes; with the shipped unit's `ProtectProc=invisible` those of its own user (least-privilege.md).
///
/// Facts: `processes`, a list of `pid`, `name`, `cpu_percent`, `memory_bytes`, `unit`, `container`; `top`, the first one's name,
/// and `unit`, its unit; `text`, a line for each.
///
/// ```yaml
/// - process.list_top: { by: memory, count: 5 }
///   register: top
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListTop {
    /// `cpu` or `memory`; cpu where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<What>,
    /// 1 to 20; 10 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum What {
    Cpu,
    Memory,
}

#[derive(Debug)]
struct Listing {
    by: By,
    count: usize,
}

/// A second to measure, and thousands of processes to read twice.
const DEADLINE: Duration = Duration::from_secs(20);
const COUNT: usize = 10;
const COUNT_MAX: usize = 20;

// === impl ListTop ===

impl ListTop {
    fn count(&self) -> Result<usize, String> {
        match self.count.unwrap_or(COUNT) {
            count @ 1..=COUNT_MAX => Ok(count),
            count => Err(format!("count {count} is out of range: 1 to {COUNT_MAX}")),
        }
    }
}

// === impl StepKind for ListTop ===

impl StepKind for ListTop {
    const KIND: &'static str = "process.list_top";

    fn form(&self) -> Result<Form, String> {
        self.count()?;
        Ok(Form::reads(DEADLINE))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        let by = match self.by {
            Some(What::Memory) => By::Memory,
            Some(What::Cpu) | None => By::Cpu,
        };
        Ok(Box::new(Listing { by, count: self.count()? }))
    }
}

// === impl Act for Listing ===

impl Act for Listing {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async {
            match tokio::time::timeout_at(call.deadline, top(self.by, self.count)).await {
                Ok(Ok(list)) => report(self.by, &list),
                Ok(Err(error)) => error.into_acted(),
                Err(_) => Acted::new(ActOutcome::Failed, "the processes could not be read in time"),
            }
        }
        .boxed()
    }
}

fn report(by: By, list: &[Top]) -> Acted {
    let rows: Vec<Value> = list
        .iter()
        .map(|top| {
            json!({
                "pid": top.pid, "name": top.name, "cpu_percent": top.cpu_percent, "memory_bytes": top.memory_bytes,
                "unit": top.unit, "container": top.container.as_ref().and_then(|id| id.get(..12)),
            })
        })
        .collect();
    let text: Vec<String> = list.iter().map(line).collect();
    let first = list.first();
    let amount = |top: &Top| match by {
        By::Cpu => format!("{} % of a processor", top.cpu_percent),
        By::Memory => words(top.memory_bytes),
    };
    let detail = first.map_or_else(|| "no processes".to_owned(), |top| format!("first is {} with {}", who(top), amount(top)));
    Acted::new(ActOutcome::Done, detail).knowing(json!({
        "processes": rows,
        "top": first.map(|top| &top.name),
        "unit": first.and_then(|top| top.unit.as_ref()),
        "text": text.join("\n"),
    }))
}

fn line(top: &Top) -> String {
    format!("{:6.1} %  {:>9}  {}", top.cpu_percent, words(top.memory_bytes), who(top))
}

/// `python3 (pid 4242, web.service)`
fn who(top: &Top) -> String {
    match top.unit.as_deref().or_else(|| top.container.as_ref()?.get(..12)) {
        Some(owner) => format!("{} (pid {}, {owner})", top.name, top.pid),
        None => format!("{} (pid {})", top.name, top.pid),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{planned, step};
    use super::*;
    use crate::action::Action;
    use crate::domain::outcome::FACTS_MAX;
    use crate::domain::playbook::Risk;

    #[test]
    fn it_reads_only() {
        for text in ["process.list_top: {}", "process.list_top: { by: memory, count: 20 }"] {
            let step = step(text).unwrap();
            assert_eq!(step.stake.risk, Risk::Read);
            Action::parse(&planned(step, None)).unwrap();
        }
        for (text, part) in [
            ("process.list_top: { count: 0 }", "1 to 20"),
            ("process.list_top: { count: 21 }", "1 to 20"),
            ("process.list_top: { by: io }", "unknown variant"),
            ("process.list_top: { name: python }", "name"),
        ] {
            let error = step(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_facts_fit() {
        let top = |pid| Top {
            pid,
            name: "fifteen-letters".to_owned(),
            cpu_percent: 12.5,
            memory_bytes: 1_440_000_000,
            unit: Some(format!("{}.service", "u".repeat(60))),
            container: Some("5f2d9c0e".repeat(8)),
        };
        let list: Vec<Top> = (1_000_000..1_000_020).map(top).collect();
        let acted = report(By::Memory, &list);
        assert!(acted.detail.contains("first is fifteen-letters") && acted.detail.ends_with("with 1.4 GB"), "{}", acted.detail);
        let facts = acted.facts.unwrap();
        assert_eq!(facts["processes"].as_array().map(Vec::len), Some(20), "{facts}");
        assert!(facts.to_string().len() <= FACTS_MAX);
        assert_eq!(facts["text"].as_str().unwrap().lines().count(), 20);
        assert_eq!(report(By::Cpu, &[]).detail, "no processes");
    }
}
