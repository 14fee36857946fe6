//! `sqlite.restore`: a database from its backup, while its program is stopped.
//!
//! The trap that this kind is about: a `-wal` that lies beside the restored file brings the old rows back, and the integrity
//! check says ok. So the old log goes first, after a copy of everything was made.

use super::super::files::restore_backup::{from_form, newest};
use super::super::files::{aside_name, copy as copy_file};
use super::super::{Act, Call, Form, StepKind, object};
use super::{DEADLINE, admit, database_of, failed, limits, off, path_of, place_of};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::size::Size;
use crate::domain::target::{AllowList, Target, TargetKind, cut};
use crate::domain::template::is_template;
use crate::link::Tools;
use crate::link::beneath::{Fresh, Glob, Ground, Odd, Place, Stamp, Trouble, split, written_to};
use crate::link::docker::Status;
use crate::link::sqlite::{BESIDE, Expect, Expected, Verdict, copy, copy_is_sound};
use crate::link::until::Until;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// Puts a SQLite database back from a backup. The unit or container that uses it must really be stopped.
///
/// Asked is systemd or the engine, not the playbook; and no process may have the file open for writing, as far as heald sees that.
/// The backup is copied by SQLite itself, with its own log if it has one, and checked (`integrity_check` and `expect`) before
/// anything is touched. Then the present database is copied aside with its `-wal`, `-shm` and `-journal`, these three are removed
/// (an old log that stays beside would bring the old rows back, and the check would still say ok), and the backup takes the name
/// in one step, with owner and mode of the present file. What came after the backup is lost: tell people. The file must be
/// named under `targets: databases:`, the backup lie beneath `targets: paths:` or be a copy beside the database.
///
/// Facts: `path`, `from`, `aside` (the copy of what was there; null where there was nothing), `removed` (what lay beside), `bytes`.
///
/// ```yaml
/// - systemd.stop: { unit: shop.service }
/// - sqlite.restore: { database: /var/lib/shop/shop.db, from: "/var/backups/shop/shop.db-*.bak", unit: shop.service }
///   register: restored
/// - systemd.start: { unit: shop.service }
/// # under Rollback, with the unit stopped again:
/// - sqlite.restore: { database: /var/lib/shop/shop.db, from: "{{ steps.restored.aside }}", unit: shop.service, as_it_is: true }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Another file than the playbook's target: absolute, as `targets: databases:` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    /// The backup, absolute; with `*` or `?` in its name the newest that matches, `database` itself excepted.
    from: String,
    /// The unit that must be stopped. Exactly one of `unit` and `container`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// The container that must be stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// What must be in the backup: at most 20 queries with one value each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    expect: Vec<Expected>,
    /// For a rollback: take the file and what lies beside it byte by byte, sound or not. False where it is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    as_it_is: bool,
}

#[derive(Clone, Debug)]
struct Restore {
    database: String,
    from: String,
    user: Target,
    expect: Vec<Expect>,
    as_it_is: bool,
}

/// The copy that waits for its name, and what goes beside it.
struct Prepared {
    place: Place,
    from: Place,
    fresh: Fresh,
    beside: Vec<(&'static str, Stamp)>,
    present: Option<Stamp>,
}

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "sqlite.restore";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Database);

    fn form(&self) -> Result<Form, String> {
        from_form(&self.from)?;
        Expected::all(&self.expect)?;
        let (kind, name) = self.user()?;
        if !is_template(name) {
            Target::new(kind, name)?;
        }
        Ok(Form::new(object(TargetKind::Database, self.database.as_ref())?, Risk::Idempotent, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(self.of(database_of(step)?)?))
    }
}

impl Params {
    fn of(self, database: String) -> Result<Restore, String> {
        let (kind, name) = self.user()?;
        let (user, expect) = (Target::new(kind, name)?, Expected::all(&self.expect)?);
        Ok(Restore { user, database, expect, from: self.from, as_it_is: self.as_it_is })
    }

    /// The work itself, for tests that have no systemd to ask.
    #[cfg(test)]
    pub(super) fn restored(self, database: &str, ground: &Ground, until: &Until) -> Result<Acted, Trouble> {
        let restore = self.of(database.to_owned()).map_err(Trouble::NotAllowed)?;
        restore.put(restore.prepare(ground, until)?, until)
    }

    fn user(&self) -> Result<(TargetKind, &str), String> {
        match (&self.unit, &self.container) {
            (Some(unit), None) => Ok((TargetKind::Unit, unit)),
            (None, Some(container)) => Ok((TargetKind::Container, container)),
            _ => Err("name the unit or the container that uses the database: it must be stopped".to_owned()),
        }
    }
}

// === impl Act for Restore ===

impl Act for Restore {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        admit(allow, &self.database)?;
        self.backup_is_allowed(&Ground::new(Arc::new(allow.clone()))).map_err(|trouble| trouble.to_string())
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async move { self.act(call).await.unwrap_or_else(std::convert::identity) }.boxed()
    }
}

// === impl Restore ===

impl Restore {
    async fn act(&self, call: &Call<'_>) -> Result<Acted, Acted> {
        self.is_stopped(call.tools).await?;
        let work = self.clone();
        let prepared = off(call, &self.database, move |ground, until| work.prepare(ground, until)).await?;
        // A copy may take minutes: somebody may have started it.
        self.is_stopped(call.tools).await?;
        let work = self.clone();
        off(call, &self.database, move |_, until| work.put(prepared, until)).await
    }

    /// By what runs it, not by what the playbook believes.
    async fn is_stopped(&self, tools: &Tools) -> Result<(), Acted> {
        let refuse = |why: String| {
            let why = format!("{} is {why}: nothing is restored under a running program", self.user);
            Err(Acted::new(ActOutcome::Impossible(Impossible::Refused), why))
        };
        match self.user.kind() {
            TargetKind::Unit => {
                let unit = tools.systemd.unit(self.user.name()).await.map_err(|error| error.before_sending().into_acted())?;
                let gone = unit.load == "not-found";
                if gone || unit.job.is_some() || !matches!(unit.active.as_str(), "inactive" | "failed") {
                    return refuse(unit.words());
                }
            }
            _ => {
                let found = tools.docker.container(self.user.name()).await;
                let container = found.map_err(|error| error.before_sending().into_acted())?;
                if !matches!(container.status, Status::Exited | Status::Created | Status::Dead) {
                    return refuse(container.words());
                }
            }
        }
        Ok(())
    }

    /// Beneath an allowed path, or a copy that heald made beside the database.
    fn backup_is_allowed(&self, ground: &Ground) -> Result<(), Trouble> {
        let (folder, name) = split(&self.from);
        let own_copy =
            self.from.strip_prefix(&self.database).is_some_and(|rest| rest.starts_with(".heald-") && !rest.contains('/'));
        match own_copy || (Glob::is_pattern(name) && ground.admit(folder).is_ok()) {
            true => Ok(()),
            false => ground.admit(&self.from),
        }
    }

    fn prepare(&self, ground: &Ground, until: &Until) -> Result<Prepared, Trouble> {
        self.backup_is_allowed(ground)?;
        let place = place_of(ground, &self.database)?;
        let from = match split(&self.from) {
            (folder, name) if folder == split(&self.database).0 && !Glob::is_pattern(name) => place.folder.place(name),
            _ => newest(ground, &self.from, &place, until)?,
        };
        let (stamp, present) = (from.present()?, place.file()?);
        if stamp.size == 0 {
            return Err(Trouble::Refused(Odd::Unfit, format!("{} is empty: that restores nothing", cut(&from.path()))));
        }
        let (free, _) = place.folder.space()?;
        let needed = stamp.size + present.map_or(0, |stamp| stamp.size);
        if needed > free {
            return Err(failed(&self.database, format!("{} are needed beside it, and {} are free", Size(needed), Size(free))));
        }
        let mut fresh = Fresh::create(&place)?;
        let mut beside = Vec::new();
        if self.as_it_is {
            fresh.fill(&from, &stamp, until)?;
            for ending in BESIDE {
                beside.extend(from.beside(ending).file()?.map(|stamp| (ending, stamp)));
            }
        } else {
            let temporary = path_of(fresh.temporary());
            copy(&path_of(&from), &temporary, &limits(until)).map_err(|why| failed(&from.path(), why))?;
            let report = copy_is_sound(&temporary, &self.expect, &limits(until)).map_err(|why| failed(&from.path(), why))?;
            if let Verdict::Bad(why) = report.verdict {
                return Err(failed(&from.path(), format!("the backup is not sound, and nothing was touched: {why}")));
            }
        }
        fresh.own_as(present.as_ref().unwrap_or(&stamp))?;
        fresh.sync()?;
        Ok(Prepared { place, from, fresh, beside, present })
    }

    fn put(&self, prepared: Prepared, until: &Until) -> Result<Acted, Trouble> {
        let Prepared { place, from, fresh, beside, present } = prepared;
        let mut there = Vec::new();
        for ending in BESIDE {
            there.extend(place.beside(ending).file()?.map(|stamp| (ending, stamp)));
        }
        let all = present.iter().chain(there.iter().map(|(_, stamp)| stamp)).map(|stamp| (stamp.device, stamp.inode));
        if !written_to(&all.collect(), until).is_empty() {
            return Err(Trouble::Refused(
                Odd::Held,
                format!("{} is open in a process: nothing was touched", cut(&self.database)),
            ));
        }
        let aside = present.map(|stamp| (place.folder.place(&aside_name(&place.name)), stamp));
        if let Some((aside, stamp)) = &aside {
            copy_file(&place, stamp, aside, until)?;
            for (ending, stamp) in &there {
                copy_file(&place.beside(ending), stamp, &aside.beside(ending), until)?;
            }
        }
        // From here on there is a whole copy, and the rest takes no time.
        for (ending, stamp) in &there {
            place.beside(ending).remove(stamp)?;
        }
        place.folder.sync()?;
        let bytes = fresh.sync()?.size;
        fresh.put()?;
        for (ending, stamp) in &beside {
            copy_file(&from.beside(ending), stamp, &place.beside(ending), until)?;
        }
        let aside = aside.map(|(aside, _)| aside.path());
        let mut detail = format!("restored {} from {}", cut(&self.database), from.path());
        if let Some(aside) = &aside {
            detail += &format!("; what was there is {aside}");
        }
        Ok(Acted::new(ActOutcome::Done, detail).knowing(json!({
            "path": self.database,
            "from": from.path(),
            "aside": aside,
            "removed": there.iter().map(|(ending, _)| ending).collect::<Vec<_>>(),
            "bytes": bytes,
        })))
    }
}
