//! Who uses the lab's own engine. There is one such engine on a machine, shared by every
//! checkout and by `make lab-up` beside a test run; the last user stops it.
//!
//! Users hold a shared lock on one file. The kernel drops it when a user dies, so the count
//! can't go wrong; a second lock serialises starting and stopping.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use super::{
    super::{Context as _, Result, run},
    own::OwnEngine,
};

pub struct Lease {
    engine: OwnEngine,
    users: Option<File>,
}

impl Lease {
    /// Starts the engine if it does not run. Blocks while another run starts or stops it.
    pub fn take() -> Result<Self> {
        let _starting = lock("engine.start", FlockOperation::LockExclusive)?;
        let engine = match OwnEngine::running() {
            Some(engine) => engine,
            None => OwnEngine::start()?,
        };
        Self::of(engine)
    }

    /// Joins the engine only if it runs.
    pub fn take_running() -> Result<Option<Self>> {
        let _starting = lock("engine.start", FlockOperation::LockExclusive)?;
        OwnEngine::running().map(Self::of).transpose()
    }

    fn of(engine: OwnEngine) -> Result<Self> {
        let users = Some(lock("engine.users", FlockOperation::LockShared)?);
        Ok(Self { engine, users })
    }

    pub fn socket(&self) -> &Path {
        self.engine.socket()
    }

    pub fn release(mut self) -> Result<()> {
        self.let_go()
    }

    fn let_go(&mut self) -> Result<()> {
        let Some(users) = self.users.take() else {
            return Ok(());
        };
        let _starting = lock("engine.start", FlockOperation::LockExclusive)?;
        drop(users);
        if lock("engine.users", FlockOperation::NonBlockingLockExclusive).is_ok() {
            self.engine.stop()?;
        }
        Ok(())
    }
}

/// A panic or an error must not leave the engine behind either.
impl Drop for Lease {
    fn drop(&mut self) {
        if let Err(error) = self.let_go() {
            eprintln!("lab: {error}");
        }
    }
}

pub fn lock(name: &str, operation: FlockOperation) -> Result<File> {
    let path: PathBuf = run::base().join(format!("{name}.lock"));
    fs::create_dir_all(run::base()).context(format!("create {}", run::base().display()))?;
    let file = File::options().create(true).append(true).open(&path)?;
    flock(&file, operation).context(format!("lock {}", path.display()))?;
    Ok(file)
}
