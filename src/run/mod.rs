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

use crate::domain::decide::{self, Decision, Effect, Signal};
use crate::domain::guard::{Facts, Guard};
use crate::domain::house::HouseEvent;
use crate::domain::id::{IncidentId, Revision, Seq};
use crate::domain::incident::{Incident, IncidentEvent};
use crate::domain::notice::{Notice, NoticeKind};
use crate::domain::playbook::{Library, Mode, Playbook};
use crate::domain::policy::{Policy, RatePolicy};
use crate::domain::target::AllowList;
use crate::domain::time::Time;
use crate::store::{Batch, Loaded, Record, Row, Store};
use crate::telemetry::{Stage, Telemetry};
use clock::Clock;
use handle::{Handle, Reply, Request};
use pace::Pace;
use perform::{Answer, Performer};
use reconcile::Reconciler;
use state::State;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use world::World;

mod census;
mod choose;
pub mod clock;
mod escalate_only;
pub mod handle;
mod intake;
mod journal;
mod ledger;
mod observe;
mod orders;
mod pace;
mod perform;
mod reconcile;
pub mod replay;
mod show;
mod state;
mod trust;
pub mod view;
mod weather;
pub mod world;

pub use escalate_only::{escalate_only, insist};

/// What the loop is told once, at its start.
pub struct Config {
    pub host: String,
    /// The alert's label that names its host.
    pub host_label: String,
    pub allow: AllowList,
    /// Alertmanager's: how long it may keep a second failure to itself.
    pub group_interval: Duration,
    pub policy: Policy,
    /// Whether an Alertmanager is configured that can be asked.
    pub asks_alertmanager: bool,
    /// One guard left out, to prove that its absence is noticed; see docs/simulation.md.
    #[cfg(any(test, feature = "failpoints"))]
    pub without: Option<Guard>,
    /// The playbooks in force, each with the text that the store keeps of it.
    pub books: Vec<(Arc<Playbook>, Arc<str>)>,
    /// Compiles a text that the store kept, for incidents that are older than the files.
    pub compile: fn(&str) -> Result<Playbook, String>,
    /// Called whenever the loop has done a round of work: feeds the service manager's watchdog.
    pub heartbeat: Box<dyn Fn() + Send>,
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
    /// To be looked at before anything else is decided about them.
    unsettled: Vec<IncidentId>,
    next_chores: Time,
    /// When the running attempt's first step was recorded, for the stage metrics.
    sent: HashMap<IncidentId, Time>,
    fatal: Option<String>,
    /// What concerns heald itself was last told then.
    told_of_house: HashMap<NoticeKind, Time>,
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
}

/// More would keep the first of them waiting without a cheaper fsync.
const ROUND_MAX: usize = 256;
/// What concerns heald itself is not repeated sooner.
const TELL_HOUSE_EVERY: Duration = Duration::from_secs(3_600);
/// The loop shows that it lives at least this often.
const HEARTBEAT: Duration = Duration::from_secs(2);

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
        let library = Library::new(config.books.iter().map(|(book, _)| Arc::clone(book)).collect());
        let editions = config.books.iter().map(|(book, text)| (book.revision.clone(), Arc::clone(text))).collect();
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
            unsettled: Vec::new(),
            next_chores: Time::default(),
            sent: HashMap::new(),
            fatal: None,
            told_of_house: HashMap::new(),
        };
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
        loop {
            if let Some(why) = self.fatal.take() {
                self.performer.abort_all();
                return Err(why);
            }
            (self.config.heartbeat)();
            let mut round = Round::default();
            self.settle(&mut round);
            self.gather(&mut round).await;
            let now = self.clock.now();
            if !*self.stop.borrow() {
                self.ask_for_alerts(now);
                for id in self.state.due(now, ROUND_MAX) {
                    self.signal(id, Signal::Wake, now, &mut round);
                    self.state.rearm(id, now);
                }
            }
            self.finish(round).await;
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
        let timer = match self.state.next_timer() {
            _ if !round.rows.is_empty() || !round.effects.is_empty() || !self.unsettled.is_empty() => Duration::ZERO,
            Some(at) if !stopping => at.since(now).min(HEARTBEAT),
            _ => HEARTBEAT,
        };
        tokio::select! {
            biased;
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
            self.signal(answer.incident, answer.signal.clone(), now, round);
            round.answers.push(answer);
        }
    }

    /// Decides, and applies what was decided; the events wait in the round for their commit.
    fn signal(&mut self, id: IncidentId, signal: Signal, now: Time, round: &mut Round) -> Option<String> {
        let incident = self.state.incidents.get(&id)?;
        let playbook = self.playbook_of(incident)?;
        let facts = self.facts(&playbook);
        let decision = decide::decide(incident, signal, &facts, now);
        let Decision { events, effects, refusal, refused, wake } = decision;
        if let Some(guard) = refusal.filter(|_| !events.is_empty()) {
            self.telemetry.refused(guard.label());
        }
        for event in events {
            self.record(id, event, now, round);
        }
        if let Some(wake) = wake {
            self.state.set_timer(id, Some(wake));
        }
        if !effects.is_empty() {
            round.decided.get_or_insert_with(tokio::time::Instant::now);
        }
        round.effects.extend(effects.into_iter().map(|effect| (id, effect)));
        refused
    }

    fn record(&mut self, id: IncidentId, event: IncidentEvent, now: Time, round: &mut Round) {
        let earned = self.earned(id, &event, now);
        let groups = self.state.ledger.census.groups_of(id).to_vec();
        let change = self.state.apply(id, &event, now);
        if let IncidentEvent::AttemptEnded { attempt: _, outcome, .. } = &event
            && let Some(incident) = self.state.incidents.get(&id)
        {
            self.telemetry.attempt_ended(&incident.playbook.0, outcome.label());
        }
        if matches!(event, IncidentEvent::Closed { .. } | IncidentEvent::Told { .. }) && !self.state.incidents.contains_key(&id) {
            round.done.push(id);
        }
        let relieves = matches!(event, IncidentEvent::Healed { .. } | IncidentEvent::Closed { .. });
        self.push(Record::Incident { id, event }, now, round);
        if let Some(earned) = earned {
            self.record_house(earned, now, round);
        }
        if change.census {
            self.weather(groups, id, now, round);
        }
        for waiting in self.state.waiting_for(&change.freed) {
            self.signal(waiting, Signal::Unblocked, now, round);
        }
        if relieves {
            self.unblock(Guard::Order, now, round);
        }
    }

    fn unblock(&mut self, guard: Guard, now: Time, round: &mut Round) {
        for waiting in self.state.held_by(guard) {
            self.signal(waiting, Signal::Unblocked, now, round);
        }
    }

    fn record_house(&mut self, event: HouseEvent, now: Time, round: &mut Round) {
        let loosened = match event {
            HouseEvent::Resumed { .. } | HouseEvent::HoldLifted { .. } => Some(Guard::KillSwitch),
            HouseEvent::BreakerClosed { .. } => Some(Guard::Breaker),
            HouseEvent::CalmedDown { .. } => Some(Guard::BlastRadius),
            _ => None,
        };
        self.state.apply_house(&event);
        self.push(Record::House(event), now, round);
        if let Some(guard) = loosened {
            self.unblock(guard, now, round);
        }
    }

    fn push(&mut self, record: Record, now: Time, round: &mut Round) -> Seq {
        let seq = self.next_seq;
        self.next_seq = Seq(seq.0 + 1);
        round.rows.push(Row { seq, at: now, wall: self.clock.wall(), record });
        seq
    }

    /// Commits the round, then answers and performs; or takes all of it back.
    async fn finish(&mut self, round: Round) {
        let mut round = round;
        if !round.rows.is_empty() && !self.began {
            self.begin(&mut round);
        }
        let Round { rows, editions, done, effects, decided, replies, answers } = round;
        if !rows.is_empty() || !editions.is_empty() {
            let batch = Batch { rows, editions, done, mark: self.clock.mark() };
            match self.commit(batch).await {
                Ok(batch) => {
                    let last = batch.rows.last().map(|row| row.seq);
                    self.observe(&batch.rows);
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
            if let Effect::Tell(notice) = &effect
                && !self.state.is_untold(id, notice.kind)
            {
                continue; // A channel took it while this round was decided.
            }
            if let (Effect::Act { .. }, Some(decided)) = (&effect, decided) {
                self.telemetry.stage(Stage::DecidedToSent, decided.elapsed());
            }
            self.performer.perform(id, effect);
        }
    }

    /// Tells people what concerns heald itself, each kind at most once an hour. Not journaled: it is told mostly when
    /// the journal is the trouble.
    fn tell_house(&mut self, kind: NoticeKind, summary: &str, reason: &str) {
        let now = self.clock.now();
        if self.told_of_house.get(&kind).is_some_and(|told| now.since(*told) < TELL_HOUSE_EVERY) {
            return;
        }
        self.told_of_house.insert(kind, now);
        let notice = Notice::of_house(kind, &self.config.host, summary, reason, now);
        let world = Arc::clone(&self.world);
        tokio::spawn(async move { world.tell(notice).await });
    }

    /// The pinned revision; failing that, the one in force.
    fn playbook_of(&self, incident: &Incident) -> Option<Arc<Playbook>> {
        let in_force = self.library.get(&incident.playbook);
        match in_force {
            Some(book) if book.revision == incident.revision => Some(Arc::clone(book)),
            _ => self.pinned.get(&incident.revision).or(in_force).cloned(),
        }
    }

    fn facts<'a>(&'a self, playbook: &'a Playbook) -> Facts<'a> {
        // What tightens holds at once, also for pinned revisions; a playbook that was removed may do nothing more.
        let in_force = self.library.get(&playbook.id);
        let earned = if playbook.earns { self.state.house.trust(playbook).level } else { Mode::Auto };
        Facts {
            playbook,
            mode: playbook.mode.min(in_force.map_or(Mode::Observe, |book| book.mode)).min(earned),
            budget_in_force: in_force.map_or(&[], |book| &book.limits.budget),
            allow: &self.config.allow,
            policy: &self.config.policy,
            house: &self.state.house,
            ledger: &self.state.ledger,
            pace: &self.pace,
            group_interval: self.config.group_interval,
            asks_alertmanager: self.config.asks_alertmanager,
            wall: self.clock.wall(),
            host: &self.config.host,
            #[cfg(any(test, feature = "failpoints"))]
            without: self.config.without,
        }
    }
}
