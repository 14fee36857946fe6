//! The experiment of docs/experiment.md: run again, held against its claims and its figures.

#[path = "../experiment/mod.rs"]
mod shared;

use heald::simulate::scenario::FaultKind;
use shared::{Experiment, page, picture, with_table};
use std::fs;

#[test]
fn heald_restarts_less_and_keeps_the_service_up() {
    let done = Experiment::run().unwrap();
    let (watchdogs, heald) = (&done.report.watchdogs, &done.report.heald);
    assert!(heald.restarts * 5 <= watchdogs.restarts, "{} restarts against {}", heald.restarts, watchdogs.restarts);
    assert!(heald.availability >= watchdogs.availability + 0.3, "{} against {}", heald.availability, watchdogs.availability);
    assert!(heald.restarts_per_10min_max <= 5, "{} in ten minutes", heald.restarts_per_10min_max);
    assert_eq!((heald.needless_total(), heald.still_down), (0, 0), "needless restarts, and services left down");
    assert!(watchdogs.needless_total() > 0, "these watchdogs would not be naive");

    // The curves are of the same life as the sums.
    for column in [watchdogs, heald] {
        let line = &column.timeline;
        assert_eq!((line.step, line.restarts.len(), line.available.len()), (60, 60, 60));
        assert_eq!(line.restarts.iter().copied().map(u64::from).sum::<u64>(), column.restarts);
        assert!((line.available.iter().sum::<f64>() / 60.0 - column.availability).abs() < 1e-9);
    }

    let text = fs::read_to_string(page()).unwrap();
    assert_eq!(with_table(&text, &done.table()).unwrap(), text, "run: cargo run --example experiment");
    assert_eq!(done.svg().unwrap(), fs::read_to_string(picture()).unwrap(), "run: cargo run --example experiment");
}

/// What the page says of an hour without the slow start.
#[test]
fn without_the_slow_start_the_watchdogs_only_cost_more() {
    let mut scenario = Experiment::scenario().unwrap();
    scenario.faults.retain(|fault| fault.kind != FaultKind::SlowStart);
    let done = Experiment::of(scenario).unwrap();
    let (watchdogs, heald) = (&done.report.watchdogs, &done.report.heald);
    assert_eq!((watchdogs.still_down, heald.still_down), (0, 0), "{:#?}", done.report);
    assert!(watchdogs.restarts > heald.restarts, "{} against {}", watchdogs.restarts, heald.restarts);
}
