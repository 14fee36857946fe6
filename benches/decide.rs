//! What one alert costs: matching, binding, deciding and all guards, with many playbooks and many open incidents.
//!
//! First the pure core by itself, with tables like the loop's around it. Then the loop as it is, with its
//! journal on disk and a world that answers at once: that shows what the rest of a round adds.

#![allow(clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "a bench measures, and stops where it can't")]

mod common;

use common::paper::playbook;
use common::{folder, span, table, write};
use heald::book;
use heald::domain::alert::{Alert, AlertStatus, ListedAlert};
use heald::domain::decide::{Effect, Signal, decide};
use heald::domain::guard::Facts;
use heald::domain::id::{Fingerprint, IncidentId};
use heald::domain::incident::{IncidentEvent, Outcome, Subject};
use heald::domain::look::{Observation, ProbeResult, ProbeVerdict, TargetState};
use heald::domain::notice::{Delivery, Post};
use heald::domain::outcome::{ActOutcome, Acted};
use heald::domain::plan::{self, Binding, PlannedProbe, PlannedStep, Section};
use heald::domain::playbook::{Library, Mode, Playbook};
use heald::domain::policy::{Group, Policy, RatePolicy};
use heald::domain::selector::Selector;
use heald::domain::target::AllowList;
use heald::domain::time::Time;
use heald::run::clock::Clock;
use heald::run::pace::Pace;
use heald::run::state::State;
use heald::run::world::{ActOrder, LookOrder, World};
use heald::run::{Config, Driver, InForce, Switch};
use heald::store::{Horizon, Store};
use heald::telemetry::Telemetry;
use rustix::time::ClockId;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const PLAYBOOKS: [usize; 3] = [1, 100, 1_000];
const OPENED: [usize; 4] = [1, 1_000, 10_000, 100_000];
/// How the matchers are written: what `Library` can look up, and what it has to try one by one.
const STYLES: [(&str, &str); 2] = [("alertname=\"X\"", "="), ("alertname=~\"X|Y\"", "=~")];

fn main() {
    let mut rows = Vec::new();
    for (label, style) in STYLES {
        for playbooks in PLAYBOOKS {
            let books = books(playbooks, style, Mode::Auto);
            let mut cells = vec![label.to_owned(), playbooks.to_string()];
            let times: Vec<f64> = OPENED.iter().map(|open| Open::new(&books, *open).microseconds()).collect();
            cells.extend(times.iter().map(|time| format!("{time:.1}")));
            cells.push(format!("{:.2}", times[3] / times[0]));
            rows.push(cells);
        }
    }
    table(
        "decide and all guards, µs for one alert (match, bind, open, look, judge, start), by incidents open",
        &["matchers", "playbooks", "1", "1,000", "10,000", "100,000", "100,000 : 1"],
        &rows,
    );

    let rows: Vec<_> = [(1, 1), (1, 10_000), (1_000, 1), (1_000, 10_000)]
        .into_iter()
        .map(|(playbooks, open)| {
            let (took, busy, records) = the_loop(playbooks, open);
            vec![playbooks.to_string(), open.to_string(), format!("{took:.0}"), format!("{busy:.0}"), format!("{records:.1}")]
        })
        .collect();
    table(
        "the loop itself, observe mode, 200 alerts a delivery: each opens, is looked at, is told; with its journal",
        &["playbooks", "open before", "µs for one alert", "CPU µs for one", "records for one"],
        &rows,
    );
}

fn books(count: usize, style: &str, mode: Mode) -> Vec<(book::Edition, Arc<Playbook>)> {
    let folder = folder();
    for number in 0..count {
        let matcher = if style == "=" { format!("=\"Alert{number}\"") } else { format!("=~\"Alert{number}|Other{number}\"") };
        let mode = if mode == Mode::Auto { "auto" } else { "observe" };
        let text = playbook(
            &format!("book-{number}"),
            &matcher,
            "unit: \"{{ labels.target }}\"",
            mode,
            "systemd.restart: {}",
            "systemd.active: {}",
        );
        write(&folder.path().join(format!("{number}.md")), &text);
    }
    book::load(&[folder.path().to_owned()], &BTreeMap::new(), &BTreeMap::new()).expect("playbooks")
}

fn alert(number: usize, playbooks: usize) -> Alert {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    Alert {
        fingerprint: Fingerprint(format!("{number:016x}").into()),
        status: AlertStatus::Firing,
        starts_at: jiff::Timestamp::UNIX_EPOCH,
        labels: [
            pair("alertname", format!("Alert{}", number % playbooks)),
            pair("instance", "web-1:9100".to_owned()),
            pair("job", "node".to_owned()),
            pair("name", format!("service-{number}")),
            pair("severity", "P1".to_owned()),
            pair("target", unit(number)),
            pair("team", "platform".to_owned()),
        ]
        .into(),
        annotations: [
            pair("description", "systemd reports the state failed for more than one minute".to_owned()),
            pair("runbook_url", "https://example.org/runbooks/Bench".to_owned()),
            pair("summary", format!("service-{number} failed on web-1")),
        ]
        .into(),
    }
}

fn unit(number: usize) -> String {
    format!("service-{number}.service")
}

/// Failed, and everything that a guard wants to know about it.
fn seen(number: usize) -> Observation {
    let probe = format!("systemd.active {}", unit(number));
    let detail = "failed (Result=signal)".to_owned();
    Observation::new(
        vec![ProbeResult { probe, verdict: ProbeVerdict::Fail, detail }],
        TargetState::Failed { detail: "failed, Result=signal, signal 9".to_owned() },
        None,
    )
}

/// Everything that is open, in the loop's own tables.
struct Open {
    library: Library,
    playbooks: usize,
    allow: AllowList,
    policy: Policy,
    state: State,
    pace: Pace,
}

impl Open {
    fn new(books: &[(book::Edition, Arc<Playbook>)], open: usize) -> Self {
        let mut policy = Policy::default();
        // So many are down that every guard of the blast radius would say no; what it costs to ask them stays.
        policy.blast.storm.targets = u32::MAX;
        policy.rate = RatePolicy { count: 1_000_000, window: Duration::from_secs(1), burst: 1_000_000_000 };
        policy.blast.groups = vec![Group {
            name: "platform".to_owned(),
            selector: Selector::parse(&["team=\"platform\""]).expect("a selector"),
            by: Some("job".to_owned()),
            size: u32::MAX,
            max: u32::MAX,
            min_healthy: 1,
            cool_down: Duration::from_secs(30),
        }];
        let mut state = State::default();
        state.regroup(&policy.blast.groups);
        let mut house = Self {
            library: Library::new(books.iter().map(|(_, book)| Arc::clone(book)).collect()),
            playbooks: books.len(),
            allow: AllowList { units: (0..open + ROUNDS * SAMPLE).map(unit).collect(), ..AllowList::default() },
            pace: Pace::replayed(policy.rate, &[], NOW),
            policy,
            state,
        };
        for number in 0..open {
            house.one(number);
        }
        house
    }

    /// The best of nine rounds, each over alerts that are new. Processor time, for the machine may be shared.
    fn microseconds(mut self) -> f64 {
        let first = self.state.incidents.len();
        let mut best = f64::MAX;
        for round in 0..ROUNDS {
            let began = used(ClockId::ThreadCPUTime);
            let ids: Vec<IncidentId> = (0..SAMPLE).map(|number| self.one(first + round * SAMPLE + number)).collect();
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            let each = (used(ClockId::ThreadCPUTime) - began).as_secs_f64() * 1e6 / SAMPLE as f64;
            best = best.min(each);
            for id in ids {
                self.forget(id);
            }
        }
        best
    }

    /// From an alert to a permit.
    fn one(&mut self, number: usize) -> IncidentId {
        let alert = alert(number, self.playbooks);
        assert!(self.state.open_with(&alert.fingerprint).is_none());
        let matching = self.library.matching(&alert.labels);
        assert_eq!(matching.len(), 1);
        let book = Arc::clone(matching[0]);
        let target = plan::target_of(&book, &alert.labels, &alert.annotations, &self.allow).expect("a target");
        let context = alert.context();
        let binding =
            Binding { playbook: &book, target: Some(&target), alert: &context, allow: &self.allow, results: &Default::default() };
        black_box((binding.plan(Section::Rung(0), Some(0)).expect("a plan"), binding.probes().expect("probes")));
        let subject = Subject::Target(target.clone());
        assert!(self.state.open_for(&book.id, &subject).is_none());
        let id = IncidentId(number as u64 + 1);
        let opened = IncidentEvent::Opened {
            playbook: book.id.clone(),
            revision: book.revision.clone(),
            subject,
            fingerprint: alert.fingerprint.clone(),
            starts_at: alert.starts_at,
            context,
            previous: None,
            rungs: book.rungs.len(),
        };
        self.state.apply(id, &opened, NOW);
        let effects = self.signal(id, Signal::Opened { problem: None });
        assert!(matches!(effects[..], [Effect::Look(_)]));
        let effects = self.signal(id, Signal::Looked(seen(number)));
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Act { .. })), "all guards agree");
        id
    }

    fn signal(&mut self, id: IncidentId, signal: Signal) -> Vec<Effect> {
        let incident = &self.state.incidents[&id];
        let book = self.library.get(&incident.playbook).expect("its playbook");
        let facts = Facts {
            removed: false,
            budget_in_force: &[],
            playbook: book,
            mode: book.mode,
            allow: &self.allow,
            house: &self.state.house,
            ledger: &self.state.ledger,
            policy: &self.policy,
            pace: &self.pace,
            group_interval: Duration::from_secs(300),
            asks_alertmanager: false,
            wall: jiff::Timestamp::UNIX_EPOCH,
            host: "web-1",
            #[cfg(feature = "failpoints")]
            without: None,
        };
        let decision = decide(incident, signal, &facts, NOW);
        for event in &decision.events {
            self.state.apply(id, event, NOW);
        }
        decision.effects
    }

    fn forget(&mut self, id: IncidentId) {
        self.state.apply(id, &IncidentEvent::Closed { outcome: Outcome::ClosedByPerson, note: String::new() }, NOW);
    }
}

const ROUNDS: usize = 9;
const NOW: Time = Time(1_000_000);
const SAMPLE: usize = 1_000;

fn used(clock: ClockId) -> Duration {
    Duration::try_from(rustix::time::clock_gettime(clock)).expect("a time")
}

/// Answers at once, and always the same.
struct Still;

impl World for Still {
    async fn look(&self, _: LookOrder) -> Observation {
        seen(0)
    }

    async fn act(&self, _: ActOrder) -> Acted {
        Acted::new(ActOutcome::Done, "done")
    }

    async fn tell(&self, post: Post) -> Delivery {
        Delivery::taken(post.channel)
    }

    async fn alerts(&self) -> Option<Result<Vec<ListedAlert>, String>> {
        None
    }

    fn admit(&self, _: &PlannedStep) -> Result<(), String> {
        Ok(())
    }

    fn admit_probe(&self, _: &PlannedProbe) -> Result<(), String> {
        Ok(())
    }
}

/// Microseconds for one alert until everything that follows is on disk too, those of processor time, and its records.
fn the_loop(playbooks: usize, open: usize) -> (f64, f64, f64) {
    let books = books(playbooks, "=", Mode::Observe);
    let folder = folder();
    let (store, loaded) = Store::open(&folder.path().join("state"), Horizon::default()).expect("a journal");
    let clock = Clock::system(loaded.mark.as_ref());
    let (stop, stopping) = watch::channel(false);
    let (_dependencies, dependencies) = watch::channel(BTreeMap::new());
    let measured = 20 * DELIVERY;
    let config = Config {
        host: "web-1".to_owned(),
        in_force: InForce {
            host_label: "host".to_owned(),
            allow: AllowList { units: (0..open + measured).map(unit).collect(), ..AllowList::default() },
            policy: Policy::default(),
            group_interval: Duration::from_secs(300),
            books: books.iter().map(|(edition, book)| (Arc::clone(book), edition.to_json().into())).collect(),
        },
        switch: Switch::none(),
        asks_alertmanager: false,
        #[cfg(feature = "failpoints")]
        without: None,
        compile: |_| Err("not in this bench".to_owned()),
        heartbeat: Box::new(|_| {}),
        heartbeat_every: heald::run::HEARTBEAT,
        proof_every: None,
        dependencies,
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (driver, handle) = Driver::new(Arc::new(Still), store, loaded, clock, config, Telemetry::new("bench"), stopping);
        let driver = tokio::spawn(driver.run());
        let deliver = async |from: usize, to: usize| {
            for first in (from..to).step_by(DELIVERY) {
                let alerts = (first..(first + DELIVERY).min(to)).map(|number| alert(number, playbooks)).collect();
                handle.deliver(alerts).await.expect("taken");
            }
            // Opened, looked at, would act, to be told, told.
            let wanted = to as u64 * EVENTS;
            let mut committed = handle.committed();
            tokio::time::timeout(span(Duration::from_secs(240)), committed.wait_for(|seq| seq.0 >= wanted))
                .await
                .expect("in time")
                .expect("a loop");
        };
        deliver(0, open).await;
        let before = handle.committed().borrow().0;
        let (began, cpu) = (Instant::now(), used(ClockId::ProcessCPUTime));
        deliver(open, open + measured).await;
        let (took, cpu) = (began.elapsed(), used(ClockId::ProcessCPUTime) - cpu);
        let records = handle.committed().borrow().0 - before;
        stop.send_replace(true);
        driver.await.expect("the loop ends").expect("well");
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let (alerts, records) = (measured as f64, records as f64);
        (took.as_secs_f64() * 1e6 / alerts, cpu.as_secs_f64() * 1e6 / alerts, records / alerts)
    })
}

const DELIVERY: usize = 200;
const EVENTS: u64 = 5;
