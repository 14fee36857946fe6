//! Files that drills change: the original aside, and the way back, which leaves alone what somebody has repaired.

use super::{Undo, said};
use crate::link::Tools;
use crate::link::beneath::{Ground, Place, Stamp, check_name};
use serde::{Deserialize, Serialize};
use std::fs::{File, FileTimes, Permissions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// By what an undo tells the drill's own content from a repaired one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoilt {
    /// The whole content.
    Content(String),
    /// So many bytes of [`FILLER`] at an offset.
    Block { at: u64, len: u64 },
}

/// A file that a drill copies: it is not done on another thread.
const KEEP_MAX: u64 = 1 << 30;
/// What stands in a spoilt page.
const FILLER: u8 = 0xA5;
const BLOCK: usize = 64 << 10;

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
pub(super) fn beside(tools: &Tools, path: &str, other: &str) -> Result<Place, String> {
    let name = other.rsplit('/').next().unwrap_or_default();
    check_name(name)?;
    Ok(place(tools, path)?.folder.place(name))
}

/// Copies the original aside, on the disk.
fn keep(tools: &Tools, path: &str, keep: &str) -> Result<(), String> {
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
    Ok(said_so + &retire(&here, &kept)?)
}

/// The original is removed where the file is the same again; else it stays, for nobody has another one. The last one only.
fn retire(here: &Place, kept: &Place) -> Result<String, String> {
    let same = match (here.open_to_spoil().map_err(said)?, kept.open_to_spoil().map_err(said)?) {
        (Some((one, _)), Some((other, _))) => is_same(one, other).map_err(said)?,
        _ => false,
    };
    if same {
        kept.remove_if_there().map_err(said)?;
        return Ok(String::new());
    }
    let original = here.folder.place(&format!(".heald-drill-original.{}", here.name));
    original.remove_if_there().map_err(said)?;
    kept.rename(&original).map_err(said)?;
    Ok(format!("; what it was before the drill is kept as {}", original.path()))
}

fn is_same(one: File, other: File) -> std::io::Result<bool> {
    let (one, other) = (std::io::BufReader::new(one), std::io::BufReader::new(other));
    let (mut one, mut other) = (one.bytes(), other.bytes());
    loop {
        match (one.next().transpose()?, other.next().transpose()?) {
            (None, None) => return Ok(true),
            (a, b) if a != b => return Ok(false),
            _ => {}
        }
    }
}

pub(super) fn own(file: &File, mode: u32, user: u32, group: u32) -> Result<(), String> {
    std::os::unix::fs::fchown(file, Some(user), Some(group)).map_err(said)?;
    file.set_permissions(Permissions::from_mode(mode & 0o1777)).map_err(said)
}

pub(super) fn rename_back(tools: &Tools, path: &str, aside: &str) -> Result<String, String> {
    let (here, hidden) = (place(tools, path)?, beside(tools, path, aside)?);
    if hidden.file().map_err(said)?.is_none() {
        return Ok(format!("{path} was not hidden, or is back already"));
    }
    if here.file().map_err(said)?.is_some() {
        let kept = retire(&here, &hidden)?;
        return Ok(format!("{path} was made anew meanwhile and stays as it is{kept}"));
    }
    hidden.rename(&here).map_err(said)?;
    Ok(format!("{path} is there again"))
}

pub(super) fn stamped(seconds: i64, nanos: i64) -> SystemTime {
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
    fn is_in(&self, mut file: &File) -> Result<bool, String> {
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
    fn write(&self, file: &mut File) -> Result<(), String> {
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
