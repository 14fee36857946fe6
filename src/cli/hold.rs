//! `heald hold`: leave a target alone, for a deployment or a debugging session; or keep a playbook from doing anything.

use super::Failure;
use super::client::Place;
use super::print::out;
use super::target::{Held, TargetArg};
use crate::domain::time::Span;
use crate::run::handle::PersonOrder;

/// Leave a target alone, or keep a playbook from acting: no such repair begins until the hold ends.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetArg,
    /// How long, such as 30m or 2h; left out: until it is released.
    #[arg(long = "for", value_name = "DURATION", value_parser = positive)]
    for_: Option<Span>,
    /// Why, for those who find it held.
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    why: String,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let Args { for_, why, .. } = args;
    let order = match args.target.held()? {
        Held::Target(target) => PersonOrder::Hold { target, for_, why },
        Held::Playbook(playbook) => PersonOrder::HoldPlaybook { playbook, for_, why },
    };
    out(&format!("{}\n", args.place.daemon()?.order(&order).await?))
}

/// A hold of no length would be a mistake.
pub(super) fn positive(text: &str) -> Result<Span, String> {
    match text.parse() {
        Ok(Span(span)) if span.is_zero() => Err("it must be longer than nothing".to_owned()),
        parsed => parsed,
    }
}
