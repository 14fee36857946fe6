//! One writer per folder: `flock` on `STATE/lock`, which the kernel frees however the process ends.
//!
//! Programs that heald starts don't inherit it: std opens files with `O_CLOEXEC`.

use super::error::OpenError;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Held as long as it lives. The file stays: removing it would let two processes lock two files of one name.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(OpenError::folder("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                // For the message of the next one only, so a full disk must not matter. Always of one width:
                // rewriting it needs no new block.
                let _ = writeln!(file, "{:<10}", std::process::id());
                Ok(Self { _file: file })
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                Err(OpenError::Held { path: dir.to_owned(), pid: text.trim().parse().ok() })
            }
            Err(errno) => Err(OpenError::folder("lock", &path)(errno.into())),
        }
    }
}
