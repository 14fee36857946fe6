//! `heald status`: whether heald can do its work, and what it is at.

use super::Failure;
use super::client::Place;
use super::print::{Output, clean, out, table};
use crate::run::view::Status;

/// Show whether heald can do its work, and what it is at. Ends with 1 when it can't.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let daemon = args.place.daemon()?;
    let text = daemon.get("status").await?;
    let status: Status = daemon.read(&text)?;
    match args.output {
        Output::Json => out(&text)?,
        Output::Text => out(&render(&status))?,
    }
    match state(&status).as_str() {
        "ok" => Ok(()),
        why => Err(Failure::Refused(format!("not in order: {}", clean(why)))),
    }
}

/// Without systemd or Docker heald is ready, and takes alerts on; but it repairs nothing there.
pub(super) fn state(status: &Status) -> String {
    let down: Vec<&str> = status.dependencies.iter().filter(|(_, state)| *state != "up").map(|(name, _)| name.as_str()).collect();
    match status.state.as_str() {
        "ok" if !down.is_empty() => format!("no answer from {}", down.join(" and ")),
        state => state.to_owned(),
    }
}

fn repairs(status: &Status) -> String {
    match &status.paused {
        Some(why) => format!("paused {}", clean(why)),
        None if status.state.starts_with("escalate-only") => "off".to_owned(),
        None => "on".to_owned(),
    }
}

pub(super) fn render(status: &Status) -> String {
    let list = |words: Vec<String>| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
    let mut rows = vec![
        vec!["State".to_owned(), clean(&state(status))],
        vec!["Repairs".to_owned(), repairs(status)],
        vec!["Open incidents".to_owned(), list(status.open.iter().map(|(state, count)| format!("{count} {state}")).collect())],
        vec![
            "Dependencies".to_owned(),
            list(status.dependencies.iter().map(|(name, state)| format!("{} {}", clean(name), clean(state))).collect()),
        ],
        vec!["Journal records".to_owned(), status.records.to_string()],
    ];
    rows.extend(status.holds.iter().map(|(target, why)| vec!["Hold".to_owned(), format!("{}: {}", clean(target), clean(why))]));
    rows.extend(status.breakers.iter().map(|breaker| {
        let state = match (breaker.state.as_str(), breaker.until) {
            ("half_open", _) => "half open, one trial is allowed".to_owned(),
            (state, Some(until)) => format!("{} until {until:.0}", clean(state)),
            (state, None) => format!("{} until a person closes it", clean(state)),
        };
        vec!["Breaker".to_owned(), clean(&format!("{} for {}: {state}; {}", breaker.playbook, breaker.target, breaker.why))]
    }));
    rows.extend(status.standing_back.iter().map(|apart| {
        let until =
            apart.until.map_or("as long as so much is down".to_owned(), |until| format!("until {until:.0}: over, cooling down"));
        vec!["Standing back".to_owned(), clean(&format!("{} {until}", apart.from))]
    }));
    rows.extend(status.playbooks.iter().filter_map(|book| {
        let trust = book.trust.as_ref()?;
        Some(vec!["Trust".to_owned(), clean(&format!("{}: {trust}", book.id))])
    }));
    rows.extend(status.unmatched.iter().map(|alert| vec!["No playbook for".to_owned(), clean(alert)]));
    let mut text = format!("heald {} on {}\n{}", clean(&status.version), clean(&status.host), table(&rows));
    if !status.playbooks.is_empty() {
        let head = vec!["PLAYBOOK".to_owned(), "MODE".to_owned(), "TITLE".to_owned()];
        let books = status.playbooks.iter().map(|book| vec![clean(&book.id.0), clean(&book.mode), clean(&book.title)]);
        text.push('\n');
        text.push_str(&table(&std::iter::once(head).chain(books).collect::<Vec<_>>()));
    }
    text
}
