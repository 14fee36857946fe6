//! Drills by the clock: starts `heald drill run` for what is due, in its window, one at a time; and keeps their metrics.
//!
//! A program of its own: a drill that breaks something on this host must not be the process that repairs it, and what it holds
//! (a port, a lock) must be a stranger's to the daemon. It mends what it broke when it is ended together with the daemon.

use super::Books;
use crate::config::Settings;
use crate::domain::calendar::Intervals;
use crate::domain::playbook::Playbook;
use crate::drill::{self, Due, History, Planned};
use crate::run::clock::Clock;
use crate::run::handle::Handle;
use crate::telemetry::{DrillStanding, Telemetry};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// What a reload replaces.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    config: PathBuf,
    planned: Vec<Planned>,
    /// Of what is under way.
    folder: PathBuf,
    reports: PathBuf,
    unattended: bool,
    /// Empty: at any time.
    windows: Vec<Intervals>,
}

/// What keeps a drill from being started now.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NotNow {
    Nobody,
    Outside,
    Paused,
    Busy,
}

/// The page on drills that failed or were missed.
const ABOUT_DRILLS: &str = "heald-drill";
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// heald has started, and what it watches has shown itself.
const SETTLE: Duration = Duration::from_secs(120);
/// A drill that was refused is not tried again at once.
const AGAIN: Duration = Duration::from_secs(3_600);
/// No drill takes so long; it is told to end then, and mends.
const DRILL_MAX: Duration = Duration::from_secs(2 * 3_600);
/// For what it wrote before its end.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// For mending.
const MEND_MAX: Duration = Duration::from_secs(300);

// === impl Plan ===

impl Plan {
    /// Reads the drill files, so not for the loop's thread.
    pub fn of(settings: &Settings, books: &Books) -> Self {
        let books: Vec<Arc<Playbook>> = books.iter().map(|(_, book)| Arc::clone(book)).collect();
        let ids: Vec<String> = books.iter().map(|book| book.id.0.to_string()).collect();
        let drill::Loaded { drills, problems } = drill::load(&settings.playbooks, &settings.drills, &ids, &books);
        for problem in &problems {
            tracing::warn!(place = problem.place(), "a drill that can't be run: {}", problem.what);
        }
        let planned = drills.iter().filter(|drill| drill.is_marked(&settings.drills.allowed)).filter_map(|drill| {
            let since = written(drill.file()).unwrap_or(Timestamp::UNIX_EPOCH);
            Some(Planned { name: drill.name.clone(), every: drill.every?, since })
        });
        let windows = settings.drills.schedule.window.iter();
        Self {
            config: settings.file.clone(),
            planned: planned.collect(),
            folder: drill::folder(&settings.state),
            reports: settings.drills.reports(&settings.state),
            unattended: settings.drills.is_unattended(),
            windows: windows.filter_map(|name| settings.guards.intervals.get(name).cloned()).collect(),
        }
    }

    fn is_open(&self, now: Timestamp) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|window| window.contains(now))
    }
}

fn written(file: &Path) -> Option<Timestamp> {
    Timestamp::try_from(std::fs::metadata(file).ok()?.modified().ok()?).ok()
}

/// Until `stopping`.
pub(super) async fn keep(
    plan: watch::Receiver<Arc<Plan>>,
    handle: Handle,
    telemetry: Telemetry,
    mut stopping: watch::Receiver<bool>,
) {
    let clock = Clock::system(None);
    let mut turns = interval(LOOK_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let begun = clock.wall();
    let first = Arc::clone(&plan.borrow());
    mend(&first.config, &first.folder).await;
    let mut tried: Vec<(String, Timestamp)> = Vec::new();
    loop {
        tokio::select! {
            () = stopped(&mut stopping) => return,
            _ = turns.tick() => {}
        }
        let plan = Arc::clone(&plan.borrow());
        let reports = plan.reports.clone();
        let history = tokio::task::spawn_blocking(move || History::in_folder(reports).read()).await;
        let history = match history {
            Ok(Ok(history)) => history,
            Ok(Err(why)) => {
                tracing::warn!("the history of drills: {why}");
                continue;
            }
            Err(_) => continue,
        };
        let standings = drill::due(&plan.planned, &history);
        telemetry.drills(&standings.iter().map(standing).collect::<Vec<_>>());
        let now = clock.wall();
        tried.retain(|(_, at)| elapsed(*at, now) < AGAIN);
        let may = |due: &&Due<'_>| due.is_due(now) && !tried.iter().any(|(name, _)| *name == due.drill.name);
        let Some(next) = standings.iter().filter(may).min_by_key(|due| due.by) else { continue };
        if elapsed(begun, now) < SETTLE {
            continue;
        }
        match hindrance(&plan, &handle, now).await {
            Some(why) => tracing::debug!(drill = next.drill.name, ?why, "a drill is due, and not run now"),
            None => {
                tried.push((next.drill.name.clone(), now));
                start(&plan.config, &next.drill.name, &mut stopping).await;
            }
        }
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stop| *stop).await);
}

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn standing(due: &Due<'_>) -> DrillStanding {
    let seconds = |at: Timestamp| at.as_millisecond() as f64 / 1_000.0;
    DrillStanding {
        drill: due.drill.name.clone(),
        last: due.last.map(|(at, passed)| (seconds(at), passed)),
        recovery: due.recovery,
        interval: due.drill.every.interval(),
        due: seconds(due.by),
    }
}

/// Never outside of its window, beside an open incident, or while repairs are paused.
async fn hindrance(plan: &Plan, handle: &Handle, now: Timestamp) -> Option<NotNow> {
    if !plan.unattended {
        return Some(NotNow::Nobody);
    }
    if !plan.is_open(now) {
        return Some(NotNow::Outside);
    }
    let Ok(status) = handle.status().await else { return Some(NotNow::Busy) };
    if status.paused.is_some() {
        return Some(NotNow::Paused);
    }
    let Ok(incidents) = handle.incidents().await else { return Some(NotNow::Busy) };
    // What is healed and only watched is open too: its target is better left in peace. That a drill is late must not keep it late.
    let busy = incidents.iter().any(|view| view.state != "closed" && &*view.playbook.0 != ABOUT_DRILLS);
    (status.state != "ok" || busy).then_some(NotNow::Busy)
}

/// The same program, as a person would start it. Its report is its own.
async fn start(config: &Path, name: &str, stopping: &mut watch::Receiver<bool>) {
    tracing::info!(drill = name, "a drill is due: it breaks on purpose what is marked for it");
    let child = Command::new("/proc/self/exe")
        .args(["drill", "run", name, "--yes", "--config.file"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return tracing::error!(drill = name, %error, "the drill can't be started"),
    };
    let told = child.stderr.take().map(|stderr| tokio::spawn(tell(stderr, name.to_owned())));
    let ended = tokio::select! {
        ended = child.wait() => ended,
        () = stopped(stopping) => end(&mut child).await,
        () = sleep(DRILL_MAX) => end(&mut child).await,
    };
    if let Some(told) = told {
        drop(timeout(LAST_WORDS, told).await);
    }
    match ended {
        Ok(status) if status.success() => tracing::info!(drill = name, "the drill passed"),
        Ok(status) => tracing::error!(drill = name, %status, "the drill failed, or was not run"),
        Err(error) => tracing::error!(drill = name, %error, "the drill's end is not known"),
    }
}

/// What it says goes into the log.
async fn tell(stderr: ChildStderr, name: String) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::info!(drill = name, "{}", crate::domain::target::cut(&line));
    }
}

/// What a drill left broken that was killed is mended before anything else.
async fn mend(config: &Path, folder: &Path) {
    if !drill::is_left(folder) {
        return;
    }
    tracing::warn!("a drill was ended before it could mend what it broke");
    let ended = Command::new("/proc/self/exe").args(["drill", "undo", "--config.file"]).arg(config).stdin(Stdio::null()).output();
    match timeout(MEND_MAX, ended).await {
        Ok(Ok(ended)) if ended.status.success() => tracing::info!("what the drill broke is mended"),
        Ok(Ok(ended)) => tracing::error!("the drill's fault is still there: {}", String::from_utf8_lossy(&ended.stderr).trim()),
        Ok(Err(error)) => tracing::error!(%error, "`heald drill undo` can't be started"),
        Err(_) => tracing::error!("`heald drill undo` takes too long"),
    }
}

/// Asks it to end; it mends first.
async fn end(child: &mut Child) -> std::io::Result<std::process::ExitStatus> {
    let pid = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    timeout(MEND_MAX, child.wait()).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}
