//! `heald incidents`: the list, one incident with its timeline, or the journal as it grows.

use super::Failure;
use super::client::{Daemon, Place};
use super::print::{Output, clean, moment, out, table};
use super::timeline::Timeline;
use crate::run::view::{ApprovalView, IncidentView};
use jiff::tz::TimeZone;
use std::time::Duration;

/// List incidents, show one with its timeline, or follow what happens.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One incident, with its timeline.
    #[arg(value_parser = id)]
    id: Option<u64>,
    /// Print what happens as it happens; with an ID, from its opening until it is closed.
    #[arg(short, long)]
    follow: bool,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

/// Between attempts to find a heald that went away, most likely to be restarted.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

pub async fn run(args: Args) -> Result<(), Failure> {
    let daemon = args.place.daemon()?;
    let zone = TimeZone::system();
    if args.follow {
        return follow(&daemon, args.id, args.output, Timeline::new(zone)).await;
    }
    let text = match args.id {
        Some(id) => daemon.get(&format!("incidents/{id}")).await?,
        None => daemon.get("incidents").await?,
    };
    match (args.output, args.id) {
        (Output::Json, _) => out(&text),
        (Output::Text, Some(_)) => out(&render_one(&daemon.read(&text)?, &zone)),
        (Output::Text, None) => out(&render_list(&daemon.read::<Vec<_>>(&text)?, &zone)),
    }
}

/// `17` or `#17`
pub(super) fn id(text: &str) -> Result<u64, String> {
    text.strip_prefix('#')
        .unwrap_or(text)
        .parse()
        .map_err(|_| "incidents are named by their numbers; see heald incidents".to_owned())
}

#[expect(clippy::print_stderr, reason = "what is not the answer goes to standard error")]
async fn follow(daemon: &Daemon, id: Option<u64>, output: Output, mut timeline: Timeline) -> Result<(), Failure> {
    let mut after = match id {
        // An incident that is not there is an error now, not a silence for ever.
        Some(id) => daemon.get(&format!("incidents/{id}")).await.map(|_| Some(0))?,
        None => None,
    };
    let mut events = daemon.events(after, id).await?;
    loop {
        while let Some((event, json)) = events.next().await {
            after = Some(event.seq.0);
            match (output, id) {
                (Output::Json, _) => out(&format!("{json}\n"))?,
                (Output::Text, Some(_)) => out(&timeline.own(&event))?,
                (Output::Text, None) => {
                    if let Some(incident) = event.incident.filter(|incident| !timeline.knows(*incident)) {
                        let known = daemon.get(&format!("incidents/{incident}")).await.and_then(|text| daemon.read(&text));
                        timeline.learn(incident, known.map_or(String::new(), |view| target(&view)));
                    }
                    out(&timeline.mixed(&event))?;
                }
            }
            if id.is_some() && event.kind == "closed" {
                return Ok(());
            }
        }
        eprintln!("heald: the connection ended; waiting for heald to come back");
        events = loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            match daemon.events(after, id).await {
                Ok(events) => break events,
                Err(Failure::Unreachable(_)) => {}
                Err(failure) => return Err(failure),
            }
        };
    }
}

fn target(view: &IncidentView) -> String {
    view.target.as_ref().map_or_else(|| "no target".to_owned(), |target| clean(&target.to_string()))
}

fn state(view: &IncidentView) -> String {
    match &view.outcome {
        Some(outcome) => format!("{} ({})", clean(&view.state), clean(outcome)),
        None => clean(&view.state),
    }
}

pub(super) fn render_list(views: &[IncidentView], zone: &TimeZone) -> String {
    if views.is_empty() {
        return "No incidents.\n".to_owned();
    }
    let head = ["OPENED", "ID", "STATE", "TARGET", "PLAYBOOK", "NEXT"].map(str::to_owned).to_vec();
    let rows = views.iter().map(|view| {
        let next = view.next.as_ref().map_or(String::new(), |next| clean(&next.why));
        vec![moment(view.opened_at, zone), view.id.to_string(), state(view), target(view), clean(&view.playbook.0), next]
    });
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// What is asked, of whom, and how it is answered.
fn consent(view: &IncidentView, approval: &ApprovalView, zone: &TimeZone) -> String {
    let what = approval.text.as_ref().map_or("no longer what people were asked about".to_owned(), |text| clean(text));
    let what = format!("attempt {}: {what}", approval.attempt);
    if let Some(by) = &approval.by {
        return format!("given by {} to {what}", clean(by));
    }
    let whom = if approval.may.is_empty() { "anybody".to_owned() } else { clean(&approval.may.join(" or ")) };
    let until = moment(approval.expires, zone);
    format!("of {whom} asked for until {until} to {what} (heald approve {id}, heald deny {id})", id = view.id)
}

pub(super) fn render_one(view: &IncidentView, zone: &TimeZone) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("State", state(view)),
        row("Playbook", clean(&view.playbook.0)),
        row("Attempts", view.attempts.to_string()),
        row("Opened", moment(view.opened_at, zone)),
    ];
    rows.extend(view.healed_at.map(|at| row("Healed", moment(at, zone))));
    rows.extend(view.closed_at.map(|at| row("Closed", moment(at, zone))));
    rows.extend(view.alerts.iter().map(|alert| {
        let state = if alert.firing { "firing" } else { "resolved" };
        row("Alert", format!("{} {state}, since {}", clean(&alert.fingerprint.0), moment(alert.starts_at, zone)))
    }));
    rows.extend(view.trust.as_ref().map(|trust| row("Trust", clean(trust))));
    rows.extend(view.approval.as_ref().map(|approval| row("Consent", consent(view, approval, zone))));
    rows.extend(view.next.as_ref().map(|next| {
        let at = next.at.map_or(String::new(), |at| format!("{} at the latest: ", moment(at, zone)));
        row("Next", at + &clean(&next.why))
    }));
    let mut text = format!("Incident {}: {} on {}\n{}", view.id, target(view), clean(&view.host), table(&rows));
    if !view.events.is_empty() {
        text.push('\n');
    }
    let mut timeline = Timeline::new(zone.clone());
    view.events.iter().fold(text, |text, event| text + &timeline.own(event))
}
