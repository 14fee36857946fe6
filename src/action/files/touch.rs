//! `files.touch`: sets a flag.

use super::super::{Act, Form, StepKind};
use super::{Bench, Files, QUICK, Work, path_form};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::cut;
use crate::link::beneath::{Fresh, Stamp, Trouble};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Makes an empty file where there is none, as `touch` does: a flag that a program or a proxy looks for.
///
/// Its mode is 0644, its owner and group are those of the folder. One that is there already gets the present time, and keeps
/// all else. Owned by somebody else it can't be given the time without root's rights.
///
/// Facts: `path`, `made` (false: it was there).
///
/// ```yaml
/// - files.touch: { path: /run/shop/maintenance }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Touch {
    /// The file, absolute, at or beneath an entry of `targets: paths:`.
    path: String,
}

#[derive(Clone, Debug)]
struct Flag(String);

const MODE: u32 = 0o644;

// === impl StepKind for Touch ===

impl StepKind for Touch {
    const KIND: &'static str = "files.touch";

    fn form(&self) -> Result<Form, String> {
        path_form("path", &self.path)?;
        Ok(Form::new(StepObject::Nothing, Risk::Idempotent, QUICK))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Files(Flag(self.path))))
    }
}

// === impl Work for Flag ===

impl Work for Flag {
    fn paths(&self) -> Vec<&str> {
        vec![&self.0]
    }

    fn work(&self, bench: &Bench<'_>) -> Result<Acted, Trouble> {
        let Self(path) = self;
        let place = bench.ground.place(path)?;
        let made = match place.file()? {
            Some(stamp) => {
                place.refresh(&stamp)?;
                false
            }
            None => {
                let fresh = Fresh::create(&place)?;
                let like = Stamp { mode: MODE, ..place.folder.stamp()? };
                fresh.own_as(&like)?;
                fresh.put_new()?;
                true
            }
        };
        let detail = format!("{} {}", cut(path), if made { "is set" } else { "was set already" });
        Ok(Acted::new(ActOutcome::Done, detail).knowing(json!({ "path": path, "made": made })))
    }
}
