//! `heald breaker`: keep one playbook from one target, or let it try again.

use super::Failure;
use super::client::Place;
use super::hold::positive;
use super::print::out;
use super::target::TargetArg;
use crate::domain::id::PlaybookId;
use crate::domain::time::Span;
use crate::run::handle::PersonOrder;
use clap::Subcommand;

/// Open or close the breaker of a playbook for a target; `heald status` lists those that are not closed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// No attempt of the playbook on the target, until it is closed.
    Open {
        playbook: String,
        #[command(flatten)]
        target: TargetArg,
        /// How long, such as 30m or 2h; left out: until it is closed.
        #[arg(long = "for", value_name = "DURATION", value_parser = positive)]
        for_: Option<Span>,
        /// Why, for those who find it open.
        #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        why: String,
        #[command(flatten)]
        place: Place,
    },
    /// Let the playbook try again, whoever opened it: failures so far don't count any more. Budgets do.
    Close {
        playbook: String,
        #[command(flatten)]
        target: TargetArg,
        #[command(flatten)]
        place: Place,
    },
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let (order, place) = match args.command {
        Command::Open { playbook, target, for_, why, place } => {
            let (playbook, target) = (PlaybookId::from(playbook.as_str()), target.target()?);
            (PersonOrder::OpenBreaker { playbook, target, for_, why }, place)
        }
        Command::Close { playbook, target, place } => {
            let (playbook, target) = (PlaybookId::from(playbook.as_str()), target.target()?);
            (PersonOrder::CloseBreaker { playbook, target }, place)
        }
    };
    out(&format!("{}\n", place.daemon()?.order(&order).await?))
}
