//! (c) A fixed set of scenarios; heald dies after the n-th commit, for every n, and after random pairs of commits.
//!
//! Whenever it dies, the incident ends as it would have, and nothing is done more often.

use crate::day::journal;
use crate::invariants::{self, Evidence};
use crate::life::{Death, Life, on_paused_clock};
use crate::liveness::tempdir;
use crate::rng::{Replay, Rng, seeds};
use crate::world::{Change, Is, World};
use heald::domain::alert::{Alert, AlertStatus, Labels};
use heald::domain::id::Fingerprint;
use heald::domain::incident::{Incident, Phase};
use heald::domain::time::Time;
use heald::run::handle::PersonOrder;
use heald::store::Record;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const START: Time = Time(1_700_000_000_000);
const TARGET: &str = "web.service";

/// When a person says what.
type Order = (u64, fn() -> PersonOrder);

/// What happens to one unit, in seconds from the beginning, and how it may end.
pub struct Case {
    pub name: &'static str,
    alerts: &'static [&'static str],
    changes: &'static [(u64, Change)],
    orders: &'static [Order],
    lasts: u64,
    /// Effects if nobody dies; waiting is none.
    effects: usize,
    /// How its incidents may end: `healed`, `escalated`, …; the first is the end if nobody dies.
    ends: &'static [&'static str],
}

const BREAK: Change = Change::Break(Duration::ZERO);
const RETURN: Change = Change::Land { works: true };

pub const CASES: [Case; 9] = [
    Case { name: "one failure", changes: &[(10, BREAK)], effects: 1, ends: &["healed"], ..NOTHING },
    Case {
        name: "a second failure in after-care",
        changes: &[(10, BREAK), (60, BREAK)],
        effects: 2,
        ends: &["healed"],
        ..NOTHING
    },
    Case {
        name: "a ladder that does not help, and its rollback",
        alerts: &["Slow"],
        changes: &[(10, Change::Break(Duration::from_secs(9_000)))],
        // A restart; twice a restart and a clean-up; both undone.
        effects: 7,
        // What was in the middle may have ended unknown, or out of time: a person is called all the same.
        ends: &["open: escalated"],
        ..NOTHING
    },
    Case {
        name: "a call that must not be repeated",
        alerts: &["Stuck"],
        changes: &[(10, Change::Is(Is::Half)), (400, BREAK), (401, RETURN)],
        effects: 2,
        ends: &["escalated"],
        ..NOTHING
    },
    Case {
        name: "a person stopped it, and starts it again",
        changes: &[(10, Change::Is(Is::Stopped)), (500, RETURN)],
        effects: 0,
        ends: &["resolved_by_itself"],
        ..NOTHING
    },
    Case {
        name: "observed",
        alerts: &["Trial"],
        changes: &[(10, BREAK), (300, RETURN)],
        effects: 0,
        ends: &["resolved_by_itself"],
        ..NOTHING
    },
    Case {
        name: "paused while it fails",
        changes: &[(10, BREAK)],
        orders: &[(5, || PersonOrder::Pause { for_: None, why: "?".to_owned() }), (200, || PersonOrder::Resume)],
        effects: 1,
        ends: &["healed"],
        ..NOTHING
    },
    Case {
        name: "it fails again and again",
        changes: &[(10, BREAK), (80, BREAK), (150, BREAK), (220, BREAK), (290, BREAK), (900, RETURN)],
        effects: 3,
        ends: &["escalated"],
        ..NOTHING
    },
    Case {
        name: "two playbooks for one unit",
        alerts: &["Down", "Slow"],
        changes: &[(10, BREAK)],
        // Whichever comes first: the other one waits, looks, and leaves it.
        effects: 1,
        ends: &["healed", "resolved_by_itself"],
        ..NOTHING
    },
];

const NOTHING: Case = Case { name: "", alerts: &["Down"], changes: &[], orders: &[], lasts: 1_500, effects: 0, ends: &[] };

#[test]
fn it_ends_as_it_would_have_whenever_heald_dies() {
    for case in &CASES {
        let calm = run(case, &[]);
        println!("{}: {} commits, {} effects, {:?}", case.name, calm.commits, calm.effects, calm.ends);
        assert_eq!(calm.effects, case.effects, "{}", calm.story(case));
        assert!(calm.ends.iter().any(|end| end == case.ends[0]), "{}", calm.story(case));
        for n in 1..=calm.commits {
            run(case, &[n]).check(case);
        }
    }
}

#[test]
fn so_it_does_when_heald_dies_twice() {
    for seed in seeds(90) {
        let _replay = Replay(seed, "dies_twice");
        let mut rng = Rng::new(seed);
        let case = rng.pick(&CASES);
        // About as many as there are; a death that comes too late is none.
        let deaths = [1 + rng.below(25), 1 + rng.below(12)];
        run(case, &deaths).check(case);
    }
}

pub struct Ran {
    pub commits: u64,
    pub effects: usize,
    pub ends: Vec<String>,
    died: Vec<Time>,
    text: String,
}

impl Ran {
    pub fn check(&self, case: &Case) {
        // Settling a step by what is seen may save one. Twice is done only what does no harm, once for each death; that the
        // rest is not, `invariants.rs` sees.
        assert!(self.effects <= case.effects + self.died.len(), "{}", self.story(case));
        let fine = self.ends.iter().all(|end| case.ends.contains(&end.as_str()) || end == "escalated" && !self.died.is_empty());
        assert!(fine && !self.ends.is_empty(), "{}", self.story(case));
    }

    fn story(&self, case: &Case) -> String {
        format!("{}: died at {:?}, {} effects, {:?}\n{}", case.name, self.died, self.effects, self.ends, self.text)
    }
}

/// Returns how often heald committed, what it did and how its incidents ended. `deaths`: after so many commits of each life.
pub fn run(case: &Case, deaths: &[u64]) -> Ran {
    let dir = tempdir();
    let mut world = World::new(1);
    world.calm = true;
    for (after, change) in case.changes {
        world.at(START + Duration::from_secs(*after), TARGET, *change);
    }
    let world = Arc::new(Mutex::new(world));
    let end = START + Duration::from_secs(case.lasts);
    let mut deaths = deaths.iter().copied();
    let (mut now, mut died, mut commits, mut rules) = (START, Vec::new(), 0, Rules::default());
    let mut orders = case.orders.iter().peekable();
    while now < end {
        now = on_paused_clock(async {
            let dying = Death { after_commit: deaths.next(), ..Death::default() };
            let mut life = Life::begin(dir.path(), now, &world, false, dying, 0, 1);
            while life.pass(Duration::from_secs(1)).await && life.clock.now() < end {
                let age = life.clock.now().since(START).as_secs();
                if let Some((_, order)) = orders.peek().filter(|(at, _)| *at <= age) {
                    // Whom heald does not answer asks again.
                    if life.handle.order(order(), "ann".to_owned()).await.is_ok() {
                        orders.next();
                    }
                }
                rules.evaluate(case, &life, &world).await;
            }
            commits += life.commits.load(Ordering::SeqCst);
            if life.clock.now() < end {
                died.push(life.clock.now());
            }
            life.clock.now()
        });
        if now < end {
            now = now + Duration::from_secs(3);
        }
    }
    let (rows, world) = (journal(dir.path()), world.lock().unwrap());
    let mut incidents: BTreeMap<_, Incident> = BTreeMap::new();
    for row in &rows {
        let Record::Incident { id, event } = &row.record else { continue };
        match incidents.get_mut(id) {
            Some(incident) => incident.apply(event, row.at),
            None => drop(incidents.insert(*id, Incident::open(*id, event, row.at).unwrap())),
        }
    }
    let ends = incidents.values().map(|incident| match &incident.phase {
        Phase::Closed { outcome } => outcome.label().to_owned(),
        phase => format!("open: {}", phase.label()),
    });
    let lines: Vec<String> = rows.iter().map(crate::liveness::line).collect();
    let ran = Ran {
        commits,
        effects: world.history.iter().filter(|call| call.kind != "wait").count(),
        ends: ends.collect(),
        text: format!("{}\n{:#?}", lines.join("\n"), world.history),
        died,
    };
    let (calls, states, told) = (&world.history[..], &world.states, &world.told[..]);
    invariants::safety(&Evidence { rows: &rows, calls, states, told, deaths: &ran.died, taken: &[] });
    ran
}

/// An alert for each of the case's rules: 10 s after it broke, and resolved 20 s after it is good.
#[derive(Default)]
struct Rules {
    bad: u64,
    good: u64,
    firing: Option<Time>,
    sent: usize,
}

impl Rules {
    async fn evaluate(&mut self, case: &Case, life: &Life, world: &Arc<Mutex<World>>) {
        let now = life.clock.now();
        let good = {
            let mut world = world.lock().unwrap();
            world.advance(now);
            world.is_good(TARGET)
        };
        (self.bad, self.good) = if good { (0, self.good + 1) } else { (self.bad + 1, 0) };
        let turn = match self.firing {
            None => self.bad >= 10,
            Some(_) => self.good >= 20,
        };
        let status = if self.firing.is_some() { AlertStatus::Resolved } else { AlertStatus::Firing };
        if !turn {
            return;
        }
        let since = self.firing.unwrap_or(now);
        for rule in &case.alerts[self.sent..] {
            let labels = Labels::from([("alertname", *rule), ("target", TARGET)].map(|(k, v)| (k.to_owned(), v.to_owned())));
            let starts_at = jiff::Timestamp::from_millisecond(since.0).unwrap();
            let fingerprint = Fingerprint::from(*rule);
            let alert = Alert { fingerprint, status, starts_at, labels, annotations: Labels::new() };
            if life.handle.deliver(vec![alert]).await.is_err() {
                return;
            }
            self.sent += 1;
        }
        (self.sent, self.firing) = (0, if status == AlertStatus::Firing { Some(since) } else { None });
    }
}
