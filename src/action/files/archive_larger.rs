//! `files.archive_larger`: large files to another folder.

use super::super::{Act, Form, StepKind};
use super::{Bench, Files, LONG, Work, age_form, amount, count_form, glob_form, is_older, path_form, pick};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::size::Size;
use crate::domain::target::cut;
use crate::domain::time::Span;
use crate::link::beneath::{Folder, Fresh, Odd, Pick, Place, Stamp, Trouble, walk, written_to};
use crate::link::until::Until;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Moves large files of a folder to another folder, on another disk as a rule.
///
/// Both folders must lie beneath `targets: paths:`. Each file is copied with owner, mode and time, is on the other disk, is read
/// back and has the same size and SHA-256 before the original is removed. A name that is taken there is left alone. The same
/// files are left alone as by `files.delete_older`, and what a process writes to, as by `files.compress_older`. Folders below are
/// not looked into. It ends before a copy for which the other disk has no room.
///
/// Facts: `from`, `to`, `names` (what was moved), `files`, `bytes`, `left`, `skipped: {reason: count}`. A rollback brings the
/// files back by them:
///
/// ```yaml
/// - files.archive_larger: { path: /var/lib/worker/out, glob: "*.tar", larger_than: 100MB, to: /mnt/archive/worker }
///   register: archived
/// # under Rollback:
/// - files.move_back: { path: /var/lib/worker/out, from: /mnt/archive/worker, names: "{{ steps.archived.names | tojson }}" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveLarger {
    /// The folder, absolute, at or beneath an entry of `targets: paths:`.
    path: String,
    /// Which names: `*` and `?` as in a shell. Mandatory.
    glob: String,
    /// At least so big: `100MB`.
    larger_than: Size,
    /// Where they go: an existing folder, absolute, at or beneath an entry of `targets: paths:`.
    to: String,
    /// And not changed for so long: 1m to 366d; 1m where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    older_than: Option<Span>,
    /// At most so many in one run, the oldest first: 1 to 100; 50 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_files: Option<u32>,
}

#[derive(Clone, Debug)]
struct Archive {
    path: String,
    pick: Pick,
    size: u64,
    age: Duration,
    to: String,
    max: usize,
}

const MAX: u32 = 100;
const MAX_DEFAULT: u32 = 50;
/// The facts must name all that was moved.
const NAMES_BYTES_MAX: usize = 6_000;

// === impl StepKind for ArchiveLarger ===

impl StepKind for ArchiveLarger {
    const KIND: &'static str = "files.archive_larger";

    fn form(&self) -> Result<Form, String> {
        path_form("path", &self.path)?;
        path_form("to", &self.to)?;
        glob_form(&self.glob)?;
        age_form(self.age())?;
        count_form("max_files", self.max_files.unwrap_or(MAX_DEFAULT), MAX)?;
        if self.path == self.to {
            return Err("path and to are the same folder".to_owned());
        }
        Ok(Form::new(StepObject::Nothing, Risk::Idempotent, LONG))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Files(Archive {
            pick: pick(&self.glob, 0)?,
            size: self.larger_than.0,
            age: self.age().0,
            max: self.max_files.unwrap_or(MAX_DEFAULT) as usize,
            path: self.path,
            to: self.to,
        })))
    }
}

impl ArchiveLarger {
    fn age(&self) -> Span {
        self.older_than.unwrap_or(Span(super::AGE_MIN))
    }
}

// === impl Work for Archive ===

impl Work for Archive {
    fn paths(&self) -> Vec<&str> {
        vec![&self.path, &self.to]
    }

    fn work(&self, bench: &Bench<'_>) -> Result<Acted, Trouble> {
        let (from, to) = (bench.ground.folder(&self.path)?, bench.ground.folder(&self.to)?);
        let found = walk(bench.ground, &from, &self.pick, bench.until)?;
        let mut skipped = found.skipped;
        let mut large: Vec<_> =
            found.files.into_iter().filter(|file| file.stamp.size >= self.size && is_older(file, self.age)).collect();
        large.reverse();
        let more = large.len().saturating_sub(self.max);
        large.truncate(self.max);
        let held = written_to(&large.iter().map(|file| (file.stamp.device, file.stamp.inode)).collect(), bench.until);

        let (mut names, mut moved, mut left, mut first) = (Vec::<String>::new(), 0, more as u64, None);
        let mut pending = large.iter();
        while let Some(file) = pending.next() {
            let length: usize = names.iter().map(|name| name.len() + 3).sum::<usize>() + file.place.name.len();
            if bench.until.is_over() || length > NAMES_BYTES_MAX {
                left += 1 + pending.len() as u64;
                break;
            }
            if held.contains(&(file.stamp.device, file.stamp.inode)) {
                skipped.add(Odd::Held);
                continue;
            }
            match transfer(&file.place, &file.stamp, &to, bench.until) {
                Ok(()) => {
                    names.push(file.place.name.clone());
                    moved += file.stamp.size;
                }
                Err(trouble @ (Trouble::Failed(_) | Trouble::Late(_))) => {
                    // The next one would meet the same disk.
                    left += 1 + pending.len() as u64;
                    first = Some(trouble);
                    break;
                }
                Err(trouble) => {
                    skipped.add(Odd::of(&trouble));
                    first.get_or_insert(trouble);
                }
            }
            bench.progress.say(format!("{} of {} moved", names.len(), large.len()));
        }
        let files = names.len() as u64;
        let mut detail = format!("moved {} to {}", amount(files, moved), cut(&self.to));
        if left > 0 {
            detail += &format!("; {left} are left for another run");
        }
        if let Some(why) = found.cut_short {
            detail += &format!("; not all was seen: {why}");
        }
        let nothing = files == 0 && (left > 0 || first.is_some());
        if let Some(trouble) = first {
            detail += &format!("; {trouble}");
        }
        let outcome = if nothing { ActOutcome::Failed } else { ActOutcome::Done };
        Ok(Acted::new(outcome, detail + &skipped.words()).knowing(json!({
            "from": self.path,
            "to": self.to,
            "names": names,
            "files": files,
            "bytes": moved,
            "left": left,
            "skipped": skipped.facts(),
        })))
    }
}

/// Copies, compares, removes.
pub(super) fn transfer(from: &Place, stamp: &Stamp, to: &Folder, until: &Until) -> Result<(), Trouble> {
    let target = to.place(&from.name);
    if let Some(there) = target.file()? {
        // By a run that was cut off between the two: it is finished. Anything else is somebody's.
        let same = there.size == stamp.size && target.digest(&there, until)? == from.digest(stamp, until)?;
        if !same {
            return Err(Trouble::Refused(Odd::Taken, format!("{} is there already: left alone", cut(&target.path()))));
        }
        return from.remove(stamp);
    }
    let (free, _) = to.space()?;
    if free < stamp.size {
        let (needs, path) = (Size(stamp.size), cut(to.path()));
        return Err(Trouble::Failed(format!("{} needs {needs}, and {path} has {} free", cut(&from.name), Size(free))));
    }
    let mut fresh = Fresh::create(&target)?;
    let copied = fresh.fill(from, stamp, until)?;
    fresh.own_as(stamp)?;
    fresh.set_modified(stamp)?;
    let written = fresh.sync()?;
    let read = fresh.temporary().digest(&written, until)?;
    if copied.bytes != stamp.size || written.size != stamp.size || read != copied.sha256 {
        return Err(Trouble::Failed(format!(
            "{}: read back it is not what was written; the original stays",
            cut(&target.path())
        )));
    }
    fresh.put_new()?;
    from.remove(stamp)
}
