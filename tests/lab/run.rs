//! One run of the lab: its short-lived files, and the record from which the next run cleans up
//! after one that was killed.

use std::{
    fs,
    io::Write as _,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{Context as _, Error, ProcessId, Result};

/// `BASE/runs/ID` holds sockets and records (short paths: a Unix socket's is limited to 107
/// bytes); `PROJECT/target/lab/run-ID` holds data folders and logs.
///
/// Dropping it removes both, unless [`Run::keep_files`] was called.
pub struct Run {
    files: RunFiles,
    keep: AtomicBool,
}

/// Where a run's files are. What runs on behalf of a run holds a copy.
#[derive(Clone, Debug)]
pub struct RunFiles {
    id: String,
    dir: PathBuf,
    files: PathBuf,
    /// No more processes: the run is being taken down.
    closed: Arc<AtomicBool>,
}

impl Run {
    /// Cleans up after killed runs first.
    pub fn begin() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        sweep()?;
        let id = format!("{}.{}", ProcessId::me(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = base().join("runs").join(&id);
        let files = cache().join(format!("run-{id}"));
        fs::create_dir_all(&files).context(format!("create {}", files.display()))?;
        fs::create_dir_all(&dir).context(format!("create {}", dir.display()))?;
        fs::write(dir.join("files"), files.as_os_str().as_encoded_bytes())?;
        Ok(Self { files: RunFiles { id, dir, files, closed: Arc::default() }, keep: false.into() })
    }

    /// Ends every process started on behalf of this run, and lets no other start. For the case
    /// that the holders of the processes are on a thread which can't be told to drop them.
    pub(super) fn close(&self) -> Result<()> {
        self.files.closed.store(true, Ordering::SeqCst);
        end_processes(&self.files.dir)
    }

    /// Removes its files. A second time it does nothing.
    pub(super) fn remove(&self) {
        super::mounts::below(&self.files.files).iter().for_each(|point| super::mounts::unmount(point));
        if fs::remove_dir_all(&self.files.dir).is_err() {
            return;
        }
        let last = cache().join("last-failure");
        if self.keep.load(Ordering::Relaxed) {
            let _ = fs::remove_dir_all(&last);
            let _ = fs::rename(&self.files.files, &last);
            eprintln!("lab: logs and data are kept in {}", last.display());
        } else {
            let _ = fs::remove_dir_all(&self.files.files);
        }
    }

    /// Leaves logs and data behind for a look after a failure; only the latest are kept.
    pub fn keep_files(&self) {
        self.keep.store(true, Ordering::Relaxed);
    }
}

impl Deref for Run {
    type Target = RunFiles;

    fn deref(&self) -> &RunFiles {
        &self.files
    }
}

impl RunFiles {
    /// `PID-STARTTIME.N`; also the value of the container label `heald-lab-run`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// For sockets.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// For data and logs.
    pub fn files(&self) -> &Path {
        &self.files
    }

    /// The file is written first and the flag read second; [`Run::close`] does the opposite, so
    /// one of the two sees the other.
    pub(super) fn record(&self, process: ProcessId) -> Result<()> {
        let mut list = fs::File::options().create(true).append(true).open(self.dir.join("processes"))?;
        writeln!(list, "{process}")?;
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::new("the lab is being taken down"));
        }
        Ok(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Where the runs of all checkouts on this machine meet: there is one engine for all of them.
pub fn base() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return "/run/heald-lab".into();
    }
    std::env::var_os("XDG_RUNTIME_DIR").map_or_else(
        || std::env::temp_dir().join(format!("heald-lab-{}", rustix::process::geteuid().as_raw())),
        |dir| PathBuf::from(dir).join("heald-lab"),
    )
}

/// What outlives a run: the engine's images, the last logs. Under `target/`, so `cargo clean`
/// removes it.
pub fn cache() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lab")
}

/// Whether the run with this id still has its process.
pub fn is_live(run_id: &str) -> bool {
    run_id.split_once('.').and_then(|(owner, _)| owner.parse::<ProcessId>().ok()).is_some_and(ProcessId::is_alive)
}

/// Ends the processes and removes the files of runs whose own process was killed.
///
/// Their containers go when the engine is found (`Engine::sweep`).
pub fn sweep() -> Result<()> {
    let runs = base().join("runs");
    let Ok(entries) = fs::read_dir(&runs) else {
        return Ok(());
    };
    for entry in entries {
        let dir = entry?.path();
        if dir.file_name().and_then(|id| id.to_str()).is_some_and(is_live) {
            continue;
        }
        end_processes(&dir)?;
        if let Ok(files) = fs::read_to_string(dir.join("files")) {
            super::mounts::below(Path::new(&files)).iter().for_each(|point| super::mounts::unmount(point));
            let _ = fs::remove_dir_all(files);
        }
        fs::remove_dir_all(&dir).context(format!("remove {}", dir.display()))?;
    }
    Ok(())
}

fn end_processes(dir: &Path) -> Result<()> {
    let recorded = fs::read_to_string(dir.join("processes")).unwrap_or_default();
    for process in recorded.lines().filter_map(|line| line.parse::<ProcessId>().ok()) {
        process.end(Duration::from_secs(5))?;
    }
    Ok(())
}
