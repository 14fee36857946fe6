//! What drills do to files on purpose: overwritten in place, moved aside, filled up. No playbook calls this.

use super::{Folder, Place, Stamp, Trouble};
use rustix::fs::{FallocateFlags, Mode, OFlags, RenameFlags, fallocate, renameat_with};
use std::fs::File;
use std::io::Write as _;

/// Where a file system can't set space aside, it is written.
const BLOCK: usize = 1 << 20;

impl Place {
    /// Opens the regular file that is there, for reading and writing, as it is. `None`: there is none.
    ///
    /// # Errors
    /// Something else is there, or the system says no.
    pub fn open_to_spoil(&self) -> Result<Option<(File, Stamp)>, Trouble> {
        let Some(seen) = self.file()? else { return Ok(None) };
        let file = self.folder.open(&self.name, OFlags::RDWR, Mode::empty())?;
        let now = file.metadata().map(|found| Stamp::from(&found)).map_err(|error| Trouble::of(&self.path(), &error))?;
        match (now.device, now.inode) == (seen.device, seen.inode) {
            true => Ok(Some((file, now))),
            false => Err(Trouble::changed(&self.path())),
        }
    }

    /// A new file that only heald's user may read. There must be none.
    ///
    /// # Errors
    /// There is one, or the system says no.
    pub fn make(&self) -> Result<File, Trouble> {
        self.folder.open(&self.name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL, Mode::from_raw_mode(0o600))
    }

    /// Gives the file another name in its folder, which nothing has.
    ///
    /// # Errors
    /// There is something of that name, or the system says no.
    pub fn rename(&self, to: &Place) -> Result<(), Trouble> {
        let done = renameat_with(&*self.folder.fd, &self.name, &*to.folder.fd, &to.name, RenameFlags::NOREPLACE);
        done.map_err(|errno| Trouble::of(&to.path(), &errno.into()))
    }

    /// Whether a file was there to be removed.
    ///
    /// # Errors
    /// Something else is there, or the system says no.
    pub fn remove_if_there(&self) -> Result<bool, Trouble> {
        match self.file()? {
            Some(seen) => self.remove(&seen).map(|()| true),
            None => Ok(false),
        }
    }
}

impl Folder {
    /// Used and in all, as `df` has it: without what is kept for root.
    ///
    /// # Errors
    /// The device does not answer.
    pub fn used(&self) -> Result<(u64, u64), Trouble> {
        let found = rustix::fs::fstatvfs(&*self.fd).map_err(|errno| Trouble::of(&self.path, &errno.into()))?;
        let used = found.f_blocks.saturating_sub(found.f_bfree).saturating_mul(found.f_frsize);
        Ok((used, used.saturating_add(found.f_bavail.saturating_mul(found.f_frsize))))
    }
}

/// Makes a file so large that it takes `bytes` of its disk.
///
/// # Errors
/// The disk's.
pub fn grow(file: &mut File, bytes: u64) -> std::io::Result<()> {
    match fallocate(&*file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let block = vec![0_u8; BLOCK];
            let mut left = bytes;
            while left > 0 {
                let now = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
                file.write_all(&block[..now])?;
                left -= now as u64;
            }
            Ok(())
        }
        Err(errno) => Err(errno.into()),
    }
}
