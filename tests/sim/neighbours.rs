//! (e) Several targets at once: groups, storms, order, bursts, trust, and a resolve that Alertmanager lost.
//!
//! The real loop and the real store on a clock that jumps; a step ends when a test gives leave for it.

use crate::books;
#[cfg(feature = "failpoints")]
use crate::life::WITHOUT;
use crate::life::on_paused_clock;
use crate::liveness;
use heald::domain::alert::{Alert, AlertStatus, Labels, ListedAlert};
use heald::domain::id::Fingerprint;
use heald::domain::look::{AlertSight, Evidence, LookHow, Observation, ProbeResult, ProbeVerdict, TargetState};
use heald::domain::notice::{Delivery, Notice, Post};
use heald::domain::outcome::{ActOutcome, Acted};
use heald::domain::plan::{PlannedProbe, PlannedStep};
use heald::domain::playbook::Playbook;
use heald::domain::policy::{Group, Policy, RatePolicy, StormPolicy, TrustPolicy};
use heald::domain::selector::Selector;
use heald::domain::target::{AllowList, Target};
use heald::domain::time::Time;
use heald::run::clock::Clock;
use heald::run::handle::{Handle, PersonOrder};
use heald::run::world::{ActOrder, LookOrder, World};
use heald::run::{Config, Driver, InForce, Switch};
use heald::store::{Horizon, Store};
use heald::telemetry::Telemetry;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;

const START: Time = Time(1_700_000_000_000);
pub const SECOND: Duration = Duration::from_secs(1);
/// On the simulated clock.
const PATIENCE: Duration = Duration::from_secs(300);

pub struct Nodes {
    clock: Clock,
    pub broken: Mutex<BTreeSet<String>>,
    /// Target and time of each step, as they were sent.
    sent: Mutex<Vec<(String, Time)>>,
    told: Mutex<Vec<Notice>>,
    /// A step ends, and has mended its target, when there is leave for it.
    pub leave: Semaphore,
    /// Steps mend nothing.
    pub in_vain: AtomicBool,
    /// What Alertmanager says of every alert.
    pub sight: Mutex<AlertSight>,
}

impl Nodes {
    fn see(&self, target: Option<&Target>) -> Observation {
        let bad = target.is_some_and(|target| self.broken.lock().unwrap().contains(target.name()));
        let verdict = if bad { ProbeVerdict::Fail } else { ProbeVerdict::Pass };
        let state = match bad {
            true => TargetState::Failed { detail: "failed".to_owned() },
            false => TargetState::up(600 * SECOND),
        };
        let probe = ProbeResult { probe: "active".to_owned(), verdict, detail: String::new() };
        let seen = Observation::new(vec![probe], state, Some(Evidence("same".into())));
        Observation { alert: self.sight.lock().unwrap().clone(), ..seen }
    }
}

impl World for Nodes {
    /// It has lost them all.
    async fn alerts(&self) -> Option<Result<Vec<ListedAlert>, String>> {
        Some(Ok(Vec::new()))
    }

    async fn look(&self, order: LookOrder) -> Observation {
        let begun = tokio::time::Instant::now();
        loop {
            sleep(Duration::from_millis(300)).await;
            let (seen, late) = (self.see(order.target.as_ref()), begun.elapsed());
            match order.how {
                LookHow::UntilPass { within, stable } if late < within && !(seen.passed() && late >= stable) => {}
                LookHow::UntilFail { .. } if seen.passed() => {}
                _ => return seen,
            }
        }
    }

    async fn act(&self, order: ActOrder) -> Acted {
        let name = order.permit.targets()[0].name().to_owned();
        self.sent.lock().unwrap().push((name.clone(), self.clock.now()));
        self.leave.acquire().await.unwrap().forget();
        if !self.in_vain.load(Ordering::SeqCst) {
            self.broken.lock().unwrap().remove(&name);
        }
        Acted::new(ActOutcome::Done, "done").with(Some(Evidence("same".into())))
    }

    async fn tell(&self, post: Post) -> Delivery {
        self.told.lock().unwrap().push(post.notice);
        Delivery::taken(post.channel)
    }

    fn admit(&self, _: &PlannedStep) -> Result<(), String> {
        Ok(())
    }

    fn admit_probe(&self, _: &PlannedProbe) -> Result<(), String> {
        Ok(())
    }
}

pub struct Life {
    pub nodes: Arc<Nodes>,
    pub handle: Handle,
    pub clock: Clock,
    pub driver: tokio::task::JoinHandle<Result<(), String>>,
    stop: watch::Sender<bool>,
}

pub fn node(number: usize) -> String {
    format!("node-{number}.service")
}

pub fn restart() -> Playbook {
    let mut book = books::all().into_iter().find(|book| book.title == "Down").unwrap();
    // One probe, and a step that is over at once: what is under test lies elsewhere.
    book.verify.probes.truncate(1);
    book.rungs[0].steps[0].stake.deadline = 3_600 * SECOND;
    book
}

pub fn begin(dir: &Path, policy: Policy, book: Playbook, broken: &[usize], asks_alertmanager: bool) -> Life {
    let (store, loaded) = Store::open(dir, Horizon::default()).unwrap();
    let clock = Clock::tokio(loaded.mark.as_ref().map_or(START, |mark| mark.at));
    let nodes = Arc::new(Nodes {
        clock: clock.clone(),
        broken: Mutex::new(broken.iter().map(|number| node(*number)).collect()),
        sent: Mutex::default(),
        told: Mutex::default(),
        leave: Semaphore::new(0),
        in_vain: AtomicBool::new(false),
        sight: Mutex::new(AlertSight::Firing),
    });
    let config = Config {
        host: "h".to_owned(),
        in_force: InForce {
            host_label: "host".to_owned(),
            allow: AllowList { units: (0..20).map(node).collect(), ..AllowList::default() },
            group_interval: 120 * SECOND,
            policy,
            books: vec![(Arc::new(book), Arc::from("text"))],
        },
        switch: Switch::none(),
        asks_alertmanager,
        #[cfg(feature = "failpoints")]
        without: WITHOUT.get(),
        compile: |_| Ok(restart()),
        heartbeat_every: heald::run::HEARTBEAT,
        proof_every: None,
        heartbeat: Box::new(|_| {}),
        dependencies: watch::channel(std::collections::BTreeMap::new()).1,
    };
    let (stop, stopped) = watch::channel(false);
    let (driver, handle) = Driver::new(Arc::clone(&nodes), store, loaded, clock.clone(), config, Telemetry::new("sim"), stopped);
    Life { nodes, handle, clock, driver: tokio::spawn(driver.run()), stop }
}

impl Life {
    /// All in one delivery, as Alertmanager sends a group.
    pub async fn deliver(&self, status: AlertStatus, numbers: &[usize]) {
        let alert = |number: &usize| Alert {
            fingerprint: Fingerprint::from(node(*number).as_str()),
            status,
            starts_at: jiff::Timestamp::from_millisecond(START.0).unwrap(),
            labels: Labels::from([("alertname", "Down".to_owned()), ("target", node(*number))].map(|(k, v)| (k.to_owned(), v))),
            annotations: Labels::new(),
        };
        self.handle.deliver(numbers.iter().map(alert).collect()).await.unwrap();
    }

    pub async fn break_and_fire(&self, numbers: &[usize]) {
        self.nodes.broken.lock().unwrap().extend(numbers.iter().map(|number| node(*number)));
        self.deliver(AlertStatus::Firing, numbers).await;
    }

    async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let deadline = self.clock.now() + PATIENCE;
        while !so().await {
            let sent = self.nodes.sent.lock().unwrap().clone();
            assert!(self.clock.now() < deadline, "never: {what}; {sent:?} {:#?}", self.handle.incidents().await);
            sleep(Duration::from_millis(100)).await;
        }
    }

    pub fn sent(&self) -> Vec<(String, Time)> {
        self.nodes.sent.lock().unwrap().clone()
    }

    pub async fn until_sent(&self, count: usize) {
        self.until(&format!("{count} sent"), async || self.sent().len() >= count).await;
    }

    /// How many are in that state, by the reason if one is asked for.
    async fn count(&self, state: &str, why: &str) -> usize {
        let views = self.handle.incidents().await.unwrap();
        let why_not = |next: &Option<heald::run::view::NextView>| next.as_ref().map_or(String::new(), |next| next.why.clone());
        views.iter().filter(|view| view.state == state && why_not(&view.next).contains(why)).count()
    }

    pub async fn until_count(&self, count: usize, state: &str, why: &str) {
        self.until(&format!("{count} {state} ({why})"), async || self.count(state, why).await == count).await;
    }

    fn told(&self, kind: &str) -> usize {
        self.nodes.told.lock().unwrap().iter().filter(|notice| notice.kind.label() == kind).count()
    }

    pub async fn end(self) {
        // Steps under way may end.
        self.nodes.leave.add_permits(100);
        self.stop.send_replace(true);
        self.driver.await.unwrap().unwrap();
    }
}

fn twenty_nodes() -> Policy {
    let mut policy = Policy::default();
    policy.blast.groups = vec![Group {
        name: "nodes".to_owned(),
        selector: Selector::parse(&["alertname=Down"]).unwrap(),
        by: None,
        size: 20,
        max: 5,
        min_healthy: 11,
        cool_down: 30 * SECOND,
    }];
    policy
}

/// 20 nodes, 11 must be good: 15 good allow 5 repairs; 10 block; 12 again start a cool-down of 30 s; then the rest.
#[test]
pub fn a_group_keeps_its_minimum_and_cools_down() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = begin(dir.path(), twenty_nodes(), restart(), &[], false);
        life.break_and_fire(&[0, 1, 2, 3, 4]).await;
        life.until_sent(5).await;
        life.break_and_fire(&[5, 6, 7, 8, 9]).await;
        life.until_count(5, "held", "10 of 20 are good").await;
        sleep(120 * SECOND).await;
        assert_eq!(life.sent().len(), 5, "nothing new while the minimum is not there");
        let calm = life.clock.now();
        life.nodes.leave.add_permits(2);
        life.until_count(2, "healed", "").await;
        life.until_count(5, "held", "over only just").await;
        life.until_sent(7).await;
        let waited = life.sent()[5].1.since(calm);
        assert!((30 * SECOND..45 * SECOND).contains(&waited), "the rest waited {waited:?}");
        assert_eq!(life.told("stands_back"), 1);
        life.end().await;
    });
}

#[test]
pub fn a_cool_down_outlives_a_restart() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let all: Vec<usize> = (0..10).collect();
        let life = begin(dir.path(), twenty_nodes(), restart(), &[], false);
        life.break_and_fire(&all).await;
        life.until_count(10, "held", "10 of 20 are good").await;
        life.deliver(AlertStatus::Resolved, &[0]).await;
        life.nodes.broken.lock().unwrap().remove(&node(0));
        life.until_count(9, "held", "over only just").await;
        let (calm, broken) = (life.clock.now(), (1..10).collect::<Vec<_>>());
        life.end().await;
        let life = begin(dir.path(), twenty_nodes(), restart(), &broken, false);
        life.until_sent(1).await;
        let waited = life.sent()[0].1.since(calm);
        assert!(waited >= 25 * SECOND, "the restart cut the cool-down short: {waited:?}");
        life.end().await;
    });
}

/// More than the threshold at once: nothing begins, people are told once, and after the cool-down it goes on.
#[test]
pub fn a_storm_is_waited_out() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let mut policy = Policy::default();
        policy.blast.storm = StormPolicy { targets: 4, ..policy.blast.storm };
        let life = begin(dir.path(), policy, restart(), &[], false);
        life.nodes.leave.add_permits(100);
        life.break_and_fire(&[0, 1, 2, 3, 4, 5]).await;
        life.until_count(6, "held", "the cause is likely elsewhere").await;
        sleep(600 * SECOND).await;
        assert_eq!((life.sent().len(), life.told("stands_back"), life.told("escalated")), (0, 1, 0));
        // Two come back by themselves.
        let calm = life.clock.now();
        life.nodes.broken.lock().unwrap().retain(|name| *name != node(0) && *name != node(1));
        life.deliver(AlertStatus::Resolved, &[0, 1]).await;
        life.until_sent(4).await;
        let waited = life.sent()[0].1.since(calm);
        assert!((30 * SECOND..60 * SECOND).contains(&waited), "{waited:?}");
        life.end().await;
    });
}

#[test]
pub fn several_down_are_recovered_in_order() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let target = |number: usize| books::target(&node(number));
        let mut policy = Policy::default();
        // 2 needs 1 needs 0; 3 needs 0, and comes back with it.
        policy.order.after = [(target(2), vec![target(1)]), (target(1), vec![target(0)]), (target(3), vec![target(0)])].into();
        let life = begin(dir.path(), policy, restart(), &[], false);
        life.break_and_fire(&[3, 2, 1, 0]).await;
        life.until_sent(1).await;
        life.until_count(3, "held", "comes first").await;
        life.nodes.broken.lock().unwrap().remove(&node(3));
        life.nodes.leave.add_permits(100);
        life.until_sent(3).await;
        let order: Vec<String> = life.sent().into_iter().map(|(name, _)| name).collect();
        assert_eq!(order, [node(0), node(1), node(2)], "each after what it needs, and 3 not at all");
        life.end().await;
    });
}

#[test]
pub fn a_burst_is_smoothed_and_a_restart_refills_nothing() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let policy = Policy { rate: RatePolicy { count: 6, window: 60 * SECOND, burst: 2 }, ..Policy::default() };
        let life = begin(dir.path(), policy.clone(), restart(), &[], false);
        life.break_and_fire(&[0, 1, 2, 3]).await;
        life.until_count(2, "held", "too many repairs at once").await;
        life.until_sent(2).await;
        let first = life.sent()[0].1;
        life.end().await;
        let life = begin(dir.path(), policy, restart(), &[2, 3], false);
        life.nodes.leave.add_permits(100);
        life.until_sent(2).await;
        let seconds: Vec<u64> = life.sent().iter().map(|(_, at)| at.since(first).as_secs()).collect();
        assert!(seconds[0] >= 9 && seconds[1] >= 19, "one every ten seconds, not at once: {seconds:?}");
        life.end().await;
    });
}

/// Observed, then asked for, then by itself; and one step back after a failure.
#[test]
pub fn trust_is_earned_and_lost() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let policy = Policy { trust: TrustPolicy { observed: 1, approved: 1 }, ..Policy::default() };
        let mut book = Playbook { earns: true, ..restart() };
        book.rungs[0].steps[0].stake.deadline = 30 * SECOND;
        let life = begin(dir.path(), policy, book, &[], false);
        life.nodes.leave.add_permits(2);
        life.break_and_fire(&[0]).await;
        life.until_count(1, "observed", "").await;
        sleep(60 * SECOND).await;
        // People mended it: it would have been right to act.
        life.nodes.broken.lock().unwrap().clear();
        life.deliver(AlertStatus::Resolved, &[0]).await;
        life.until_count(1, "closed", "").await;

        life.break_and_fire(&[1]).await;
        life.until_count(1, "held", "a person's consent is asked for").await;
        let id = life.handle.incidents().await.unwrap().iter().find(|view| view.state == "held").unwrap().id;
        life.handle.order(PersonOrder::Approve { incident: id }, "ann".to_owned()).await.unwrap();
        life.until_sent(1).await;
        life.until_count(1, "healed", "").await;
        // Good only when it has lasted.
        life.deliver(AlertStatus::Resolved, &[1]).await;
        life.until_count(2, "closed", "").await;

        life.break_and_fire(&[2]).await;
        life.until_sent(2).await;
        life.until_count(1, "healed", "").await;

        // A step that never ends well: its outcome is unknown, and that is a bad one.
        life.break_and_fire(&[3]).await;
        life.until_sent(3).await;
        life.until_count(1, "escalated", "").await;
        life.break_and_fire(&[4]).await;
        life.until_count(1, "held", "a person's consent is asked for").await;
        life.end().await;
    });
}

/// The resolve never came, and Alertmanager does not know the alert any more.
#[test]
pub fn a_lost_resolve_is_found_by_asking() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let book = Playbook { rungs: Vec::new(), ..restart() };
        let life = begin(dir.path(), Policy::default(), book, &[], true);
        life.break_and_fire(&[0]).await;
        life.until_count(1, "escalated", "").await;
        let began = life.clock.now();
        life.until_count(1, "closed", "").await;
        assert!(life.clock.now().since(began) >= 90 * SECOND, "an Alertmanager that has just lost its memory is given time");
        life.end().await;
    });
}
