//! One hour of a flaky service under two naive watchdogs and under heald: docs/experiment.md, its figures and its picture.
//!
//! The example writes them, the test of tests/sim runs the same and compares.

#![allow(dead_code, reason = "the test writes nothing, the example tries no other scenario")]

mod draw;

use heald::app;
use heald::book::{self, Override};
use heald::domain::playbook::Mode;
use heald::domain::policy::Policy;
use heald::simulate::{Column, Report, Scenario, Setup, read, simulate};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

pub type Result<T> = std::result::Result<T, String>;

pub struct Experiment {
    pub scenario: Scenario,
    pub report: Report,
}

/// The figures stand between these lines of the page.
const TABLE: (&str, &str) = ("<!-- figures: cargo run --example experiment -->\n", "<!-- end of the figures -->\n");

pub fn page() -> PathBuf {
    root().join("docs/experiment.md")
}

pub fn picture() -> PathBuf {
    root().join("docs/experiment.svg")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

impl Experiment {
    pub fn run() -> Result<Self> {
        Self::of(Self::scenario()?)
    }

    pub fn scenario() -> Result<Scenario> {
        let path = root().join("docs/scenarios/flaky-hour.yaml");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        read(&path, &text).map_err(|problems| format!("{problems:?}"))
    }

    /// Blocks for about a second; must not be called on a thread that drives other tasks.
    pub fn of(scenario: Scenario) -> Result<Self> {
        let change = Override { mode: Some(Mode::Auto), ..Override::default() };
        let overrides = [("container-down".to_owned(), change)].into();
        let books =
            book::load(&[root().join("playbooks")], &overrides, &BTreeMap::new()).map_err(|problems| format!("{problems:?}"))?;
        let setup = Setup {
            host: "simulated".to_owned(),
            host_label: "host".to_owned(),
            allow: scenario.allow_list(),
            strict: false,
            group_interval: Duration::from_secs(300),
            policy: Policy::default(),
            asks_alertmanager: true,
            books: books.into_iter().map(|(edition, book)| (book, edition.to_json().into())).collect(),
            compile: app::compile,
            hours: 1,
            seed: 0,
        };
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let report = simulate(&scenario, &setup, dir.path())?;
        Ok(Self { scenario, report })
    }

    /// The rows of the page, as Markdown.
    pub fn table(&self) -> String {
        let Report { watchdogs, heald, .. } = &self.report;
        let row =
            |name: &str, value: &dyn Fn(&Column) -> String| format!("| {name} | {} | {} |\n", value(watchdogs), value(heald));
        let rows = [
            "| in the hour | two watchdogs | heald |\n| --- | --- | --- |\n".to_owned(),
            row("restarts", &|column| column.restarts.to_string()),
            row("of these needless", &|column| needless(column)),
            row("most restarts in any ten minutes", &|column| column.restarts_per_10min_max.to_string()),
            row("available", &|column| percent(column.availability)),
            row("not available", &|column| minutes(column.downtime)),
            row("failures", &|column| column.failures.to_string()),
            row("longest failure", &|column| minutes(column.time_to_heal_max)),
            row("still down at the end", &|column| if column.still_down == 0 { "no" } else { "yes" }.to_owned()),
        ];
        rows.concat()
    }

    pub fn svg(&self) -> Result<String> {
        draw::svg(&self.scenario, &self.report)
    }
}

/// The page with this table in it.
pub fn with_table(page: &str, table: &str) -> Result<String> {
    let missing = || format!("{:?} and {:?} must stand in the page", TABLE.0, TABLE.1);
    let (before, rest) = page.split_once(TABLE.0).ok_or_else(missing)?;
    let (_, after) = rest.split_once(TABLE.1).ok_or_else(missing)?;
    Ok([before, TABLE.0, table, TABLE.1, after].concat())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn minutes(seconds: f64) -> String {
    let whole = Duration::from_secs_f64(seconds.max(0.0).round()).as_secs();
    format!("{} min {:02} s", whole / 60, whole % 60)
}

fn needless(column: &Column) -> String {
    let said = |why: &str| match why {
        "up" => "while it answered",
        "starting" => "while it was starting",
        "stopped_by_person" => "while a person wanted it down",
        _ => "in vain",
    };
    let why: Vec<String> = column.needless.iter().map(|(why, count)| format!("{count} {}", said(why))).collect();
    if why.is_empty() { "0".to_owned() } else { format!("{} ({})", column.needless_total(), why.join(", ")) }
}
