//! A copy of a folder beside it: regular files and folders, with owner, mode and time; the rest is counted.

use super::write::temporary_name;
use super::{Folder, Fresh, Ground, Odd, Place, Skipped, Trouble, check_name};
use crate::link::until::Until;
use rustix::fs::{AtFlags, Dir, Mode, RenameFlags, mkdirat, renameat_with, unlinkat};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

/// What a folder holds, or what of it was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub files: u64,
    pub folders: u64,
    pub bytes: u64,
    pub skipped: Skipped,
}

/// Of a whole copy. A larger folder is a case for a backup program.
const NAMES_MAX: u64 = 20_000;
const DEPTH_MAX: u32 = 16;
/// Left free on the device, in percent of what is copied: folders and ends of blocks.
const SPARE_PERCENT: u64 = 5;

/// Copies `from` to `to`, whose folder is there and whose name is not. All of it, or nothing.
///
/// # Errors
/// No room, too many names, the time was over: what had been copied is removed again.
pub fn copy_tree(ground: &Ground, from: &Folder, to: &Place, until: &Until) -> Result<Tree, Trouble> {
    let measured = Copy { ground, until, done: Tree::default() }.all(from, None, 0)?;
    let (needed, (free, _)) = (measured.bytes + measured.bytes / 100 * SPARE_PERCENT, to.folder.space()?);
    if needed > free {
        return Err(Trouble::Failed(format!("{} holds {needed} bytes, and {free} are free: nothing was copied", from.path())));
    }
    let temporary = to.folder.place(&temporary_name(&to.name));
    clear(&temporary, 0)?;
    let mode = Mode::RUSR | Mode::WUSR | Mode::XUSR;
    mkdirat(&*to.folder.fd, &temporary.name, mode).map_err(|errno| Trouble::of(&to.path(), &errno.into()))?;
    let copied = to.folder.below(&temporary.name).and_then(|into| {
        let copied = Copy { ground, until, done: Tree::default() }.all(from, Some(&into), 0)?;
        let folder = &*to.folder.fd;
        renameat_with(folder, &temporary.name, folder, &to.name, RenameFlags::NOREPLACE)
            .map_err(|errno| Trouble::of(&to.path(), &errno.into()))?;
        to.folder.sync()?;
        Ok(copied)
    });
    if copied.is_err() {
        clear(&temporary, 0)?;
    }
    copied
}

struct Copy<'a> {
    ground: &'a Ground,
    until: &'a Until,
    done: Tree,
}

impl Copy<'_> {
    /// Without `into` it only measures.
    fn all(mut self, from: &Folder, into: Option<&Folder>, depth: u32) -> Result<Tree, Trouble> {
        self.one(from, into, depth)?;
        Ok(self.done)
    }

    fn one(&mut self, from: &Folder, into: Option<&Folder>, depth: u32) -> Result<(), Trouble> {
        let failed = |errno: rustix::io::Errno| Trouble::of(from.path(), &errno.into());
        if depth > DEPTH_MAX {
            return Err(Trouble::Failed(format!("{}: folders are deeper than {DEPTH_MAX}", from.path())));
        }
        let own = self.ground.own_inodes();
        let mut entries = Dir::read_from(&*from.fd).map_err(failed)?;
        while let Some(entry) = entries.read() {
            let entry = entry.map_err(failed)?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            if self.until.is_over() {
                return Err(Trouble::Late(format!(" after {} files: nothing is kept of the copy", self.done.files)));
            }
            if self.done.files + self.done.folders + self.done.skipped.total() >= NAMES_MAX {
                return Err(Trouble::Failed(format!("{} holds more than {NAMES_MAX} names", from.path())));
            }
            let Some(name) = entry.file_name().to_str().ok().filter(|name| check_name(name).is_ok()) else {
                self.done.skipped.add(Odd::Name);
                continue;
            };
            let place = from.place(name);
            match place.glance() {
                Err(trouble) => self.done.skipped.add(Odd::of(&trouble)),
                Ok(stamp) if own.contains(&(stamp.device, stamp.inode)) => self.done.skipped.add(Odd::Own),
                Ok(stamp) => match stamp.odd(from.device) {
                    None => {
                        if let Some(into) = into {
                            let mut fresh = Fresh::create(&into.place(name))?;
                            fresh.fill(&place, &stamp, self.until)?;
                            fresh.own_as(&stamp)?;
                            fresh.set_modified(&stamp)?;
                            fresh.put_new()?;
                        }
                        self.done.files += 1;
                        self.done.bytes += stamp.size;
                    }
                    Some(Odd::Folder) => {
                        let below = from.below(name)?;
                        below.is_not_own()?;
                        self.done.folders += 1;
                        let made = into.map(|into| {
                            let mode = Mode::RUSR | Mode::WUSR | Mode::XUSR;
                            mkdirat(&*into.fd, name, mode).map_err(|errno| Trouble::of(into.path(), &errno.into()))?;
                            into.below(name)
                        });
                        self.one(&below, made.transpose()?.as_ref(), depth + 1)?;
                    }
                    Some(odd) => self.done.skipped.add(odd),
                },
            }
        }
        let Some(into) = into else { return Ok(()) };
        let (stamp, failed) = (from.stamp()?, |error: std::io::Error| Trouble::of(into.path(), &error));
        if into.stamp()?.user != stamp.user || into.stamp()?.group != stamp.group {
            std::os::unix::fs::fchown(&*into.fd, Some(stamp.user), Some(stamp.group)).map_err(failed)?;
        }
        into.fd.set_permissions(Permissions::from_mode(stamp.mode & 0o1777)).map_err(failed)?;
        into.sync()
    }
}

/// Removes what an earlier copy left of itself: a folder that bears heald's name for it.
fn clear(place: &Place, depth: u32) -> Result<(), Trouble> {
    let folder = match place.folder.below(&place.name) {
        Err(Trouble::Missing(_)) => return Ok(()),
        other => other?,
    };
    if depth > DEPTH_MAX {
        return Err(Trouble::Failed(format!("{}: folders are deeper than {DEPTH_MAX}", folder.path())));
    }
    let failed = |errno: rustix::io::Errno| Trouble::of(folder.path(), &errno.into());
    let mut entries = Dir::read_from(&*folder.fd).map_err(failed)?;
    while let Some(entry) = entries.read() {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        match entry.file_type() {
            _ if matches!(name, "." | "..") => {}
            rustix::fs::FileType::Directory => clear(&folder.place(name), depth + 1)?,
            _ => unlinkat(&*folder.fd, name, AtFlags::empty()).map_err(failed)?,
        }
    }
    unlinkat(&*place.folder.fd, &place.name, AtFlags::REMOVEDIR).map_err(failed)
}
