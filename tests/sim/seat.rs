//! Where one life of heald sits: its way to the world, and the moment at which it dies.

use crate::rng::Rng;
use crate::world::{Told, World as Host};
use heald::domain::alert::ListedAlert;
use heald::domain::id::Seq;
use heald::domain::look::{LookHow, Observation};
use heald::domain::notice::{Again, Delivery, Post};
use heald::domain::outcome::Acted;
use heald::domain::plan::{PlannedProbe, PlannedStep};
use heald::run::clock::Clock;
use heald::run::world::{ActOrder, LookOrder, World};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, watch};

pub struct Seat {
    pub host: Arc<Mutex<Host>>,
    pub clock: Clock,
    pub committed: OnceLock<watch::Receiver<Seq>>,
    /// Whether calls, answers and messages may go astray.
    pub rough: bool,
    /// In percent of the steps: dies before it is sent, or after, before its answer.
    pub death_at_act: u64,
    pub dead: AtomicBool,
    pub died: Notify,
    pub rng: Mutex<Rng>,
}

impl Seat {
    /// From now on nothing reaches the world, and nothing comes back.
    pub fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
    }

    async fn alive(&self) {
        if self.dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    fn chance(&self, percent: u64) -> bool {
        self.rng.lock().unwrap().percent(percent)
    }

    fn see(&self, order: &LookOrder) -> Observation {
        self.host.lock().unwrap().observe(self.clock.now(), order.target.as_ref())
    }
}

impl World for Seat {
    async fn look(&self, order: LookOrder) -> Observation {
        self.alive().await;
        let calm = self.host.lock().unwrap().calm;
        if self.rough && !calm && !matches!(order.how, LookHow::UntilFail { .. }) && self.chance(1) {
            std::future::pending::<()>().await;
        }
        let begun = self.clock.now();
        let latency = self.rng.lock().unwrap().millis(1, 200);
        let (mut good_since, mut bad_before) = (None, false);
        loop {
            tokio::time::sleep(latency).await;
            self.alive().await;
            let (now, seen) = (self.clock.now(), self.see(&order));
            good_since = seen.passed().then(|| good_since.unwrap_or(now));
            let pause = match order.how {
                LookHow::Once => return seen,
                LookHow::UntilPass { within, stable } => {
                    if good_since.is_some_and(|since| now.since(since) >= stable) || now.since(begun) >= within {
                        return seen;
                    }
                    Duration::from_millis(if within > Duration::from_secs(30) { 3_000 } else { 700 })
                        .min(within.saturating_sub(now.since(begun)))
                }
                LookHow::UntilFail { every, confirm } => {
                    let bad = !seen.passed() && !seen.is_unknown();
                    if bad && bad_before {
                        return seen;
                    }
                    bad_before = bad;
                    if bad { confirm } else { every * 4 }
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn act(&self, order: ActOrder) -> Acted {
        self.alive().await;
        let calm = self.host.lock().unwrap().calm;
        if !calm && self.chance(self.death_at_act) {
            self.die();
            self.alive().await;
        }
        let committed = self.committed.get().map_or(Seq(0), |committed| *committed.borrow());
        let behaviour = self.host.lock().unwrap().begin(self.clock.now(), &order, committed);
        if !calm && self.chance(self.death_at_act) {
            self.die();
            self.alive().await;
        }
        let Some(outcome) = behaviour.outcome else { return std::future::pending().await };
        tokio::time::sleep(behaviour.takes).await;
        self.alive().await;
        self.host.lock().unwrap().end(self.clock.now(), &behaviour, outcome)
    }

    async fn tell(&self, post: Post) -> Delivery {
        self.alive().await;
        let Post { channel, notice, thread } = post;
        let fails = self.rough && self.chance(10);
        let again = match () {
            () if self.chance(50) => Again::Soon,
            () if self.chance(50) => Again::After(Duration::from_secs(40)),
            () => Again::Never,
        };
        let told = Told { incident: notice.incident, number: notice.number, channel: channel.clone(), accepted: !fails };
        self.host.lock().unwrap().told.push(told);
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.alive().await;
        // Only the chat can change what it said.
        let thread = thread.or_else(|| (channel == "chat").then(|| notice.incident.to_string()));
        if fails { Delivery::failed(channel, "no answer", again) } else { Delivery { thread, ..Delivery::taken(channel) } }
    }

    async fn alerts(&self) -> Option<Result<Vec<ListedAlert>, String>> {
        None
    }

    fn admit(&self, _step: &PlannedStep) -> Result<(), String> {
        Ok(())
    }

    fn admit_probe(&self, _probe: &PlannedProbe) -> Result<(), String> {
        Ok(())
    }
}
