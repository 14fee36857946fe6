//! `process.count`: not too many processes, and not too few.

use super::{Look, ProbeKind, Verdict, object, object_of};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::{Target, TargetKind};
use crate::link::Tools;
use crate::link::process::zombie;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Passes while a unit has no more processes than `max` and no fewer than `min`; or this machine no more zombies.
///
/// A unit's processes are counted by systemd: all in its control group, also those that its main process left behind. Zombies are
/// those that heald can see; with the shipped unit's `ProtectProc=invisible` that is none of other users (least-privilege.md).
///
/// ```yaml
/// - process.count: { of: zombies, max: 20 }
/// - process.count: { of: unit, min: 1, max: 50 }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// `unit` or `zombies`.
    of: Of,
    /// Another unit than the playbook's target; only with `of: unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// At most so many. At least one of this and `min` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<usize>,
    /// At least so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Of {
    Unit,
    Zombies,
}

#[derive(Debug)]
struct Counting {
    /// `None`: zombies.
    unit: Option<Target>,
    max: usize,
    min: usize,
}

// === impl Count ===

impl Count {
    fn range(&self) -> Result<(usize, usize), String> {
        match (self.min, self.max) {
            (None, None) => Err("it asks nothing: give max, min or both".to_owned()),
            (Some(min), Some(max)) if min > max => Err(format!("min {min} is above max {max}")),
            (min, max) => Ok((min.unwrap_or(0), max.unwrap_or(usize::MAX))),
        }
    }
}

// === impl ProbeKind for Count ===

impl ProbeKind for Count {
    const KIND: &'static str = "process.count";

    fn form(&self) -> Result<StepObject, String> {
        self.range()?;
        match (self.of, &self.unit) {
            (Of::Unit, unit) => object(TargetKind::Unit, unit.as_ref()),
            (Of::Zombies, None) => Ok(StepObject::Nothing),
            (Of::Zombies, Some(_)) => Err("zombies are counted on the whole machine: leave `unit` out".to_owned()),
        }
    }

    fn ready(self, probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        let (min, max) = self.range()?;
        let unit = match self.of {
            Of::Unit => Some(object_of(probe, TargetKind::Unit)?),
            Of::Zombies => None,
        };
        Ok(Box::new(Counting { unit, max, min }))
    }
}

// === impl Look for Counting ===

impl Look for Counting {
    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        async {
            let (counted, what) = match &self.unit {
                Some(unit) => (tools.systemd.process_count(unit.name()).await, "processes"),
                None => (zombie::count().await, "zombies"),
            };
            match counted {
                Ok(count) => self.judge(count, what),
                Err(error) => (ProbeVerdict::Unknown, error.to_string()),
            }
        }
        .boxed()
    }
}

// === impl Counting ===

impl Counting {
    fn judge(&self, count: usize, what: &str) -> Verdict {
        match count {
            few if few < self.min => (ProbeVerdict::Fail, format!("{few} {what}, at least {} wanted", self.min)),
            many if many > self.max => (ProbeVerdict::Fail, format!("{many} {what}, at most {} wanted", self.max)),
            count => (ProbeVerdict::Pass, format!("{count} {what}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, probe};
    use super::*;

    #[test]
    fn a_count_lies_in_its_range() {
        let counting = Counting { unit: None, max: 20, min: 1 };
        for (count, verdict, detail) in [
            (0, ProbeVerdict::Fail, "0 zombies, at least 1 wanted"),
            (1, ProbeVerdict::Pass, "1 zombies"),
            (20, ProbeVerdict::Pass, "20 zombies"),
            (21, ProbeVerdict::Fail, "21 zombies, at most 20 wanted"),
        ] {
            assert_eq!(counting.judge(count, "zombies"), (verdict, detail.to_owned()));
        }
    }

    #[test]
    fn its_parameters() {
        let unit = || Some(Target::new(TargetKind::Unit, "web.service").unwrap());
        assert!(probe("process.count: { of: zombies, max: 20 }", None).is_ok());
        assert!(probe("process.count: { of: unit, min: 1, max: 50 }", unit()).is_ok());
        assert!(probe("process.count: { of: unit, min: 1 }", None).unwrap_err().contains("needs a unit"));
        for (text, part) in [
            ("process.count: { of: zombies }", "asks nothing"),
            ("process.count: { of: zombies, max: 1, unit: web.service }", "whole machine"),
            ("process.count: { of: unit, min: 5, max: 1 }", "above max"),
            ("process.count: { of: nginx, max: 1 }", "unknown variant"),
            ("process.count: { max: 1 }", "of"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
