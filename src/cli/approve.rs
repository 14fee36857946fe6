//! `heald approve` and `heald deny`: a person's word on what heald asks consent for.

use super::Failure;
use super::client::Place;
use super::incidents::id;
use super::print::out;
use crate::domain::id::IncidentId;
use crate::run::handle::PersonOrder;

/// Consent to the one attempt that an incident asks for now. The journal names you by your user, as the kernel knows it.
#[derive(Debug, clap::Args)]
pub struct Approve {
    /// The incident's number.
    #[arg(value_parser = id)]
    id: u64,
    #[command(flatten)]
    place: Place,
}

/// Refuse the attempt that an incident asks for now: it becomes a person's matter.
#[derive(Debug, clap::Args)]
pub struct Deny {
    /// The incident's number.
    #[arg(value_parser = id)]
    id: u64,
    /// Why, for the incident's record.
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    #[command(flatten)]
    place: Place,
}

pub async fn approve(args: Approve) -> Result<(), Failure> {
    let order = PersonOrder::Approve { incident: IncidentId(args.id) };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}

pub async fn deny(args: Deny) -> Result<(), Failure> {
    let order = PersonOrder::Deny { incident: IncidentId(args.id), why: args.why };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}
