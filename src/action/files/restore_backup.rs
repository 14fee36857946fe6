//! `files.restore_backup`: a file from its backup.

use super::super::{Act, Form, StepKind};
use super::{Bench, Files, LONG, Work, aside, glob_form, is_aside, path_form};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::cut;
use crate::domain::template::is_template;
use crate::link::beneath::{Found, Fresh, Glob, Ground, Odd, Pick, Place, Stamp, Trouble, split, walk};
use crate::link::sqlite::BESIDE;
use crate::link::until::Until;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Puts a file back from its backup: from `FILE.bak`, from a named file, or from the newest that matches a pattern.
///
/// The present file is kept beside it under its name and the time (`aside` in the facts). The backup is copied under another
/// name, is on the disk, and then takes the name in one step, so that nobody ever reads half of it. Owner, group and mode are
/// those of the present file; where there is none, those of the backup. An empty backup is refused: it would restore nothing. Not
/// for databases: a log that lies beside would undo it; see `sqlite.restore`.
///
/// Facts: `path`, `from` (the backup that was taken), `aside` (null where there was nothing), `bytes`, `sha256`.
///
/// ```yaml
/// - files.restore_backup: { path: /etc/shop/shop.conf }
/// - files.restore_backup: { path: /etc/shop/shop.conf, from: "/var/backups/shop/shop.conf.*" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreBackup {
    /// The file, absolute, at or beneath an entry of `targets: paths:`.
    path: String,
    /// The backup, absolute, at or beneath an entry of `targets: paths:`; with `*` or `?` in its name the newest that matches,
    /// `path` itself and heald's own copies aside excepted. Where it is left out: `path` with `.bak` behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

#[derive(Clone, Debug)]
struct Restore {
    path: String,
    from: Option<String>,
}

// === impl StepKind for RestoreBackup ===

impl StepKind for RestoreBackup {
    const KIND: &'static str = "files.restore_backup";

    fn form(&self) -> Result<Form, String> {
        path_form("path", &self.path)?;
        if let Some(from) = &self.from {
            from_form(from)?;
        }
        Ok(Form::new(StepObject::Nothing, Risk::Idempotent, LONG))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Files(Restore { path: self.path, from: self.from })))
    }
}

/// A path whose name may be a pattern.
pub(in crate::action) fn from_form(from: &str) -> Result<(), String> {
    if is_template(from) {
        return Ok(());
    }
    let (folder, name) = split(from);
    if Glob::is_pattern(folder) {
        return Err(format!("from {:?}: only the name may be a pattern, not its folder", cut(from)));
    }
    path_form("from", from)?;
    if Glob::is_pattern(name) { glob_form(name) } else { Ok(()) }
}

/// What a path means whose name may be a pattern: the newest that matches. The file that is to be restored is no backup of
/// itself, nor is what lies beside it; and the broken file that heald put aside is none unless the pattern says `.heald-`.
///
/// # Errors
/// Nothing does, or not all could be seen.
pub(in crate::action) fn newest(ground: &Ground, from: &str, of: &Place, until: &Until) -> Result<Place, Trouble> {
    let (folder, name) = split(from);
    if !Glob::is_pattern(name) {
        return ground.place(from);
    }
    let pick = Pick { glob: Glob::new(name).map_err(Trouble::NotAllowed)?, depth: 0 };
    let found = walk(ground, &ground.folder(folder)?, &pick, until)?;
    if let Some(why) = found.cut_short {
        return Err(Trouble::Failed(format!("{}: which is the newest can't be told: {why}", cut(folder))));
    }
    // Behind an empty newest one an older one may look good, and nobody would know what it lacks.
    let own: Vec<_> = [""].into_iter().chain(BESIDE).filter_map(|ending| of.beside(ending).file().ok().flatten()).collect();
    let is_own = |stamp: &Stamp| own.iter().any(|own| (own.device, own.inode) == (stamp.device, stamp.inode));
    let is_backup = |file: &Found| !is_own(&file.stamp) && (name.contains(".heald-") || !is_aside(&file.place.name));
    let newest = found.files.into_iter().find(is_backup).map(|file| file.place);
    newest.ok_or_else(|| Trouble::Missing(format!("nothing matches {}{}", cut(from), found.skipped.words())))
}

// === impl Work for Restore ===

impl Work for Restore {
    fn paths(&self) -> Vec<&str> {
        // Of a pattern it is the folder that must be allowed.
        let from = self.from.as_deref().map(|from| match split(from) {
            (folder, name) if Glob::is_pattern(name) => folder,
            _ => from,
        });
        [self.path.as_str()].into_iter().chain(from).collect()
    }

    fn work(&self, bench: &Bench<'_>) -> Result<Acted, Trouble> {
        let place = bench.ground.place(&self.path)?;
        let from = match &self.from {
            // Beside it, and its own: allowed as the file is.
            None => place.beside(".bak"),
            Some(from) => newest(bench.ground, from, &place, bench.until)?,
        };
        let stamp = from.present()?;
        if stamp.size == 0 {
            return Err(Trouble::Refused(Odd::Unfit, format!("{} is empty: that restores nothing", cut(&from.path()))));
        }
        let present = place.file()?;
        let kept = aside(&place, bench.until)?;
        let mut fresh = Fresh::create(&place)?;
        let copied = fresh.fill(&from, &stamp, bench.until)?;
        fresh.own_as(present.as_ref().unwrap_or(&stamp))?;
        fresh.put()?;
        let kept = kept.map(|place| place.path());
        let mut detail = format!("restored {} from {}", cut(&self.path), from.path());
        if let Some(kept) = &kept {
            detail += &format!("; what was there is {kept}");
        }
        Ok(Acted::new(ActOutcome::Done, detail).knowing(json!({
            "path": self.path,
            "from": from.path(),
            "aside": kept,
            "bytes": copied.bytes,
            "sha256": copied.sha256,
        })))
    }
}
