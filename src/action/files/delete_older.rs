//! `files.delete_older`: old files of one kind out of one folder.

use super::super::{Act, Form, StepKind};
use super::{Bench, Files, LONG, Work, age_form, amount, bytes, count_form, depth_form, glob_form, is_older, path_form, pick};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::time::Span;
use crate::link::beneath::{Odd, Pick, Trouble, walk};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Deletes files of a folder that match a pattern and were not changed for a while; the newest ones stay in any case.
///
/// The folder must lie beneath `targets: paths:`. Only regular files with one name, on the folder's own file system, are
/// deleted. Left alone, counted and told are: symbolic links (never followed), files with several names (hard links), folders,
/// pipes, sockets, devices, other mounts, names with newlines or control characters, and all that is heald's own. First it is
/// counted what would be deleted (`would` in the facts), then the oldest go first, until the step's deadline; what is left is
/// told. Nothing to delete is no failure.
///
/// Age is by the last change (mtime) and the wall clock: a clock that jumps ahead makes files old, and `keep` is what stands
/// between that and an empty folder. What is deleted is gone: a rung with this step needs a *Rollback*, `mode: approve` or
/// `irreversible: accepted`.
///
/// Facts: `files`, `bytes` (deleted), `would: {files, bytes}`, `matched`, `kept`, `left`, `skipped: {reason: count}`.
///
/// ```yaml
/// - files.delete_older: { path: /var/lib/worker/out, glob: "*.tmp", older_than: 7d, keep: 10 }
///   register: cleaned
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteOlder {
    /// The folder, absolute, at or beneath an entry of `targets: paths:`.
    path: String,
    /// Which names: `*` and `?` as in a shell; a dot at the beginning is matched by a dot only. Mandatory.
    glob: String,
    /// Since the last change: 1m to 366d. Mandatory.
    older_than: Span,
    /// So many of the newest that match stay, however old: 0 to 100000; 1 where it is left out, none only where 0 is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep: Option<u32>,
    /// At most so many in one run, the oldest first: 1 to 100000; 10000 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_files: Option<u32>,
    /// Folders below: 0 to 8; 0, the folder itself, where it is left out. Emptied folders stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    depth: Option<u32>,
}

#[derive(Clone, Debug)]
struct Delete {
    path: String,
    pick: Pick,
    age: Duration,
    keep: usize,
    max: usize,
}

const MAX: u32 = 100_000;
const MAX_DEFAULT: u32 = 10_000;

// === impl StepKind for DeleteOlder ===

impl StepKind for DeleteOlder {
    const KIND: &'static str = "files.delete_older";

    fn form(&self) -> Result<Form, String> {
        path_form("path", &self.path)?;
        glob_form(&self.glob)?;
        age_form(self.older_than)?;
        depth_form(self.depth.unwrap_or(0))?;
        count_form("max_files", self.max_files.unwrap_or(MAX_DEFAULT), MAX)?;
        if self.keep.is_some_and(|keep| keep > MAX) {
            return Err(format!("keep {} is out of range: 0 to {MAX}", self.keep.unwrap_or(0)));
        }
        Ok(Form::new(StepObject::Nothing, Risk::Idempotent, LONG).for_good())
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Files(Delete {
            pick: pick(&self.glob, self.depth.unwrap_or(0))?,
            path: self.path,
            age: self.older_than.0,
            keep: self.keep.unwrap_or(1) as usize,
            max: self.max_files.unwrap_or(MAX_DEFAULT) as usize,
        })))
    }
}

// === impl Work for Delete ===

impl Work for Delete {
    fn paths(&self) -> Vec<&str> {
        vec![&self.path]
    }

    fn work(&self, bench: &Bench<'_>) -> Result<Acted, Trouble> {
        let folder = bench.ground.folder(&self.path)?;
        let found = walk(bench.ground, &folder, &self.pick, bench.until)?;
        let mut skipped = found.skipped;
        let matched = found.files.len();
        let kept = matched.min(self.keep);
        // Of a walk that was cut short the newest seen stay: fewer are deleted than could be, never more.
        let mut old: Vec<_> = found.files.into_iter().skip(self.keep).filter(|file| is_older(file, self.age)).collect();
        old.reverse();
        let more = old.len().saturating_sub(self.max);
        old.truncate(self.max);
        let would = (old.len() as u64, bytes(&old));
        bench.progress.say(format!("{} would go of {matched} that match", amount(would.0, would.1)));

        let (mut files, mut freed, mut left, mut first) = (0_u64, 0_u64, more as u64, None);
        let mut pending = old.iter();
        while let Some(file) = pending.next() {
            if bench.until.is_over() {
                left += 1 + pending.len() as u64;
                break;
            }
            match file.place.remove(&file.stamp) {
                Ok(()) => (files, freed) = (files + 1, freed + file.stamp.size),
                Err(trouble) => {
                    skipped.add(Odd::of(&trouble));
                    first.get_or_insert(trouble);
                }
            }
            bench.progress.say(format!("{} of {} deleted", files, would.0));
        }
        if let (0, Some(trouble @ Trouble::Denied(_))) = (files, &first) {
            return Err(trouble.clone());
        }
        let mut detail = format!("deleted {} of {matched} that match", amount(files, freed));
        if left > 0 {
            detail += &format!("; {left} are left for another run");
        }
        if let Some(why) = found.cut_short {
            detail += &format!("; not all was seen: {why}");
        }
        // Its time was over before anything was done: the probes have nothing to judge.
        let outcome = if files == 0 && left > 0 { ActOutcome::Failed } else { ActOutcome::Done };
        Ok(Acted::new(outcome, detail + &skipped.words()).knowing(json!({
            "files": files,
            "bytes": freed,
            "would": { "files": would.0, "bytes": would.1 },
            "matched": matched,
            "kept": kept,
            "left": left,
            "skipped": skipped.facts(),
        })))
    }
}
