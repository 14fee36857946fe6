//! `systemd.drop_in`: environment for a unit, from its next start on and until the next boot.

use super::super::{Act, Call, Form, StepKind, object, object_of};
use super::known;
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::{TargetKind, cut};
use crate::domain::template::is_template;
use crate::link::systemd::drop_in::{Trouble, check_key, check_name, check_value, text};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Gives a unit environment variables by a drop-in file, and has systemd read it. They are there from the unit's next start on:
/// a `systemd.restart` belongs behind it.
///
/// The file is `/run/systemd/system/UNIT.d/50-heald-NAME.conf`; it is gone with the next boot. Written again it is replaced. A
/// file of that name that heald did not make is refused. `systemd.remove_drop_in` of the same name belongs into *Rollback* or
/// *Afterwards*.
///
/// Values are quoted for systemd. One that holds a line break or a control character is refused, and so are variables that
/// decide what code runs: `PATH`, `LD_…`. What stands there can be read by everybody on the machine: no secrets. heald needs
/// to be allowed to write there (least-privilege.md).
///
/// Facts: `file`.
///
/// ```yaml
/// - systemd.drop_in: { name: safe-mode, environment: { SAFE_MODE: "1", PLUGINS: "" } }
/// - systemd.restart: {}
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropIn {
    /// Another unit than the playbook's target; a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// Of the file: 1 to 64 letters, digits, `-` and `_`.
    name: String,
    /// Variables and their values, 1 to 64; a value has at most 4096 bytes. Numbers are taken as they are written; write `"yes"` and
    /// `"true"` with quotes.
    environment: BTreeMap<String, Word>,
}

/// A value as YAML has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Word {
    Number(i64),
    Text(String),
}

#[derive(Debug)]
struct Writing {
    unit: String,
    name: String,
    text: String,
}

const DEADLINE: Duration = Duration::from_secs(60);

// === impl StepKind for DropIn ===

impl StepKind for DropIn {
    const KIND: &'static str = "systemd.drop_in";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Unit);

    fn form(&self) -> Result<Form, String> {
        if !is_template(&self.name) {
            check_name(&self.name)?;
        }
        for (key, word) in &self.environment {
            check_key(key)?;
            match word {
                Word::Text(value) if !is_template(value) => check_value(value)?,
                _ => {}
            }
        }
        if self.environment.is_empty() {
            return Err("it holds no variable: `environment: { SAFE_MODE: \"1\" }`".to_owned());
        }
        Ok(Form::new(object(TargetKind::Unit, self.unit.as_ref())?, Risk::Idempotent, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        check_name(&self.name)?;
        let values = self.environment.into_iter().map(|(key, word)| (key, word.into_text()));
        let text = text(&values.collect())?;
        Ok(Box::new(Writing { unit: service(step)?, name: self.name, text }))
    }
}

/// Only services have an environment.
pub(super) fn service(step: &PlannedStep) -> Result<String, String> {
    let unit = object_of(step, TargetKind::Unit)?;
    if unit.ends_with(".service") { Ok(unit) } else { Err(format!("{} is no service", cut(&unit))) }
}

// === impl Act for Writing ===

impl Act for Writing {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}

// === impl Writing ===

impl Writing {
    async fn act(&self, call: &Call<'_>) -> Acted {
        let unit = match known(call, &self.unit).await {
            Ok(unit) => unit,
            Err(refusal) => return *refusal,
        };
        let systemd = call.tools.systemd.clone();
        let (id, name, text) = (unit.id.clone(), self.name.clone(), self.text.clone());
        let written = tokio::task::spawn_blocking(move || systemd.write_drop_in(&id, &name, &text)).await;
        let file = match written {
            Ok(Ok(file)) => file,
            Ok(Err(trouble)) => return refused(&trouble),
            Err(_) => return Acted::new(ActOutcome::Unknown, "writing the drop-in broke off"),
        };
        if let Err(error) = call.tools.systemd.reload_files(call.deadline).await {
            return error.into_acted();
        }
        let facts = json!({ "file": file.display().to_string() });
        Acted::new(ActOutcome::Done, format!("{} written and read", file.display())).with(unit.evidence()).knowing(facts)
    }
}

pub(super) fn refused(trouble: &Trouble) -> Acted {
    use std::io::ErrorKind;
    let why = match trouble {
        Trouble::Foreign(_) => Impossible::Refused,
        Trouble::File { error, .. } => match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Impossible::AccessDenied,
            _ => return Acted::new(ActOutcome::Failed, trouble.to_string()),
        },
    };
    Acted::new(ActOutcome::Impossible(why), trouble.to_string())
}

// === impl Word ===

impl Word {
    fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{planned, step};
    use super::*;
    use crate::action::Action;
    use crate::domain::target::Target;
    use serde_json::json;

    #[test]
    fn what_it_writes_is_checked_when_read_and_once_more_when_filled_in() {
        let unit = |name| Some(Target::new(TargetKind::Unit, name).unwrap());
        let good = step("systemd.drop_in: { name: safe, environment: { SAFE_MODE: 1, WHY: '{{ labels.alertname }}' } }").unwrap();
        assert_eq!((good.stake.risk, good.stake.reversible), (Risk::Idempotent, true));
        for (text, part) in [
            ("systemd.drop_in: { name: ../x, environment: { A: b } }", "no name of a drop-in"),
            ("systemd.drop_in: { name: x, environment: {} }", "no variable"),
            ("systemd.drop_in: { name: x }", "environment"),
            ("systemd.drop_in: { name: x, environment: { 'A B': c } }", "no name of a variable"),
            ("systemd.drop_in: { name: x, environment: { LD_PRELOAD: c } }", "decides what code runs"),
            ("systemd.drop_in: { name: x, environment: { A: \"b\\nExecStart=/bin/evil\" } }", "line break"),
            ("systemd.drop_in: { name: x, environment: { A: [b] } }", "did not match"),
        ] {
            let error = step(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let mut filled = planned(good, unit("web.service"));
        filled.args = json!({ "name": "safe", "environment": { "SAFE_MODE": 1, "WHY": "Down" } });
        assert!(Action::parse(&filled).is_ok());
        filled.args = json!({ "name": "safe", "environment": { "WHY": "Down\nExecStart=/bin/evil" } });
        assert!(Action::parse(&filled).unwrap_err().contains("line break"));
        filled.args = json!({ "name": "safe", "environment": { "WHY": "Down" } });
        filled.object = unit("web.timer");
        assert!(Action::parse(&filled).unwrap_err().contains("no service"));
    }
}
