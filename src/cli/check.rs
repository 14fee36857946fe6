//! `heald check`: every mistake of a configuration and its playbooks at once, and what is most likely not meant.

use super::Failure;
use super::print::{Output, out};
use crate::app;
use crate::book;
use crate::yaml::{Problem, Severity};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Check a configuration and playbooks, and report every mistake with file, line and column.
///
/// Without a FILE and without --config.file it checks /etc/heald/heald.yaml and the playbooks that it names. Warnings are
/// about what is allowed and most likely not meant: rungs and steps that can never run, repairs that cause what they
/// repair, and, with --rules, playbooks that no alert rule feeds. They fail only with --strict.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file, with the playbooks that it names.
    #[arg(long = "config.file", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// A Prometheus rule file, or a folder of them; may be given again: all that feed these playbooks.
    #[arg(long, value_name = "FILE|DIR")]
    pub rules: Vec<PathBuf>,
    /// Fail on warnings too.
    #[arg(long)]
    pub strict: bool,
    /// json: one object with all problems, for editors and CI.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Playbooks, or folders of them.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// What `-o json` prints. Fields are only ever added.
#[derive(Debug, Serialize)]
struct Report<'a> {
    mistakes: usize,
    warnings: usize,
    playbooks: usize,
    /// Line and column from 1; 0 where the file as a whole is meant.
    problems: &'a [Problem],
}

const CONFIG: &str = "/etc/heald/heald.yaml";

pub fn run(args: Args) -> Result<(), Failure> {
    let mut problems = Vec::new();
    let mut playbooks = 0;
    let rules = (!args.rules.is_empty()).then(|| {
        book::rules(&args.rules).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        })
    });
    // Half of the rules would make warnings of the other half.
    let rules = rules.filter(|_| problems.is_empty());
    let mut add = |(count, found): (usize, Vec<Problem>), problems: &mut Vec<Problem>| {
        playbooks += count;
        problems.extend(found);
    };
    if !args.files.is_empty() {
        add(app::survey(&args.files, None, rules.as_deref()), &mut problems);
    }
    let config = args.config_file.or_else(|| args.files.is_empty().then(|| Path::new(CONFIG).to_owned()));
    if let Some(file) = &config {
        match app::settings(file) {
            Ok(settings) => add(app::survey(&settings.playbooks, Some(&settings), rules.as_deref()), &mut problems),
            Err(found) => problems.extend(found),
        }
    }
    // Mistakes first: they are what keeps heald from starting.
    problems.sort_by_key(|problem| problem.severity);
    let mistakes = problems.iter().filter(|problem| problem.severity == Severity::Mistake).count();
    let warnings = problems.len() - mistakes;
    let failed = mistakes > 0 || (args.strict && warnings > 0);
    if args.output == Output::Json {
        let report = Report { mistakes, warnings, playbooks, problems: &problems };
        let text = serde_json::to_string_pretty(&report).map_err(|error| Failure::Refused(error.to_string()))?;
        out(&format!("{text}\n"))?;
        return if failed { Err(Failure::Refused(found(mistakes, warnings))) } else { Ok(()) };
    }
    if failed {
        return Err(failure(&problems));
    }
    warn(&problems);
    let more = if warnings == 0 { String::new() } else { format!(", and {}", count(warnings, "warning")) };
    match config {
        Some(file) => out(&format!("{} is good, with {}{more}\n", file.display(), count(playbooks, "playbook"))),
        None => out(&format!("{}: good{more}\n", count(playbooks, "playbook"))),
    }
}

#[expect(clippy::print_stderr, reason = "beside the answer, as compilers do it")]
fn warn(problems: &[Problem]) {
    for problem in problems {
        eprintln!("{problem}\n");
    }
}

/// All of them, each with its place, and their number.
pub(super) fn failure(problems: &[Problem]) -> Failure {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let mistakes = problems.iter().filter(|problem| problem.severity == Severity::Mistake).count();
    Failure::Refused(format!("{}\n\n{}", found(mistakes, problems.len() - mistakes), texts.join("\n\n")))
}

fn found(mistakes: usize, warnings: usize) -> String {
    match (mistakes, warnings) {
        (_, 0) => format!("{} found", count(mistakes, "mistake")),
        (0, _) => format!("{} found", count(warnings, "warning")),
        _ => format!("{} and {} found", count(mistakes, "mistake"), count(warnings, "warning")),
    }
}

pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
