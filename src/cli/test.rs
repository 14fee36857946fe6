//! `heald test rules`: proves what playbooks do, before they are deployed.

use super::Failure;
use super::check::count;
use super::print::out;
use crate::rehearse;
use regex::Regex;
use std::fs;
use std::path::PathBuf;

/// Run tests of playbooks.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Rules(Rules),
}

/// Unit tests for playbooks: alerts on a virtual clock, a scripted world, and what heald is to do.
///
/// Nothing real is touched or asked. The loop, the guards and the journal are the daemon's own; see
/// docs/testing-playbooks.md.
#[derive(Debug, clap::Args)]
struct Rules {
    /// Test files, or folders of them: those that end in .test.yml.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Only tests whose name it fits.
    #[arg(long, value_name = "REGEX")]
    run: Option<Regex>,
    /// Also write the report as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print the whole timeline of each test.
    #[arg(long, short)]
    verbose: bool,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let What::Rules(rules) = args.what;
    // Each test has a runtime of its own, with a clock of its own.
    let work = tokio::task::spawn_blocking(move || play(&rules));
    work.await.map_err(|error| Failure::Refused(format!("the tests broke off: {error}")))?
}

fn play(args: &Rules) -> Result<(), Failure> {
    let files = rehearse::find(&args.files).map_err(Failure::Refused)?;
    let reports = rehearse::run(&files, args.run.as_ref());
    out(&rehearse::text(&reports, args.verbose))?;
    if let Some(file) = &args.junit {
        let written = fs::write(file, rehearse::junit(&reports));
        written.map_err(|error| Failure::Refused(format!("{} can't be written: {error}", file.display())))?;
    }
    let failed = reports.iter().filter(|report| !report.passed()).count();
    let ran: usize = reports.iter().map(|report| report.tests.len()).sum();
    match (failed, ran) {
        // A filter that fits nothing proves nothing.
        (0, 0) => Err(Failure::Refused("no test has such a name".to_owned())),
        (0, _) => Ok(()),
        _ => Err(Failure::Refused(format!("{} of {} failed", failed, count(reports.len(), "file")))),
    }
}
