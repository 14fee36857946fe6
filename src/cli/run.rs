//! `heald run`: a playbook by hand.

use super::Failure;
use super::client::Place;
use super::explain::label;
use super::print::out;
use crate::domain::alert::Labels;
use crate::domain::id::PlaybookId;
use crate::run::handle::PersonOrder;

/// Run a playbook by hand, as if an alert with these labels fired: every guard is asked, every budget counts.
///
/// What would be done says `heald explain LABEL=VALUE…`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The playbook's name.
    playbook: String,
    /// What its target is made of: target=web.service
    #[arg(value_name = "LABEL=VALUE", required = true, value_parser = label)]
    labels: Vec<(String, String)>,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let labels: Labels = args.labels.iter().cloned().collect();
    if labels.len() < args.labels.len() {
        return Err(Failure::Usage("a label is given twice".to_owned()));
    }
    let order = PersonOrder::Run { playbook: PlaybookId::from(args.playbook.as_str()), labels };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}
