//! `files.write_default`: a shipped default in the place of a file that is gone.

use super::super::{Act, Form, StepKind};
use super::{Bench, Files, QUICK, Work, aside, path_form};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::size::Size;
use crate::domain::target::cut;
use crate::link::beneath::{Fresh, Odd, Stamp, Trouble};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Writes a file that is missing from a shipped default, which is another file.
///
/// What is there stays, unless `replace: true` is written; then it is kept beside it under its name and the time (`aside`).
/// The mode is the default's; owner and group are those of the present file, or of the folder where there is none. Never
/// touched is what holds heald's own configuration, state and playbooks: "write the default when it is missing" would silently
/// erase a safety policy. A default of more than 1 MiB or of no bytes is refused.
///
/// Facts: `path`, `written` (false: it was there), `aside` (null where there was nothing), `bytes`.
///
/// ```yaml
/// - files.write_default: { path: /etc/shop/shop.conf, from: /usr/share/shop/shop.conf.default }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteDefault {
    /// The file, absolute, at or beneath an entry of `targets: paths:`.
    path: String,
    /// The default, absolute, at or beneath an entry of `targets: paths:`.
    from: String,
    /// Also where a file is there: false where it is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    replace: bool,
}

#[derive(Clone, Debug)]
struct Default {
    path: String,
    from: String,
    replace: bool,
}

const SIZE_MAX: Size = Size(1 << 20);

// === impl StepKind for WriteDefault ===

impl StepKind for WriteDefault {
    const KIND: &'static str = "files.write_default";

    fn form(&self) -> Result<Form, String> {
        path_form("path", &self.path)?;
        path_form("from", &self.from)?;
        if self.path == self.from {
            return Err("path and from are the same file".to_owned());
        }
        Ok(Form::new(StepObject::Nothing, Risk::Idempotent, QUICK))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Files(Default { path: self.path, from: self.from, replace: self.replace })))
    }
}

// === impl Work for Default ===

impl Work for Default {
    fn paths(&self) -> Vec<&str> {
        vec![&self.path, &self.from]
    }

    fn work(&self, bench: &Bench<'_>) -> Result<Acted, Trouble> {
        let (place, from) = (bench.ground.place(&self.path)?, bench.ground.place(&self.from)?);
        let (present, stamp) = (place.file()?, from.present()?);
        if present.is_some() && !self.replace {
            let facts = json!({ "path": self.path, "written": false, "aside": null, "bytes": 0 });
            return Ok(Acted::new(ActOutcome::Done, format!("{} is there: left as it is", cut(&self.path))).knowing(facts));
        }
        if stamp.size == 0 || stamp.size > SIZE_MAX.0 {
            let why = format!("{} has {}: a default has 1 B to {SIZE_MAX}", cut(&self.from), Size(stamp.size));
            return Err(Trouble::Refused(Odd::Unfit, why));
        }
        let whose = present.map_or_else(|| place.folder.stamp(), Ok)?;
        let kept = aside(&place, bench.until)?.map(|place| place.path());
        let mut fresh = Fresh::create(&place)?;
        let copied = fresh.fill(&from, &stamp, bench.until)?;
        fresh.own_as(&Stamp { user: whose.user, group: whose.group, ..stamp })?;
        if present.is_some() { fresh.put() } else { fresh.put_new() }?;
        let mut detail = format!("wrote {} from {}", cut(&self.path), cut(&self.from));
        if let Some(kept) = &kept {
            detail += &format!("; what was there is {kept}");
        }
        let facts = json!({ "path": self.path, "written": true, "aside": kept, "bytes": copied.bytes });
        Ok(Acted::new(ActOutcome::Done, detail).knowing(facts))
    }
}
