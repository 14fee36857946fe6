//! Processes the lab started, and only those: each is known by pid *and* start time, so a
//! reused pid is never signalled.

use std::{
    fmt, fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    str::FromStr,
    sync::Mutex,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{Context as _, Error, Result, RunFiles, wait::wait_blocking};

/// A process for as long as the kernel remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessId {
    pid: i32,
    /// Clock ticks between boot and its start (field 22 of `/proc/PID/stat`).
    started: u64,
}

/// A child in a process group of its own, so that the terminal's Ctrl-C reaches the lab and
/// not its parts, which the lab then stops in order.
pub struct Process {
    name: String,
    id: ProcessId,
    child: Mutex<Child>,
    log: PathBuf,
    grace: Duration,
}

// === ProcessId ===

impl ProcessId {
    pub fn of(pid: i32) -> Option<Self> {
        let Stat { started, .. } = stat(pid)?;
        Some(Self { pid, started })
    }

    pub fn me() -> Self {
        Self::of(std::process::id().cast_signed()).expect("/proc shows this process")
    }

    /// All that run now and are no zombies.
    pub fn all() -> impl Iterator<Item = Self> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| Self::of(entry.file_name().to_str()?.parse().ok()?)).filter(|process| process.is_alive())
    }

    pub fn children(self) -> impl Iterator<Item = Self> {
        Self::all().filter(move |child| stat(child.pid).is_some_and(|stat| stat.parent == self.pid))
    }

    pub fn pid(self) -> i32 {
        self.pid
    }

    /// Neither gone nor replaced nor a zombie.
    pub fn is_alive(self) -> bool {
        stat(self.pid).is_some_and(|now| now.started == self.started && now.state != 'Z')
    }

    pub fn signal(self, signal: Signal) -> Result<()> {
        if self.is_alive()
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            kill_process(pid, signal).context(format!("signal process {}", self.pid))?;
        }
        Ok(())
    }

    /// SIGTERM, then SIGKILL when it did not end within `grace`. Returns when it is gone.
    pub fn end(self, grace: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        let gone = || (!self.is_alive()).then_some(());
        if wait_blocking("end of process", grace, gone).is_err() {
            self.signal(Signal::KILL)?;
            wait_blocking(&format!("death of process {}", self.pid), Duration::from_secs(10), gone)?;
        }
        Ok(())
    }
}

struct Stat {
    state: char,
    parent: i32,
    started: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold spaces and brackets; the fields start behind its last bracket.
    let mut fields = line.rsplit_once(')')?.1.split_ascii_whitespace();
    Some(Stat {
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
        started: fields.nth(17)?.parse().ok()?,
    })
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.pid, self.started)
    }
}

impl FromStr for ProcessId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (pid, started) = text.split_once('-').ok_or_else(|| Error::new(format!("{text:?} is not PID-STARTTIME")))?;
        Ok(Self { pid: pid.parse()?, started: started.parse()? })
    }
}

// === Process ===

impl Process {
    /// Starts `command` with its output in `RUN/NAME.log` and records it for the sweep.
    pub fn spawn(run: &RunFiles, name: &str, mut command: Command) -> Result<Self> {
        let log = run.files().join(format!("{name}.log"));
        let out = fs::File::options().create(true).append(true).open(&log)?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .context(format!("start {program} (tests/lab/setup.sh installs what is missing)"))?;
        let id = ProcessId::of(child.id().cast_signed()).expect("an unreaped child is in /proc");
        let process = Self { name: name.to_owned(), id, child: Mutex::new(child), log, grace: Duration::from_secs(5) };
        // Dropping it on an error ends it.
        run.record(id)?;
        Ok(process)
    }

    /// How long it may take to end by itself before it is killed.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    pub fn id(&self) -> ProcessId {
        self.id
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its exit status and the end of its log, once it has ended.
    pub fn obituary(&self) -> Option<String> {
        let status = self.child.lock().expect("no holder panics").try_wait().ok()??;
        Some(format!("{} ended ({status}); its log ends:\n{}", self.name, tail(&self.log, 15)))
    }

    /// For SIGSTOP, SIGCONT and a hard SIGKILL.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.id.signal(signal)
    }

    pub fn stop(&self) {
        let mut child = self.child.lock().expect("no holder panics");
        let Some(group) = Pid::from_raw(self.id.pid) else {
            return;
        };
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        // A stopped process does not act on SIGTERM until it continues.
        let _ = kill_process_group(group, Signal::TERM);
        let _ = kill_process_group(group, Signal::CONT);
        let ended = wait_blocking("end", self.grace, || child.try_wait().ok().flatten());
        if ended.is_err() {
            let _ = kill_process_group(group, Signal::KILL);
            let _ = child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The last `lines` of a log, for error messages.
pub fn tail(log: &Path, lines: usize) -> String {
    let text = fs::read_to_string(log).unwrap_or_else(|error| format!("(no log: {error})"));
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
