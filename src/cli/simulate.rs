//! `heald simulate`: what the user's own playbooks would do, on a host that exists only in memory.

use super::Failure;
use super::check::failure;
use super::print::{Output, clean, out, table};
use crate::app::{self, Books};
use crate::book::{self, Edition, Override};
use crate::config::Settings;
use crate::domain::playbook::Mode;
use crate::domain::target::{AllowList, Target, TargetKind};
use crate::domain::time::Span;
use crate::simulate::{Column, Report, Scenario, Setup, read, simulate};
use crate::yaml::Problem;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// See what heald would do: playbooks through a simulated host, beside no heald and two naive watchdogs.
///
/// Nothing real is touched or asked. The loop, the guards and the journal are the daemon's own; the host, its services,
/// Prometheus, Alertmanager and the people are simulated. Time passes as fast as the machine can compute.
///
/// A restart is needless when the service was up, was starting, was stopped by a person, or did not answer afterwards.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Playbooks, or folders of them; without it those of the configuration.
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub playbooks: Vec<PathBuf>,
    /// The configuration: its allow-list, overrides, vars and host name.
    #[arg(long = "config.file", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// What goes wrong, as a file; see docs/simulation.md.
    #[arg(long, value_name = "FILE", conflicts_with = "seed", required_unless_present = "seed")]
    pub scenario: Option<PathBuf>,
    /// What goes wrong, by chance: a few failures a day. The same for the same number.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How long, in virtual hours.
    #[arg(long, value_name = "H", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8_784))]
    pub hours: u32,
    /// As if all playbooks had this mode.
    #[arg(long, value_enum, value_name = "MODE")]
    pub mode: Option<As>,
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum As {
    Observe,
    Auto,
}

/// As in `app.rs`: after-care ends this long after the resolve where the configuration does not say.
const GROUP_INTERVAL: Duration = Duration::from_secs(300);

pub async fn run(args: Args) -> Result<(), Failure> {
    let (output, length) = (args.output, args.hours);
    // A runtime of its own, with a clock of its own, belongs on a thread of its own.
    let work = tokio::task::spawn_blocking(move || report(args));
    let report = work.await.map_err(|error| Failure::Refused(format!("the simulation broke off: {error}")))??;
    match output {
        Output::Json => {
            out(&format!("{}\n", serde_json::to_string(&report).map_err(|error| Failure::Refused(error.to_string()))?))
        }
        Output::Text => out(&text(&report, length)),
    }
}

fn report(args: Args) -> Result<Report, Failure> {
    let settings = match &args.config_file {
        Some(file) => Some(app::settings(file).map_err(|problems| failure(&problems))?),
        None => None,
    };
    let books = books(&args, settings.as_ref()).map_err(|problems| failure(&problems))?;
    let length = Duration::from_secs(3_600 * u64::from(args.hours));
    let scenario = match &args.scenario {
        Some(file) => scenario(file)?,
        None => Scenario::from_seed(args.seed.unwrap_or_default(), targets(settings.as_ref())?, length),
    };
    let alertmanager = settings.as_ref().map(|settings| settings.alertmanager.as_ref());
    let group_interval = alertmanager.flatten().map(|one| one.group_interval);
    let setup = Setup {
        host: settings.as_ref().map_or_else(|| "simulated".to_owned(), |settings| settings.host.clone()),
        host_label: settings.as_ref().map_or_else(|| "host".to_owned(), |settings| settings.host_label.clone()),
        allow: settings.as_ref().map_or_else(|| scenario.allow_list(), |settings| settings.targets.clone()),
        strict: settings.is_some(),
        group_interval: group_interval.unwrap_or(GROUP_INTERVAL),
        policy: settings.as_ref().map(app::policy).unwrap_or_default(),
        asks_alertmanager: alertmanager.is_none_or(|one| one.is_some_and(|one| one.url.is_some())),
        books: books.into_iter().map(|(edition, book)| (book, edition.to_json().into())).collect(),
        compile: app::compile,
        hours: args.hours,
        seed: args.seed.unwrap_or_default(),
    };
    let dir = folder().map_err(|error| Failure::Refused(format!("no folder for the journal can be made: {error}")))?;
    simulate(&scenario, &setup, dir.path()).map_err(Failure::Refused)
}

/// In memory where the machine has such a place: every commit is synced.
fn folder() -> std::io::Result<tempfile::TempDir> {
    let shm = Path::new("/dev/shm");
    let in_memory = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    in_memory.or_else(|_| tempfile::tempdir())
}

fn books(args: &Args, settings: Option<&Settings>) -> Result<Books, Vec<Problem>> {
    let none = (BTreeMap::new(), BTreeMap::new());
    let (mut overrides, vars) = settings.map_or(none, |settings| (settings.overrides.clone(), settings.vars.clone()));
    let dirs = match settings {
        Some(settings) if args.playbooks.is_empty() => settings.playbooks.clone(),
        _ => args.playbooks.clone(),
    };
    if dirs.is_empty() {
        return Err(vec![Problem::of_file(
            Path::new("--playbooks"),
            "name the playbooks: --playbooks DIR, or --config.file FILE",
        )]);
    }
    if !args.playbooks.is_empty() {
        // What the configuration says of playbooks that are not tried here is no mistake.
        let named: Books = book::load(&dirs, &BTreeMap::new(), &vars)?;
        overrides.retain(|name, _| named.iter().any(|(_, book)| *book.id.0 == **name));
    }
    if let Some(mode) = args.mode {
        let mode = if mode == As::Auto { Mode::Auto } else { Mode::Observe };
        let named: Vec<(Edition, _)> = book::load(&dirs, &overrides, &vars)?;
        for (_, book) in named {
            let changes: &mut Override = overrides.entry(book.id.0.to_string()).or_default();
            changes.mode = Some(mode);
        }
    }
    book::load(&dirs, &overrides, &vars)
}

fn scenario(path: &Path) -> Result<Scenario, Failure> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| Failure::Refused(format!("{} can't be read: {error}", path.display())))?;
    read(path, &text).map_err(|problems| failure(&problems))
}

/// Those of the configuration, or some to try things with.
fn targets(settings: Option<&Settings>) -> Result<Vec<Target>, Failure> {
    let of = |kind, name: &str| Target::new(kind, name).map_err(Failure::Refused);
    let Some(AllowList { units, containers, .. }) = settings.map(|settings| &settings.targets) else {
        let named = [(TargetKind::Unit, "web.service"), (TargetKind::Unit, "db.service"), (TargetKind::Container, "cache")];
        return named.into_iter().map(|(kind, name)| of(kind, name)).collect();
    };
    if units.is_empty() && containers.is_empty() {
        return Err(Failure::Refused("the configuration's `targets:` names no unit and no container".to_owned()));
    }
    let units = units.iter().map(|name| of(TargetKind::Unit, name));
    units.chain(containers.iter().map(|name| of(TargetKind::Container, name))).collect()
}

fn text(report: &Report, hours: u32) -> String {
    let span = |seconds: f64| Span(Duration::from_secs_f64(seconds.max(0.0).round())).to_string();
    let healed = |column: &Column| column.failures > column.still_down;
    let columns = [&report.no_heald, &report.watchdogs, &report.heald];
    let line = |name: &str, value: &dyn Fn(&Column) -> String| {
        let mut row = vec![name.to_owned()];
        row.extend(columns.iter().map(|column| value(column)));
        row
    };
    let rows = [
        ["", "no heald", "two watchdogs", "heald"].map(str::to_owned).to_vec(),
        line("failures", &|column| column.failures.to_string()),
        line("  healed by the healer", &|column| column.healed_by_healer.to_string()),
        line("  came back by themselves", &|column| column.healed_by_itself.to_string()),
        line("  mended by people", &|column| column.healed_by_people.to_string()),
        line("  still down at the end", &|column| column.still_down.to_string()),
        line("restarts by the healer", &|column| column.restarts.to_string()),
        line("  needless", &|column| needless(column)),
        line("  in the worst hour", &|column| column.restarts_per_hour_max.to_string()),
        line("  in the worst 10 minutes, of one service", &|column| column.restarts_per_10min_max.to_string()),
        line("  per hour", &|column| format!("{:.2}", column.restarts_per_hour_mean)),
        line("time to heal, median", &|column| {
            if healed(column) { span(column.time_to_heal_median) } else { "never".to_owned() }
        }),
        line("  95 of 100", &|column| if healed(column) { span(column.time_to_heal_p95) } else { "never".to_owned() }),
        line("  longest", &|column| if healed(column) { span(column.time_to_heal_max) } else { "never".to_owned() }),
        line("downtime of all services", &|column| span(column.downtime)),
        line("availability", &|column| format!("{:.1} %", column.availability * 100.0)),
        line("people called", &|column| column.people_called.to_string()),
        line("messages to people", &|column| column.messages.to_string()),
    ];
    let mut text = format!("{}, {hours} virtual hours\n\n{}", clean(&report.scenario), table(&rows));
    if !report.told.is_empty() {
        let told: Vec<String> = report.told.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        text.push_str(&format!("\nheald told people: {}\n", told.join(", ")));
    }
    for note in &report.notes {
        text.push_str(&format!("note: {}\n", clean(note)));
    }
    text
}

fn needless(column: &Column) -> String {
    let why: Vec<String> = column.needless.iter().map(|(why, count)| format!("{count} {why}")).collect();
    if why.is_empty() { "0".to_owned() } else { format!("{} ({})", column.needless_total(), why.join(", ")) }
}
