//! `files.copy_aside`: a copy before something is changed.

use super::super::{Act, Form, StepKind};
use super::{Bench, Files, LONG, Work, aside_name, copy, path_form};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::size::Size;
use crate::domain::target::cut;
use crate::link::beneath::{Folder, Odd, Place, Trouble, copy_tree, split, written_to};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Copies a file or a folder beside itself, or into another folder, under its name and the time: `shop.conf.heald-20261122T…Z`.
///
/// Owner, mode and time are kept; access lists (ACL) and extended attributes are not. With a file go `-wal`, `-shm` and
/// `-journal`, where they are: a SQLite database is all of them. It is copied as it is, also when it is damaged; what a process
/// writes to meanwhile may be torn (`written_to` says so): of a database in use `sqlite.backup` makes a sound copy. Of a folder
/// regular files and folders are copied, at most 20000 and 16 deep; links, pipes and the like are counted in `skipped`. All of it
/// is copied or nothing, and nothing where the disk has no room.
///
/// The path must lie beneath `targets: paths:` or be one of `targets: databases:`. A folder that is itself the allowed one can't
/// be copied beside itself: name `to`.
///
/// Facts: `path` (of the copy), `files`, `bytes`, `written_to`, `skipped: {reason: count}`; for a file `sha256`.
///
/// ```yaml
/// - files.copy_aside: { path: /etc/shop/shop.conf }
///   register: copy
/// # under Rollback:
/// - files.restore_backup: { path: /etc/shop/shop.conf, from: "{{ steps.copy.path }}" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyAside {
    /// The file or folder, absolute.
    path: String,
    /// The folder for the copy: existing, absolute, at or beneath an entry of `targets: paths:`. Beside the original where it is
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

#[derive(Clone, Debug)]
struct Aside {
    path: String,
    to: Option<String>,
}

const WITH_IT: [&str; 3] = ["-wal", "-shm", "-journal"];

// === impl StepKind for CopyAside ===

impl StepKind for CopyAside {
    const KIND: &'static str = "files.copy_aside";

    fn form(&self) -> Result<Form, String> {
        path_form("path", &self.path)?;
        self.to.as_ref().map_or(Ok(()), |to| path_form("to", to))?;
        Ok(Form::new(StepObject::Nothing, Risk::Idempotent, LONG))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Files(Aside { path: self.path, to: self.to })))
    }
}

// === impl Work for Aside ===

impl Work for Aside {
    const DATABASES: bool = true;

    fn paths(&self) -> Vec<&str> {
        [&self.path].into_iter().chain(&self.to).map(String::as_str).collect()
    }

    fn work(&self, bench: &Bench<'_>) -> Result<Acted, Trouble> {
        match bench.ground.folder(&self.path) {
            Ok(folder) => self.folder(&folder, bench),
            Err(Trouble::Refused(Odd::NoFolder, _)) => self.file(bench),
            Err(other) => Err(other),
        }
    }
}

impl Aside {
    fn target(&self, beside: impl FnOnce() -> Result<Folder, Trouble>, bench: &Bench<'_>) -> Result<Place, Trouble> {
        let folder = self.to.as_ref().map_or_else(beside, |to| bench.ground.folder(to))?;
        let name = aside_name(split(&self.path).1);
        crate::link::beneath::check_name(&name).map_err(Trouble::NotAllowed)?;
        Ok(folder.place(&name))
    }

    fn file(&self, bench: &Bench<'_>) -> Result<Acted, Trouble> {
        let place = bench.ground.place(&self.path)?;
        let stamp = place.present()?;
        let target = self.target(|| Ok(place.folder.clone()), bench)?;
        let mut also = Vec::new();
        for ending in WITH_IT {
            if let Some(stamp) = place.beside(ending).file()? {
                also.push((ending, stamp));
            }
        }
        let bytes: u64 = stamp.size + also.iter().map(|(_, stamp)| stamp.size).sum::<u64>();
        let (free, _) = target.folder.space()?;
        if bytes > free {
            let path = cut(&self.path);
            return Err(Trouble::Failed(format!("{path} has {}, and {} are free: nothing was copied", Size(bytes), Size(free))));
        }
        let all: Vec<_> = [stamp].into_iter().chain(also.iter().map(|(_, stamp)| *stamp)).collect();
        let held = written_to(&all.iter().map(|stamp| (stamp.device, stamp.inode)).collect(), bench.until);
        // The log first: what is in the file by then is in the log too, or was copied into the file by a checkpoint.
        for (ending, stamp) in &also {
            copy(&place.beside(ending), stamp, &target.beside(ending), bench.until)?;
        }
        let copied = copy(&place, &stamp, &target, bench.until)?;
        let detail = format!("copied {} to {}", Size(bytes), target.path());
        Ok(Acted::new(ActOutcome::Done, detail).knowing(json!({
            "path": target.path(),
            "files": all.len(),
            "bytes": bytes,
            "sha256": copied.sha256,
            "written_to": !held.is_empty(),
            "skipped": {},
        })))
    }

    fn folder(&self, folder: &Folder, bench: &Bench<'_>) -> Result<Acted, Trouble> {
        let target = self.target(|| bench.ground.folder(split(&self.path).0), bench)?;
        if crate::link::beneath::is_beneath(target.folder.path(), &self.path) {
            return Err(Trouble::NotAllowed(format!("to: {} lies in what is copied", cut(target.folder.path()))));
        }
        let copied = copy_tree(bench.ground, folder, &target, bench.until)?;
        let detail = format!("copied {} to {}", super::amount(copied.files, copied.bytes), target.path());
        Ok(Acted::new(ActOutcome::Done, detail + &copied.skipped.words()).knowing(json!({
            "path": target.path(),
            "files": copied.files,
            "bytes": copied.bytes,
            "written_to": false,
            "skipped": copied.skipped.facts(),
        })))
    }
}
