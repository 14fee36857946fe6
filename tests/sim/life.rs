//! One life of heald: from opening the store until it dies or the day is over.

use crate::books;
use crate::rng::Rng;
use crate::seat::Seat;
use crate::world::World as Host;
use heald::domain::escalation::{Chain, DigestPolicy, EscalationPolicy, Level, Recipient};
use heald::domain::guard::Guard;
use heald::domain::playbook::{Playbook, Severity};
use heald::domain::policy::Policy;
use heald::domain::time::Time;
use heald::run::clock::{self, Clock, Reading};
use heald::run::handle::Handle;
use heald::run::{Config, Driver, InForce, Switch};
use heald::store::{Horizon, Store};
use heald::telemetry::Telemetry;
use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// When this life is to end before its time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Death {
    /// Right after the n-th commit, before anything that it announced is done.
    pub after_commit: Option<u64>,
    /// In percent, after each commit.
    pub at_commit: u64,
    /// In percent of the steps.
    pub at_act: u64,
}

thread_local! {
    /// The guard that heald lives without: only `mutants.rs` sets it.
    pub static WITHOUT: Cell<Option<Guard>> = const { Cell::new(None) };
}

pub struct Life {
    pub handle: Handle,
    pub clock: Clock,
    pub seat: Arc<Seat>,
    pub commits: Arc<AtomicU64>,
    driver: tokio::task::JoinHandle<Result<(), String>>,
    _stop: watch::Sender<bool>,
}

/// A runtime of its own, with a clock that jumps to the next timer as soon as all tasks wait.
pub fn on_paused_clock<T>(work: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).max_blocking_threads(1).build().unwrap();
    // Dropping it waits for a commit that is under way, and kills everything else.
    runtime.block_on(work)
}

impl Life {
    pub fn begin(dir: &Path, now: Time, host: &Arc<Mutex<Host>>, rough: bool, death: Death, wall_off: i64, seed: u64) -> Self {
        let (store, loaded) = Store::open(dir, Horizon::default()).expect("the store opens");
        // The way a restart within one boot goes: by the boot clock alone, whatever the wall clock says meanwhile.
        let now = loaded.mark.as_ref().map_or(now, |mark| {
            let reading = Reading {
                boottime_ms: mark.boottime_ms + u64::try_from(now.since(mark.at).as_millis()).unwrap(),
                boot_id: mark.boot_id.clone(),
                wall: jiff::Timestamp::from_millisecond(now.0 + wall_off).unwrap(),
            };
            clock::at(Some(mark), &reading)
        });
        let clock = Clock::tokio(now);
        clock.step_wall(wall_off);
        let seat = Arc::new(Seat {
            host: Arc::clone(host),
            clock: clock.clone(),
            committed: OnceLock::new(),
            rough,
            death_at_act: death.at_act,
            dead: AtomicBool::new(false),
            died: Notify::new(),
            rng: Mutex::new(Rng::new(seed)),
        });
        let (commits, last) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(loaded.next_seq.0 - 1));
        let counted = Arc::clone(&commits);
        let watched = Arc::clone(&seat);
        // The loop calls it between two rounds: what the last one announced has not begun.
        let heartbeat = move |_| {
            let Some(committed) = watched.committed.get().map(|committed| committed.borrow().0) else { return };
            if last.swap(committed, Ordering::SeqCst) == committed {
                return;
            }
            let count = counted.fetch_add(1, Ordering::SeqCst) + 1;
            let calm = watched.host.lock().unwrap().calm;
            let chance = !calm && watched.rng.lock().unwrap().percent(death.at_commit);
            if death.after_commit == Some(count) || chance {
                watched.die();
                std::panic::resume_unwind(Box::new("died"));
            }
        };
        let config = Config {
            host: "h".to_owned(),
            in_force: in_force(),
            switch: Switch::none(),
            asks_alertmanager: false,
            #[cfg(feature = "failpoints")]
            without: WITHOUT.get(),
            compile,
            heartbeat: Box::new(heartbeat),
            heartbeat_every: heald::run::HEARTBEAT,
            proof_every: None,
            dependencies: watch::channel(std::collections::BTreeMap::new()).1,
        };
        let (stop, stopped) = watch::channel(false);
        let telemetry = Telemetry::new("sim");
        let (driver, handle) = Driver::new(Arc::clone(&seat), store, loaded, clock.clone(), config, telemetry, stopped);
        seat.committed.set(handle.committed()).ok();
        Self { handle, clock, seat, commits, driver: tokio::spawn(driver.run()), _stop: stop }
    }

    /// False when heald died before the time was over.
    pub async fn pass(&mut self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.seat.died.notified() => false,
            ended = &mut self.driver => panic!("the loop ended by itself: {ended:?}"),
            () = tokio::time::sleep(time) => true,
        }
    }
}

pub fn in_force() -> InForce {
    InForce {
        host_label: "host".to_owned(),
        allow: books::allow(),
        policy: Policy { escalation: escalation(), ..Policy::default() },
        group_interval: Duration::from_secs(120),
        books: books::all().into_iter().map(|book| (Arc::new(book.clone()), Arc::from(&*book.id.0))).collect(),
    }
}

/// A chain that climbs within the time of a day's troubles, over channels that fail.
pub fn escalation() -> EscalationPolicy {
    let level = |after: Option<u64>, when_stuck, to: &[&str]| Level {
        after: after.map(Duration::from_secs),
        when_stuck,
        to: to.iter().map(|name| Recipient::Channel((*name).to_owned())).collect(),
    };
    let levels =
        vec![level(Some(0), false, &["chat"]), level(Some(300), true, &["chat", "mail"]), level(Some(600), false, &["board"])];
    let later = vec![Level { to: vec![Recipient::Digest], ..Level::default() }];
    EscalationPolicy {
        channels: ["chat", "mail", "board"].map(str::to_owned).into(),
        chains: [
            (Severity::P0, Chain { levels: levels.clone(), repeat: Some(Duration::from_secs(3_600)) }),
            (Severity::P1, Chain { levels, repeat: None }),
            (Severity::P2, Chain { levels: later, repeat: None }),
        ]
        .into(),
        digest: DigestPolicy { every: Duration::from_secs(900), to: vec!["chat".to_owned()] },
        ..EscalationPolicy::default()
    }
}

fn compile(text: &str) -> Result<Playbook, String> {
    books::all().into_iter().find(|book| *book.id.0 == *text).ok_or_else(|| format!("no playbook {text}"))
}
