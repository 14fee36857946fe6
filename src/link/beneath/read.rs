//! Reading a file that was looked at before: the same one, and unchanged at the end.

use super::{Folder, Place, Stamp, Trouble};
use crate::link::until::Until;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

/// Between two looks at the clock: a slow disk reads as much within a second.
pub(super) const CHUNK: usize = 256 << 10;

/// Notes what passes through it.
pub struct Hashed<R> {
    inner: R,
    until: Until,
    hash: Sha256,
    bytes: u64,
}

// === impl Place ===

impl Place {
    /// Opens what was looked at, for reading.
    ///
    /// # Errors
    /// It is another one by now, or may not be read.
    pub fn open(&self, seen: &Stamp) -> Result<File, Trouble> {
        // Without waiting: a pipe may have taken the name since.
        let file = self.folder.open(&self.name, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty())?;
        self.is_still(&file, seen)?;
        Ok(file)
    }

    /// # Errors
    /// The file was written to, or is another one.
    pub fn is_still(&self, file: &File, seen: &Stamp) -> Result<(), Trouble> {
        let now = file.metadata().map_err(|error| Trouble::of(&self.path(), &error))?;
        if Stamp::from(&now) == *seen { Ok(()) } else { Err(Trouble::changed(&self.path())) }
    }

    /// SHA-256 in hexadecimal.
    ///
    /// # Errors
    /// It can't be read, changed meanwhile, or the time was over.
    pub fn digest(&self, seen: &Stamp, until: &Until) -> Result<String, Trouble> {
        let file = self.open(seen)?;
        let mut hashed = Hashed::new(&file, until);
        hashed.drain().map_err(|error| self.reading(&error, until))?;
        self.is_still(&file, seen)?;
        Ok(hashed.digest())
    }

    /// An error while it was read.
    pub fn reading(&self, error: &io::Error, until: &Until) -> Trouble {
        if error.kind() == io::ErrorKind::TimedOut && until.is_over() {
            return Trouble::Late(format!(" ({})", crate::domain::target::cut(&self.path())));
        }
        Trouble::of(&self.path(), error)
    }
}

impl Folder {
    /// How long ago it was changed, by the wall clock that files are stamped with; zero when that lies ahead.
    pub fn age(stamp: &Stamp) -> Duration {
        let now = crate::link::clock::wall();
        let (seconds, nanos) = (now.as_second() - stamp.modified.0, i64::from(now.subsec_nanosecond()) - stamp.modified.1);
        let age = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        u64::try_from(age).map_or(Duration::ZERO, Duration::from_nanos)
    }
}

// === impl Hashed ===

impl<R: Read> Hashed<R> {
    pub fn new(inner: R, until: &Until) -> Self {
        Self { inner, until: until.clone(), hash: Sha256::new(), bytes: 0 }
    }

    /// Reads to the end, for the digest alone.
    ///
    /// # Errors
    /// The reader's.
    pub fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        while self.read(&mut buffer)? > 0 {}
        Ok(())
    }

    pub fn count(&self) -> u64 {
        self.bytes
    }

    pub fn digest(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.until.is_over() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let length = buffer.len().min(CHUNK);
        let count = self.inner.read(&mut buffer[..length])?;
        self.hash.update(&buffer[..count]);
        self.bytes += u64::try_from(count).unwrap_or(u64::MAX);
        Ok(count)
    }
}
