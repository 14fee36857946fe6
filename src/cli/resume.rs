//! `heald resume`: end a pause.

use super::Failure;
use super::client::Place;
use super::print::out;
use crate::run::handle::PersonOrder;

/// Let repairs begin again after `heald pause`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    out(&format!("{}\n", args.place.daemon()?.order(&PersonOrder::Resume).await?))
}
