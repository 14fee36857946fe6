//! `memory`: enough of the machine's memory is left.

use super::{Look, ProbeKind, Verdict};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::size::{Size, words};
use crate::domain::target::cut;
use crate::domain::template::is_template;
use crate::link::Tools;
use crate::link::process::memory::{Memory as Left, memory};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Passes while programs of this machine can still get so much memory, by the kernel's own estimate (`MemAvailable`, which counts
/// what is only cached).
///
/// It is about the whole machine, also where heald itself runs in a container.
///
/// ```yaml
/// - memory: { available_min: 10% }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// A size, as in 500MB, or a part of all memory, 1% to 99%.
    available_min: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Least {
    Bytes(u64),
    Percent(u64),
}

fn least(text: &str) -> Result<Least, String> {
    match text.strip_suffix('%').map(|number| number.trim().parse()) {
        None => text.parse::<Size>().map(|Size(bytes)| Least::Bytes(bytes)),
        Some(Ok(percent @ 1..=99)) => Ok(Least::Percent(percent)),
        Some(_) => Err(format!("available_min {:?} is out of range: 1% to 99%, or a size", cut(text))),
    }
}

// === impl ProbeKind for Memory ===

impl ProbeKind for Memory {
    const KIND: &'static str = "memory";

    fn form(&self) -> Result<StepObject, String> {
        if !is_template(&self.available_min) {
            least(&self.available_min)?;
        }
        Ok(StepObject::Nothing)
    }

    fn ready(self, _: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        Ok(Box::new(least(&self.available_min)?))
    }
}

// === impl Look for Least ===

impl Look for Least {
    fn ask<'a>(&'a self, _: &'a Tools) -> BoxFuture<'a, Verdict> {
        async {
            match memory().await {
                Ok(left) => self.judge(&left),
                Err(error) => (ProbeVerdict::Unknown, error.to_string()),
            }
        }
        .boxed()
    }
}

// === impl Least ===

impl Least {
    fn judge(self, left: &Left) -> Verdict {
        let wanted = match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => left.total / 100 * percent,
        };
        let verdict = if left.available >= wanted { ProbeVerdict::Pass } else { ProbeVerdict::Fail };
        (verdict, format!("{} of {} available", words(left.available), words(left.total)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, probe};
    use super::*;

    #[test]
    fn what_is_left_is_compared() {
        let left = Left { total: 8_000_000_000, available: 1_000_000_000, free: 5_000_000 };
        for (text, verdict) in [
            ("1GB", ProbeVerdict::Pass),
            ("1001MB", ProbeVerdict::Fail),
            ("12%", ProbeVerdict::Pass),
            ("13%", ProbeVerdict::Fail),
        ] {
            assert_eq!(least(text).unwrap().judge(&left), (verdict, "1.0 GB of 8.0 GB available".to_owned()), "{text}");
        }
    }

    #[test]
    fn its_parameters() {
        assert!(probe("memory: { available_min: 10% }", None).is_ok());
        assert!(probe("memory: { available_min: '{{ vars.least }}' }", None).unwrap_err().contains("no size"));
        for (text, part) in [
            ("memory: {}", "available_min"),
            ("memory: { available_min: 0% }", "1% to 99%"),
            ("memory: { available_min: 100% }", "1% to 99%"),
            ("memory: { available_min: 5 }", "expected"),
            ("memory: { used_max: 90% }", "used_max"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
