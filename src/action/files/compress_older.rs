//! `files.compress_older`: gzip in the place of old files.

use super::super::{Act, Form, StepKind};
use super::{Bench, Files, LONG, Work, age_form, amount, count_form, depth_form, glob_form, is_older, path_form, pick};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::size::Size;
use crate::domain::time::Span;
use crate::link::beneath::{Found, Fresh, Hashed, Odd, Pick, Place, Trouble, check_name, walk, written_to};
use crate::link::until::Until;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{Seek as _, SeekFrom};
use std::time::Duration;

/// Compresses files of a folder that match a pattern and were not changed for a while: `NAME` becomes `NAME.gz`.
///
/// The compressed file is written under another name, with the owner, mode and time of the original, read back and compared,
/// and on the disk before the original is removed. Files that end in `.gz`, `.xz`, `.zst`, `.bz2` or `.zip` are passed over, and
/// so is what a process has open for writing, as far as heald may see that: as root all of it, else its own user's processes
/// only. Access lists (ACL) and extended attributes are not taken along. The same folders and files are left alone as by
/// `files.delete_older`. On a disk without any room nothing can be compressed: delete or move something first.
///
/// Nothing is lost: `gunzip` brings the original back.
///
/// Facts: `files`, `bytes` (before), `after`, `freed`, `left`, `skipped: {reason: count}`.
///
/// ```yaml
/// - files.compress_older: { path: /var/log/shop, glob: "*.log.*", older_than: 7d }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompressOlder {
    /// The folder, absolute, at or beneath an entry of `targets: paths:`.
    path: String,
    /// Which names: `*` and `?` as in a shell. Mandatory.
    glob: String,
    /// Since the last change: 1m to 366d. Mandatory.
    older_than: Span,
    /// At most so many in one run, the oldest first: 1 to 100000; 1000 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_files: Option<u32>,
    /// Folders below: 0 to 8; 0, the folder itself, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    depth: Option<u32>,
}

#[derive(Clone, Debug)]
struct Compress {
    path: String,
    pick: Pick,
    age: Duration,
    max: usize,
}

const MAX: u32 = 100_000;
const MAX_DEFAULT: u32 = 1_000;
const COMPRESSED: [&str; 5] = [".gz", ".xz", ".zst", ".bz2", ".zip"];

// === impl StepKind for CompressOlder ===

impl StepKind for CompressOlder {
    const KIND: &'static str = "files.compress_older";

    fn form(&self) -> Result<Form, String> {
        path_form("path", &self.path)?;
        glob_form(&self.glob)?;
        age_form(self.older_than)?;
        depth_form(self.depth.unwrap_or(0))?;
        count_form("max_files", self.max_files.unwrap_or(MAX_DEFAULT), MAX)?;
        Ok(Form::new(StepObject::Nothing, Risk::Idempotent, LONG))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Files(Compress {
            pick: pick(&self.glob, self.depth.unwrap_or(0))?,
            path: self.path,
            age: self.older_than.0,
            max: self.max_files.unwrap_or(MAX_DEFAULT) as usize,
        })))
    }
}

// === impl Work for Compress ===

impl Work for Compress {
    fn paths(&self) -> Vec<&str> {
        vec![&self.path]
    }

    fn work(&self, bench: &Bench<'_>) -> Result<Acted, Trouble> {
        let folder = bench.ground.folder(&self.path)?;
        let found = walk(bench.ground, &folder, &self.pick, bench.until)?;
        let (mut skipped, matched) = (found.skipped, found.files.len());
        let plain = |file: &Found| !COMPRESSED.iter().any(|ending| file.place.name.ends_with(ending));
        let mut old: Vec<_> = found.files.into_iter().filter(|file| plain(file) && is_older(file, self.age)).collect();
        old.reverse();
        let more = old.len().saturating_sub(self.max);
        old.truncate(self.max);
        let held = written_to(&old.iter().map(|file| (file.stamp.device, file.stamp.inode)).collect(), bench.until);

        let (mut files, mut before, mut after, mut left, mut first) = (0_u64, 0_u64, 0_u64, more as u64, None);
        let mut pending = old.iter();
        while let Some(file) = pending.next() {
            if bench.until.is_over() {
                left += 1 + pending.len() as u64;
                break;
            }
            if held.contains(&(file.stamp.device, file.stamp.inode)) {
                skipped.add(Odd::Held);
                continue;
            }
            match compress(file, bench.until) {
                Ok(size) => (files, before, after) = (files + 1, before + file.stamp.size, after + size),
                Err(Trouble::Late(_)) => left += 1,
                Err(trouble) => {
                    skipped.add(Odd::of(&trouble));
                    first.get_or_insert(trouble);
                }
            }
            bench.progress.say(format!("{files} of {} compressed", old.len()));
        }
        if let (0, Some(trouble @ (Trouble::Denied(_) | Trouble::Failed(_)))) = (files, &first) {
            return Err(trouble.clone());
        }
        let mut detail = format!("compressed {} of {matched} that match to {}", amount(files, before), Size(after));
        if left > 0 {
            detail += &format!("; {left} are left for another run");
        }
        if let Some(why) = found.cut_short {
            detail += &format!("; not all was seen: {why}");
        }
        if let Some(trouble) = first {
            detail += &format!("; {trouble}");
        }
        let outcome = if files == 0 && left > 0 { ActOutcome::Failed } else { ActOutcome::Done };
        Ok(Acted::new(outcome, detail + &skipped.words()).knowing(json!({
            "files": files,
            "bytes": before,
            "after": after,
            "freed": before.saturating_sub(after),
            "left": left,
            "skipped": skipped.facts(),
        })))
    }
}

/// The compressed size.
fn compress(file: &Found, until: &Until) -> Result<u64, Trouble> {
    let name = format!("{}.gz", file.place.name);
    check_name(&name).map_err(|why| Trouble::Refused(Odd::Name, why))?;
    let target = file.place.folder.place(&name);
    if let Some(there) = target.file()? {
        // By a run that was cut off between the two: it is finished. Anything else is somebody's.
        let original = file.place.digest(&file.stamp, until)?;
        if unpacked(&target, &mut target.open(&there)?, until).ok() != Some(original) {
            return Err(Trouble::Refused(Odd::Taken, format!("{name} is there already: left alone")));
        }
        file.place.remove(&file.stamp)?;
        return Ok(there.size);
    }
    let source = file.place.open(&file.stamp)?;
    let mut hashed = Hashed::new(&source, until);
    let mut fresh = Fresh::create(&target)?;
    let mut encoder = GzEncoder::new(fresh.file(), Compression::default());
    let copied = std::io::copy(&mut hashed, &mut encoder).and_then(|_| encoder.finish().map(drop));
    copied.map_err(|error| file.place.reading(&error, until))?;
    file.place.is_still(&source, &file.stamp)?;
    fresh.file().seek(SeekFrom::Start(0)).map_err(|error| Trouble::of(&target.path(), &error))?;
    if unpacked(&target, fresh.file(), until)? != hashed.digest() {
        return Err(Trouble::Failed(format!("{name}: read back it is not what was written; the original stays")));
    }
    let size = fresh.file().metadata().map_err(|error| Trouble::of(&target.path(), &error))?.len();
    fresh.own_as(&file.stamp)?;
    fresh.set_modified(&file.stamp)?;
    fresh.put_new()?;
    file.place.remove(&file.stamp)?;
    Ok(size)
}

/// The digest of what is in it.
fn unpacked(place: &Place, packed: &mut std::fs::File, until: &Until) -> Result<String, Trouble> {
    let mut hashed = Hashed::new(MultiGzDecoder::new(packed), until);
    hashed.drain().map_err(|error| place.reading(&error, until))?;
    Ok(hashed.digest())
}
