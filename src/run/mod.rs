//! THE LOOP. Owns every incident: what is waiting → decide → commit → perform.
//!
//! ```text
//!  Handle ──requests──┐                         ┌──> store (one transaction, fsync)
//!                     ├─> Driver: decide all ───┤         then
//!  answers, timers ───┘                         └──> replies, effects ──> World
//! ```
//!
//! Only the loop changes an incident, and only through events that it commits
//! first. `intake.rs` turns alerts into incidents, `orders.rs` serves people,
//! `perform.rs` runs effects; `state.rs` and `ledger.rs` are folds of the journal.

use crate::domain::decide::{Effect, Signal};
use crate::domain::house::HouseEvent;
use crate::domain::id::{IncidentId, Revision, Seq};
use crate::domain::notice::NoticeKind;
use crate::domain::playbook::{Library, Playbook};
use crate::domain::policy::RatePolicy;
use crate::domain::time::Time;
use crate::store::{Batch, Loaded, Row, Store};
use crate::telemetry::{Stage, Telemetry};
use breakers::Shown;
use clock::Clock;
use handle::{Handle, Reply, Request};
use in_force::Reload;
use pace::Pace;
use perform::{Answer, Performer};
use reconcile::Reconciler;
use state::State;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use world::World;

mod breakers;
mod by_hand;
pub mod census;
mod choose;
pub mod clock;
mod escalate_only;
mod explain;
mod gauges;
pub mod handle;
mod in_force;
mod intake;
mod journal;
pub mod ledger;
mod letters;
mod observe;
mod orders;
pub mod pace;
mod perform;
mod reconcile;
mod record;
pub mod replay;
mod review;
mod show;
pub mod state;
mod switch;
mod telling;
mod trust;
pub mod view;
mod watchdog;
mod way;
mod weather;
pub mod world;

pub use escalate_only::{escalate_only, insist};
pub use in_force::{InForce, longest as longest_window};
pub use switch::Switch;
pub use telling::cry;

/// What the loop is told once, at its start.
pub struct Config {
    pub host: String,
    /// Until a reload.
    pub in_force: InForce,
    pub switch: Switch,
    /// Whether an Alertmanager is configured that can be asked.
    pub asks_alertmanager: bool,
    /// One guard left out, to prove that its absence is noticed; see docs/simulation.md.
    #[cfg(any(test, feature = "failpoints"))]
    pub without: Option<crate::domain::guard::Guard>,
    /// Compiles a text that the store kept, for incidents that are older than the files.
    pub compile: fn(&str) -> Result<Playbook, String>,
    /// Called whenever the loop has done a round of work: feeds the service manager's watchdog. True: its journal can be
    /// written, and what is urgent reaches somebody.
    pub heartbeat: Box<dyn Fn(bool) + Send>,
    /// The loop shows that it lives at least this often: [`HEARTBEAT`], but for simulations.
    pub heartbeat_every: Duration,
    /// So often the journal is written though nothing happened: the proof that it can be. None: not at all.
    pub proof_every: Option<Duration>,
    /// What heald stands on, as last seen.
    pub dependencies: watch::Receiver<std::collections::BTreeMap<String, String>>,
}

pub struct Driver<W> {
    world: Arc<W>,
    /// Taken out while a commit runs on the blocking pool.
    store: Option<Store>,
    clock: Clock,
    config: Config,
    library: Library,
    /// Texts of the playbooks in force, by revision.
    editions: HashMap<Revision, Arc<str>>,
    /// Revisions of open incidents that are no longer in force.
    pinned: HashMap<Revision, Arc<Playbook>>,
    state: State,
    pace: Pace,
    /// The journal knows that this heald runs.
    began: bool,
    /// The one before it ended without a word.
    crashed: bool,
    next_seq: Seq,
    performer: Performer<W>,
    telemetry: Telemetry,
    inbox: mpsc::Receiver<Request>,
    /// What the loop asks of itself.
    own: mpsc::Sender<Request>,
    reconciler: Reconciler,
    answers: mpsc::UnboundedReceiver<Answer>,
    committed: watch::Sender<Seq>,
    stop: watch::Receiver<bool>,
    unmatched: VecDeque<String>,
    /// Why the last commit failed, while it does.
    store_trouble: Option<String>,
    /// To be put in force when the round is over.
    reloads: Vec<Reload>,
    /// To be looked at before anything else is decided about them.
    unsettled: Vec<IncidentId>,
    next_chores: Time,
    /// How far each has come, for the metrics.
    ways: HashMap<IncidentId, way::Way>,
    fatal: Option<String>,
    /// What the gauges show of the breakers.
    shown: Shown,
    /// What concerns heald itself was last told then.
    told_of_house: HashMap<(NoticeKind, String), Time>,
    /// The last openings, for a flood of them; and when a flood was last told.
    opened: VecDeque<Time>,
    flooded: Option<Time>,
    /// Refusals in chats that were journaled of late.
    strangers: VecDeque<Time>,
    /// When Alertmanager's always-firing alert was last heard.
    last_beat: Time,
    /// When resolves that were doubted count, now that alerts are heard again.
    doubts_end: Option<Time>,
    /// When the journal was last written, or was to be.
    proven: Time,
}

/// Work of one round, committed together.
#[derive(Default)]
struct Round {
    rows: Vec<Row>,
    editions: Vec<(Revision, Arc<str>)>,
    done: Vec<IncidentId>,
    effects: Vec<(IncidentId, Effect)>,
    /// When its first effect was decided.
    decided: Option<tokio::time::Instant>,
    replies: Vec<Reply>,
    /// To be handled again if the commit fails.
    answers: Vec<Answer>,
    /// That are over with it.
    outages: Vec<way::Outage>,
}

/// More would keep the first of them waiting without a cheaper fsync.
const ROUND_MAX: usize = 256;
/// For a service manager's watchdog of at least twice that.
pub const HEARTBEAT: Duration = Duration::from_secs(2);

// === impl Driver ===

impl<W: World> Driver<W> {
    pub fn new(
        world: Arc<W>,
        store: Store,
        loaded: Loaded,
        clock: Clock,
        config: Config,
        telemetry: Telemetry,
        stop: watch::Receiver<bool>,
    ) -> (Self, Handle) {
        let (sender, inbox) = mpsc::channel(handle::INBOX);
        // Unbounded, but each open incident has at most one look, one action and two messages under way.
        let (answer, answers) = mpsc::unbounded_channel();
        let (committed, watch) = watch::channel(Seq(loaded.next_seq.0.saturating_sub(1)));
        let (library, editions) = (config.in_force.library(), config.in_force.editions());
        let mut driver = Self {
            performer: Performer::new(Arc::clone(&world), answer, telemetry.clone()),
            world,
            store: Some(store),
            clock,
            config,
            library,
            editions,
            pinned: HashMap::new(),
            state: State::default(),
            pace: Pace::replayed(RatePolicy::default(), &[], Time::default()),
            began: false,
            crashed: false,
            next_seq: loaded.next_seq,
            telemetry,
            inbox,
            own: sender.clone(),
            reconciler: Reconciler::default(),
            answers,
            committed,
            stop,
            unmatched: VecDeque::new(),
            store_trouble: None,
            reloads: Vec::new(),
            unsettled: Vec::new(),
            next_chores: Time::default(),
            ways: HashMap::new(),
            fatal: None,
            shown: Shown::default(),
            told_of_house: HashMap::new(),
            opened: VecDeque::new(),
            flooded: None,
            strangers: VecDeque::new(),
            last_beat: Time::default(),
            doubts_end: None,
            proven: Time::default(),
        };
        driver.telemetry.queue_limit(handle::INBOX);
        driver.last_beat = driver.clock.now();
        driver.adopt(&loaded);
        driver.crashed = driver.state.house.running;
        driver.unsettled = driver.state.incidents.keys().copied().collect();
        (driver, Handle { inbox: sender, committed: watch })
    }

    /// Runs until it is told to stop and the running steps have ended.
    ///
    /// # Errors
    /// The journal's file can't be trusted any more: only a new process may.
    pub async fn run(mut self) -> Result<(), String> {
        // The thresholds may be others than those by which heald stood back.
        let mut round = Round::default();
        self.count_anew(&mut round);
        self.finish(round).await;
        loop {
            if let Some(why) = self.fatal.take() {
                self.performer.abort_all();
                return Err(why);
            }
            (self.config.heartbeat)(self.store_trouble.is_none() && self.is_heard(self.clock.now()));
            let mut round = Round::default();
            self.heed_switch(&mut round);
            self.reload(&mut round).await;
            self.settle(&mut round);
            self.gather(&mut round).await;
            let now = self.clock.now();
            if !*self.stop.borrow() {
                self.ask_for_alerts(now);
                self.watch_watchdog(now, &mut round);
                for id in self.state.due(now, ROUND_MAX) {
                    self.signal(id, Signal::Wake, now, &mut round);
                    self.state.rearm(id, now);
                }
            }
            if !*self.stop.borrow() {
                self.tell(now, &mut round);
            }
            self.finish(round).await;
            self.prove(now).await;
            self.gauges(now);
            self.slow_gauges(now);
            if *self.stop.borrow() && self.performer.acting() == 0 {
                break;
            }
            if now >= self.next_chores {
                self.chores(now).await;
            }
        }
        self.performer.abort_all();
        if self.began {
            let (mut round, now) = (Round::default(), self.clock.now());
            self.record_house(HouseEvent::Ended, now, &mut round);
            self.finish(round).await;
        }
        Ok(())
    }

    /// Waits for the first piece of work, then takes all that is there.
    async fn gather(&mut self, round: &mut Round) {
        let now = self.clock.now();
        let stopping = *self.stop.borrow();
        let timer = match self.state.next_timer().into_iter().chain(self.next_telling(now)).min() {
            _ if !round.rows.is_empty() || !round.effects.is_empty() || !self.unsettled.is_empty() => Duration::ZERO,
            Some(at) if !stopping => at.since(now).min(self.config.heartbeat_every),
            _ => self.config.heartbeat_every,
        };
        tokio::select! {
            biased;
            Ok(()) = self.config.switch.seen.changed() => self.heed_switch(round),
            Some(answer) = self.answers.recv() => self.answer(answer, round),
            Some(request) = self.inbox.recv() => self.request(request, round),
            Ok(()) = self.stop.changed(), if !stopping => {}
            () = tokio::time::sleep(timer) => {}
        }
        for _ in 1..ROUND_MAX {
            let Ok(answer) = self.answers.try_recv() else { break };
            self.answer(answer, round);
        }
        for _ in 1..ROUND_MAX {
            let Ok(request) = self.inbox.try_recv() else { break };
            self.request(request, round);
        }
    }

    fn answer(&mut self, answer: Answer, round: &mut Round) {
        // A look that was replaced meanwhile answers nobody; and while heald stops, a running
        // attempt may end, but no look begins a new one.
        let wanted = self.performer.settle(&answer);
        if wanted && !(*self.stop.borrow() && matches!(answer.signal, Signal::Looked(_))) {
            let now = self.clock.now();
            match answer.signal.clone() {
                Signal::Told { number, delivery } if answer.incident == telling::HOUSE => {
                    self.house_told(number, delivery, now, round);
                }
                signal => drop(self.signal(answer.incident, signal, now, round)),
            }
            round.answers.push(answer);
        }
    }

    /// Commits the round, then answers and performs; or takes all of it back.
    async fn finish(&mut self, round: Round) {
        let mut round = round;
        if !round.rows.is_empty() && !self.began {
            self.begin(&mut round);
        }
        let Round { rows, editions, done, effects, decided, replies, answers, outages } = round;
        if !rows.is_empty() || !editions.is_empty() {
            let batch = Batch { rows, editions, done, mark: self.clock.mark() };
            match self.commit(batch).await {
                Ok(batch) => {
                    let last = batch.rows.last().map(|row| row.seq);
                    self.observe(&batch.rows);
                    outages.iter().for_each(|one| self.telemetry.outage(&one.service, one.lasted, one.rto));
                    self.crashed &= !self.unsettled.is_empty();
                    if let Some(last) = last {
                        self.committed.send_replace(last);
                    }
                }
                Err(why) => return self.take_back(why, replies, answers).await,
            }
        }
        let answered = cfg!(feature = "failpoints") && replies.iter().any(|reply| matches!(reply, Reply::Deliver(..)));
        self.telemetry.queue_depth(self.inbox.len());
        for reply in replies {
            reply.send();
        }
        if answered {
            // The crash point lies behind the answer, so whoever sends it gets its turn first.
            tokio::task::yield_now().await;
            fail::fail_point!("after-reply");
        }
        for (id, effect) in effects {
            if let Effect::Tell(post) = &effect
                && !self.state.owes(id, post.notice.number, &post.channel)
            {
                continue; // A channel took it while this round was decided.
            }
            if let (Effect::Act { .. }, Some(decided)) = (&effect, decided) {
                self.telemetry.stage(Stage::DecidedToSent, decided.elapsed());
            }
            self.performer.perform(id, effect);
        }
    }
}
