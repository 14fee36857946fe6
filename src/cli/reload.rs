//! `heald reload`: read the configuration and the playbooks again, without a restart.

use super::Failure;
use super::client::Place;
use super::print::out;

/// Have heald read its configuration and playbooks again. Ends with 1, and every mistake, when it keeps the old ones.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    out(&format!("{}\n", args.place.daemon()?.reload().await?))
}
