//! The column "heald": the real loop and journal through the scenario, on tokio's paused clock.

use super::alerting::Rule;
use super::scenario::Scenario;
use super::scene::{Healer, Scene};
use super::world::SimWorld;
use crate::domain::playbook::Playbook;
use crate::domain::policy::Policy;
use crate::domain::target::AllowList;
use crate::domain::time::{Span, Time};
use crate::run::clock::Clock;
use crate::run::handle::{Handle, PersonOrder};
use crate::run::{Config, Driver, InForce, Switch};
use crate::store::{Horizon, Store};
use crate::telemetry::Telemetry;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What the user brings: as for the daemon.
#[derive(Clone)]
pub struct Setup {
    pub host: String,
    pub host_label: String,
    pub allow: AllowList,
    /// The allow-list comes from a configuration: URLs and addresses must be named by it too.
    pub strict: bool,
    pub group_interval: Duration,
    pub policy: Policy,
    /// heald reads Alertmanager's list of alerts too.
    pub asks_alertmanager: bool,
    pub books: Vec<(Arc<Playbook>, Arc<str>)>,
    pub compile: fn(&str) -> Result<Playbook, String>,
    pub hours: u32,
    pub seed: u64,
}

/// What came of it.
pub struct Lived {
    pub scene: Scene,
    pub told: std::collections::BTreeMap<&'static str, u64>,
    /// Journal records written.
    pub records: u64,
}

/// 2026-01-01T00:00:00Z
pub const START: Time = Time(1_767_225_600_000);

/// Nobody watches a simulation but its caller; the loop still asks for Alertmanager's list when it turns.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(600);

/// Blocks; must not be called on a thread that drives other tasks.
///
/// # Errors
/// The journal can't be made, or the loop gave up.
pub fn heald(scenario: &Scenario, setup: &Setup, rules: Vec<Rule>, dir: &Path) -> Result<Lived, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        // What another thread wakes comes last: the same order every time.
        .global_queue_interval(1 << 20)
        .build()
        .map_err(|error| format!("the runtime can't be started: {error}"))?;
    let scene = Scene::new(scenario, rules, Healer::Heald, START, setup.seed);
    runtime.block_on(live(scene, setup, dir))
}

async fn live(scene: Scene, setup: &Setup, dir: &Path) -> Result<Lived, String> {
    let (store, loaded) = Store::open(dir, Horizon::default()).map_err(|error| error.to_string())?;
    let clock = Clock::tokio(START);
    let world = Arc::new(SimWorld::new(scene, clock.clone(), setup.strict.then(|| setup.allow.clone())));
    let config = Config {
        host: setup.host.clone(),
        in_force: InForce {
            host_label: setup.host_label.clone(),
            allow: setup.allow.clone(),
            group_interval: setup.group_interval,
            policy: setup.policy.clone(),
            books: setup.books.clone(),
        },
        switch: Switch::none(),
        asks_alertmanager: setup.asks_alertmanager,
        #[cfg(any(test, feature = "failpoints"))]
        without: None,
        compile: setup.compile,
        heartbeat: Box::new(|_| {}),
        heartbeat_every: HEARTBEAT_EVERY,
        proof_every: None,
        dependencies: watch::channel(std::collections::BTreeMap::new()).1,
    };
    let (stop, stopping) = watch::channel(false);
    let telemetry = Telemetry::new(env!("CARGO_PKG_VERSION"));
    let (driver, handle) = Driver::new(Arc::clone(&world), store, loaded, clock.clone(), config, telemetry, stopping);
    let mut driver = tokio::spawn(driver.run());
    let end = START + Duration::from_secs(3_600 * u64::from(setup.hours));
    tokio::select! {
        ended = &mut driver => return Err(format!("the loop ended by itself: {ended:?}")),
        () = stage(&world, &handle, end) => {}
    }
    let records = handle.committed().borrow().0;
    // A step that hangs may go on for its deadline; nobody waits for it.
    stop.send_replace(true);
    let patience = Duration::from_secs(600);
    match tokio::time::timeout(patience, driver).await {
        Ok(Ok(ended)) => ended?,
        Ok(Err(error)) => return Err(format!("the loop died: {error}")),
        Err(_) => return Err("the loop did not end when it was told to".to_owned()),
    }
    drop(handle);
    let world = Arc::into_inner(world).ok_or("somebody still looks at the simulated host")?;
    let told = world.told.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Lived { scene: world.scene.into_inner().unwrap_or_else(PoisonError::into_inner), told, records })
}

/// Lets the world go on, and carries its alerts and orders to heald.
async fn stage(world: &SimWorld, handle: &Handle, end: Time) {
    let clock = &world.clock;
    let mut paused = false;
    while clock.now() < end {
        let now = clock.now();
        world.step(now);
        let (due, next, pause) = {
            let mut scene = world.scene();
            let pause = scene.host.paused_until.filter(|until| *until > now);
            (std::mem::take(&mut scene.due), scene.next(), pause)
        };
        for alert in due {
            if handle.deliver(vec![alert.clone()]).await.is_err() {
                world.scene().alerting.again(now, alert);
            }
        }
        if pause.is_some() != paused {
            paused = pause.is_some();
            let for_ = pause.map(|until| Span(until.since(now))).filter(|span| span.0 < Duration::from_secs(86_400 * 366));
            let order = match paused {
                true => PersonOrder::Pause { for_, why: "a person wants to look first".to_owned() },
                false => PersonOrder::Resume,
            };
            // Refused where the pause has run out by itself, which is the same.
            drop(handle.order(order, "operator".to_owned()).await);
        }
        let next = [next, pause].into_iter().flatten().min().map_or(end, |at| at.min(end));
        tokio::select! {
            () = world.poke.notified() => {}
            () = tokio::time::sleep(clock.until(next)) => {}
        }
    }
}
