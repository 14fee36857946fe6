//! `files.*`: what playbooks do to files, one file per kind. How a path is opened, [`crate::link::beneath`] knows.

use super::{Act, Call, Progress};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::size::Size;
use crate::domain::target::AllowList;
use crate::domain::template::is_template;
use crate::domain::time::Span;
use crate::link::beneath::{Copied, Folder, Found, Fresh, Glob, Ground, Pick, Place, Stamp, Trouble, check_path};
use crate::link::until::{Until, off_runtime};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

mod archive_larger;
mod compress_older;
mod copy_aside;
mod delete_older;
mod move_back;
mod remove;
pub(super) mod restore_backup;
mod touch;
mod write_default;

pub(super) use archive_larger::ArchiveLarger;
pub(super) use compress_older::CompressOlder;
pub(super) use copy_aside::CopyAside;
pub(super) use delete_older::DeleteOlder;
pub(super) use move_back::MoveBack;
pub(super) use remove::Remove;
pub(super) use restore_backup::RestoreBackup;
pub(super) use touch::Touch;
pub(super) use write_default::WriteDefault;

#[cfg(test)]
mod tests;

/// One kind's work: it blocks, off the runtime.
pub(super) trait Work: Clone + Debug + Send + Sync + 'static {
    /// Whether `targets: databases:` names files that it may touch.
    const DATABASES: bool = false;

    /// What the allow-list must name.
    fn paths(&self) -> Vec<&str>;

    /// # Errors
    /// Why nothing was done.
    fn work(&self, bench: &Bench<'_>) -> Result<Acted, Trouble>;
}

/// What the work is given.
pub(super) struct Bench<'a> {
    pub ground: &'a Ground,
    pub until: &'a Until,
    pub progress: &'a Progress,
}

/// A kind that is ready to run.
#[derive(Debug)]
pub(super) struct Files<W>(pub W);

/// For what a disk does in one go.
pub(super) const QUICK: Duration = Duration::from_secs(30);
/// For what goes through many files, or through large ones.
pub(super) const LONG: Duration = Duration::from_secs(600);
/// A file that is younger is work in progress.
const AGE_MIN: Duration = Duration::from_secs(60);
const DEPTH_MAX: u32 = 8;

// === impl Files ===

impl<W: Work> Files<W> {
    fn ground(allow: Arc<AllowList>) -> Ground {
        if W::DATABASES { Ground::with_databases(allow) } else { Ground::new(allow) }
    }

    fn admitted(&self, ground: &Ground) -> Result<(), Trouble> {
        self.0.paths().into_iter().try_for_each(|path| ground.admit(path))
    }

    async fn act(&self, call: &Call<'_>) -> Acted {
        let ground = Self::ground(call.tools.allow.now());
        if let Err(trouble) = self.admitted(&ground) {
            return trouble.into_acted();
        }
        let (work, progress) = (self.0.clone(), call.progress.clone());
        let done = off_runtime(call.deadline, move |until| {
            work.work(&Bench { ground: &ground, until, progress: &progress }).unwrap_or_else(Trouble::into_acted)
        });
        match done.await {
            Ok(Some(acted)) => acted,
            Ok(None) => Acted::new(ActOutcome::Unknown, "the file system did not answer by the step's deadline"),
            Err(why) => Acted::new(ActOutcome::Unknown, format!("cut off: {why}")),
        }
    }
}

impl<W: Work> Act for Files<W> {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.admitted(&Self::ground(Arc::new(allow.clone()))).map_err(|trouble| trouble.to_string())
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}

/// A path in the parameters, as far as it can be judged.
pub(super) fn path_form(key: &str, path: &str) -> Result<(), String> {
    if is_template(path) { Ok(()) } else { check_path(path).map_err(|why| format!("{key}: {why}")) }
}

/// A pattern in the parameters, as far as it can be judged.
fn glob_form(glob: &str) -> Result<(), String> {
    if is_template(glob) { Ok(()) } else { Glob::new(glob).map(drop) }
}

fn age_form(older_than: Span) -> Result<(), String> {
    match older_than {
        Span(age) if age < AGE_MIN => Err(format!("older_than {older_than} is out of range: 1m to 366d")),
        _ => Ok(()),
    }
}

fn depth_form(depth: u32) -> Result<(), String> {
    if depth <= DEPTH_MAX { Ok(()) } else { Err(format!("depth {depth} is out of range: 0 to {DEPTH_MAX}")) }
}

fn count_form(key: &str, count: u32, max: u32) -> Result<(), String> {
    if (1..=max).contains(&count) { Ok(()) } else { Err(format!("{key} {count} is out of range: 1 to {max}")) }
}

fn pick(glob: &str, depth: u32) -> Result<Pick, String> {
    Ok(Pick { glob: Glob::new(glob)?, depth })
}

/// Older by its last change. A file of the future is not old.
fn is_older(file: &Found, than: Duration) -> bool {
    Folder::age(&file.stamp) >= than
}

fn bytes(files: &[Found]) -> u64 {
    files.iter().map(|file| file.stamp.size).sum()
}

/// `3 files (1.2MB)`
fn amount(files: u64, bytes: u64) -> String {
    format!("{files} {} ({})", if files == 1 { "file" } else { "files" }, Size(bytes))
}

/// In UTC and to the millisecond; sorts by time.
pub(super) fn time_stamp() -> String {
    crate::link::clock::wall().strftime("%Y%m%dT%H%M%S%.3fZ").to_string()
}

/// What is at a place, kept beside it under a name with the time. `None`: nothing is there.
///
/// # Errors
/// It could not be copied; nothing was changed.
pub(super) fn aside(place: &Place, until: &Until) -> Result<Option<Place>, Trouble> {
    let Some(stamp) = place.file()? else { return Ok(None) };
    let aside = place.folder.place(&aside_name(&place.name));
    copy(place, &stamp, &aside, until)?;
    Ok(Some(aside))
}

pub(super) fn aside_name(name: &str) -> String {
    format!("{name}.heald-{}", time_stamp())
}

/// What [`aside_name`] made, also with `-wal` behind it, and a copy that is not finished.
fn is_aside(name: &str) -> bool {
    name.split(".heald-").skip(1).any(|rest| rest == "tmp" || rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// A whole copy with owner, mode and time, under a name that was free.
pub(super) fn copy(from: &Place, stamp: &Stamp, to: &Place, until: &Until) -> Result<Copied, Trouble> {
    let mut fresh = Fresh::create(to)?;
    let copied = fresh.fill(from, stamp, until)?;
    fresh.own_as(stamp)?;
    fresh.set_modified(stamp)?;
    fresh.put_new()?;
    Ok(copied)
}
