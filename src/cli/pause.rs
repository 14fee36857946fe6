//! `heald pause`: the kill switch.

use super::Failure;
use super::client::Place;
use super::hold::positive;
use super::print::out;
use crate::domain::time::Span;
use crate::run::handle::PersonOrder;

/// Pause all repairs. Alerts are still taken and people still told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long, such as 30m or 2h; left out: until `heald resume`.
    #[arg(long = "for", value_name = "DURATION", value_parser = positive)]
    for_: Option<Span>,
    /// Why, for those who find it paused.
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let order = PersonOrder::Pause { for_: args.for_, why: args.why };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}
