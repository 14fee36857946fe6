//! `heald release`: end a hold.

use super::Failure;
use super::client::Place;
use super::print::out;
use super::target::{Held, TargetArg};
use crate::run::handle::PersonOrder;

/// End the hold on a target or a playbook: repairs may begin again.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetArg,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let order = match args.target.held()? {
        Held::Target(target) => PersonOrder::Release { target },
        Held::Playbook(playbook) => PersonOrder::ReleasePlaybook { playbook },
    };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}
