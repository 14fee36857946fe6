//! `heald run`: a playbook by hand.

use super::Failure;
use super::client::Place;
use super::explain::{ask, label};
use super::print::{Output, out};
use crate::domain::alert::Labels;
use crate::domain::id::PlaybookId;
use crate::run::handle::{PersonOrder, Question};

/// Run a playbook by hand, as if an alert with these labels fired: every guard is asked, every budget counts.
///
/// With --dry-run it shows what would be done, with every step filled in and every guard's verdict of today, and does
/// nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The playbook's name.
    playbook: String,
    /// What its target is made of: target=web.service
    #[arg(value_name = "LABEL=VALUE", required = true, value_parser = label)]
    labels: Vec<(String, String)>,
    /// Show it, and do nothing. Nothing is recorded.
    #[arg(long)]
    dry_run: bool,
    /// Of a dry run.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let labels: Labels = args.labels.iter().cloned().collect();
    if labels.len() < args.labels.len() {
        return Err(Failure::Usage("a label is given twice".to_owned()));
    }
    let (playbook, daemon) = (PlaybookId::from(args.playbook.as_str()), args.place.daemon()?);
    if args.dry_run {
        return ask(&daemon, &Question::Run { playbook, labels }, args.output).await;
    }
    out(&format!("{}\n", daemon.order(&PersonOrder::Run { playbook, labels }).await?))
}
