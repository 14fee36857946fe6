//! New files: written under another name, on the disk, then renamed. Nobody ever sees half of one.

use super::read::{CHUNK, Hashed};
use super::{Place, Stamp, Trouble};
use crate::link::until::Until;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, renameat_with, unlinkat};
use sha2::{Digest as _, Sha256};
use std::fs::{File, FileTimes, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, UNIX_EPOCH};

/// A file that has not got its name yet. Dropped, it is gone.
#[derive(Debug)]
pub struct Fresh {
    /// Where it will be.
    place: Place,
    temporary: Place,
    file: File,
    kept: bool,
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// No repair makes a file that runs as somebody else.
const MODE: u32 = 0o1777;

// === impl Fresh ===

impl Fresh {
    /// Empty, and readable by heald alone. What a crash left of an earlier one is taken away first.
    ///
    /// # Errors
    /// Another repair is writing the same file, or the system says no.
    pub fn create(place: &Place) -> Result<Self, Trouble> {
        let temporary = place.folder.place(&temporary_name(&place.name));
        let file = match create(&temporary) {
            Err(Trouble::Failed(_)) if temporary.file()?.is_some() => {
                let left = temporary.present()?;
                let old = temporary.open(&left)?;
                if old.try_lock().is_err() {
                    return Err(Trouble::Failed(format!("{} is being written by another repair", place.path())));
                }
                temporary.remove(&left)?;
                create(&temporary)?
            }
            other => other?,
        };
        // Held until the rename; a crash lets it go.
        file.try_lock().map_err(|error| Trouble::Failed(format!("{}: {error}", temporary.path())))?;
        Ok(Self { place: place.clone(), temporary, file, kept: false })
    }

    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where it is until then, for a library that opens files by name.
    pub fn temporary(&self) -> &Place {
        &self.temporary
    }

    /// Everything of the file that was looked at, which must not change meanwhile.
    ///
    /// # Errors
    /// Reading, writing, a change of it, or the time was over.
    pub fn fill(&mut self, from: &Place, seen: &Stamp, until: &Until) -> Result<Copied, Trouble> {
        let source = from.open(seen)?;
        let mut hashed = Hashed::new(&source, until);
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = hashed.read(&mut buffer).map_err(|error| from.reading(&error, until))?;
            if count == 0 {
                break;
            }
            self.file.write_all(&buffer[..count]).map_err(|error| Trouble::of(&self.place.path(), &error))?;
        }
        from.is_still(&source, seen)?;
        Ok(Copied { bytes: hashed.count(), sha256: hashed.digest() })
    }

    /// Owner, group and permissions as those of another file.
    ///
    /// # Errors
    /// heald may not give files away: only root may.
    pub fn own_as(&self, like: &Stamp) -> Result<(), Trouble> {
        let failed = |error: &std::io::Error| Trouble::of(&self.place.path(), error);
        let own = self.file.metadata().map_err(|error| failed(&error))?;
        let own = Stamp::from(&own);
        if (own.user, own.group) != (like.user, like.group) {
            std::os::unix::fs::fchown(&self.file, Some(like.user), Some(like.group)).map_err(|error| {
                let whose = format!("{}:{}", like.user, like.group);
                Trouble::Denied(format!("{}: it can't be given to its owner {whose}: {error}", self.place.path()))
            })?;
        }
        self.file.set_permissions(Permissions::from_mode(like.mode & MODE)).map_err(|error| failed(&error))
    }

    /// When its content was last changed.
    ///
    /// # Errors
    /// The system's.
    pub fn set_modified(&self, like: &Stamp) -> Result<(), Trouble> {
        let (seconds, nanos) = like.modified;
        let since = Duration::new(u64::try_from(seconds).unwrap_or(0), u32::try_from(nanos).unwrap_or(0));
        let times = FileTimes::new().set_modified(UNIX_EPOCH + since);
        self.file.set_times(times).map_err(|error| Trouble::of(&self.place.path(), &error))
    }

    /// On the disk, under its temporary name; what it is like then.
    ///
    /// # Errors
    /// The disk says no.
    pub fn sync(&self) -> Result<Stamp, Trouble> {
        let written = self.file.sync_all().and_then(|()| self.file.metadata());
        written.map(|found| Stamp::from(&found)).map_err(|error| Trouble::of(&self.place.path(), &error))
    }

    /// Gives it its name, in the place of whatever regular file has it.
    ///
    /// # Errors
    /// Something else than a regular file has the name, or the disk says no: then the old one is as it was.
    pub fn put(self) -> Result<(), Trouble> {
        self.place.file()?;
        self.rename(RenameFlags::empty())
    }

    /// Gives it its name if nothing has it.
    ///
    /// # Errors
    /// Something has it, or the disk says no.
    pub fn put_new(self) -> Result<(), Trouble> {
        self.rename(RenameFlags::NOREPLACE)
    }

    fn rename(mut self, flags: RenameFlags) -> Result<(), Trouble> {
        let path = self.place.path();
        if self.temporary.file()? != Some(self.sync()?) {
            return Err(Trouble::changed(&self.temporary.path()));
        }
        let folder = &self.place.folder;
        let renamed = renameat_with(&*folder.fd, &self.temporary.name, &*folder.fd, &self.place.name, flags);
        match renamed {
            Ok(()) => self.kept = true,
            Err(rustix::io::Errno::EXIST) => {
                return Err(Trouble::Refused(super::Odd::Taken, format!("{path} is there already: left alone")));
            }
            Err(errno) => return Err(Trouble::of(&path, &errno.into())),
        }
        folder.sync()
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.kept {
            // Whatever stands in the way of this, the next one tries again.
            let _ = unlinkat(&*self.temporary.folder.fd, &self.temporary.name, AtFlags::empty());
        }
    }
}

fn create(place: &Place) -> Result<File, Trouble> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
    place.folder.open(&place.name, flags, Mode::RUSR | Mode::WUSR)
}

/// The same for the same file, so that there is never more than one left over; hidden, so that no `*` finds it.
pub(super) fn temporary_name(name: &str) -> String {
    let plain = format!(".{name}.heald-tmp");
    if plain.len() <= super::name::NAME_MAX {
        return plain;
    }
    let hash: String = Sha256::digest(name).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!(".{hash}.heald-tmp")
}
