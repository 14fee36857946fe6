//! `heald release`: end a hold.

use super::Failure;
use super::client::Place;
use super::print::out;
use super::target::TargetArg;
use crate::run::handle::PersonOrder;

/// End the hold on a target: repairs may begin again.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetArg,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let order = PersonOrder::Release { target: args.target.target()? };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}
