//! `files.spoil`, `files.hide`, `files.place`, `files.age`.
//!
//! All of it is done at once and not on another thread: an order to stop is heard when it is done, and never in the middle.

use super::{FaultKind, Held, Mark, Undo, said};
use crate::domain::size::Size;
use crate::domain::target::TargetKind;
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::beneath::{Ground, Place, Stamp, check_name, grow};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs::{File, FileTimes, Permissions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes something else into a file. The original is kept beside it and put back, unless somebody has repaired it meanwhile.
///
/// ```yaml
/// - files.spoil: { path: /etc/shop/shop.json, content: "{" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spoil {
    path: String,
    /// Empty where it is left out.
    #[serde(default)]
    content: String,
}

/// Renames a file away. Undone by renaming it back, unless there is one again; then that stays.
///
/// ```yaml
/// - files.hide: { path: /var/lib/shop/flag }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hide {
    path: String,
}

/// Makes files that nobody needs, such as old logs. Undone by removing those that are left.
///
/// `path` names the first; with a `count`, a number is put before its ending: `drill.log` becomes `drill-1.log`, `drill-2.log` …
///
/// ```yaml
/// - files.place: { path: /var/log/shop/drill.log, size: 10MB, age: 30d, count: 5 }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Put {
    path: String,
    /// Of each; 1kB where it is left out, 10GB at most.
    #[serde(default = "size")]
    size: Size,
    /// How long ago they were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    age: Option<Span>,
    /// 1 to 1000.
    #[serde(default = "one")]
    count: u32,
}

/// Lets a file seem older than it is. Undone by the time that it had, unless it was written to meanwhile.
///
/// ```yaml
/// - files.age: { path: /var/backups/shop/last.ok, by: 3d }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Age {
    path: String,
    by: Span,
}

/// By what an undo tells the drill's own content from a repaired one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoilt {
    /// The whole content.
    Content(String),
    /// So many bytes of [`FILLER`] at an offset.
    Block { at: u64, len: u64 },
}

const SIZE_MAX: u64 = 10_000_000_000;
const COUNT_MAX: u32 = 1_000;
/// A file that a drill copies: it is not done on another thread.
const KEEP_MAX: u64 = 1 << 30;
/// What stands in a spoilt page.
pub(super) const FILLER: u8 = 0xA5;
const BLOCK: usize = 64 << 10;

fn size() -> Size {
    Size(1_000)
}

fn one() -> u32 {
    1
}

fn mark(path: &str) -> Result<Mark, String> {
    Mark::of(TargetKind::Path, path)
}

/// Beside the file, out of the way of `*.conf`.
pub(super) fn aside(path: &str, ending: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    format!("{folder}/.heald-drill-{ending}.{name}")
}

pub(super) fn place(tools: &Tools, path: &str) -> Result<Place, String> {
    Ground::with_databases(tools.allow.now()).place(path).map_err(said)
}

/// The record of a file that is kept beside itself; nothing is written yet.
pub(super) fn keeping(tools: &Tools, path: &str, spoilt: Spoilt) -> Result<Undo, String> {
    let stamp = place(tools, path)?.present().map_err(said)?;
    if stamp.size > KEEP_MAX {
        return Err(format!("{path} is larger than 1 GiB: too much for a drill"));
    }
    let keep = aside(path, "keep");
    if beside(tools, path, &keep)?.file().map_err(said)?.is_some() {
        return Err(format!("{keep} is there already: the original of an earlier drill? see `heald drill undo`"));
    }
    let Stamp { mode, user, group, .. } = stamp;
    Ok(Undo::PutBack { path: path.to_owned(), keep, spoilt, mode, user, group })
}

/// A file in the same folder, which may be allowed only for that one file.
fn beside(tools: &Tools, path: &str, other: &str) -> Result<Place, String> {
    let name = other.rsplit('/').next().unwrap_or_default();
    check_name(name)?;
    Ok(place(tools, path)?.folder.place(name))
}

/// Copies the original aside, on the disk.
pub(super) fn keep(tools: &Tools, path: &str, keep: &str) -> Result<(), String> {
    let from = place(tools, path)?;
    let seen = from.present().map_err(said)?;
    let mut source = from.open(&seen).map_err(said)?;
    let mut copy = beside(tools, path, keep)?.make().map_err(said)?;
    std::io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all()).map_err(said)?;
    from.folder.sync().map_err(said)
}

/// Only the drill's own content is replaced.
pub(super) fn put_back(tools: &Tools, undo: &Undo) -> Result<String, String> {
    let Undo::PutBack { path, keep, spoilt, mode, user, group } = undo else { return Err("another kind of undo".to_owned()) };
    let kept = beside(tools, path, keep)?;
    let Some(seen) = kept.file().map_err(said)? else { return Ok(format!("{path} was not touched, or is back already")) };
    let here = place(tools, path)?;
    let said_so = match here.open_to_spoil().map_err(said)? {
        Some((mut file, _)) if spoilt.is_in(&file)? => {
            let mut original = kept.open(&seen).map_err(said)?;
            file.set_len(0).and_then(|()| file.rewind()).map_err(said)?;
            std::io::copy(&mut original, &mut file).and_then(|_| file.sync_all()).map_err(said)?;
            format!("{path} has its content again")
        }
        Some(_) => format!("{path} was repaired meanwhile and stays as it is"),
        None => {
            let mut original = kept.open(&seen).map_err(said)?;
            let mut file = here.make().map_err(said)?;
            std::io::copy(&mut original, &mut file).map_err(said)?;
            own(&file, *mode, *user, *group)?;
            file.sync_all().map_err(said)?;
            format!("{path} is there again")
        }
    };
    kept.remove_if_there().map_err(said)?;
    Ok(said_so)
}

fn own(file: &File, mode: u32, user: u32, group: u32) -> Result<(), String> {
    std::os::unix::fs::fchown(file, Some(user), Some(group)).map_err(said)?;
    file.set_permissions(Permissions::from_mode(mode & 0o1777)).map_err(said)
}

pub(super) fn rename_back(tools: &Tools, path: &str, aside: &str) -> Result<String, String> {
    let (here, hidden) = (place(tools, path)?, beside(tools, path, aside)?);
    if hidden.file().map_err(said)?.is_none() {
        return Ok(format!("{path} was not hidden, or is back already"));
    }
    if here.file().map_err(said)?.is_some() {
        hidden.remove_if_there().map_err(said)?;
        return Ok(format!("{path} was made anew meanwhile and stays as it is"));
    }
    hidden.rename(&here).map_err(said)?;
    Ok(format!("{path} is there again"))
}

fn stamped(seconds: i64, nanos: i64) -> SystemTime {
    UNIX_EPOCH + Duration::new(u64::try_from(seconds).unwrap_or(0), u32::try_from(nanos).unwrap_or(0))
}

pub(super) fn modified_back(tools: &Tools, path: &str, was: (i64, i64), made: i64) -> Result<String, String> {
    match place(tools, path)?.open_to_spoil().map_err(said)? {
        Some((file, seen)) if seen.modified.0 == made => {
            file.set_times(FileTimes::new().set_modified(stamped(was.0, was.1))).map_err(said)?;
            Ok(format!("{path} is as old as it was"))
        }
        _ => Ok(format!("{path} was written to meanwhile and stays as it is")),
    }
}

impl Spoilt {
    /// The drill's own content is still in the file.
    pub(super) fn is_in(&self, mut file: &File) -> Result<bool, String> {
        match self {
            Self::Content(content) => {
                let mut now = Vec::new();
                file.rewind().map_err(said)?;
                file.take(content.len() as u64 + 1).read_to_end(&mut now).map_err(said)?;
                Ok(now == content.as_bytes())
            }
            Self::Block { at, len } => {
                let mut block = vec![0; usize::try_from(*len).unwrap_or(0)];
                Ok(file.read_exact_at(&mut block, *at).is_ok() && block.iter().all(|byte| *byte == FILLER))
            }
        }
    }

    /// Writes it over what is there.
    pub(super) fn write(&self, file: &mut File) -> Result<(), String> {
        let done = match self {
            Self::Content(content) => {
                file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(content.as_bytes()))
            }
            Self::Block { at, len } => file.write_all_at(&vec![FILLER; usize::try_from(*len).unwrap_or(0).min(BLOCK)], *at),
        };
        done.and_then(|()| file.sync_all()).map_err(said)
    }
}

/// The original aside, then the drill's content.
pub(super) fn spoil(tools: &Tools, undo: &Undo) -> Result<(), String> {
    let Undo::PutBack { path, keep: aside, spoilt, .. } = undo else { return Err("another kind of undo".to_owned()) };
    keep(tools, path, aside)?;
    let (mut file, _) = place(tools, path)?.open_to_spoil().map_err(said)?.ok_or("it is gone")?;
    spoilt.write(&mut file)
}

impl FaultKind for Spoil {
    const KIND: &'static str = "files.spoil";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        Ok(vec![mark(&self.path)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move { keeping(tools, &self.path, Spoilt::Content(self.content.clone())) }.boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, undo: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move { spoil(tools, undo).map(|()| None) }.boxed()
    }
}

impl FaultKind for Hide {
    const KIND: &'static str = "files.hide";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        Ok(vec![mark(&self.path)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            place(tools, &self.path)?.present().map_err(said)?;
            Ok(Undo::RenameBack { path: self.path.clone(), aside: aside(&self.path, "hidden") })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let hidden = beside(tools, &self.path, &aside(&self.path, "hidden"))?;
            place(tools, &self.path)?.rename(&hidden).map(|()| None).map_err(said)
        }
        .boxed()
    }
}

impl Put {
    fn paths(&self) -> Vec<String> {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let (stem, ending) = name.rfind('.').filter(|at| *at > 0).map_or((name, ""), |at| name.split_at(at));
        match self.count {
            1 => vec![self.path.clone()],
            count => (1..=count).map(|number| format!("{folder}/{stem}-{number}{ending}")).collect(),
        }
    }
}

impl FaultKind for Put {
    const KIND: &'static str = "files.place";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        if !(1..=COUNT_MAX).contains(&self.count) {
            return Err(format!("count {} is out of range: 1 to {COUNT_MAX}", self.count));
        }
        if self.size.0.saturating_mul(self.count.into()) > SIZE_MAX {
            return Err("size is out of range: 10GB at most, all together".to_owned());
        }
        Ok(vec![mark(&self.path)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            // What is there is somebody's: the undo would remove it.
            for path in self.paths() {
                if place(tools, &path)?.file().map_err(said)?.is_some() {
                    return Err(format!("{path} is there already"));
                }
            }
            Ok(Undo::Remove { paths: self.paths() })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let now = crate::link::clock::wall();
            let age = i64::try_from(self.age.map_or(0, |age| age.0.as_secs())).unwrap_or(0);
            for path in self.paths() {
                let here = place(tools, &path)?;
                let mut file = here.make().map_err(said)?;
                if self.size.0 > 0 {
                    grow(&mut file, self.size.0).map_err(said)?;
                }
                let like = here.folder.stamp().map_err(said)?;
                own(&file, 0o644, like.user, like.group)?;
                file.set_times(FileTimes::new().set_modified(stamped(now.as_second() - age, 0))).map_err(said)?;
            }
            Ok(None)
        }
        .boxed()
    }
}

impl FaultKind for Age {
    const KIND: &'static str = "files.age";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        if self.by.0.is_zero() {
            return Err("by: 0s changes nothing".to_owned());
        }
        Ok(vec![mark(&self.path)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            let (seconds, nanos) = place(tools, &self.path)?.present().map_err(said)?.modified;
            let to = seconds - i64::try_from(self.by.0.as_secs()).unwrap_or(0);
            Ok(Undo::Modified { path: self.path.clone(), seconds, nanos, to })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, undo: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let Undo::Modified { to, .. } = undo else { return Err("another kind of undo".to_owned()) };
            let (file, _) = place(tools, &self.path)?.open_to_spoil().map_err(said)?.ok_or("it is gone")?;
            file.set_times(FileTimes::new().set_modified(stamped(*to, 0))).map_err(said)?;
            Ok(None)
        }
        .boxed()
    }
}
