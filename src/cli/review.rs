//! `heald review`: the post-incident review of one incident, or what the last days were like.

use super::Failure;
use super::client::Place;
use super::incidents::id;
use super::print::{Output, out};
use crate::domain::time::Span;

/// Write the post-incident review of an incident, open or over, as Markdown: times, timeline, the guards' verdicts, evidence,
/// and headings for what only people know. Or, with --since, a digest of all incidents opened since then.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "ID", value_parser = id, required_unless_present = "since")]
    incident: Option<u64>,
    /// A digest of the last days instead: 7d.
    #[arg(long, value_name = "SPAN", conflicts_with = "incident")]
    since: Option<Span>,
    /// text is Markdown.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let path = match (args.incident, args.since) {
        (Some(id), _) => format!("incidents/{id}/review?"),
        (None, Some(since)) => format!("review?since={since}&"),
        (None, None) => return Err(Failure::Usage("name an incident, or --since 7d".to_owned())),
    };
    let format = match args.output {
        Output::Text => "markdown",
        Output::Json => "json",
    };
    // Everything foreign in it is clean already: the page is made for browsers too.
    out(&args.place.daemon()?.get(&format!("{path}format={format}")).await?)
}
