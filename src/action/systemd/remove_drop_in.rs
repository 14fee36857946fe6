//! `systemd.remove_drop_in`: the way back of `systemd.drop_in`.

use super::super::{Act, Call, Form, StepKind, object};
use super::drop_in::{refused, service};
use super::known;
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::TargetKind;
use crate::domain::template::is_template;
use crate::link::systemd::drop_in::check_name;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Removes the drop-in file of that name which `systemd.drop_in` made, and has systemd read its files anew. The unit is without
/// the variables from its next start on: it is not restarted.
///
/// Where there is none, nothing is done, and that is no failure. A file of that name that heald did not make is refused and
/// stays.
///
/// Facts: `removed` (true or false), `file`.
///
/// ```yaml
/// - systemd.remove_drop_in: { name: safe-mode }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveDropIn {
    /// Another unit than the playbook's target; a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// As in `systemd.drop_in`.
    name: String,
}

#[derive(Debug)]
struct Removing {
    unit: String,
    name: String,
}

const DEADLINE: Duration = Duration::from_secs(60);

// === impl StepKind for RemoveDropIn ===

impl StepKind for RemoveDropIn {
    const KIND: &'static str = "systemd.remove_drop_in";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Unit);

    fn form(&self) -> Result<Form, String> {
        if !is_template(&self.name) {
            check_name(&self.name)?;
        }
        Ok(Form::new(object(TargetKind::Unit, self.unit.as_ref())?, Risk::Idempotent, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        check_name(&self.name)?;
        Ok(Box::new(Removing { unit: service(step)?, name: self.name }))
    }
}

// === impl Act for Removing ===

impl Act for Removing {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}

// === impl Removing ===

impl Removing {
    async fn act(&self, call: &Call<'_>) -> Acted {
        let unit = match known(call, &self.unit).await {
            Ok(unit) => unit,
            Err(refusal) => return *refusal,
        };
        let systemd = call.tools.systemd.clone();
        let (id, name) = (unit.id.clone(), self.name.clone());
        let file = systemd.drop_in(&id, &name);
        let removed = match tokio::task::spawn_blocking(move || systemd.remove_drop_in(&id, &name)).await {
            Ok(Ok(removed)) => removed,
            Ok(Err(trouble)) => return refused(&trouble),
            Err(_) => return Acted::new(ActOutcome::Unknown, "removing the drop-in broke off"),
        };
        // Also where there was none: heald may have been cut off between the two.
        if let Err(error) = call.tools.systemd.reload_files(call.deadline).await {
            return error.into_acted();
        }
        let said = if removed { "removed" } else { "is not there" };
        Acted::new(ActOutcome::Done, format!("{} {said}", file.display()))
            .with(unit.evidence())
            .knowing(json!({ "removed": removed, "file": file.display().to_string() }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{planned, step};
    use super::*;
    use crate::action::Action;
    use crate::domain::target::Target;

    #[test]
    fn its_name_is_a_name() {
        let step_of = |text: &str| step(text);
        for name in ["../x", "a/b", "''"] {
            let error = step_of(&format!("systemd.remove_drop_in: {{ name: {name} }}")).unwrap_err();
            assert!(error.contains("no name of a drop-in"), "{error}");
        }
        assert!(step_of("systemd.remove_drop_in: {}").unwrap_err().contains("name"));
        let step = step_of("systemd.remove_drop_in: { name: safe }").unwrap();
        assert_eq!(step.stake.risk, Risk::Idempotent);
        let unit = Target::new(TargetKind::Unit, "web.service").unwrap();
        assert!(Action::parse(&planned(step, Some(unit))).is_ok());
    }
}
