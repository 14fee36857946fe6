//! `heald silence`: have Alertmanager silence an incident's alert.

use super::Failure;
use super::client::Place;
use super::hold::positive;
use super::incidents::id;
use super::print::out;
use crate::domain::id::IncidentId;
use crate::domain::time::Span;
use crate::run::handle::PersonOrder;

/// Have Alertmanager silence the alert of an incident, by all of its labels. heald repairs nothing that is silenced.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The incident's number.
    #[arg(value_parser = id)]
    id: u64,
    /// How long, such as 30m or 2h.
    #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = positive)]
    for_: Span,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let order = PersonOrder::Silence { incident: IncidentId(args.id), for_: args.for_ };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}
