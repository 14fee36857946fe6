//! `heald close`: end an incident by hand.

use super::Failure;
use super::client::Place;
use super::incidents::id;
use super::print::out;
use crate::domain::id::IncidentId;
use crate::run::handle::PersonOrder;

/// End an incident by hand. If its alert still fires, its next repeat opens a new one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The incident's number.
    #[arg(value_parser = id)]
    id: u64,
    /// What was found or done, for the incident's record.
    #[arg(long, value_name = "TEXT")]
    note: String,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let order = PersonOrder::Close { incident: IncidentId(args.id), note: args.note };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}
