//! `heald drill`: breaks what is marked for it, on purpose, and measures how heald brings it back.

use super::client::{Daemon, Place};
use super::print::{Output, moment, out, table};
use super::{Failure, check};
use crate::app;
use crate::config::Settings;
use crate::domain::playbook::Playbook;
use crate::drill::{self, Ask, Drill, Drilled, Entry, Every, History, Loaded, Setting, UnderWay};
use crate::link::{Allowed, Tools};
use crate::run::view::{IncidentView, Status};
use jiff::tz::TimeZone;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Break what is marked for it, on purpose, and measure how heald brings it back.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    List(List),
    Run(Run),
    Report(Report),
    Undo(Undo),
}

/// The drills, when they are due, and how they went last.
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    config: Config,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Run drills, one after another. The faults are undone in any case, also after Ctrl-C.
#[derive(Debug, clap::Args)]
struct Run {
    /// By name; see heald drill list.
    #[arg(value_name = "NAME", required_unless_present = "all")]
    names: Vec<String>,
    /// All whose objects are marked; with --schedule, those of that schedule.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    #[arg(long, value_enum, requires = "all")]
    schedule: Option<Every>,
    /// Break things on a host that is no lab without asking.
    #[arg(long)]
    yes: bool,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    config: Config,
}

/// How drills went so far.
#[derive(Debug, clap::Args)]
struct Report {
    /// Only this one.
    name: Option<String>,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    config: Config,
}

/// Mend what a drill left broken that was killed.
#[derive(Debug, clap::Args)]
struct Undo {
    #[command(flatten)]
    config: Config,
}

#[derive(Debug, clap::Args)]
struct Config {
    /// The daemon's configuration file.
    #[arg(long = "config.file", value_name = "FILE", default_value = "/etc/heald/heald.yaml")]
    config_file: PathBuf,
}

/// What every subcommand reads.
struct Read {
    settings: Settings,
    books: Vec<Arc<Playbook>>,
    drills: Vec<Drill>,
    history: History,
}

/// For the incident of one drill to close before the next drill of the same playbook.
const PATIENCE: Duration = Duration::from_secs(600);

pub async fn run(args: Args) -> Result<(), Failure> {
    match args.what {
        What::List(args) => list(&args),
        What::Run(args) => drill_all(&args).await,
        What::Report(args) => report(&args),
        What::Undo(args) => undo(&args).await,
    }
}

fn read(file: &Path) -> Result<Read, Failure> {
    let (settings, books) = app::read(file).map_err(|problems| check::failure(&problems))?;
    let books: Vec<Arc<Playbook>> = books.into_iter().map(|(_, book)| book).collect();
    let ids: Vec<String> = books.iter().map(|book| book.id.0.to_string()).collect();
    let Loaded { drills, problems } = drill::load(&settings.playbooks, &settings.drills, &ids, &books);
    if !problems.is_empty() {
        return Err(check::failure(&problems));
    }
    let history = History::in_folder(settings.drills.reports(&settings.state));
    Ok(Read { settings, books, drills, history })
}

/// Its allow-list is what is marked for drills, and nothing else.
fn tools(settings: &Settings) -> Result<Tools, Failure> {
    let tools = app::tools(settings).map_err(Failure::Refused)?;
    Ok(Tools { allow: Allowed::new(settings.drills.allowed.clone()), ..tools })
}

fn list(args: &List) -> Result<(), Failure> {
    let read = read(&args.config.config_file)?;
    let history = read.history.read().map_err(Failure::Refused)?;
    let of = |drill: &Drill| -> Vec<&Entry> { history.iter().filter(|entry| entry.drill == drill.name).collect() };
    if args.output == Output::Json {
        let drills = read.drills.iter().map(|drill| {
            let runs = of(drill);
            serde_json::json!({
                "drill": drill.name,
                "playbook": drill.playbook,
                "covers": drill.covers,
                "schedule": drill.every,
                "expect": drill.expect,
                "file": drill.file(),
                "marked": drill.is_marked(&read.settings.drills.allowed),
                "runs": runs.len(),
                "last": runs.last(),
                "trend": drill::trend(&runs),
            })
        });
        return print_json(&drills.collect::<Vec<_>>());
    }
    if read.drills.is_empty() {
        return out("No drills: they are files *.drill.yml beside the playbooks.\n");
    }
    let zone = TimeZone::system();
    let head = ["DRILL", "PLAYBOOK", "SCHEDULE", "EXPECTED", "LAST", "RESULT", "TREND"].map(str::to_owned).to_vec();
    let rows = read.drills.iter().map(|drill| {
        let runs = of(drill);
        let last = runs.last();
        let marked = drill.is_marked(&read.settings.drills.allowed);
        let result = match last {
            Some(entry) if entry.passed => drill::span(entry.recovery_ms),
            Some(_) => "FAILED".to_owned(),
            None if marked => "never run".to_owned(),
            None => "not marked here".to_owned(),
        };
        vec![
            drill.name.clone(),
            drill.playbook.clone(),
            drill.every.map_or("by hand", Every::label).to_owned(),
            drill::goal_text(drill, &read.books),
            last.map_or_else(|| "-".to_owned(), |entry| moment(entry.at, &zone)),
            result,
            drill::trend(&runs).unwrap_or_default(),
        ]
    });
    out(&table(&std::iter::once(head).chain(rows).collect::<Vec<_>>()))
}

fn report(args: &Report) -> Result<(), Failure> {
    // Reports outlive their drills: neither playbooks nor drills are read.
    let settings = app::settings(&args.config.config_file).map_err(|problems| check::failure(&problems))?;
    let entries = History::in_folder(settings.drills.reports(&settings.state)).read().map_err(Failure::Refused)?;
    let entries: Vec<Entry> = match &args.name {
        Some(name) => entries.into_iter().filter(|entry| entry.drill == *name).collect(),
        None => entries,
    };
    match (args.output, entries.is_empty(), &args.name) {
        (Output::Json, ..) => print_json(&entries),
        (Output::Text, true, Some(name)) => Err(Failure::Refused(format!("no drill {name:?} was run here so far"))),
        (Output::Text, true, None) => out("No drill was run here so far.\n"),
        (Output::Text, false, _) => out(&drill::history_text(&entries, args.name.as_deref())),
    }
}

async fn undo(args: &Undo) -> Result<(), Failure> {
    let settings = app::settings(&args.config.config_file).map_err(|problems| check::failure(&problems))?;
    let mut under_way = UnderWay::open(&drill::folder(&settings.state)).map_err(Failure::Refused)?;
    match drill::undo_all(&mut under_way, &tools(&settings)?).await {
        None => out("Nothing is left of any drill.\n"),
        Some((drill, done, left)) => mended(&drill, &done, &left),
    }
}

fn mended(drill: &str, done: &[String], left: &[String]) -> Result<(), Failure> {
    say(&format!("drill {drill} was ended before it could mend what it broke"));
    done.iter().for_each(|line| say(&format!("mended: {line}")));
    if left.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(format!("still broken by drill {drill}; mend it by hand, or try again:\n{}", left.join("\n"))))
}

async fn drill_all(args: &Run) -> Result<(), Failure> {
    let read = read(&args.config.config_file)?;
    let mut chosen = choose(&read.drills, args)?;
    if args.all {
        // Most of what is shipped is about parts that a site has not.
        let (marked, others): (Vec<&Drill>, Vec<&Drill>) =
            chosen.into_iter().partition(|drill| drill::not_marked(drill, &read.settings.drills).is_empty());
        if marked.is_empty() {
            return Err(Failure::Refused(
                "nothing is marked for drills; name it under `drills: allowed:` of heald.yaml".to_owned(),
            ));
        }
        if !others.is_empty() {
            say(&format!("passed over, since not all that they break is marked: {}", check::count(others.len(), "drill")));
        }
        chosen = marked;
    }
    let socket = Place { socket: Some(read.settings.state.join("control.sock")), config_file: None };
    let daemon = Client(socket.daemon()?);
    // Whether it runs is known before anybody is asked anything.
    daemon.0.get("status").await?;
    refuse_unmarked(&chosen, &read.settings)?;
    consent(&chosen, &read.settings, args.yes)?;
    let tools = tools(&read.settings)?;
    let mut under_way = UnderWay::open(&drill::folder(&read.settings.state)).map_err(Failure::Refused)?;
    if let Some((drill, done, left)) = drill::undo_all(&mut under_way, &tools).await {
        mended(&drill, &done, &left)?;
    }
    let setting = Setting {
        tools: &tools,
        settings: &read.settings.drills,
        books: &read.books,
        daemon: &daemon,
        host: &read.settings.host,
        host_label: &read.settings.host_label,
        patience: if chosen.len() > 1 { PATIENCE } else { Duration::ZERO },
        stop: stopped()?,
        say: &say,
    };
    let mut entries = Vec::new();
    let mut refused = Vec::new();
    for drill in &chosen {
        say(&format!("drill {}: {}", drill.name, drill::goal_text(drill, &read.books)));
        match drill::run(drill, &setting, &mut under_way).await.map_err(Failure::Unreachable)? {
            Drilled::Ran(entry) => {
                let written = read.history.add(&entry, &drill::markdown(&entry)).map_err(Failure::Refused)?;
                if args.output == Output::Text {
                    out(&drill::summary(&entry))?;
                    say(&format!("report: {}.md", written.display()));
                }
                entries.push(*entry);
            }
            Drilled::Refused(why) => {
                say(&format!("refused: {}", why.join("\nrefused: ")));
                refused.push(drill.name.clone());
            }
            Drilled::Stopped { left } if left.is_empty() => {
                return Err(Failure::Stopped(format!("drill {} was ended; its faults are undone", drill.name)));
            }
            Drilled::Stopped { left } => {
                return Err(Failure::Stopped(format!("drill {} was ended; STILL BROKEN:\n{}", drill.name, left.join("\n"))));
            }
        }
    }
    if args.output == Output::Json {
        print_json(&entries)?;
    }
    let failed = entries.iter().filter(|entry| !entry.passed).count();
    match (failed, refused.len()) {
        (0, 0) => Ok(()),
        (failed, 0) => Err(Failure::Refused(format!("{failed} of {} failed", check::count(chosen.len(), "drill")))),
        (0, _) => Err(Failure::Refused(format!("not run: {}", refused.join(", ")))),
        (failed, _) => Err(Failure::Refused(format!("{failed} failed, and not run: {}", refused.join(", ")))),
    }
}

fn choose<'d>(drills: &'d [Drill], args: &Run) -> Result<Vec<&'d Drill>, Failure> {
    if args.all {
        let fits = |drill: &&Drill| args.schedule.is_none_or(|every| drill.every == Some(every));
        let chosen: Vec<&Drill> = drills.iter().filter(fits).collect();
        return if chosen.is_empty() { Err(Failure::Refused("there is no such drill".to_owned())) } else { Ok(chosen) };
    }
    let known: Vec<&str> = drills.iter().map(|drill| drill.name.as_str()).collect();
    let find = |name: &String| {
        drills.iter().find(|drill| drill.name == *name).ok_or_else(|| {
            let hint = crate::yaml::nearest(name, &known)
                .map_or_else(|| "see heald drill list".to_owned(), |near| format!("did you mean {near}?"));
            Failure::Usage(format!("there is no drill {:?}; {hint}", crate::domain::target::cut(name)))
        })
    };
    args.names.iter().map(find).collect()
}

/// Before anything is broken: a run that ends in the middle for want of a mark helps nobody.
fn refuse_unmarked(chosen: &[&Drill], settings: &Settings) -> Result<(), Failure> {
    let problems: Vec<String> =
        chosen.iter().flat_map(|drill| drill::not_marked(drill, &settings.drills)).map(|problem| problem.what).collect();
    if problems.is_empty() { Ok(()) } else { Err(Failure::Refused(problems.join("\n"))) }
}

/// A lab is there to be broken; anywhere else a person types the host's name.
fn consent(chosen: &[&Drill], settings: &Settings, yes: bool) -> Result<(), Failure> {
    if settings.drills.lab || yes {
        return Ok(());
    }
    let host = &settings.host;
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::Refused(format!(
            "{host} is no lab (`drills: {{ lab: true }}`): a person must agree at a terminal, or give --yes"
        )));
    }
    say(&format!("{host} is no lab. This breaks on purpose:"));
    for fault in chosen.iter().flat_map(|drill| &drill.faults) {
        say(&format!("  {}", fault.text));
    }
    ask(&format!("Type the host's name, {host}, to go on: "));
    let mut line = String::new();
    stdin.read_line(&mut line).map_err(|error| Failure::Refused(format!("no answer: {error}")))?;
    match line.trim() == host {
        true => Ok(()),
        false => Err(Failure::Refused("that is not the host's name: nothing was broken".to_owned())),
    }
}

#[expect(clippy::print_stderr, reason = "what is not the answer goes to standard error")]
fn say(line: &str) {
    eprintln!("heald: {line}");
}

#[expect(clippy::print_stderr, reason = "what is not the answer goes to standard error")]
fn ask(question: &str) {
    eprint!("{question}");
    drop(std::io::stderr().flush());
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Refused(error.to_string()))?;
    out(&format!("{text}\n"))
}

/// Ctrl-C and SIGTERM; a second one changes nothing: what is broken is mended first.
fn stopped() -> Result<watch::Receiver<bool>, Failure> {
    let (stop, stopped) = watch::channel(false);
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut heard = signal(kind).map_err(|error| Failure::Refused(format!("signals can't be heard: {error}")))?;
        let stop = stop.clone();
        tokio::spawn(async move {
            while heard.recv().await.is_some() {
                stop.send_replace(true);
            }
        });
    }
    Ok(stopped)
}

/// The daemon over its socket.
struct Client(Daemon);

impl Client {
    async fn read<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let text = self.0.get(path).await.map_err(|failure| failure.to_string())?;
        self.0.read(&text).map_err(|failure| failure.to_string())
    }
}

impl Ask for Client {
    async fn status(&self) -> Result<Status, String> {
        self.read("status").await
    }

    async fn incidents(&self) -> Result<Vec<IncidentView>, String> {
        self.read("incidents").await
    }

    async fn incident(&self, id: u64) -> Result<IncidentView, String> {
        self.read(&format!("incidents/{id}")).await
    }
}
