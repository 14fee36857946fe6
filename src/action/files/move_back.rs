//! `files.move_back`: undoes `files.archive_larger`.

use super::super::{Act, Form, StepKind};
use super::archive_larger::transfer;
use super::{Bench, Files, LONG, Work, amount, path_form};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::cut;
use crate::domain::template::is_template;
use crate::link::beneath::{Odd, Skipped, Trouble, check_name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Moves files back that `files.archive_larger` has moved: for its rollback.
///
/// Each is copied, compared and only then removed, as there. One that is in its old place already, and no longer in the archive,
/// is done; a name that somebody else has taken meanwhile is left alone, and then the step fails.
///
/// Facts: `files`, `bytes`, `skipped: {reason: count}`.
///
/// ```yaml
/// - files.move_back: { path: /var/lib/worker/out, from: /mnt/archive/worker, names: "{{ steps.archived.names | tojson }}" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveBack {
    /// Where they were: a folder, absolute, at or beneath an entry of `targets: paths:`.
    path: String,
    /// Where they are: a folder, absolute, at or beneath an entry of `targets: paths:`.
    from: String,
    /// A JSON list of names, as `{{ steps.NAME.names | tojson }}` gives it; at most 100.
    names: String,
}

#[derive(Clone, Debug)]
struct Back {
    path: String,
    from: String,
    names: Vec<String>,
}

const NAMES_MAX: usize = 100;

// === impl StepKind for MoveBack ===

impl StepKind for MoveBack {
    const KIND: &'static str = "files.move_back";

    fn form(&self) -> Result<Form, String> {
        path_form("path", &self.path)?;
        path_form("from", &self.from)?;
        if !is_template(&self.names) {
            self.names()?;
        }
        Ok(Form::new(StepObject::Nothing, Risk::Idempotent, LONG))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Files(Back { names: self.names()?, path: self.path, from: self.from })))
    }
}

impl MoveBack {
    fn names(&self) -> Result<Vec<String>, String> {
        let names: Vec<String> = serde_json::from_str(&self.names).map_err(|_| {
            format!("names {:?} is no JSON list of names; write \"{{{{ steps.NAME.names | tojson }}}}\"", cut(&self.names))
        })?;
        if names.len() > NAMES_MAX {
            return Err(format!("names: {} of them, and {NAMES_MAX} at most", names.len()));
        }
        names.iter().try_for_each(|name| check_name(name))?;
        Ok(names)
    }
}

// === impl Work for Back ===

impl Work for Back {
    fn paths(&self) -> Vec<&str> {
        vec![&self.path, &self.from]
    }

    fn work(&self, bench: &Bench<'_>) -> Result<Acted, Trouble> {
        let (from, to) = (bench.ground.folder(&self.from)?, bench.ground.folder(&self.path)?);
        let (mut files, mut bytes, mut skipped, mut first) = (0_u64, 0, Skipped::default(), None);
        for name in &self.names {
            let place = from.place(name);
            let moved = match place.file() {
                Ok(None) if matches!(to.place(name).file(), Ok(Some(_))) => Ok(0),
                Ok(None) => Err(Trouble::Missing(format!("{}: there is no such file", cut(&place.path())))),
                Ok(Some(stamp)) => transfer(&place, &stamp, &to, bench.until).map(|()| stamp.size),
                Err(trouble) => Err(trouble),
            };
            match moved {
                Ok(size) => (files, bytes) = (files + 1, bytes + size),
                Err(trouble) => {
                    skipped.add(Odd::of(&trouble));
                    first.get_or_insert(trouble);
                }
            }
            bench.progress.say(format!("{files} of {} moved back", self.names.len()));
        }
        let mut detail = format!("moved {} back to {}", amount(files, bytes), cut(&self.path));
        let outcome = if first.is_none() { ActOutcome::Done } else { ActOutcome::Failed };
        if let Some(trouble) = first {
            detail += &format!("; {trouble}");
        }
        let facts = json!({ "files": files, "bytes": bytes, "skipped": skipped.facts() });
        Ok(Acted::new(outcome, detail + &skipped.words()).knowing(facts))
    }
}
