//! The experiment of docs/experiment.md: run again, held against its claims and its figures.

#[path = "../experiment/mod.rs"]
mod shared;

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

    let text = fs::read_to_string(page()).unwrap();
    assert_eq!(with_table(&text, &done.table()).unwrap(), text, "run: cargo run --example experiment");
    assert_eq!(done.svg().unwrap(), fs::read_to_string(picture()).unwrap(), "run: cargo run --example experiment");
}
