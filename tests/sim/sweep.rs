//! (c) One failure, one repair; heald dies after the n-th commit, for every n.

use crate::day::journal;
use crate::invariants::{self, Evidence};
use crate::life::{Death, Life, on_paused_clock};
use crate::world::{Change, World};
use heald::domain::alert::{Alert, AlertStatus, Labels};
use heald::domain::id::Fingerprint;
use heald::domain::incident::{IncidentEvent, Outcome};
use heald::domain::time::Time;
use heald::store::Record;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const START: Time = Time(1_700_000_000_000);

#[test]
fn one_restart_whenever_heald_dies() {
    let commits = scenario(None).0;
    assert!(commits > 6, "the scenario has {commits} commits");
    for n in 1..=commits {
        assert_eq!(scenario(Some(n)).1, 1, "it died after commit {n}");
    }
}

/// Down at 10 s, fires at 20 s, resolves once it is good. Returns how often heald committed, and died.
fn scenario(dies_after: Option<u64>) -> (u64, usize) {
    let dir = invariants::tempdir();
    let mut world = World::new(1);
    world.calm = true;
    world.at(START + Duration::from_secs(10), "web.service", Change::Break(Duration::ZERO));
    let world = Arc::new(Mutex::new(world));
    let end = START + Duration::from_secs(1_200);
    let (mut now, mut sent, mut deaths, mut death) = (START, [false; 2], Vec::new(), dies_after);
    let mut commits = 0;
    while now < end {
        now = on_paused_clock(async {
            let dying = Death { after_commit: death, ..Death::default() };
            let mut life = Life::begin(dir.path(), now, &world, false, dying, 1);
            while life.pass(Duration::from_secs(1)).await && life.clock.now() < end {
                send(&life, &world, &mut sent).await;
            }
            commits = life.commits.load(Ordering::SeqCst);
            if life.clock.now() < end {
                deaths.push(life.clock.now());
            }
            life.clock.now()
        });
        if now < end {
            (now, death) = (now + Duration::from_secs(3), None);
        }
    }
    let (rows, world) = (journal(dir.path()), world.lock().unwrap());
    let story: Vec<String> = rows.iter().map(invariants::line).collect();
    let story = format!("died after commit {dies_after:?}:\n{}\n{:#?}", story.join("\n"), world.history);
    invariants::safety(&Evidence { rows: &rows, calls: &world.history, deaths: &deaths, taken: &[] });
    assert_eq!(world.history.len(), 1, "one restart\n{story}");
    let healed = rows
        .iter()
        .any(|row| matches!(&row.record, Record::Incident { event: IncidentEvent::Closed { outcome: Outcome::Healed, .. }, .. }));
    assert!(healed, "healed and closed\n{story}");
    (commits, deaths.len())
}

async fn send(life: &Life, world: &Arc<Mutex<World>>, sent: &mut [bool; 2]) {
    let now = life.clock.now();
    let good = {
        let mut world = world.lock().unwrap();
        world.advance(now);
        world.is_good("web.service")
    };
    let (which, status) = match sent {
        [false, _] if now.since(START) >= Duration::from_secs(20) => (0, AlertStatus::Firing),
        [true, false] if good && now.since(START) >= Duration::from_secs(60) => (1, AlertStatus::Resolved),
        _ => return,
    };
    let labels = Labels::from([("alertname", "Down"), ("target", "web.service")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    let alert = Alert {
        fingerprint: Fingerprint::from("f"),
        status,
        starts_at: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
        labels,
        annotations: Labels::new(),
    };
    sent[which] = life.handle.deliver(vec![alert]).await.is_ok();
}
