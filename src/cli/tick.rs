//! `heald tick`: a step of the checklist is done.

use super::Failure;
use super::client::Place;
use super::incidents::id;
use super::print::out;
use crate::domain::id::IncidentId;
use crate::run::handle::PersonOrder;

/// Say that you did a step of the incident's checklist: it lands in the timeline, the cards and the review.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The incident's number.
    #[arg(value_parser = id)]
    id: u64,
    /// The step's number, from 1.
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    step: u32,
    /// What was found or done.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let order = PersonOrder::Tick { incident: IncidentId(args.id), item: args.step, note: args.note };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}
