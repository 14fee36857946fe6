//! Files that playbooks may touch: below the folders that the allow-list names, and nowhere else.
//!
//! A path is resolved by the kernel, from the allowed folder's descriptor, with `openat2` (Linux 5.6): no `..` out of it, no
//! symbolic or magic link, no other mount (<https://man7.org/linux/man-pages/man2/openat2.2.html>). What is found is a
//! regular file with one name on the folder's device, or it is left alone. All of this blocks: see [`super::until`].

mod held;
mod name;
mod read;
mod spoil;
mod tree;
mod walk;
mod write;

pub use held::written_to;
pub use name::{Glob, check_name, check_path, is_beneath, split};
pub use read::Hashed;
pub use spoil::grow;
pub use tree::{Tree, copy_tree};
pub use walk::{Found, Odd, Pick, Skipped, Walk, walk};
pub use write::{Copied, Fresh};

use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::target::{AllowList, cut};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, openat2, statat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

/// Why nothing could be done with a file, by what may be done next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The allow-list does not name it, or the path is none.
    #[error("{0}")]
    NotAllowed(String),
    #[error("{0}")]
    Missing(String),
    /// It is there and not what it must be: a link, a pipe, another mount, heald's own.
    #[error("{1}")]
    Refused(Odd, String),
    #[error("{0}")]
    Denied(String),
    /// The disk is full, the file system read-only, the device broken.
    #[error("{0}")]
    Failed(String),
    #[error("not done within its time{0}")]
    Late(String),
}

/// The part of the allow-list that speaks of files, as it was when the work began.
#[derive(Clone, Debug)]
pub struct Ground {
    allow: Arc<AllowList>,
    /// Databases count as allowed files.
    databases: bool,
}

/// A folder in allowed ground, held open: a rename of its path changes nothing about where work is done.
#[derive(Clone, Debug)]
pub struct Folder {
    fd: Arc<File>,
    path: Arc<str>,
    device: u64,
}

/// Where a file is or will be: its folder, and a name that fits.
#[derive(Clone, Debug)]
pub struct Place {
    pub folder: Folder,
    pub name: String,
}

/// What tells a file from another under the same name, and from itself after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub device: u64,
    pub inode: u64,
    pub links: u64,
    pub size: u64,
    /// Seconds since 1970 and nanoseconds.
    pub modified: (i64, i64),
    /// With the file's type.
    pub mode: u32,
    pub user: u32,
    pub group: u32,
}

/// In heald's state folder; see `store/folder.rs`.
const STATE_MARKER: &str = "heald.state";
/// The kernel gives up when something is renamed under it while it resolves a path; it may be asked again.
const RESOLVE_TRIES: u32 = 8;

/// For one who reads: which key of the configuration allows it.
pub fn not_allowed(path: &str, key: &str) -> String {
    let path = cut(path);
    format!("{path} is not on the allow-list; to let heald touch it, add it under `targets: {key}:` of the configuration")
}

// === impl Ground ===

impl Ground {
    /// What lies beneath `targets: paths:`.
    pub fn new(allow: Arc<AllowList>) -> Self {
        Self { allow, databases: false }
    }

    /// The same, and each of `targets: databases:` with the files that SQLite keeps beside it.
    pub fn with_databases(allow: Arc<AllowList>) -> Self {
        Self { allow, databases: true }
    }

    /// By its text alone.
    ///
    /// # Errors
    /// It is no path, or not an allowed one.
    pub fn admit(&self, path: &str) -> Result<(), Trouble> {
        self.root(path).map(drop)
    }

    /// The innermost entry counts: a mount below an allowed folder is allowed where it is named itself.
    fn root(&self, path: &str) -> Result<&str, Trouble> {
        check_path(path).map_err(Trouble::NotAllowed)?;
        if let Some(own) = self.allow.own.iter().find(|own| is_beneath(path, own)) {
            return Err(Trouble::Refused(Odd::Own, format!("{} is heald's own ({own}): no playbook touches it", cut(path))));
        }
        let database = self.allow.databases.get(path).filter(|_| self.databases).map(String::as_str);
        let (root, key) = (database.or_else(|| self.allow.root_of(path)), if self.databases { "databases" } else { "paths" });
        root.ok_or_else(|| Trouble::NotAllowed(not_allowed(path, key)))
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// Not allowed, missing, no folder, or a link or mount lies on the way.
    pub fn folder(&self, path: &str) -> Result<Folder, Trouble> {
        let root = self.root(path)?;
        let rest = path.strip_prefix(root.strip_suffix('/').unwrap_or(root)).unwrap_or_default();
        let top = Folder::top(root)?;
        let folder = match rest.strip_prefix('/') {
            None | Some("") => top,
            Some(rest) => top.below(rest)?,
        };
        folder.is_not_own()?;
        Ok(folder)
    }

    /// The place of a file, whether it is there or not: its folder is.
    ///
    /// # Errors
    /// As [`Ground::folder`] says.
    pub fn place(&self, path: &str) -> Result<Place, Trouble> {
        let root = self.root(path)?;
        let (parent, name) = split(path);
        // Where the file itself is what is allowed, its folder is only the way to it.
        let folder = if path == root { Folder::top(parent)? } else { self.folder(parent)? };
        folder.is_not_own()?;
        check_name(name).map_err(Trouble::NotAllowed)?;
        Ok(Place { folder, name: name.to_owned() })
    }

    /// What of heald's own lies below a folder, for those who walk down: by device and inode.
    fn own_inodes(&self) -> Vec<(u64, u64)> {
        self.allow.own.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|found| (found.dev(), found.ino())).collect()
    }
}

// === impl Folder ===

impl Folder {
    /// The allowed folder itself. Its path is the configuration's, and as strict: links on the way could be anybody's.
    fn top(path: &str) -> Result<Self, Trouble> {
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let fd = resolve_by(|| openat2(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), resolve));
        let fd = File::from(fd.map_err(|errno| Trouble::resolving(path, errno))?);
        let device = fd.metadata().map_err(|error| Trouble::of(path, &error))?.dev();
        Ok(Self { fd: Arc::new(fd), path: path.into(), device })
    }

    /// A folder below this one, on the same mount.
    fn below(&self, names: &str) -> Result<Self, Trouble> {
        let path = self.path_of(names);
        let fd = self.open(names, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
        Ok(Self { fd: Arc::new(fd), path: path.into(), device: self.device })
    }

    fn open(&self, names: &str, flags: OFlags, mode: Mode) -> Result<File, Trouble> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        // With NOFOLLOW a link in a folder's place would be "no folder"; without, the resolution itself stops at it.
        let own = if flags.contains(OFlags::DIRECTORY) { OFlags::CLOEXEC } else { OFlags::NOFOLLOW | OFlags::CLOEXEC };
        let opened = resolve_by(|| openat2(&*self.fd, names, flags | own, mode, resolve));
        opened.map(File::from).map_err(|errno| Trouble::resolving(&self.path_of(names), errno))
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.path.strip_suffix('/').unwrap_or(&self.path))
    }

    pub fn place(&self, name: &str) -> Place {
        Place { folder: self.clone(), name: name.to_owned() }
    }

    /// Free for those who are not root, and in all: bytes.
    ///
    /// # Errors
    /// The device does not answer.
    pub fn space(&self) -> Result<(u64, u64), Trouble> {
        let found = rustix::fs::fstatvfs(&*self.fd).map_err(|errno| Trouble::of(&self.path, &errno.into()))?;
        Ok((found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize)))
    }

    /// Whose it is, and its mode.
    ///
    /// # Errors
    /// The device does not answer.
    pub fn stamp(&self) -> Result<Stamp, Trouble> {
        self.fd.metadata().map(|found| Stamp::from(&found)).map_err(|error| Trouble::of(&self.path, &error))
    }

    /// What was renamed or removed in it is on the disk afterwards.
    ///
    /// # Errors
    /// The device's.
    pub fn sync(&self) -> Result<(), Trouble> {
        self.fd.sync_all().map_err(|error| Trouble::of(&self.path, &error))
    }

    fn is_not_own(&self) -> Result<(), Trouble> {
        match statat(&*self.fd, STATE_MARKER, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Err(Trouble::Refused(Odd::Own, format!("{} is heald's own state: no playbook touches it", cut(&self.path)))),
            Err(_) => Ok(()),
        }
    }
}

// === impl Place ===

impl Place {
    pub fn path(&self) -> String {
        self.folder.path_of(&self.name)
    }

    /// A file beside it, as `shop.db-wal` beside `shop.db`.
    pub fn beside(&self, ending: &str) -> Self {
        self.folder.place(&format!("{}{ending}", self.name))
    }

    /// What is there: a regular file with one name, and nothing else. `None`: nothing is.
    ///
    /// # Errors
    /// Anything else is there, or it can't be told.
    pub fn file(&self) -> Result<Option<Stamp>, Trouble> {
        match self.glance() {
            Ok(stamp) => match stamp.odd(self.folder.device) {
                None => Ok(Some(stamp)),
                Some(odd) => Err(Trouble::Refused(odd, format!("{} is {}: left alone", cut(&self.path()), odd.words()))),
            },
            Err(Trouble::Missing(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// As [`Place::file`], where it must be there.
    ///
    /// # Errors
    /// As [`Place::file`] says, and that there is none.
    pub fn present(&self) -> Result<Stamp, Trouble> {
        self.file()?.ok_or_else(|| Trouble::Missing(format!("{}: there is no such file", cut(&self.path()))))
    }

    /// Without opening it for anything: a pipe would wait, a device would do who knows what, and the end of an ordinary
    /// descriptor would end SQLite's locks (<https://sqlite.org/howtocorrupt.html>, 2.2).
    fn glance(&self) -> Result<Stamp, Trouble> {
        let found = self.folder.open(&self.name, OFlags::PATH, Mode::empty())?;
        found.metadata().map(|found| Stamp::from(&found)).map_err(|error| Trouble::of(&self.path(), &error))
    }

    /// Gives it the present time, as `touch` does.
    ///
    /// # Errors
    /// It is another one by now, or not heald's to change.
    pub fn refresh(&self, seen: &Stamp) -> Result<(), Trouble> {
        let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
        rustix::fs::futimens(self.open(seen)?, &times).map_err(|errno| Trouble::of(&self.path(), &errno.into()))
    }

    /// Removes the file if it is still the one that was looked at.
    ///
    /// Between the comparison and the removal the kernel leaves a gap, in which another file of the same folder may take the
    /// name; nothing outside of the folder can.
    ///
    /// # Errors
    /// It is another one by now, it was written to, or the system says no.
    pub fn remove(&self, seen: &Stamp) -> Result<(), Trouble> {
        if self.file()?.as_ref() != Some(seen) {
            return Err(Trouble::changed(&self.path()));
        }
        unlinkat(&*self.folder.fd, &self.name, AtFlags::empty()).map_err(|errno| Trouble::of(&self.path(), &errno.into()))
    }
}

// === impl Stamp ===

impl From<&std::fs::Metadata> for Stamp {
    fn from(found: &std::fs::Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            links: found.nlink(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            mode: found.mode(),
            user: found.uid(),
            group: found.gid(),
        }
    }
}

impl Stamp {
    /// Why it is none of the files that playbooks touch.
    pub fn odd(&self, device: u64) -> Option<Odd> {
        match self.mode & 0o170_000 {
            0o100_000 if self.device != device => Some(Odd::Mount),
            0o100_000 if self.links > 1 => Some(Odd::HardLinked),
            0o100_000 => None,
            0o040_000 => Some(Odd::Folder),
            0o120_000 => Some(Odd::Symlink),
            0o010_000 => Some(Odd::Pipe),
            0o140_000 => Some(Odd::Socket),
            _ => Some(Odd::Device),
        }
    }
}

// === impl Trouble ===

impl Trouble {
    /// An error of the system about a path.
    pub fn of(path: &str, error: &io::Error) -> Self {
        let text = format!("{}: {error}", cut(path));
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(text),
            io::ErrorKind::PermissionDenied => Self::Denied(text),
            _ => Self::Failed(text),
        }
    }

    pub fn changed(path: &str) -> Self {
        Self::Refused(Odd::Changed, format!("{} changed meanwhile: left alone", cut(path)))
    }

    fn resolving(path: &str, errno: Errno) -> Self {
        let path = cut(path);
        match errno {
            Errno::LOOP => Self::Refused(Odd::Symlink, format!("{path}: a symbolic link is on the way; name the real path")),
            Errno::XDEV => Self::Refused(Odd::Mount, format!("{path}: it leads to another mount or out of the allowed folder")),
            Errno::NOTDIR => Self::Refused(Odd::NoFolder, format!("{path}: no folder, or none on the way to it")),
            Errno::NXIO | Errno::NODEV => Self::Refused(Odd::Device, format!("{path} is a pipe, a socket or a device")),
            Errno::NOSYS => {
                Self::Failed("the kernel or a seccomp filter lacks openat2 (Linux 5.6): nothing was touched".to_owned())
            }
            other => Self::of(&path, &other.into()),
        }
    }

    /// What an action reports.
    pub fn into_acted(self) -> Acted {
        let outcome = match &self {
            Self::NotAllowed(_) => ActOutcome::Impossible(Impossible::BadParameters),
            Self::Missing(_) => ActOutcome::Impossible(Impossible::NotFound),
            Self::Refused(..) => ActOutcome::Impossible(Impossible::Refused),
            Self::Denied(_) => ActOutcome::Impossible(Impossible::AccessDenied),
            Self::Failed(_) | Self::Late(_) => ActOutcome::Failed,
        };
        Acted::new(outcome, self.to_string())
    }
}

fn resolve_by<T>(mut open: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    for _ in 1..RESOLVE_TRIES {
        match open() {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
    open()
}

#[cfg(test)]
mod tests;
