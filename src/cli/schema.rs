//! `heald schema`: JSON Schema of what people write.

use super::Failure;
use super::print::out;
use crate::schema;
use clap::ValueEnum;

/// Print a JSON Schema (2020-12), for editors and other programs. What heald takes and refuses, `heald check` says.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of what.
    #[arg(value_enum)]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// The YAML in playbooks, part by part.
    Playbook,
    /// The configuration file.
    Config,
    /// A drill file.
    Drill,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let schema = match args.of {
        Of::Playbook => schema::playbook(),
        Of::Config => schema::config(),
        Of::Drill => schema::drill(),
    };
    out(&schema::text(&schema))
}
