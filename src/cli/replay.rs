//! `heald replay`: the recorded past against a changed configuration.

use super::journal::{Journal, Since, unreadable};
use super::print::{Output, clean, moment, out, table};
use super::{Failure, check};
use crate::action::Action;
use crate::domain::id::Seq;
use crate::domain::incident::{IncidentEvent, Subject};
use crate::domain::policy::Policy;
use crate::domain::target::{AllowList, TargetKind};
use crate::domain::time::Time;
use crate::probe::Probe;
use crate::run::InForce;
use crate::run::replay::{Attempts, Difference, Replay, Rules, Totals};
use crate::store::{Record, Row};
use crate::{app, book, config, link};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Put the decisions of a journal to a changed configuration, and print those that would be others.
///
/// The journal is gone through record by record, and each decision that it holds is asked for anew: which playbook an
/// alert gets, and whether an attempt is permitted, held, reported, put to people or given up. What had been seen, what
/// Alertmanager had said, past attempts, locks and what people had ordered are as recorded; playbooks, allow-list and
/// guards are those of now. What would have followed from another answer is not invented: each decision starts from
/// what was recorded. docs/replay.md names what a journal can't tell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    /// What `heald export` wrote (`-`: standard input), or the state folder; heald may be running.
    #[arg(long, value_name = "FILE|DIR")]
    journal: PathBuf,
    /// Playbooks, or folders of them, instead of those that --config.file names. Without --config.file all targets of
    /// the journal are allowed, guards have their defaults, and templates have no `vars` but the playbook's own.
    #[arg(long, value_name = "PATH", num_args = 1.., required_unless_present = "config_file")]
    playbooks: Vec<PathBuf>,
    /// The changed configuration, with the playbooks that it names.
    #[arg(long = "config.file", value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// Only decisions since: 7d (before the last record) or 2026-11-22T06:00:00Z. What was before still counts for budgets.
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

const EXIT_CODES: &str =
    "Exit codes: 0 no decision differs, 1 some do, 2 wrong usage, or a file can't be read or is not in order.";

/// `-o json`. Fields are only ever added.
#[derive(Serialize)]
struct Report<'a> {
    decisions: usize,
    same: usize,
    different: &'a BTreeMap<String, usize>,
    not_asked: NotAsked,
    attempts: &'a [Attempts],
    differences: &'a [Difference],
}

#[derive(Serialize)]
struct NotAsked {
    look_not_kept: usize,
    opened_before_the_journal: usize,
    not_opened_now: usize,
}

pub fn run(args: Args) -> Result<(), Failure> {
    let rows = rows(&args.journal)?;
    let rules = rules(&args, &rows)?;
    let since = args.since.map_or(Time(0), |since| since.time(rows.last().map(|row| row.at)));
    let mut replay = Replay::new(rules, since);
    let mut differences = Vec::new();
    for row in rows {
        differences.extend(replay.record(row));
    }
    let (last, totals) = replay.finish();
    differences.extend(last);
    match args.output {
        Output::Json => out(&json(&differences, &totals)?)?,
        Output::Text => out(&text(&differences, &totals, &TimeZone::system()))?,
    }
    match totals.differences() {
        0 => Ok(()),
        // Scripts go by the exit code.
        some => Err(Failure::Refused(format!("{some} of {} differ", check::count(totals.points, "decision")))),
    }
}

fn rows(path: &std::path::Path) -> Result<Vec<Row>, Failure> {
    let mut journal = if path.is_dir() { Journal::folder(path, |_| Ok(Seq(0)))? } else { Journal::file(path)? };
    let mut rows = Vec::new();
    while let Some(row) = journal.next()? {
        if rows.last().is_some_and(|last: &Row| last.seq >= row.seq) {
            return Err(unreadable(path, &format!("record {} does not come after the one before it", row.seq)));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(unreadable(path, &"the journal is empty"));
    }
    Ok(rows)
}

fn rules(args: &Args, rows: &[Row]) -> Result<Rules, Failure> {
    // A configuration with mistakes is no difference.
    let wrong = |problems: Vec<crate::yaml::Problem>| Failure::Usage(check::failure(&problems).to_string());
    let Some(file) = &args.config_file else {
        let books = book::load(&args.playbooks, &BTreeMap::new(), &BTreeMap::new()).map_err(wrong)?;
        let problems = book::check(&books, None);
        if !problems.is_empty() {
            return Err(wrong(problems));
        }
        let in_force = InForce {
            host_label: String::new(),
            allow: named(rows),
            group_interval: app::GROUP_INTERVAL,
            policy: Policy { protected: link::own::protected(), ..Policy::default() },
            books: books.into_iter().map(|(_, book)| (book, Arc::from(""))).collect(),
        };
        return Ok(Rules { host: None, in_force, admit: Box::new(|_| Ok(())), admit_probe: Box::new(|_| Ok(())) });
    };
    let settings = config::load(file).map_err(wrong)?;
    let dirs = if args.playbooks.is_empty() { &settings.playbooks } else { &args.playbooks };
    let books = app::read_books(&settings, dirs).map_err(wrong)?;
    let (steps, probes) = (settings.targets.clone(), settings.targets.clone());
    Ok(Rules {
        host: Some(settings.host.clone()),
        in_force: app::in_force(&settings, &books),
        admit: Box::new(move |step| Action::parse(step)?.admit(&steps)),
        admit_probe: Box::new(move |probe| Probe::parse(probe)?.admit(&probes)),
    })
}

/// All that the journal names, and every URL.
fn named(rows: &[Row]) -> AllowList {
    let mut allow = AllowList { urls: ["http://", "https://"].map(str::to_owned).into(), ..AllowList::default() };
    for row in rows {
        let targets = match &row.record {
            Record::Incident { event: IncidentEvent::Opened { subject: Subject::Target(target), .. }, .. } => {
                std::slice::from_ref(target)
            }
            Record::Incident { event: IncidentEvent::AttemptStarted { locks, .. }, .. } => locks.as_slice(),
            _ => &[],
        };
        for target in targets {
            match target.kind() {
                TargetKind::Unit => drop(allow.units.insert(target.name().to_owned())),
                TargetKind::Container => drop(allow.containers.insert(target.name().to_owned())),
                _ => {}
            }
        }
    }
    allow
}

fn json(differences: &[Difference], totals: &Totals) -> Result<String, Failure> {
    let report = Report {
        decisions: totals.points,
        same: totals.same,
        different: &totals.different,
        not_asked: NotAsked {
            look_not_kept: totals.unseen,
            opened_before_the_journal: totals.headless,
            not_opened_now: totals.elsewhere,
        },
        attempts: &totals.attempts(),
        differences,
    };
    let text = serde_json::to_string_pretty(&report).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(text + "\n")
}

fn text(differences: &[Difference], totals: &Totals, zone: &TimeZone) -> String {
    let mut text = String::new();
    for found in differences {
        let (at, target) = (moment(found.at, zone), clean(&found.target));
        let (recorded, now) = (clean(&found.recorded.text), clean(&found.now.text));
        text += &format!("#{} {at} {target}: recorded \"{recorded}\", now: {now}\n", found.incident);
    }
    if !differences.is_empty() {
        text.push('\n');
    }
    let decisions = check::count(totals.points, "decision");
    text += &format!("{decisions} asked anew: {} the same, {} different\n", totals.same, totals.differences());
    let kinds: Vec<Vec<String>> = totals.different.iter().map(|(kind, count)| vec![format!("  {count}"), kind.clone()]).collect();
    text += &table(&kinds);
    let attempts = totals.attempts();
    let sum = |of: fn(&Attempts) -> usize| attempts.iter().map(of).sum::<usize>();
    text += &format!("Attempts: {} recorded, {} now\n", sum(|one| one.recorded), sum(|one| one.now));
    let changed: Vec<&Attempts> = attempts.iter().filter(|one| one.recorded != one.now).collect();
    if !changed.is_empty() {
        let head = ["  HOUR", "TARGET", "RECORDED", "NOW"].map(str::to_owned).to_vec();
        let lines = changed.iter().map(|one| {
            let hour = format!("  {}", moment(one.hour, zone));
            vec![hour, clean(&one.target.to_string()), one.recorded.to_string(), one.now.to_string()]
        });
        text += &table(&std::iter::once(head).chain(lines).collect::<Vec<_>>());
    }
    for (count, why) in [
        (totals.unseen, "holds whose look the journal does not keep"),
        (totals.headless, "about incidents that opened before the journal begins"),
        (totals.elsewhere, "about incidents that would not be opened now"),
    ] {
        if count > 0 {
            text += &format!("Not asked: {count} {why}\n");
        }
    }
    text
}
