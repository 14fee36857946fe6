//! One service and one chat around the real loop and store, on a clock that jumps: the world of what changes while
//! heald runs, and of what people order.

use crate::books;
use heald::domain::alert::{Alert, AlertStatus, Labels, ListedAlert};
use heald::domain::id::{Fingerprint, IncidentId, Revision};
use heald::domain::look::{Evidence, LookHow, Observation, ProbeResult, ProbeVerdict, TargetState};
use heald::domain::notice::{Again, Delivery, Post};
use heald::domain::outcome::{ActOutcome, Acted};
use heald::domain::plan::{PlannedProbe, PlannedStep};
use heald::domain::playbook::Playbook;
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
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
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
    pub(crate) allowed: Mutex<Option<AllowList>>,
    /// What reached people, in order; and whether no channel takes anything.
    pub(crate) posts: Mutex<Vec<Post>>,
    pub(crate) deaf: AtomicBool,
    /// By name.
    fired: Mutex<std::collections::BTreeMap<String, Alert>>,
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

    pub(crate) fn sent(&self) -> Vec<&'static str> {
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
        if self.deaf.load(Ordering::SeqCst) {
            return Delivery::failed(post.channel, "no connection", Again::Soon);
        }
        let channel = post.channel.clone();
        self.posts.lock().unwrap().push(post);
        Delivery { thread: Some("1".to_owned()), ..Delivery::taken(channel) }
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
    pub(crate) telemetry: Telemetry,
    pub(crate) clock: Clock,
    pub(crate) switch: watch::Sender<Option<String>>,
    driver: tokio::task::JoinHandle<Result<(), String>>,
    stop: watch::Sender<bool>,
}

/// With `leave` for that many steps.
pub(crate) fn begin(dir: &Path, books: &[Playbook], file: Option<&str>, leave: usize) -> Life {
    begin_under(dir, books, file, leave, Policy::default())
}

pub(crate) fn begin_under(dir: &Path, books: &[Playbook], file: Option<&str>, leave: usize, policy: Policy) -> Life {
    let (store, loaded) = Store::open(dir, Horizon::default()).unwrap();
    let clock = Clock::tokio(loaded.mark.as_ref().map_or(START, |mark| mark.at));
    let service = Arc::new(Service {
        good: false.into(),
        sent: Mutex::default(),
        leave: Semaphore::new(leave),
        mends: false.into(),
        allowed: Mutex::default(),
        posts: Mutex::default(),
        deaf: false.into(),
        fired: Mutex::default(),
    });
    let (switch, seen) = watch::channel(file.map(str::to_owned));
    let config = Config {
        host: "h".to_owned(),
        in_force: InForce { policy, ..in_force(books) },
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
    let telemetry = Telemetry::new("sim");
    let (driver, handle) = Driver::new(Arc::clone(&service), store, loaded, clock.clone(), config, telemetry.clone(), stopped);
    Life { service, handle, telemetry, clock, switch, driver: tokio::spawn(driver.run()), stop }
}

pub(crate) fn in_force(books: &[Playbook]) -> InForce {
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
pub(crate) fn changed(mut book: Playbook) -> Playbook {
    book.revision = Revision(format!("{}-changed", book.revision.0).into());
    book.rungs[0].steps[0].kind = "clean";
    book
}

impl Life {
    pub(crate) async fn fire(&self, alert: &str) -> IncidentId {
        self.fire_for(alert, "web.service").await
    }

    pub(crate) async fn fire_for(&self, alert: &str, target: &str) -> IncidentId {
        let labels = [("alertname", alert), ("target", target)];
        let labels: Labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let alert = Alert {
            fingerprint: Fingerprint::from(format!("{alert}/{target}").as_str()),
            status: AlertStatus::Firing,
            starts_at: Timestamp::from_millisecond(self.clock.now().0).unwrap(),
            labels,
            annotations: Labels::new(),
        };
        assert_eq!(self.handle.deliver(vec![alert.clone()]).await.unwrap().opened, 1);
        self.service.fired.lock().unwrap().insert(alert.labels["alertname"].clone(), alert);
        self.handle.incidents().await.unwrap().last().unwrap().id
    }

    /// The last alert of that name.
    pub(crate) async fn resolve(&self, alert: &str) {
        let alert = self.service.fired.lock().unwrap()[alert].clone();
        self.handle.deliver(vec![Alert { status: AlertStatus::Resolved, ..alert }]).await.unwrap();
    }

    pub(crate) async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
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

    pub(crate) async fn view(&self, id: IncidentId) -> IncidentView {
        self.handle.incident(id).await.unwrap().unwrap()
    }

    pub(crate) async fn until_sent(&self, steps: &[&str]) {
        self.until(&format!("{steps:?} sent"), async || self.service.sent() == steps).await;
    }

    pub(crate) async fn order(&self, order: PersonOrder) -> Result<String, OrderError> {
        self.handle.order(order, "ann".to_owned()).await
    }

    pub(crate) async fn pause(&self) {
        self.order(PersonOrder::Pause { for_: None, why: "storm".to_owned() }).await.unwrap();
    }

    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        self.driver.await.unwrap().unwrap();
    }
}
