//! With any one guard taken away an invariant breaks, or a scenario comes out otherwise: else the simulation would not
//! notice its loss.
//!
//! `HEALD_SIM_WITHOUT=budget cargo test --test sim mutants -- --ignored --nocapture`, or `make mutants` for all of them.

use crate::day::day;
use crate::invariants::noticed;
use crate::life::WITHOUT;
use crate::refusals::DECIDED_BY;
use crate::sweep::{CASES, run};
use heald::domain::guard::Guard;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Days to live without the guard; most are noticed in the first few.
const DAYS: u64 = 60;

#[test]
#[ignore = "takes guards away; see make mutants"]
fn every_guard_is_missed() {
    if cfg!(not(feature = "failpoints")) {
        panic!("guards can be taken away with --features failpoints only");
    }
    let only = std::env::var("HEALD_SIM_WITHOUT").ok();
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut unnoticed = Vec::new();
    println!("| guard taken away | noticed by | first | of {} runs |\n| --- | --- | --- | --- |", DAYS + CASES.len() as u64);
    for guard in Guard::ALL.into_iter().filter(|guard| only.as_ref().is_none_or(|only| only == guard.label())) {
        let mut by: BTreeMap<String, (String, usize)> = BTreeMap::new();
        WITHOUT.set(Some(guard));
        let mut note = |name: String, work: &mut dyn FnMut()| {
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                let invariant = noticed();
                let what = if invariant.is_empty() { "the scenario's own end" } else { invariant };
                by.entry(what.to_owned()).or_insert((name, 0)).1 += 1;
            }
        };
        for case in &CASES {
            note(format!("\"{}\"", case.name), &mut || run(case, &[]).check(case));
        }
        for seed in 1..=DAYS {
            note(format!("seed {seed}"), &mut || drop(day(seed)));
        }
        for (_, scenario) in DECIDED_BY.iter().filter(|(decider, _)| *decider == guard) {
            note("its own scenario".to_owned(), &mut || scenario());
        }
        WITHOUT.set(None);
        for (invariant, (first, count)) in &by {
            println!("| {} | `{invariant}` | {first} | {count} |", guard.label());
        }
        if by.is_empty() {
            println!("| {} | **nothing** | | 0 |", guard.label());
            unnoticed.push(guard.label());
        }
    }
    std::panic::set_hook(quiet);
    assert!(unnoticed.is_empty(), "nothing would notice the loss of {}", unnoticed.join(", "));
}
