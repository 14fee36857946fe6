//! `heald store init`: the way out of escalate-only, by a person's word.

use super::Failure;
use crate::config;
use crate::store::Store;
use clap::Subcommand;
use std::path::PathBuf;

/// Look after the journal. heald must not be running.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin a new journal where the old one is lost or corrupt; what is left of it is kept beside.
    Init {
        /// The configuration file; only its `state` is read.
        #[arg(long = "config.file", value_name = "FILE", default_value = "/etc/heald/heald.yaml")]
        config_file: PathBuf,
        /// An empty journal knows of no past repair: every budget is full again, and open incidents are forgotten.
        #[arg(long, required = true)]
        accept_empty_budgets: bool,
    },
}

#[expect(clippy::print_stdout, reason = "what a command answers goes to standard output")]
pub fn run(args: Args) -> Result<(), Failure> {
    let Command::Init { config_file, accept_empty_budgets: _ } = args.command;
    let settings = config::load(&config_file).map_err(|problems| super::check::failure(&problems))?;
    match Store::init_accepting_empty_budgets(&settings.state) {
        Ok(Some(kept)) => println!("a new journal begins; what was left of the old one is kept at {}", kept.display()),
        Ok(None) => println!("a new journal begins"),
        Err(error) => return Err(Failure::Refused(error.to_string())),
    }
    Ok(())
}
