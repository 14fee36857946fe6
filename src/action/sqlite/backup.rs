//! `sqlite.backup`: a sound copy of a database in use.

use super::super::files::{path_form, time_stamp};
use super::super::{Act, Call, Form, StepKind, object};
use super::{DEADLINE, admit, database_of, failed, limits, off, path_of, place_of};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::size::Size;
use crate::domain::target::{AllowList, TargetKind, cut};
use crate::link::beneath::{Folder, Fresh, Glob, Ground, Pick, Trouble, check_name, walk};
use crate::link::sqlite::{Verdict, copy, copy_is_sound};
use crate::link::until::Until;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Backs a SQLite database up into a folder, also while it is in use: `shop.db-20261122T180000.123Z.bak`.
///
/// SQLite's online backup takes all that is committed, also what is only in the write-ahead log; a copy of the file alone would
/// lack it. The copy is written under another name, checked (`integrity_check`), on the disk and then renamed; a damaged database
/// makes no backup, and the step fails. The copy has the database's mode, and its owner where heald may give files away. Older
/// backups of the same database in the folder are deleted beyond `keep`: only files of exactly such a name, and only after the new
/// one is there. The file must be named under `targets: databases:`, the folder lie beneath `targets: paths:`.
///
/// Facts: `path` (of the backup), `bytes`, `deleted` (older ones).
///
/// ```yaml
/// - sqlite.backup: { database: /var/lib/shop/shop.db, to: /var/backups/shop, keep: 10 }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Another file than the playbook's target: absolute, as `targets: databases:` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    /// The folder: existing, absolute, at or beneath an entry of `targets: paths:`.
    to: String,
    /// So many backups stay, with the new one: 1 to 1000; all of them where it is left out. With `keep` the step is irreversible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep: Option<u32>,
}

#[derive(Clone, Debug)]
struct Backup {
    database: String,
    to: String,
    keep: Option<usize>,
}

const KEEP_MAX: u32 = 1_000;
/// `20261122T180000.123Z`
const STAMP_LENGTH: usize = 20;
const ENDING: &str = ".bak";

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "sqlite.backup";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Database);

    fn form(&self) -> Result<Form, String> {
        path_form("to", &self.to)?;
        if self.keep.is_some_and(|keep| !(1..=KEEP_MAX).contains(&keep)) {
            return Err(format!("keep {} is out of range: 1 to {KEEP_MAX}", self.keep.unwrap_or(0)));
        }
        let form = Form::new(object(TargetKind::Database, self.database.as_ref())?, Risk::Idempotent, DEADLINE);
        Ok(if self.keep.is_some() { form.for_good() } else { form })
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Backup { database: database_of(step)?, to: self.to, keep: self.keep.map(|keep| keep as usize) }))
    }
}

// === impl Act for Backup ===

impl Act for Backup {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        admit(allow, &self.database)?;
        Ground::new(Arc::new(allow.clone())).admit(&self.to).map_err(|trouble| trouble.to_string())
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        let work = self.clone();
        off(call, &self.database, move |ground, until| work.work(ground, until))
            .map(|done| done.unwrap_or_else(std::convert::identity))
            .boxed()
    }
}

// === impl Backup ===

impl Backup {
    fn work(&self, ground: &Ground, until: &Until) -> Result<Acted, Trouble> {
        let place = place_of(ground, &self.database)?;
        let stamp = place.present()?;
        let to = ground.folder(&self.to)?;
        let (free, _) = to.space()?;
        if free < stamp.size {
            let why = format!("it has {}, and {} has {} free", Size(stamp.size), cut(&self.to), Size(free));
            return Err(failed(&self.database, why));
        }
        let name = format!("{}-{}{ENDING}", place.name, time_stamp());
        check_name(&name).map_err(Trouble::NotAllowed)?;
        let target = to.place(&name);
        let fresh = Fresh::create(&target)?;
        let temporary = path_of(fresh.temporary());
        copy(&path_of(&place), &temporary, &limits(until)).map_err(|why| failed(&self.database, why))?;
        let report = copy_is_sound(&temporary, &[], &limits(until)).map_err(|why| failed(&self.database, why))?;
        if let Verdict::Bad(why) = report.verdict {
            return Err(failed(&self.database, format!("its copy is not sound, and neither is it: {why}")));
        }
        // One who may not give files away keeps it to himself.
        if fresh.own_as(&stamp).is_err() {
            fresh.own_as(&crate::link::beneath::Stamp { mode: stamp.mode & 0o600, ..fresh.sync()? })?;
        }
        let bytes = fresh.sync()?.size;
        fresh.put_new()?;
        let mut detail = format!("backed up {} to {}", Size(bytes), target.path());
        let deleted = match self.keep {
            None => Value::from(0),
            Some(keep) => match prune(ground, &to, &place.name, keep, until) {
                Ok(count) => count.into(),
                // The backup is there: that was the point.
                Err(trouble) => {
                    detail += &format!("; older ones stay: {trouble}");
                    Value::from(0)
                }
            },
        };
        let facts = json!({ "path": target.path(), "bytes": bytes, "deleted": deleted });
        Ok(Acted::new(ActOutcome::Done, detail).knowing(facts))
    }
}

/// Deletes the oldest backups of one database, by the time in their names. How many.
fn prune(ground: &Ground, folder: &Folder, database: &str, keep: usize, until: &Until) -> Result<u64, Trouble> {
    let pick = Pick { glob: Glob::new(&format!("*{ENDING}")).map_err(Trouble::NotAllowed)?, depth: 0 };
    let found = walk(ground, folder, &pick, until)?;
    if let Some(why) = found.cut_short {
        return Err(Trouble::Failed(why.to_owned()));
    }
    let mut backups: Vec<_> = found.files.into_iter().filter(|file| is_backup(&file.place.name, database)).collect();
    backups.sort_by(|a, b| b.place.name.cmp(&a.place.name));
    let mut deleted = 0;
    for old in backups.iter().skip(keep) {
        old.place.remove(&old.stamp)?;
        deleted += 1;
    }
    Ok(deleted)
}

/// Whether the name is one that this kind gives, for this database.
pub(super) fn is_backup(name: &str, database: &str) -> bool {
    let inside = name.strip_prefix(database).and_then(|rest| rest.strip_prefix('-')).and_then(|rest| rest.strip_suffix(ENDING));
    inside.is_some_and(|stamp| {
        stamp.len() == STAMP_LENGTH
            && stamp.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'.',
                19 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            })
    })
}
