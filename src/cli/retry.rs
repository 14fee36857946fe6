//! `heald retry`: let heald try an escalated incident again.

use super::Failure;
use super::client::Place;
use super::incidents::id;
use super::print::out;
use crate::domain::id::IncidentId;
use crate::run::handle::PersonOrder;

/// Let heald try an escalated incident again. Budgets hold all the same.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The incident's number.
    #[arg(value_parser = id)]
    id: u64,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let order = PersonOrder::Retry { incident: IncidentId(args.id) };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}
