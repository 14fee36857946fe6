//! `systemd.set_property`: limits of a running unit, until the next boot.

use super::super::{Act, Call, Form, StepKind, object, object_of};
use super::known;
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::size::Size;
use crate::domain::target::{TargetKind, cut};
use crate::domain::template::is_template;
use crate::link::systemd::Property;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Limits the memory or the processor time of a unit, at once and until the next boot, as `systemctl set-property --runtime`
/// does.
///
/// At least one limit must be given; those that are left out stay as they are. The unit's files are not touched, and no
/// process is restarted. A limit below what the unit uses now is felt at once: above `memory_high` it is slowed down, above
/// `memory_max` it is killed for lack of memory. `infinity` takes a limit away, also one of the unit's own file: it stays away
/// until the next boot.
///
/// Facts: `memory_max`, `memory_high` (bytes), `cpu_quota` (per cent), as far as they were set; null stands for infinity.
///
/// ```yaml
/// - systemd.set_property: { memory_high: 1500MB, cpu_quota: 50% }
/// - systemd.set_property: { unit: batch.service, cpu_quota: infinity }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetProperty {
    /// Another unit than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// Hard limit of its memory, 1MB to 1000TB, or `infinity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_max: Option<String>,
    /// Above it the unit is slowed down and made to give memory back: 1MB to 1000TB, or `infinity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_high: Option<String>,
    /// Processor time in per cent of one processor, `1%` to `100000%`, or `infinity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_quota: Option<String>,
}

#[derive(Debug)]
struct Limits {
    unit: String,
    properties: Vec<Property>,
}

const DEADLINE: Duration = Duration::from_secs(30);
const INFINITY: &str = "infinity";
/// Below it no program starts: a slip of the unit.
const MEMORY_MIN: u64 = 1_000_000;
const MEMORY_MAX: u64 = 1_000_000_000_000_000;
const QUOTA_MAX: u32 = 100_000;

fn memory(text: &str) -> Result<Option<u64>, String> {
    if text == INFINITY {
        return Ok(None);
    }
    match text.parse::<Size>()?.0 {
        bytes @ MEMORY_MIN..=MEMORY_MAX => Ok(Some(bytes)),
        _ => Err(format!("memory {} is out of range: 1MB to 1000TB, or infinity", cut(text))),
    }
}

fn quota(text: &str) -> Result<Option<u32>, String> {
    if text == INFINITY {
        return Ok(None);
    }
    match text.strip_suffix('%').and_then(|number| number.parse().ok()) {
        Some(percent @ 1..=QUOTA_MAX) => Ok(Some(percent)),
        _ => Err(format!("cpu_quota {:?} is out of range: 1% to {QUOTA_MAX}%, or infinity", cut(text))),
    }
}

// === impl SetProperty ===

impl SetProperty {
    fn properties(&self) -> Result<Vec<Property>, String> {
        let given = |text: &Option<String>| text.clone().filter(|text| !is_template(text));
        let mut all = Vec::new();
        if let Some(text) = given(&self.memory_max) {
            all.push(Property::MemoryMax(memory(&text)?));
        }
        if let Some(text) = given(&self.memory_high) {
            all.push(Property::MemoryHigh(memory(&text)?));
        }
        if let Some(text) = given(&self.cpu_quota) {
            all.push(Property::CpuQuota(quota(&text)?));
        }
        if self.memory_max.is_none() && self.memory_high.is_none() && self.cpu_quota.is_none() {
            return Err("it sets nothing: give memory_max, memory_high or cpu_quota".to_owned());
        }
        Ok(all)
    }
}

// === impl StepKind for SetProperty ===

impl StepKind for SetProperty {
    const KIND: &'static str = "systemd.set_property";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Unit);

    fn form(&self) -> Result<Form, String> {
        self.properties()?;
        Ok(Form::new(object(TargetKind::Unit, self.unit.as_ref())?, Risk::Idempotent, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        let texts = [&self.memory_max, &self.memory_high, &self.cpu_quota];
        if let Some(text) = texts.into_iter().flatten().find(|text| is_template(text)) {
            return Err(format!("{:?} is no limit", cut(text)));
        }
        Ok(Box::new(Limits { properties: self.properties()?, unit: object_of(step, TargetKind::Unit)? }))
    }
}

// === impl Act for Limits ===

impl Act for Limits {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}

// === impl Limits ===

impl Limits {
    async fn act(&self, call: &Call<'_>) -> Acted {
        let unit = match known(call, &self.unit).await {
            Ok(unit) => unit,
            Err(refusal) => return *refusal,
        };
        if let Err(error) = call.tools.systemd.set_properties(&unit.id, &self.properties, call.deadline).await {
            return error.into_acted();
        }
        let (mut words, mut facts) = (Vec::new(), serde_json::Map::new());
        for property in &self.properties {
            let (name, number, shown) = match *property {
                Property::MemoryMax(bytes) => ("memory_max", json!(bytes), bytes.map(|bytes| Size(bytes).to_string())),
                Property::MemoryHigh(bytes) => ("memory_high", json!(bytes), bytes.map(|bytes| Size(bytes).to_string())),
                Property::CpuQuota(percent) => ("cpu_quota", json!(percent), percent.map(|percent| format!("{percent}%"))),
            };
            words.push(format!("{name} {}", shown.as_deref().unwrap_or(INFINITY)));
            facts.insert(name.to_owned(), number);
        }
        Acted::new(ActOutcome::Done, format!("{} until the next boot", words.join(", ")))
            .with(unit.evidence())
            .knowing(facts.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{planned, step};
    use super::*;
    use crate::action::Action;
    use crate::domain::target::Target;

    #[test]
    fn limits_have_ranges() {
        assert_eq!(memory("1500MB"), Ok(Some(1_500_000_000)));
        assert_eq!((memory("infinity"), quota("infinity")), (Ok(None), Ok(None)));
        assert_eq!(quota("150%"), Ok(Some(150)));
        let unit = Target::new(TargetKind::Unit, "web.service").unwrap();
        for text in [
            "systemd.set_property: { memory_max: 2GiB }",
            "systemd.set_property: { memory_high: 1500MB, cpu_quota: 50% }",
            "systemd.set_property: { cpu_quota: infinity, unit: web.service }",
        ] {
            let step = step(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((step.stake.risk, step.stake.reversible), (Risk::Idempotent, true), "{text}");
            Action::parse(&planned(step, Some(unit.clone()))).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        for (text, part) in [
            ("systemd.set_property: {}", "sets nothing"),
            ("systemd.set_property: { memory_max: 900kB }", "out of range"),
            ("systemd.set_property: { memory_max: 90% }", "no size"),
            ("systemd.set_property: { cpu_quota: '50' }", "1% to"),
            ("systemd.set_property: { cpu_quota: 0% }", "1% to"),
            ("systemd.set_property: { cpu_quota: -5% }", "1% to"),
            ("systemd.set_property: { tasks_max: 5 }", "tasks_max"),
        ] {
            let error = step(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        // What a template made of it is checked once more.
        let mut late = planned(step("systemd.set_property: { memory_max: '{{ vars.max }}' }").unwrap(), Some(unit));
        assert!(Action::parse(&late).unwrap_err().contains("no limit"));
        late.args = json!({ "memory_max": "lots" });
        assert!(Action::parse(&late).unwrap_err().contains("no size"));
    }
}
