//! One test, played: the real loop, guards and journal, on tokio's paused clock.

use super::people;
use super::script::{ScriptedAlert, Test};
use super::stage::Stage;
use super::story::{Story, Told};
use super::world::Rehearsal;
use crate::book::{self, Edition, Override};
use crate::config::plain_policy;
use crate::domain::alert::{Alert, AlertStatus, Labels};
use crate::domain::id::{Fingerprint, Seq};
use crate::domain::playbook::{Library, Playbook, Step, StepObject, TargetTemplate};
use crate::domain::target::{AllowList, Target, TargetKind};
use crate::domain::template::{self, Context, Results};
use crate::domain::time::Time;
use crate::run::clock::Clock;
use crate::run::handle::Handle;
use crate::run::{Config, Driver, InForce, Switch};
use crate::store::{Horizon, Reader, Store};
use crate::telemetry::Telemetry;
use crate::yaml::Problem;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

pub type Books = Vec<(Edition, Arc<Playbook>)>;

/// The loop shows by itself that it lives, which nobody watches here.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(600);
const GROUP_INTERVAL: Duration = Duration::from_secs(300);
/// For a step that hangs for its deadline while the loop ends.
const PATIENCE: Duration = Duration::from_secs(366 * 86_400);
/// Far more than a test of minutes writes.
const ROWS_MAX: usize = 100_000;
const HOST: &str = "test";

/// The playbooks as the test has them: with its vars, overrides and mode.
///
/// # Errors
/// Every mistake of theirs.
pub fn books(playbooks: &[PathBuf], test: &Test) -> Result<Books, Vec<Problem>> {
    let pieces = &test.config;
    let mut overrides = pieces.overrides.clone();
    if let Some(mode) = test.mode {
        for (_, book) in book::load(playbooks, &BTreeMap::new(), &pieces.vars)? {
            let changes: &mut Override = overrides.entry(book.id.0.to_string()).or_default();
            changes.mode = changes.mode.or(Some(mode));
        }
    }
    book::load(playbooks, &overrides, &pieces.vars)
}

/// Blocks; must not be called on a thread that drives other tasks.
///
/// # Errors
/// The journal can't be made, or the loop gave up.
pub fn play(test: &Test, books: &Books) -> Result<Story, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        // What another thread wakes comes last: the same order every time.
        .global_queue_interval(1 << 20)
        .build()
        .map_err(|error| format!("the runtime can't be started: {error}"))?;
    let dir = folder().map_err(|error| format!("no folder for the journal can be made: {error}"))?;
    runtime.block_on(live(test, books, dir.path()))
}

/// In memory where the machine has such a place: every commit is synced.
fn folder() -> std::io::Result<tempfile::TempDir> {
    let shm = Path::new("/dev/shm");
    let in_memory = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    in_memory.or_else(|_| tempfile::tempdir())
}

async fn live(test: &Test, books: &Books, dir: &Path) -> Result<Story, String> {
    let (store, loaded) = Store::open(dir, Horizon::default()).map_err(|error| error.to_string())?;
    let pieces = &test.config;
    let host_label = pieces.host_label.clone().unwrap_or_else(|| "host".to_owned());
    let named = test.alerts.iter().find_map(|alert| alert.labels.get(&host_label).cloned());
    let alerts: Vec<_> = test.alerts.iter().map(|one| (alert(one, &test.alerts, test.starts), one)).collect();
    let clock = Clock::tokio(test.starts);
    let world = {
        let ends = alerts.iter().map(|(alert, one)| (alert.clone(), one.resolves.map(|at| test.starts + at)));
        let stage = Stage::new(test.world.clone(), test.starts);
        Arc::new(Rehearsal::new(stage, clock.clone(), ends.collect(), pieces.targets.clone()))
    };
    let config = Config {
        host: pieces.host.clone().or(named).unwrap_or_else(|| HOST.to_owned()),
        in_force: InForce {
            host_label,
            allow: pieces.targets.clone().unwrap_or_else(|| granted(books, &test.alerts)),
            group_interval: pieces.group_interval.unwrap_or(GROUP_INTERVAL),
            policy: pieces.policy.clone().unwrap_or_else(plain_policy),
            books: books.iter().map(|(edition, book)| (Arc::clone(book), edition.to_json().into())).collect(),
        },
        switch: Switch::none(),
        asks_alertmanager: true,
        #[cfg(any(test, feature = "failpoints"))]
        without: None,
        compile,
        heartbeat: Box::new(|_| {}),
        heartbeat_every: HEARTBEAT_EVERY,
        proof_every: None,
        dependencies: watch::channel(BTreeMap::new()).1,
    };
    let (stop, stopping) = watch::channel(false);
    let telemetry = Telemetry::new(env!("CARGO_PKG_VERSION"));
    let (driver, handle) = Driver::new(Arc::clone(&world), store, loaded, clock.clone(), config, telemetry, stopping);
    let mut driver = tokio::spawn(driver.run());
    let mut told = Told::default();
    tokio::select! {
        ended = &mut driver => return Err(format!("the loop ended by itself: {ended:?}")),
        () = happen(test, &alerts, &clock, &handle, &mut told) => {}
    }
    told.views = handle.incidents().await.map_err(|error| error.to_string())?;
    told.unmatched = handle.status().await.map_err(|error| error.to_string())?.unmatched;
    told.notices = world.notices();
    told.wrong.extend(world.unmet());
    let end = clock.now();
    stop.send_replace(true);
    match tokio::time::timeout(PATIENCE, driver).await {
        Ok(Ok(ended)) => ended?,
        Ok(Err(error)) => return Err(format!("the loop died: {error}")),
        Err(_) => return Err("the loop did not end when it was told to".to_owned()),
    }
    let reader = Reader::open(dir).map_err(|error| error.to_string())?;
    let rows = reader.events(Seq(0), None, ROWS_MAX).map_err(|error| error.to_string())?;
    Ok(Story::of(&rows, told, test.starts, end))
}

/// What the test scripts for heald's ears, each at its time.
enum Moment<'a> {
    Alert(Alert),
    Person(&'a super::script::Person),
    End,
}

async fn happen(test: &Test, alerts: &[(Alert, &ScriptedAlert)], clock: &Clock, handle: &Handle, told: &mut Told) {
    let mut moments: Vec<(Duration, Moment<'_>)> = Vec::new();
    for (alert, one) in alerts {
        moments.push((one.at, Moment::Alert(alert.clone())));
        if let Some(resolves) = one.resolves {
            moments.push((resolves, Moment::Alert(Alert { status: AlertStatus::Resolved, ..alert.clone() })));
        }
    }
    moments.extend(test.people.iter().map(|person| (person.at, Moment::Person(person))));
    moments.push((test.until, Moment::End));
    moments.sort_by_key(|(at, _)| *at);
    for (at, moment) in moments {
        tokio::time::sleep(clock.until(test.starts + at)).await;
        match moment {
            Moment::End => return settle().await,
            Moment::Alert(alert) => {
                if let Err(error) = handle.deliver(vec![alert]).await {
                    told.wrong.push(format!("an alert was not taken: {error}"));
                }
            }
            Moment::Person(person) => {
                settle().await;
                let answer = people::order(handle, person).await;
                told.orders.push((at, answer.line));
                told.wrong.extend(answer.wrong);
            }
        }
    }
}

/// What is due at the same moment comes first.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// The same labels are the same alert.
fn alert(one: &ScriptedAlert, all: &[ScriptedAlert], start: Time) -> Alert {
    let number = all.iter().position(|other| other.labels == one.labels).map_or(0, |index| index + 1);
    let starts_at = Timestamp::from_millisecond((start + one.at).0).unwrap_or(Timestamp::UNIX_EPOCH);
    let fingerprint = Fingerprint(number.to_string().into());
    let (labels, annotations) = (one.labels.clone(), one.annotations.clone());
    Alert { fingerprint, status: AlertStatus::Firing, starts_at, labels, annotations }
}

/// A playbook's text as the store keeps it.
fn compile(text: &str) -> Result<Playbook, String> {
    let edition = Edition::from_json(text)?;
    edition.compile().map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// Whatever the playbooks name for the alerts of the test.
fn granted(books: &Books, alerts: &[ScriptedAlert]) -> AllowList {
    let library = Library::new(books.iter().map(|(_, book)| Arc::clone(book)).collect());
    let mut allow = AllowList::default();
    for alert in alerts {
        for book in library.matching(&alert.labels) {
            grant_book(&mut allow, book, &alert.labels, &alert.annotations);
        }
    }
    allow
}

fn grant_book(allow: &mut AllowList, book: &Playbook, labels: &Labels, annotations: &Labels) {
    let results = Results::new();
    let context = |target| Context { labels, annotations, vars: &book.vars, target, steps: &results };
    let render = |wanted: &TargetTemplate, context: &Context<'_>| {
        // What does not fit is refused in earnest, with its reason.
        Target::new(wanted.kind, &template::render(&wanted.name, context).ok()?).ok()
    };
    let own = render(&book.target, &context(None));
    let context = context(own.as_ref().map(Target::name));
    let rungs = book.rungs.iter().flat_map(|rung| &rung.steps);
    let steps = rungs.chain(&book.rollback).chain(&book.afterwards).map(|step: &Step| &step.stake.object);
    let objects = steps.chain(book.verify.probes.iter().map(|probe| &probe.object)).filter_map(|object| match object {
        StepObject::Other(wanted) => render(wanted, &context),
        StepObject::Default | StepObject::Nothing => None,
    });
    let objects: Vec<Target> = objects.chain(own.clone()).collect();
    objects.iter().for_each(|target| grant(allow, target));
}

fn grant(allow: &mut AllowList, target: &Target) {
    let list: &mut BTreeSet<String> = match target.kind() {
        TargetKind::Unit => &mut allow.units,
        TargetKind::Container => &mut allow.containers,
        TargetKind::Program => &mut allow.programs,
        TargetKind::Url => &mut allow.urls,
        TargetKind::Path => &mut allow.paths,
        TargetKind::Database => &mut allow.databases,
        TargetKind::Host => &mut allow.hosts,
        TargetKind::Service => &mut allow.services,
        // No configuration can allow these.
        TargetKind::Compose | TargetKind::Process | TargetKind::Volume => return,
    };
    list.insert(target.name().to_owned());
}
