//! (d) `heald simulate`'s own world: shipped playbooks and scenarios, the naive watchdogs, months in seconds.

use crate::liveness::tempdir;
use crate::rng::{Replay, seeds};
use heald::app;
use heald::book::{self, Override};
use heald::domain::playbook::Mode;
use heald::domain::policy::Policy;
use heald::domain::target::{Target, TargetKind};
use heald::simulate::{Report, Scenario, Setup, read, simulate};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The shipped playbooks through a scenario.
fn run(scenario: &Scenario, mode: Mode, hours: u32, seed: u64) -> Report {
    let change = || Override { mode: Some(mode), ..Override::default() };
    let overrides = ["systemd-unit-failed", "container-down"].map(|id| (id.to_owned(), change())).into();
    let books = book::load(&[root().join("playbooks")], &overrides, &BTreeMap::new()).unwrap();
    let setup = Setup {
        host: "web-1".to_owned(),
        host_label: "host".to_owned(),
        allow: scenario.allow_list(),
        strict: false,
        group_interval: Duration::from_secs(30),
        policy: Policy::default(),
        asks_alertmanager: true,
        books: books.into_iter().map(|(edition, book)| (book, edition.to_json().into())).collect(),
        compile: app::compile,
        hours,
        seed,
    };
    simulate(scenario, &setup, tempdir().path()).unwrap()
}

fn shipped(name: &str) -> Scenario {
    let path = root().join("docs/scenarios").join(name);
    read(&path, &fs::read_to_string(&path).unwrap()).unwrap()
}

fn host(seed: u64, hours: u32) -> Scenario {
    let units = ["web.service", "db.service", "api.service"].map(|name| Target::new(TargetKind::Unit, name).unwrap());
    let containers = ["cache", "queue"].map(|name| Target::new(TargetKind::Container, name).unwrap());
    let targets = units.into_iter().chain(containers).collect();
    // The last hours are for what is still to be mended.
    Scenario::from_seed(seed, targets, Duration::from_secs(3_600) * (hours - 12))
}

/// Group E of the failure modes: 12 restarts an hour, and none that is needless.
#[test]
fn two_watchdogs_restart_a_slow_start_for_ever_and_heald_does_not() {
    let mut scenario = shipped("two-watchdogs.yaml");
    let report = run(&scenario, Mode::Auto, 6, 1);
    assert_eq!(report.watchdogs.restarts_per_hour_max, 12, "{report:#?}");
    assert_eq!((report.watchdogs.still_down, report.watchdogs.needless["starting"]), (1, 65), "{report:#?}");
    assert_eq!((report.heald.restarts, report.heald.needless_total()), (1, 0), "{report:#?}");
    assert_eq!((report.heald.healed_by_healer, report.heald.healed_by_itself), (1, 1), "{report:#?}");
    assert!(report.heald.downtime < report.no_heald.downtime, "{report:#?}");
    // Not one against the other: each alone is enough.
    let both = std::mem::take(&mut scenario.watchdogs);
    for (one, restarts) in both.into_iter().zip([10, 12]) {
        scenario.watchdogs = vec![one];
        let report = run(&scenario, Mode::Auto, 8, 1);
        assert!(report.watchdogs.restarts_per_hour_max >= restarts, "{report:#?}");
        if restarts == 12 {
            assert_eq!(report.watchdogs.still_down, 1, "{report:#?}");
        }
    }
}

#[test]
fn a_seed_gives_the_same_report_every_time() {
    let text = |seed| serde_json::to_string(&run(&host(seed, 24 * 14), Mode::Auto, 24 * 14, seed)).unwrap();
    for seed in 1..=3 {
        assert_eq!(text(seed), text(seed), "seed {seed}");
    }
    assert_ne!(text(1), text(2));
}

#[test]
fn months_of_bad_luck_are_never_made_worse() {
    const HOURS: u32 = 30 * 24;
    let mut healed = 0;
    for seed in seeds(20) {
        let _replay = Replay(seed, "months_of_bad_luck");
        let report = run(&host(seed, HOURS), Mode::Auto, HOURS, seed);
        for why in ["up", "starting", "stopped_by_person"] {
            assert!(!report.heald.needless.contains_key(why), "{report:#?}");
        }
        assert_eq!(report.heald.still_down, 0, "people mend what heald gives up: {report:#?}");
        healed += report.heald.healed_by_healer;
    }
    assert!(healed > 500 || std::env::var_os("HEALD_SEED").is_some(), "{healed} repairs prove little");
}

#[test]
fn an_observer_leaves_the_world_as_it_is_without_heald() {
    let report = run(&host(5, 24 * 14), Mode::Observe, 24 * 14, 5);
    assert_eq!((report.heald.restarts, report.heald.healed_by_healer), (0, 0), "{report:#?}");
    assert!(report.told["would_act"] > 5, "{report:#?}");
}

#[test]
fn every_mistake_of_a_scenario_has_its_place() {
    let text = "\
scenario: bad
targets:
  - { unit: web.service, start_up: 5, needs: [db.servise] }
  - { unit: db.service, needs: [db.service] }
  - { container: \"-x\" }
faults:
  - { at: 10m, target: web.service, fault: crashes }
  - { at: 10m, target: web.service, fault: breaks }
  - { fault: crash, target: web.service, for: 2m, whom: me }
alerts: { duplicates: 101 }
";
    let problems = read(Path::new("bad.yaml"), text).unwrap_err();
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let all = texts.join("\n");
    for part in [
        "bad.yaml:3:36: \"5\" is no duration",
        "bad.yaml:3:47: `targets:` does not name \"db.servise\"; did you mean `db.service`?",
        "\"db.service\" needs itself",
        "bad.yaml:5:18: ",
        "bad.yaml:7:44: \"crashes\" is none of crash, hang",
        "bad.yaml:8:5: key `other` is missing",
        "key `at` is missing",
        "unknown key `whom`",
        "bad.yaml:10:23: 101 is out of range",
    ] {
        assert!(all.contains(part), "{part} is not in\n{all}");
    }
}

#[test]
fn every_shipped_scenario_runs() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("docs/scenarios")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let report = run(&shipped(&name), Mode::Auto, 6, 1);
        assert!(report.heald.failures > 0, "{name}: nothing happened");
        count += 1;
    }
    assert!(count >= 2, "{count} scenarios");
}
