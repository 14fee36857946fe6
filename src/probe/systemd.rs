//! `systemd.active`: active, and no job pending that would change it. `systemd.not_restarting` is below.

use super::{Look, Managed, ProbeKind, Verdict, object, object_of};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::{Target, TargetKind};
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::systemd::UnitState;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod not_restarting;

pub use not_restarting::NotRestarting;

/// Passes when the unit is active and no job is pending for it; with `stable`, when it has been active for that long without a
/// break.
///
/// ```yaml
/// - systemd.active: {}
/// - systemd.active: { unit: db.service, stable: 30s }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Another unit than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// For so long at least, by systemd's own clock: 1s to 1d. The verification's `within:` must leave it the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stable: Option<Span>,
}

#[derive(Debug)]
struct Stable {
    unit: Target,
    stable: Duration,
}

const STABLE_MIN: Duration = Duration::from_secs(1);
const STABLE_MAX: Duration = Duration::from_secs(86_400);

// === impl ProbeKind for Params ===

impl ProbeKind for Params {
    const KIND: &'static str = "systemd.active";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Unit);

    fn form(&self) -> Result<StepObject, String> {
        if let Some(stable) = self.stable
            && !(STABLE_MIN..=STABLE_MAX).contains(&stable.0)
        {
            return Err(format!("stable {stable} is out of range: 1s to 1d"));
        }
        object(TargetKind::Unit, self.unit.as_ref())
    }

    fn ready(self, probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        self.form()?;
        let unit = object_of(probe, TargetKind::Unit)?;
        match self.stable {
            None => Ok(Box::new(Managed(unit))),
            Some(Span(stable)) => Ok(Box::new(Stable { unit, stable })),
        }
    }
}

// === impl Look for Stable ===

impl Look for Stable {
    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        async {
            match tools.systemd.unit(self.unit.name()).await {
                Ok(unit) => self.judge(&unit),
                Err(error) if error.is_blind() => (ProbeVerdict::Unknown, error.to_string()),
                Err(error) => (ProbeVerdict::Fail, error.to_string()),
            }
        }
        .boxed()
    }
}

// === impl Stable ===

impl Stable {
    fn judge(&self, unit: &UnitState) -> Verdict {
        let (verdict, detail) = judge(unit);
        let up = unit.active_for.unwrap_or_default();
        match verdict {
            ProbeVerdict::Pass if up < self.stable => {
                let whole = Span(Duration::from_secs(up.as_secs()));
                (ProbeVerdict::Fail, format!("{detail} for {whole} only"))
            }
            verdict => (verdict, detail),
        }
    }
}

pub(super) fn judge(unit: &UnitState) -> Verdict {
    let verdict = if unit.is_up() { ProbeVerdict::Pass } else { ProbeVerdict::Fail };
    let mut detail = unit.words();
    if unit.active == "failed" {
        detail = format!("failed (Result={})", unit.result);
    }
    if let Some(job) = unit.job {
        detail += &format!(", job {job} pending");
    }
    (verdict, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_active_without_a_job_passes() {
        let unit = |active: &str, sub: &str, job| UnitState {
            load: "loaded".to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
            result: "signal".to_owned(),
            job,
            ..UnitState::default()
        };
        for (unit, verdict, detail) in [
            (unit("active", "running", None), ProbeVerdict::Pass, "active (running)"),
            (unit("active", "running", Some(3)), ProbeVerdict::Fail, "active (running), job 3 pending"),
            (unit("reloading", "reload", None), ProbeVerdict::Fail, "reloading (reload)"),
            (unit("activating", "auto-restart", None), ProbeVerdict::Fail, "activating (auto-restart)"),
            (unit("failed", "failed", None), ProbeVerdict::Fail, "failed (Result=signal)"),
        ] {
            assert_eq!(judge(&unit), (verdict, detail.to_owned()));
        }
    }
    #[test]
    fn stable_is_how_long_it_has_been_active() {
        let unit = |seconds| UnitState {
            load: "loaded".to_owned(),
            active: "active".to_owned(),
            sub: "running".to_owned(),
            active_for: Some(Duration::from_secs(seconds)),
            ..UnitState::default()
        };
        let target = Target::new(TargetKind::Unit, "web.service").unwrap();
        let stable = Stable { unit: target.clone(), stable: Duration::from_secs(30) };
        assert_eq!(stable.judge(&unit(29)), (ProbeVerdict::Fail, "active (running) for 29s only".to_owned()));
        assert_eq!(stable.judge(&unit(30)).0, ProbeVerdict::Pass);
        assert_eq!(stable.judge(&UnitState { job: Some(1), ..unit(90) }).0, ProbeVerdict::Fail);
        use super::super::tests::{check, probe};
        assert!(probe("systemd.active: { stable: 30s }", Some(target)).is_ok());
        assert!(check("systemd.active: { stable: 10ms }").unwrap_err().contains("1s to 1d"));
    }
}
