//! (b) The real loop and the real store through days of trouble, with deaths at any moment.

use crate::alerts::Alerts;
use crate::books::{self, TARGETS};
use crate::invariants::{self, Evidence};
use crate::life::{Death, Life, in_force, on_paused_clock};
use crate::liveness::{self, liveness, tempdir};
use crate::replay;
use crate::rng::{Replay, Rng, seeds};
use crate::world::{Change, Is, World};
use heald::domain::id::Seq;
use heald::domain::time::Time;
use heald::run::handle::PersonOrder;
use heald::store::{Reader, Record, Row};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const START: Time = Time(1_700_000_000_000);
const TICK: Duration = Duration::from_secs(5);
const DAY_MS: i64 = 86_400_000;
const CALM: Duration = Duration::from_secs(35 * 60);

#[test]
fn odd_days_keep_the_promises() {
    days(1);
}

#[test]
fn even_days_keep_the_promises() {
    days(0);
}

fn days(odd: u64) {
    let seeds: Vec<u64> = seeds(200).into_iter().filter(|seed| seed % 2 == odd).collect();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in &seeds {
        for (what, count) in day(*seed) {
            *seen.entry(what).or_default() += count;
        }
    }
    println!("{seen:#?}");
    // Days on which nothing happens prove nothing.
    for what in
        ["died", "attempt_started", "step_settled", "care_failed", "rollback_started", "held", "escalated", "retried", "replayed"]
    {
        assert!(seeds.len() < 100 || seen.get(what).is_some_and(|count| *count >= 40), "{what} hardly happened: {seen:?}");
    }
}

/// Returns what happened, by kind of event.
pub fn day(seed: u64) -> BTreeMap<&'static str, usize> {
    let _replay = Replay(seed, "days");
    let dir = tempdir();
    let mut rng = Rng::new(seed);
    let hours = if rng.percent(1) { 26 } else { 1 + rng.below(3) };
    let trouble_ends = START + Duration::from_secs(hours * 3_600);
    let end = trouble_ends + CALM;
    let mut world = World::new(seed);
    world.plan_trouble(START, trouble_ends);
    let world = Arc::new(Mutex::new(world));
    let death = match rng.below(4) {
        0 => Death::default(),
        1 => Death { at_act: 25, ..Death::default() },
        2 => Death { at_commit: 4, ..Death::default() },
        _ => Death { at_commit: 1, at_act: 8, after_commit: None },
    };
    let rough = rng.percent(80);
    let mut alerts = Alerts::default();
    // Somebody sets the wall clock, mostly by a day.
    let mut wall_off = 0;
    let mut now = START;
    let mut deaths = Vec::new();
    let mut last_views = Vec::new();
    while now < end {
        let life_seed = rng.next();
        now = on_paused_clock(async {
            let mut life = Life::begin(dir.path(), now, &world, rough, death, wall_off, life_seed);
            while life.clock.now() < end {
                let now = life.clock.now();
                if now >= trouble_ends {
                    calm_down(&world, &life, now).await;
                }
                if now < trouble_ends && rng.below(300) == 0 {
                    let step = *rng.pick(&[-DAY_MS, DAY_MS, -3_600_000, 3_600_000]);
                    wall_off += step;
                    life.clock.step_wall(step);
                }
                hour(now, &world, &mut alerts, &mut rng, &life, dir.path()).await;
                if !life.pass(TICK).await {
                    break;
                }
            }
            if life.clock.now() >= end {
                last_views = life.handle.incidents().await.expect("the loop answers");
            } else {
                deaths.push(life.clock.now());
            }
            life.clock.now()
        });
        if now < end {
            now = now + rng.millis(0, 90_000);
        }
    }
    let world = world.lock().unwrap();
    let rows = journal(dir.path());
    let evidence = Evidence {
        rows: &rows,
        calls: &world.history,
        states: &world.states,
        told: &world.told,
        deaths: &deaths,
        taken: &alerts.taken,
    };
    invariants::safety(&evidence);
    liveness(&last_views, &rows, &world, end);
    let replayed = replay::agrees(&rows);
    let mut happened = BTreeMap::from([("died", deaths.len()), ("replayed", replayed.points), ("unseen", replayed.unseen)]);
    for row in &rows {
        if let Record::Incident { event, .. } = &row.record {
            *happened.entry(event.label()).or_default() += 1;
        }
    }
    happened
}

/// One tick of everybody but heald.
async fn hour(now: Time, world: &Arc<Mutex<World>>, alerts: &mut Alerts, rng: &mut Rng, life: &Life, dir: &Path) {
    let calm = {
        let mut world = world.lock().unwrap();
        world.advance(now);
        alerts.evaluate(now, &world, rng, world.calm);
        world.calm
    };
    alerts.deliver(now, &life.handle).await;
    if !calm && rng.percent(1) {
        person(rng, life).await;
    }
    if rng.percent(2) {
        consent(rng, life).await;
    }
    if rng.below(400) == 0 {
        liveness::views_are_the_fold(life, dir).await;
    }
}

/// What a person may say, sensible or not. Refusals are answers too.
async fn person(rng: &mut Rng, life: &Life) {
    let target = books::target(rng.pick::<&str>(&TARGETS));
    let open = life.handle.incidents().await.unwrap_or_default();
    let some = (!open.is_empty()).then(|| rng.pick(&open).id);
    let order = match (rng.below(10), some) {
        (0, _) => PersonOrder::Pause { for_: None, why: "?".to_owned() },
        (1 | 2, _) => PersonOrder::Resume,
        (3, _) => PersonOrder::Hold { target, for_: None, why: "deploy".to_owned() },
        (4 | 5, _) => PersonOrder::Release { target },
        (6 | 7, Some(incident)) => PersonOrder::Retry { incident },
        (8, Some(incident)) => PersonOrder::Close { incident, note: "?".to_owned() },
        // The same configuration again: whoever waits is woken, everything is counted anew.
        (9, _) if rng.percent(30) => return drop(life.handle.reload(in_force()).await),
        _ => return,
    };
    drop(life.handle.order(order, "ann".to_owned()).await);
}

/// Minutes late, or too late; and not always a yes.
async fn consent(rng: &mut Rng, life: &Life) {
    let open = life.handle.incidents().await.unwrap_or_default();
    let Some(incident) = open.iter().find(|view| view.approval.is_some()).map(|view| view.id) else { return };
    let order = match rng.below(4) {
        0 => PersonOrder::Deny { incident, why: "?".to_owned() },
        _ => PersonOrder::Approve { incident },
    };
    drop(life.handle.order(order, "ann".to_owned()).await);
}

/// Faults stop: people let go, and half of what they had stopped they start again.
async fn calm_down(world: &Arc<Mutex<World>>, life: &Life, now: Time) {
    {
        let mut world = world.lock().unwrap();
        if world.calm {
            return;
        }
        world.calm_down(now);
        for name in TARGETS {
            let is = world.units[name].is;
            if is == Is::StartLimit || is == Is::Half || matches!(is, Is::Stopped | Is::Masked) && world.rng.percent(50) {
                world.at(now, name, Change::Land { works: true });
            }
        }
        world.advance(now);
    }
    drop(life.handle.order(PersonOrder::Resume, "ann".to_owned()).await);
    for name in TARGETS {
        drop(life.handle.order(PersonOrder::Release { target: books::target(name) }, "ann".to_owned()).await);
    }
}

pub fn journal(dir: &Path) -> Vec<Row> {
    Reader::open(dir).unwrap().events(Seq(0), None, usize::MAX >> 2).unwrap()
}
