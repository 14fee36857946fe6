//! (d) What changes while heald runs: its configuration, the kill switch's file, a playbook on hold.
//!
//! The real loop and the real store on a clock that jumps; the world is one service that is good or bad as a test says.

use crate::books;
use crate::life::on_paused_clock;
use crate::liveness;
use heald::domain::alert::{Alert, AlertStatus, Labels, ListedAlert};
use heald::domain::id::{Fingerprint, IncidentId, Revision};
use heald::domain::look::{Evidence, LookHow, Observation, ProbeResult, ProbeVerdict, TargetState};
use heald::domain::notice::{Delivery, Post};
use heald::domain::outcome::{ActOutcome, Acted};
use heald::domain::plan::{PlannedProbe, PlannedStep};
use heald::domain::playbook::{Budget, Mode, Playbook};
use heald::domain::policy::Policy;
use heald::domain::target::AllowList;
use heald::domain::time::Time;
use heald::run::clock::Clock;
use heald::run::handle::{Handle, OrderError, PersonOrder};
use heald::run::view::IncidentView;
use heald::run::world::{ActOrder, LookOrder, World};
use heald::run::{Config, Driver, InForce, Switch};
use heald::store::{Horizon, Store};
use heald::telemetry::Telemetry;
use jiff::Timestamp;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;

const START: Time = Time(1_700_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);
/// On the simulated clock.
const PATIENCE: Duration = Duration::from_secs(120);

/// One service, whatever it is called.
pub(crate) struct Service {
    pub(crate) good: AtomicBool,
    /// Steps, as they were sent.
    pub(crate) sent: Mutex<Vec<&'static str>>,
    /// A step ends when there is leave for it.
    pub(crate) leave: Semaphore,
    /// A step mends it.
    pub(crate) mends: AtomicBool,
    allowed: Mutex<Option<AllowList>>,
}

impl Service {
    fn seen(&self) -> Observation {
        let good = self.good.load(Ordering::SeqCst);
        let verdict = if good { ProbeVerdict::Pass } else { ProbeVerdict::Fail };
        let state = match good {
            true => TargetState::up(10 * MINUTE),
            false => TargetState::Failed { detail: "failed".to_owned() },
        };
        let probe = |probe: &str| ProbeResult { probe: probe.to_owned(), verdict, detail: String::new() };
        Observation::new(vec![probe("active"), probe("answers")], state, Some(Evidence("same".into())))
    }

    fn sent(&self) -> Vec<&'static str> {
        self.sent.lock().unwrap().clone()
    }
}

impl World for Service {
    async fn alerts(&self) -> Option<Result<Vec<ListedAlert>, String>> {
        None
    }

    async fn look(&self, order: LookOrder) -> Observation {
        let begun = tokio::time::Instant::now();
        loop {
            sleep(Duration::from_millis(500)).await;
            let (seen, late) = (self.seen(), begun.elapsed());
            match order.how {
                LookHow::UntilPass { within, stable } if late < within && !(seen.passed() && late >= stable) => {}
                LookHow::UntilFail { .. } if seen.passed() => {}
                _ => return seen,
            }
        }
    }

    async fn act(&self, order: ActOrder) -> Acted {
        self.sent.lock().unwrap().push(order.step.kind);
        self.leave.acquire().await.unwrap().forget();
        if self.mends.load(Ordering::SeqCst) {
            self.good.store(true, Ordering::SeqCst);
        }
        Acted::new(ActOutcome::Done, "done").with(Some(Evidence("same".into())))
    }

    async fn tell(&self, post: Post) -> Delivery {
        Delivery::taken(post.channel)
    }

    fn admit(&self, _: &PlannedStep) -> Result<(), String> {
        Ok(())
    }

    fn admit_probe(&self, _: &PlannedProbe) -> Result<(), String> {
        Ok(())
    }

    fn reloaded(&self, allow: &AllowList) {
        *self.allowed.lock().unwrap() = Some(allow.clone());
    }
}

pub(crate) struct Life {
    pub(crate) service: Arc<Service>,
    pub(crate) handle: Handle,
    clock: Clock,
    switch: watch::Sender<Option<String>>,
    driver: tokio::task::JoinHandle<Result<(), String>>,
    stop: watch::Sender<bool>,
}

/// With `leave` for that many steps.
pub(crate) fn begin(dir: &Path, books: &[Playbook], file: Option<&str>, leave: usize) -> Life {
    let (store, loaded) = Store::open(dir, Horizon::default()).unwrap();
    let clock = Clock::tokio(loaded.mark.as_ref().map_or(START, |mark| mark.at));
    let service = Arc::new(Service {
        good: false.into(),
        sent: Mutex::default(),
        leave: Semaphore::new(leave),
        mends: false.into(),
        allowed: Mutex::default(),
    });
    let (switch, seen) = watch::channel(file.map(str::to_owned));
    let config = Config {
        host: "h".to_owned(),
        in_force: in_force(books),
        switch: Switch { file: "/state/paused".to_owned(), seen },
        asks_alertmanager: false,
        #[cfg(feature = "failpoints")]
        without: None,
        compile: |text| text_of(text).ok_or_else(|| format!("no playbook {text}")),
        heartbeat_every: heald::run::HEARTBEAT,
        proof_every: None,
        heartbeat: Box::new(|_| {}),
        dependencies: watch::channel(std::collections::BTreeMap::new()).1,
    };
    let (stop, stopped) = watch::channel(false);
    let (driver, handle) =
        Driver::new(Arc::clone(&service), store, loaded, clock.clone(), config, Telemetry::new("sim"), stopped);
    Life { service, handle, clock, switch, driver: tokio::spawn(driver.run()), stop }
}

fn in_force(books: &[Playbook]) -> InForce {
    InForce {
        host_label: "host".to_owned(),
        allow: books::allow(),
        group_interval: 2 * MINUTE,
        policy: Policy::default(),
        books: books.iter().map(|book| (Arc::new(book.clone()), Arc::from(&*book.revision.0))).collect(),
    }
}

/// Every revision that a test wrote can be read again.
fn text_of(revision: &str) -> Option<Playbook> {
    [named("Down"), changed(named("Down")), named("Slow")].into_iter().find(|book| *book.revision.0 == *revision)
}

pub(crate) fn named(alert: &str) -> Playbook {
    books::all().into_iter().find(|book| book.title == alert).unwrap()
}

/// Another text: its first rung does something else.
fn changed(mut book: Playbook) -> Playbook {
    book.revision = Revision(format!("{}-changed", book.revision.0).into());
    book.rungs[0].steps[0].kind = "clean";
    book
}

impl Life {
    pub(crate) async fn fire(&self, alert: &str) -> IncidentId {
        self.fire_for(alert, "web.service").await
    }

    async fn fire_for(&self, alert: &str, target: &str) -> IncidentId {
        let labels = [("alertname", alert), ("target", target)];
        let labels: Labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let alert = Alert {
            fingerprint: Fingerprint::from(format!("{alert}/{target}").as_str()),
            status: AlertStatus::Firing,
            starts_at: Timestamp::from_millisecond(self.clock.now().0).unwrap(),
            labels,
            annotations: Labels::new(),
        };
        assert_eq!(self.handle.deliver(vec![alert]).await.unwrap().opened, 1);
        self.handle.incidents().await.unwrap().last().unwrap().id
    }

    async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let deadline = self.clock.now() + PATIENCE;
        while !so().await {
            assert!(self.clock.now() < deadline, "never: {what}; {:#?}", self.handle.incidents().await);
            sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn until_state(&self, id: IncidentId, state: &str) -> IncidentView {
        self.until(state, async || self.view(id).await.state == state).await;
        self.view(id).await
    }

    async fn view(&self, id: IncidentId) -> IncidentView {
        self.handle.incident(id).await.unwrap().unwrap()
    }

    async fn until_sent(&self, steps: &[&str]) {
        self.until(&format!("{steps:?} sent"), async || self.service.sent() == steps).await;
    }

    pub(crate) async fn order(&self, order: PersonOrder) -> Result<String, OrderError> {
        self.handle.order(order, "ann".to_owned()).await
    }

    async fn pause(&self) {
        self.order(PersonOrder::Pause { for_: None, why: "storm".to_owned() }).await.unwrap();
    }

    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        self.driver.await.unwrap().unwrap();
    }
}

fn texts(view: &IncidentView) -> String {
    view.events.iter().map(|event| format!("{}\n", event.text)).collect()
}

#[test]
fn a_lower_mode_holds_for_those_that_wait_and_a_new_text_for_those_to_come() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = begin(dir.path(), &[named("Down")], None, 10);
        life.pause().await;
        let id = life.fire("Down").await;
        life.until_state(id, "held").await;
        let cautious = Playbook { mode: Mode::Observe, ..changed(named("Down")) };
        life.handle.reload(in_force(&[cautious])).await.unwrap();
        life.order(PersonOrder::Resume).await.unwrap();
        let view = life.until_state(id, "observed").await;
        assert!(texts(&view).contains("would do restart web.service"), "its own text, the new mode: {}", texts(&view));
        assert_eq!(life.service.sent(), [""; 0]);
        life.end().await;
    });
}

#[test]
fn whoever_waits_is_woken_and_old_revisions_outlive_a_restart_until_a_retry() {
    let dir = liveness::tempdir();
    let id = on_paused_clock(async {
        let life = begin(dir.path(), &[named("Down")], None, 0);
        life.pause().await;
        let id = life.fire("Down").await;
        life.until_state(id, "held").await;
        life.handle.reload(in_force(&[changed(named("Down"))])).await.unwrap();
        life.end().await;
        id
    });
    on_paused_clock(async {
        let life = begin(dir.path(), &[changed(named("Down"))], None, 10);
        life.until_state(id, "held").await;
        life.order(PersonOrder::Resume).await.unwrap();
        life.until_sent(&["restart"]).await;
        life.pause().await;
        life.until_state(id, "held").await;
        life.order(PersonOrder::Retry { incident: id }).await.unwrap();
        life.order(PersonOrder::Resume).await.unwrap();
        life.until_sent(&["restart", "clean"]).await;
        life.pause().await;
        let view = life.until_state(id, "held").await;
        assert!(texts(&view).contains("tried again by ann, with the playbook now in force"), "{}", texts(&view));
        life.end().await;
    });
    // The text that it was tried again with is on disk, too.
    on_paused_clock(async {
        let life = begin(dir.path(), &[named("Slow")], None, 10);
        life.order(PersonOrder::Resume).await.unwrap();
        let view = life.until_state(id, "escalated").await;
        assert!(texts(&view).contains("escalated (refused): the playbook was removed"), "{}", texts(&view));
        life.end().await;
    });
}

#[test]
fn of_a_removed_playbook_the_running_step_ends_and_the_probes_decide() {
    for mends in [false, true] {
        let dir = liveness::tempdir();
        on_paused_clock(async {
            let life = begin(dir.path(), &[named("Slow"), named("Down")], None, 0);
            life.service.mends.store(mends, Ordering::SeqCst);
            let id = life.fire("Slow").await;
            life.until_sent(&["wait"]).await;
            life.handle.reload(in_force(&[named("Down")])).await.unwrap();
            life.service.leave.add_permits(10);
            // Good after no more than a wait is nobody's repair.
            let view = life.until_state(id, if mends { "watching" } else { "escalated" }).await;
            assert_eq!(life.service.sent(), ["wait"]);
            assert_eq!(texts(&view).contains("the playbook was removed"), !mends, "{}", texts(&view));
            life.end().await;
        });
    }
}

#[test]
fn a_name_that_left_the_allow_list_is_not_touched_any_more() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = begin(dir.path(), &[named("Slow")], None, 0);
        let id = life.fire("Slow").await;
        life.until_sent(&["wait"]).await;
        let strict = InForce { allow: AllowList::default(), ..in_force(&[named("Slow")]) };
        life.handle.reload(strict).await.unwrap();
        assert_eq!(life.service.allowed.lock().unwrap().take(), Some(AllowList::default()), "the world knows too");
        life.service.leave.add_permits(10);
        life.until_state(id, "escalated").await;
        assert_eq!(life.service.sent(), ["wait"]);
        life.end().await;
    });
}

#[test]
fn new_thresholds_count_those_who_are_down_already() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = begin(dir.path(), &[named("Down")], None, 10);
        life.pause().await;
        let ids = [life.fire_for("Down", "web.service").await, life.fire_for("Down", "db.service").await];
        for id in ids {
            life.until_state(id, "held").await;
        }
        let mut strict = in_force(&[named("Down")]);
        strict.policy.blast.storm.targets = 1;
        life.handle.reload(strict).await.unwrap();
        life.order(PersonOrder::Resume).await.unwrap();
        life.until("a storm", async || life.view(ids[0]).await.next.is_some_and(|next| next.why.contains("blast_radius"))).await;
        assert_eq!(life.service.sent(), [""; 0]);
        life.handle.reload(in_force(&[named("Down")])).await.unwrap();
        life.until("repairs", async || !life.service.sent().is_empty()).await;
        life.end().await;
    });
}

#[test]
fn a_budget_that_looks_further_back_finds_the_attempts_of_then() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let mut book = named("Down");
        book.limits.budget = vec![Budget { count: 1, window: 10 * MINUTE }];
        let life = begin(dir.path(), &[book.clone()], None, 10);
        life.service.mends.store(true, Ordering::SeqCst);
        let id = life.fire("Down").await;
        life.until_state(id, "healed").await;
        life.order(PersonOrder::Close { incident: id, note: "done".to_owned() }).await.unwrap();
        // Long enough that the loop forgets attempts which no budget asks for.
        sleep(13 * 60 * MINUTE).await;
        book.revision = Revision("tighter".into());
        book.limits.budget = vec![Budget { count: 1, window: 24 * 60 * MINUTE }];
        life.handle.reload(in_force(&[book])).await.unwrap();
        life.service.good.store(false, Ordering::SeqCst);
        let id = life.fire("Down").await;
        let view = life.until_state(id, "escalated").await;
        assert!(texts(&view).contains("budget_refused"), "{}", texts(&view));
        assert_eq!(life.service.sent(), ["restart"]);
        life.end().await;
    });
}

#[test]
fn while_the_file_exists_nothing_new_starts_and_no_order_lifts_it() {
    let dir = liveness::tempdir();
    let id = on_paused_clock(async {
        let life = begin(dir.path(), &[named("Slow")], None, 0);
        let id = life.fire("Slow").await;
        life.until_sent(&["wait"]).await;
        life.switch.send_replace(Some("release 1.4".to_owned()));
        life.until("paused", async || life.handle.status().await.unwrap().paused.is_some()).await;
        // The running step may end; the next does not begin.
        life.service.leave.add_permits(10);
        let view = life.until_state(id, "held").await;
        assert!(view.next.unwrap().why.contains("by the file /state/paused until lifted: release 1.4"));
        let refused = life.order(PersonOrder::Resume).await.unwrap_err().to_string();
        assert!(refused.contains("remove /state/paused first"), "{refused}");
        life.pause().await;
        let refused = life.order(PersonOrder::Resume).await.unwrap_err().to_string();
        assert!(refused.contains("remove /state/paused first"), "{refused}");
        assert_eq!(life.service.sent(), ["wait"]);
        life.end().await;
        id
    });
    on_paused_clock(async {
        let life = begin(dir.path(), &[named("Slow")], Some("release 1.4"), 10);
        sleep(10 * MINUTE).await;
        assert_eq!(life.service.sent(), [""; 0], "also after a restart");
        life.switch.send_replace(None);
        life.until("its end", async || !life.handle.status().await.unwrap().paused.unwrap().contains("file")).await;
        // A person's pause is another one.
        life.until_state(id, "held").await;
        assert_eq!(life.service.sent(), [""; 0]);
        life.order(PersonOrder::Resume).await.unwrap();
        life.until("an attempt", async || !life.service.sent().is_empty()).await;
        life.end().await;
    });
    // Created and removed again while heald was not there.
    on_paused_clock(async {
        let life = begin(dir.path(), &[named("Slow")], None, 10);
        assert_eq!(life.handle.status().await.unwrap().paused, None);
        life.end().await;
    });
}

#[test]
fn a_playbook_on_hold_starts_nothing_and_the_others_go_on() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = begin(dir.path(), &[named("Down"), named("Slow")], None, 10);
        life.service.mends.store(true, Ordering::SeqCst);
        let hold = |playbook: &str| PersonOrder::HoldPlaybook { playbook: playbook.into(), for_: None, why: "odd".to_owned() };
        assert!(matches!(life.order(hold("dwon")).await, Err(OrderError::Refused(why)) if why.contains("no playbook dwon")));
        life.order(hold("down")).await.unwrap();
        let held = life.fire("Down").await;
        let view = life.until_state(held, "held").await;
        assert!(view.next.unwrap().why.contains("playbook down is on hold by ann until lifted: odd"));
        assert_eq!(life.handle.status().await.unwrap().holds[0].0, "playbook down");
        let other = life.fire("Slow").await;
        life.until_state(other, "healed").await;
        let before = life.service.sent().len();
        life.service.good.store(false, Ordering::SeqCst);
        life.order(PersonOrder::ReleasePlaybook { playbook: "down".into() }).await.unwrap();
        life.until("a repair", async || life.service.sent().len() > before).await;
        assert!(life.order(PersonOrder::ReleasePlaybook { playbook: "down".into() }).await.is_err());
        life.end().await;
    });
}
