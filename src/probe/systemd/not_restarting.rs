//! `systemd.not_restarting`: systemd does not start it again and again.

use super::super::{Look, ProbeKind, Verdict, object, object_of};
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

/// Passes while a service is active and systemd has not restarted it by itself within a span of time.
///
/// A restart by a person, or by heald, does not count: systemd counts its own (`NRestarts`), and begins anew with each of
/// others'. A service that is down fails.
///
/// ```yaml
/// - systemd.not_restarting: { within: 2m }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotRestarting {
    /// Another unit than the playbook's target; a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// How long ago the last such restart must be at least: 1s to 1d; 1m where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within: Option<Span>,
}

#[derive(Debug)]
struct Watching {
    unit: Target,
    within: Duration,
}

const WITHIN: Duration = Duration::from_secs(60);
const WITHIN_MAX: Duration = Duration::from_secs(86_400);

// === impl NotRestarting ===

impl NotRestarting {
    fn within(&self) -> Result<Duration, String> {
        match self.within {
            None => Ok(WITHIN),
            Some(Span(within)) if (Duration::from_secs(1)..=WITHIN_MAX).contains(&within) => Ok(within),
            Some(within) => Err(format!("within {within} is out of range: 1s to 1d")),
        }
    }
}

// === impl ProbeKind for NotRestarting ===

impl ProbeKind for NotRestarting {
    const KIND: &'static str = "systemd.not_restarting";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Unit);

    fn form(&self) -> Result<StepObject, String> {
        self.within()?;
        object(TargetKind::Unit, self.unit.as_ref())
    }

    fn ready(self, probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        let unit = object_of(probe, TargetKind::Unit)?;
        if !unit.name().ends_with(".service") {
            return Err(format!("{unit} is no service: systemd restarts only those"));
        }
        Ok(Box::new(Watching { within: self.within()?, unit }))
    }
}

// === impl Look for Watching ===

impl Look for Watching {
    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        async {
            let (name, systemd) = (self.unit.name(), &tools.systemd);
            match tokio::try_join!(systemd.unit(name), systemd.restarts(name)) {
                Ok((unit, restarts)) => judge(&unit, restarts.unwrap_or_default(), self.within),
                Err(error) if error.is_blind() => (ProbeVerdict::Unknown, error.to_string()),
                Err(error) => (ProbeVerdict::Fail, error.to_string()),
            }
        }
        .boxed()
    }
}

fn judge(unit: &UnitState, restarts: u32, within: Duration) -> Verdict {
    let Some(up) = unit.active_for.filter(|_| unit.is_up()) else {
        return (ProbeVerdict::Fail, format!("{}, restarted {restarts} times by systemd", unit.words()));
    };
    let whole = |length: Duration| Span(Duration::from_secs(length.as_secs()));
    match restarts {
        0 => (ProbeVerdict::Pass, "active, and not restarted by systemd".to_owned()),
        _ if up < within => (ProbeVerdict::Fail, format!("restarted {restarts} times by systemd, last {} ago", whole(up))),
        _ => (ProbeVerdict::Pass, format!("active for {} since its last restart", whole(up))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{check, probe};
    use super::*;

    #[test]
    fn a_restart_within_the_span_fails() {
        let unit = |active: &str, up: Option<u64>| UnitState {
            load: "loaded".to_owned(),
            active: active.to_owned(),
            sub: "x".to_owned(),
            active_for: up.map(Duration::from_secs),
            ..UnitState::default()
        };
        let minute = Duration::from_secs(60);
        for (unit, restarts, verdict, part) in [
            (unit("active", Some(3)), 0, ProbeVerdict::Pass, "not restarted"),
            (unit("active", Some(3)), 4, ProbeVerdict::Fail, "restarted 4 times by systemd, last 3s ago"),
            (unit("active", Some(61)), 4, ProbeVerdict::Pass, "active for 1m1s"),
            (unit("activating", None), 4, ProbeVerdict::Fail, "activating (x), restarted 4 times"),
            (unit("failed", None), 0, ProbeVerdict::Fail, "failed (x)"),
            (UnitState { job: Some(7), ..unit("active", Some(100)) }, 1, ProbeVerdict::Fail, "active (x)"),
        ] {
            let (found, detail) = judge(&unit, restarts, minute);
            assert_eq!(found, verdict, "{unit:?}");
            assert!(detail.contains(part), "{detail}");
        }
    }

    #[test]
    fn its_parameters() {
        let target = |name| Some(Target::new(TargetKind::Unit, name).unwrap());
        assert!(probe("systemd.not_restarting: {}", target("web.service")).is_ok());
        assert!(probe("systemd.not_restarting: { within: 2m }", target("web.timer")).unwrap_err().contains("no service"));
        for (text, part) in
            [("systemd.not_restarting: { within: 100ms }", "1s to 1d"), ("systemd.not_restarting: { times: 3 }", "times")]
        {
            assert!(check(text).unwrap_err().contains(part), "{text}");
        }
    }
}
