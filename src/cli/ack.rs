//! `heald ack`: somebody is at it.

use super::Failure;
use super::client::Place;
use super::hold::positive;
use super::incidents::id;
use super::print::out;
use crate::domain::id::IncidentId;
use crate::domain::time::Span;
use crate::run::handle::PersonOrder;

/// Say that you are at it: nobody else is called until the acknowledgement expires or the incident is over.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The incident's number.
    #[arg(value_parser = id)]
    id: u64,
    /// How long, such as 30m or 2h; left out: as configured, 1h by default.
    #[arg(long = "for", value_name = "DURATION", value_parser = positive)]
    for_: Option<Span>,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let order = PersonOrder::Ack { incident: IncidentId(args.id), for_: args.for_ };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}
