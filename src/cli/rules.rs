//! `heald rules`: Prometheus rules for what an inventory expects.

use super::Failure;
use super::check::failure;
use super::print::out;
use crate::inventory;
use std::path::PathBuf;

/// Print Prometheus alert rules for all that an inventory expects: hosts, units, containers, programs, probes, backups.
///
/// The same inventory gives the same rules. Nothing is asked of anybody; see docs/inventory.md.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is expected, of all hosts.
    #[arg(long, value_name = "FILE")]
    pub inventory: PathBuf,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let read = inventory::load(&args.inventory).map_err(|problems| failure(&problems))?;
    out(&inventory::page(&inventory::rules(&read), &args.inventory.display().to_string()))
}
