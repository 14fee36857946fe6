//! `heald check`: every mistake of a configuration and its playbooks at once.

use super::Failure;
use crate::yaml::Problem;
use crate::{app, book};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Check a configuration and playbooks, and report every mistake with file, line and column.
///
/// Without a FILE and without --config.file it checks /etc/heald/heald.yaml and the playbooks that it names.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file, with the playbooks that it names.
    #[arg(long = "config.file", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Playbooks, or folders of them.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

const CONFIG: &str = "/etc/heald/heald.yaml";

#[expect(clippy::print_stdout, reason = "what a command answers goes to standard output")]
pub fn run(args: Args) -> Result<(), Failure> {
    let mut problems = Vec::new();
    let mut playbooks = 0;
    if !args.files.is_empty() {
        match book::load(&args.files, &BTreeMap::new(), &BTreeMap::new()) {
            Ok(books) => {
                playbooks += books.len();
                problems.extend(book::check(&books, None));
            }
            Err(found) => problems.extend(found),
        }
    }
    let config = args.config_file.or_else(|| args.files.is_empty().then(|| Path::new(CONFIG).to_owned()));
    if let Some(file) = &config {
        match app::read(file) {
            Ok((_, books)) => playbooks += books.len(),
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        return Err(failure(&problems));
    }
    match config {
        Some(file) => println!("{} is good, with {}", file.display(), count(playbooks, "playbook")),
        None => println!("{}: good", count(playbooks, "playbook")),
    }
    Ok(())
}

/// All of them, each with its place, and their number.
pub(super) fn failure(problems: &[Problem]) -> Failure {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::Refused(format!("{} found\n\n{}", count(problems.len(), "mistake"), texts.join("\n\n")))
}

pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
