//! What the whole program shares.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use super::args::Args;
use super::faults::Faults;
use super::modes::Modes;

#[derive(Debug)]
pub struct Victim {
    pub args: Args,
    pub faults: Faults,
    pub modes: Modes,
    /// Answers by status code.
    answers: Mutex<BTreeMap<u16, u64>>,
    /// Items of work done.
    pub items: AtomicU64,
    pub boot_ms: AtomicU64,
    pub database_ok: AtomicBool,
    /// Models that are in the device's memory.
    pub loaded: Mutex<Vec<String>>,
    pub started: Instant,
    pub heartbeat: Mutex<Option<SystemTime>>,
}

impl Victim {
    pub fn new(args: Args) -> Self {
        if let Some(folder) = &args.state {
            // What can't be made shows in its log, which then is missing.
            let _ = std::fs::create_dir_all(folder);
        }
        Self {
            faults: Faults::in_folder(args.state.as_ref()),
            modes: Modes::in_folder(args.state.as_ref()),
            answers: Mutex::default(),
            items: AtomicU64::new(0),
            boot_ms: AtomicU64::new(0),
            database_ok: AtomicBool::new(true),
            loaded: Mutex::new(args.models.first().cloned().into_iter().collect()),
            started: Instant::now(),
            heartbeat: Mutex::default(),
            args,
        }
    }

    /// To standard error, and to the log that mtail reads.
    pub fn log(&self, line: &str) {
        eprintln!("{line}");
        let Some(folder) = &self.args.state else { return };
        if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(folder.join("victim.log")) {
            // One write, so that lines of two processes don't mix.
            let _ = file.write_all(format!("{} {line}\n", jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S")).as_bytes());
        }
    }

    pub fn count(&self, code: u16) {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    pub fn counts(&self) -> BTreeMap<u16, u64> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why it calls itself unwell, if it does.
    pub fn complaint(&self) -> Option<&'static str> {
        if !self.database_ok.load(Ordering::Relaxed) {
            return Some("database");
        }
        if self.faults.is_on("gateway") {
            return Some("gateway: disconnected");
        }
        // Whoever was told that it is offline serves what it can.
        (self.faults.is_on("offline") && !self.modes.is_on("offline") && !self.modes.is_on("degraded"))
            .then_some("upstream: unreachable")
    }

    pub fn works(&self) -> bool {
        !self.faults.is_on("stuck") && !self.faults.is_on("hang")
    }
}
