//! The before/after experiment of group E: docs/experiment.md says what it gives.

#[path = "../experiment/mod.rs"]
mod experiment;

use experiment::{Experiment, page, picture, with_table};
use std::fs;

#[test]
fn the_page_shows_what_the_experiment_gives() {
    let done = Experiment::run().unwrap();
    let (watchdogs, heald) = (&done.report.watchdogs, &done.report.heald);
    assert!(heald.restarts * 4 <= watchdogs.restarts, "{:#?}", done.report);
    assert!(heald.availability > watchdogs.availability + 0.25, "{:#?}", done.report);
    assert_eq!((heald.needless_total(), heald.still_down), (0, 0), "{:#?}", done.report);
    assert!((1..=5).contains(&heald.restarts_per_10min_max), "promise E04: {:#?}", done.report);
    assert!(watchdogs.restarts_per_10min_max > 5, "{:#?}", done.report);
    // The curves are of the same life as the sums.
    for column in [watchdogs, heald] {
        let line = &column.timeline;
        assert_eq!((line.step, line.restarts.len(), line.available.len()), (60, 60, 60));
        assert_eq!(line.restarts.iter().copied().map(u64::from).sum::<u64>(), column.restarts);
        assert!((line.available.iter().sum::<f64>() / 60.0 - column.availability).abs() < 1e-9);
    }
    let again = "write them anew: cargo run --example experiment";
    let text = fs::read_to_string(page()).unwrap();
    assert_eq!(with_table(&text, &done.table()).unwrap(), text, "{again}");
    assert!(fs::read_to_string(picture()).unwrap() == done.svg().unwrap(), "the picture is another one; {again}");
}

/// What the page says of the hour without the slow start: the watchdogs cope, and restart more than heald does.
#[test]
fn without_the_slow_start_the_watchdogs_only_cost_more() {
    let mut scenario = Experiment::scenario().unwrap();
    scenario.faults.retain(|fault| fault.kind != heald::simulate::scenario::FaultKind::SlowStart);
    let done = Experiment::of(scenario).unwrap();
    let (watchdogs, heald) = (&done.report.watchdogs, &done.report.heald);
    assert!(watchdogs.still_down == 0 && watchdogs.restarts > heald.restarts, "{:#?}", done.report);
}
