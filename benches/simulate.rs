//! A year of one host: ten targets and a few failures a day, with the real loop and the real journal.
//!
//! One thread, but for the one that commits. The goal is 10 s.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench measures, prints and fails loudly"
)]

mod common;

use common::{say, table};
use heald::app;
use heald::book::{self, Override};
use heald::domain::playbook::Mode;
use heald::domain::policy::Policy;
use heald::domain::target::{Target, TargetKind};
use heald::simulate::{Scenario, Setup, simulate};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const YEAR_HOURS: u32 = 365 * 24;

fn main() {
    let auto = || Override { mode: Some(Mode::Auto), ..Override::default() };
    let overrides = ["systemd-unit-failed", "container-down"].map(|id| (id.to_owned(), auto())).into();
    let playbooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks");
    let books = book::load(&[playbooks], &overrides, &BTreeMap::new()).expect("playbooks");
    let quick = std::env::var_os("BENCH_QUICK").is_some();
    let hours = if quick { YEAR_HOURS / 4 } else { YEAR_HOURS };
    let mut rows = Vec::new();
    for seed in 1..=3 {
        let units = (0..6).map(|n| Target::new(TargetKind::Unit, &format!("service-{n}.service")).expect("a unit"));
        let containers = (0..4).map(|n| Target::new(TargetKind::Container, &format!("container-{n}")).expect("a container"));
        let scenario = Scenario::from_seed(seed, units.chain(containers).collect(), Duration::from_secs(3_600) * hours);
        let setup = Setup {
            host: "web-1".to_owned(),
            host_label: "host".to_owned(),
            allow: scenario.allow_list(),
            strict: false,
            group_interval: Duration::from_secs(30),
            policy: Policy::default(),
            asks_alertmanager: true,
            books: books.iter().map(|(edition, book)| (book.clone(), edition.to_json().into())).collect(),
            compile: app::compile,
            hours,
            seed,
        };
        let dir = tempfile::tempdir_in(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }).expect("a folder");
        let (began, cpu) = (Instant::now(), used());
        let report = simulate(&scenario, &setup, dir.path()).expect("a report");
        let (took, cpu) = (began.elapsed(), used() - cpu);
        rows.push(vec![
            seed.to_string(),
            report.heald.failures.to_string(),
            report.records.to_string(),
            format!("{:.2}", took.as_secs_f64()),
            format!("{:.2}", cpu.as_secs_f64()),
        ]);
    }
    let head = ["seed", "failures", "journal records", "s", "CPU s"];
    table(&format!("{hours} virtual hours of ten targets (a year has {YEAR_HOURS}; goal for it: 10 s)"), &head, &rows);
    say("the journal lies in memory where the machine has /dev/shm");
}

fn used() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("a time")
}
