//! Runs one drill: breaks, watches what heald makes of it, mends, and tells.

use super::fault::{Held, Marked};
use super::file::{Drill, Expect, Posted};
use super::history::Entry;
use super::measure::{Judged, Timeline, judge};
use super::settings::Settings;
use super::under_way::UnderWay;
use crate::domain::playbook::Playbook;
use crate::domain::time::Span;
use crate::link::{Tools, clock};
use crate::run::view::{IncidentView, Status};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// What a drill asks of the daemon: questions only.
pub trait Ask {
    /// # Errors
    /// It does not answer, in words.
    fn status(&self) -> impl Future<Output = Result<Status, String>>;

    /// Those that are open, and the last that are over.
    ///
    /// # Errors
    /// It does not answer, in words.
    fn incidents(&self) -> impl Future<Output = Result<Vec<IncidentView>, String>>;

    /// With its timeline.
    ///
    /// # Errors
    /// It does not answer, in words.
    fn incident(&self, id: u64) -> impl Future<Output = Result<IncidentView, String>>;
}

/// Where a drill takes place.
pub struct Setting<'a, D> {
    pub tools: &'a Tools,
    pub settings: &'a Settings,
    pub books: &'a [Arc<Playbook>],
    pub daemon: &'a D,
    pub host: &'a str,
    pub host_label: &'a str,
    /// For an incident of the same playbook to close that an earlier drill left.
    pub patience: Duration,
    /// True: end now, and mend first.
    pub stop: watch::Receiver<bool>,
    /// For people who watch.
    pub say: &'a (dyn Fn(&str) + Sync),
}

/// How it ended.
#[derive(Debug)]
pub enum Drilled {
    /// Passed or failed.
    Ran(Box<Entry>),
    /// Nothing was broken, and why.
    Refused(Vec<String>),
    /// Somebody ended it; what was broken is mended, or is what is left.
    Stopped { left: Vec<String> },
}

/// Why the waiting ended.
enum Ended {
    Stopped,
    Failed(String),
}

/// What was seen between the faults and their undoing.
#[derive(Default)]
struct Seen {
    /// When the first fault was about to be injected, and when the last one was.
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    incident: Option<(u64, Timeline)>,
    broken: Option<String>,
}

const SETTLE_EVERY: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The daemon may restart, or be busy, for so long.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Beyond the goal a drill waits so many times as long, to tell how late heald was.
const PATIENCE: u32 = 4;
const PATIENCE_MIN: Duration = Duration::from_secs(120);
/// A guard that still says no after so long has refused; shorter holds are waits for a job or a cooldown.
const HELD_FOR: Duration = Duration::from_secs(10);
/// Where neither the drill nor its playbook names a goal.
const WITHIN: Duration = Duration::from_secs(600);
/// An alert that the drill posts is kept alive, and ends by itself if the drill is killed.
const ALIVE_EVERY: Duration = Duration::from_secs(20);
const ALIVE_FOR: Duration = Duration::from_secs(120);

/// What must hold before anything is broken; then the faults, each marked.
///
/// # Errors
/// All that does not hold.
pub fn refusals<'a>(
    drill: &'a Drill,
    settings: &Settings,
    books: &[Arc<Playbook>],
    status: &Status,
    open: &[IncidentView],
) -> Result<Vec<Marked<'a>>, Vec<String>> {
    let mut no = Vec::new();
    let mut marked = Vec::new();
    for fault in &drill.faults {
        match Marked::new(fault, &settings.allowed) {
            Ok(fault) => marked.push(fault),
            Err(why) => no.push(why),
        }
    }
    if status.state != "ok" {
        no.push(format!("heald is not in order: {}", status.state));
    }
    if let Some(why) = &status.paused {
        no.push(format!("heald is paused {why}: nothing would be repaired"));
    }
    let book = books.iter().find(|book| *book.id.0 == *drill.playbook);
    match status.playbooks.iter().find(|book| *book.id.0 == *drill.playbook) {
        None => no.push(format!("the daemon has no playbook {}; `heald reload` reads them anew", drill.playbook)),
        Some(view) if drill.expect == Expect::Healed => {
            let earned = view.trust.as_ref().is_some_and(|trust| trust.starts_with("observe"));
            if view.mode == "observe" || earned {
                let id = &drill.playbook;
                no.push(format!(
                    "playbook {id} only observes here; write `overrides: {{ {id}: {{ mode: auto }} }}` into heald.yaml"
                ));
            }
        }
        Some(_) => {}
    }
    if book.is_some_and(|book| book.rungs.is_empty()) && drill.expect == Expect::Healed {
        no.push(format!("playbook {} repairs nothing: expect `escalated`", drill.playbook));
    }
    if let Some(other) = still_open(drill, open) {
        no.push(format!(
            "incident {} of this playbook is still {}: the drill's own could not be told from it",
            other.id, other.state
        ));
    }
    if no.is_empty() { Ok(marked) } else { Err(no) }
}

fn still_open<'v>(drill: &Drill, open: &'v [IncidentView]) -> Option<&'v IncidentView> {
    open.iter().find(|view| is_of(drill, view) && view.state != "closed")
}

fn is_of(drill: &Drill, view: &IncidentView) -> bool {
    let name = view.target.as_ref().map(|target| target.name());
    *view.playbook.0 == *drill.playbook && drill.target.as_deref().is_none_or(|target| name == Some(target))
}

/// The goal in force.
fn goal(drill: &Drill, books: &[Arc<Playbook>]) -> Option<Duration> {
    let book = books.iter().find(|book| *book.id.0 == *drill.playbook);
    drill.within.or_else(|| book.and_then(|book| book.recovery_time))
}

/// Runs it. What it breaks is mended in any case: also when it is told to stop, and when it fails or panics.
///
/// # Errors
/// The daemon does not answer before anything is broken.
pub async fn run<D: Ask>(drill: &Drill, setting: &Setting<'_, D>, under_way: &mut UnderWay) -> Result<Drilled, String> {
    let until = Instant::now() + setting.patience;
    let (status, open) = loop {
        let (status, open) = (setting.daemon.status().await?, setting.daemon.incidents().await?);
        let Some(other) = still_open(drill, &open).filter(|_| Instant::now() < until && !*setting.stop.borrow()) else {
            break (status, open);
        };
        (setting.say)(&format!("waiting for incident {} to close", other.id));
        sleep(SETTLE_EVERY).await;
    };
    let marked = match refusals(drill, setting.settings, setting.books, &status, &open) {
        Ok(marked) => marked,
        Err(no) => return Ok(Drilled::Refused(no)),
    };
    if drill.alert.is_some() && setting.tools.alertmanager.is_none() {
        return Ok(Drilled::Refused(vec!["the drill posts its alert: that needs `alertmanager: { url: … }`".to_owned()]));
    }
    let before = open.iter().map(|view| view.id.0).max().unwrap_or(0);
    let within = goal(drill, setting.books);
    let mut seen = Seen::default();
    let mut held: Vec<Held> = Vec::new();
    let work = breaking(drill, setting, under_way, &marked, before, within, &mut seen, &mut held);
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    (setting.say)("undoing the faults");
    // Whoever holds a lock or a port lets it go before anything is started again.
    drop(held);
    let (undone, left) = under_way.undo(setting.tools).await;
    if let Some(posted) = &drill.alert {
        drop(post(setting, posted, seen.first.unwrap_or_else(clock::wall), Duration::ZERO).await);
    }
    match ended {
        Ok(Err(Ended::Stopped)) => return Ok(Drilled::Stopped { left }),
        Ok(Err(Ended::Failed(why))) => seen.broken = Some(why),
        Err(_) => seen.broken = Some("the drill itself broke off; this is a mistake of heald's".to_owned()),
        Ok(Ok(())) => {}
    }
    Ok(Drilled::Ran(Box::new(entry(drill, setting, &status.version, seen, within, undone, left))))
}

#[expect(clippy::too_many_arguments, reason = "what must outlive a panic is the caller's")]
async fn breaking<D: Ask>(
    drill: &Drill,
    setting: &Setting<'_, D>,
    under_way: &mut UnderWay,
    marked: &[Marked<'_>],
    before: u64,
    within: Option<Duration>,
    seen: &mut Seen,
    held: &mut Vec<Held>,
) -> Result<(), Ended> {
    let mut stop = setting.stop.clone();
    seen.first = Some(clock::wall());
    for fault in marked {
        if *stop.borrow() {
            return Err(Ended::Stopped);
        }
        (setting.say)(&format!("fault: {}", fault.text()));
        let undo = fault.prepare(setting.tools).await.map_err(Ended::Failed)?;
        under_way.note(&drill.name, fault.text(), &undo).map_err(Ended::Failed)?;
        // Never dropped half way: an order to stop is heard afterwards.
        held.push(fault.inject(setting.tools, &undo).await.map_err(Ended::Failed)?);
        seen.last = Some(clock::wall());
    }
    let watching = watch(drill, setting, before, within, seen);
    tokio::select! {
        ended = watching => ended.map_err(Ended::Failed),
        _ = stop.wait_for(|stop| *stop) => Err(Ended::Stopped),
    }
}

/// Until all that is expected has been seen, or it is too late for it.
async fn watch<D: Ask>(
    drill: &Drill,
    setting: &Setting<'_, D>,
    before: u64,
    within: Option<Duration>,
    seen: &mut Seen,
) -> Result<(), String> {
    let mut deadline = Instant::now() + drill.detect_within;
    let (mut alive, mut heard) = (Instant::now(), Instant::now());
    let mut held = None;
    loop {
        if let Some(posted) = &drill.alert
            && Instant::now() >= alive
        {
            post(setting, posted, seen.first.unwrap_or_else(clock::wall), ALIVE_FOR).await?;
            alive = Instant::now() + ALIVE_EVERY;
        }
        match look(drill, setting, before, seen.incident.as_ref().map(|(id, _)| *id)).await {
            Ok(Some((id, timeline))) => {
                heard = Instant::now();
                if seen.incident.is_none() {
                    (setting.say)(&format!("incident {id} is open"));
                    deadline = Instant::now() + (PATIENCE * within.unwrap_or(WITHIN)).max(PATIENCE_MIN);
                }
                held = timeline.is_held().then(|| held.unwrap_or_else(Instant::now));
                let refused = drill.expect == Expect::Refused && held.is_some_and(|since| since.elapsed() >= HELD_FOR);
                let over = refused || timeline.is_over(drill.expect);
                seen.incident = Some((id, timeline));
                if over {
                    return Ok(());
                }
            }
            Ok(None) => heard = Instant::now(),
            Err(why) if heard.elapsed() > SILENCE_MAX => return Err(format!("heald does not answer: {why}")),
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The drill's incident: the first that was opened after the fault, and fits.
async fn look<D: Ask>(
    drill: &Drill,
    setting: &Setting<'_, D>,
    before: u64,
    known: Option<u64>,
) -> Result<Option<(u64, Timeline)>, String> {
    let id = match known {
        Some(id) => id,
        None => {
            let views = setting.daemon.incidents().await?;
            let of_it = views.iter().filter(|view| view.id.0 > before && is_of(drill, view));
            let Some(id) = of_it.map(|view| view.id.0).min() else { return Ok(None) };
            id
        }
    };
    Ok(Some((id, Timeline::of(&setting.daemon.incident(id).await?))))
}

async fn post<D>(setting: &Setting<'_, D>, posted: &Posted, since: Timestamp, alive: Duration) -> Result<(), String> {
    let Some(alertmanager) = &setting.tools.alertmanager else { return Err("no Alertmanager is configured".to_owned()) };
    let (mut labels, annotations) = (posted.labels.clone(), &posted.annotations);
    labels.entry(setting.host_label.to_owned()).or_insert_with(|| setting.host.to_owned());
    alertmanager.post(&labels, annotations, since, alive).await.map_err(|error| format!("Alertmanager takes no alert: {error}"))
}

fn entry<D>(
    drill: &Drill,
    setting: &Setting<'_, D>,
    version: &str,
    seen: Seen,
    within: Option<Duration>,
    undone: Vec<String>,
    left: Vec<String>,
) -> Entry {
    let now = clock::wall();
    let fault = seen.last.or(seen.first).unwrap_or(now);
    let timeline = seen.incident.as_ref().map(|(_, timeline)| timeline);
    let Judged { detect, act, verify, recovery, mut why } = match seen.broken {
        Some(broken) => Judged { why: vec![broken], ..Judged::default() },
        None => judge(drill, fault, timeline, within),
    };
    why.extend((!left.is_empty()).then(|| format!("{} of its faults could not be undone; see `heald drill undo`", left.len())));
    let ms = |span: Option<Duration>| span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    Entry {
        drill: drill.name.clone(),
        playbook: drill.playbook.clone(),
        covers: drill.covers.clone(),
        host: setting.host.to_owned(),
        version: version.to_owned(),
        at: seen.first.unwrap_or(now),
        ended: now,
        passed: why.is_empty(),
        expected: drill.expect,
        state: timeline.map(|timeline| timeline.state.clone()),
        incident: seen.incident.as_ref().map(|(id, _)| *id),
        posted: drill.alert.is_some(),
        detect_ms: ms(detect),
        act_ms: ms(act),
        verify_ms: ms(verify),
        recovery_ms: ms(recovery),
        within_ms: ms(within.filter(|_| drill.expect == Expect::Healed)),
        attempts: timeline.map_or(0, |timeline| timeline.attempts),
        steps: timeline.map(|timeline| timeline.steps.clone()).unwrap_or_default(),
        faults: drill.faults.iter().map(|fault| fault.text.clone()).collect(),
        why,
        undone,
        left,
        every: drill.every,
    }
}

/// The goal of a drill in words.
pub fn goal_text(drill: &Drill, books: &[Arc<Playbook>]) -> String {
    goal(drill, books).map_or_else(
        || drill.expect.label().to_owned(),
        |within| match drill.expect {
            Expect::Healed => format!("healed within {}", Span(within)),
            other => other.label().to_owned(),
        },
    )
}
