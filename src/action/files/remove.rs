//! `files.remove`: takes a flag away.

use super::super::{Act, Form, StepKind};
use super::{Bench, Files, QUICK, Work, path_form};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::size::Size;
use crate::domain::target::cut;
use crate::link::beneath::{Odd, Trouble};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Removes one file: a flag, a stale lock or pid file.
///
/// Only a regular file with one name, of 4 KiB at most; larger ones only with `any_size: true`. One that is not there is no
/// failure. A flag counts as reversible, for `files.touch` sets it again (without its text, if it had one); with
/// `any_size: true` the file is gone, and the rung needs a *Rollback*, `mode: approve` or `irreversible: accepted`.
///
/// Facts: `path`, `removed` (false: it was not there), `bytes`.
///
/// ```yaml
/// - files.remove: { path: /run/shop/maintenance }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// The file, absolute, at or beneath an entry of `targets: paths:`.
    path: String,
    /// Also one of more than 4 KiB: false where it is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    any_size: bool,
}

#[derive(Clone, Debug)]
struct Removal {
    path: String,
    any_size: bool,
}

const FLAG_MAX: Size = Size(4 << 10);

// === impl StepKind for Remove ===

impl StepKind for Remove {
    const KIND: &'static str = "files.remove";

    fn form(&self) -> Result<Form, String> {
        path_form("path", &self.path)?;
        let form = Form::new(StepObject::Nothing, Risk::Idempotent, QUICK);
        Ok(if self.any_size { form.for_good() } else { form })
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Files(Removal { path: self.path, any_size: self.any_size })))
    }
}

// === impl Work for Removal ===

impl Work for Removal {
    fn paths(&self) -> Vec<&str> {
        vec![&self.path]
    }

    fn work(&self, bench: &Bench<'_>) -> Result<Acted, Trouble> {
        let (place, path) = (bench.ground.place(&self.path)?, cut(&self.path));
        let Some(stamp) = place.file()? else {
            let facts = json!({ "path": self.path, "removed": false, "bytes": 0 });
            return Ok(Acted::new(ActOutcome::Done, format!("{path} is not there")).knowing(facts));
        };
        if stamp.size > FLAG_MAX.0 && !self.any_size {
            let why = format!(
                "{path} has {}: a flag has {FLAG_MAX} at most; `any_size: true` says that more is meant",
                Size(stamp.size)
            );
            return Err(Trouble::Refused(Odd::Unfit, why));
        }
        place.remove(&stamp)?;
        place.folder.sync()?;
        let facts = json!({ "path": self.path, "removed": true, "bytes": stamp.size });
        Ok(Acted::new(ActOutcome::Done, format!("removed {path} ({})", Size(stamp.size))).knowing(facts))
    }
}
