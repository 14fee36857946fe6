//! `heald explain`: what heald would do about an alert, and every guard's verdict of today. Nothing is done.

use super::Failure;
use super::client::Place;
use super::incidents::id;
use super::print::{Output, clean, out, table};
use crate::domain::alert::Labels;
use crate::domain::id::IncidentId;
use crate::run::handle::Question;
use crate::run::view::Explanation;

/// Show what heald would do about an alert with these labels, or about an open incident: the playbook, the target, every
/// guard's verdict of today, and what would follow. It looks at the target and does nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The alert's labels: alertname=WebDown target=web.service
    #[arg(value_name = "LABEL=VALUE", required_unless_present = "incident", value_parser = label)]
    labels: Vec<(String, String)>,
    /// An open incident instead, by its number.
    #[arg(long, value_name = "ID", value_parser = id, conflicts_with = "labels")]
    incident: Option<u64>,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let question = match args.incident {
        Some(id) => Question::Incident(IncidentId(id)),
        None => {
            let labels: Labels = args.labels.iter().cloned().collect();
            if labels.len() < args.labels.len() {
                return Err(Failure::Usage("a label is given twice".to_owned()));
            }
            Question::Labels(labels)
        }
    };
    let daemon = args.place.daemon()?;
    let text = daemon.explain(&question).await?;
    match args.output {
        Output::Json => out(&text),
        Output::Text => out(&render(&daemon.read(&text)?)),
    }
}

/// `name=value`, with or without quotes round the value, as amtool takes it.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let sound = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(sound) {
        return Err(format!("{:?} is no label name: letters, digits and _", crate::domain::target::cut(name)));
    }
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn render(told: &Explanation) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), clean(&value)];
    let mut rows = Vec::new();
    for book in &told.playbooks {
        let name = if book.applies { "Playbook" } else { "Not" };
        rows.push(row(name, format!("{}: {}", book.playbook, book.why)));
    }
    if told.playbooks.is_empty() {
        rows.extend(told.playbook.as_ref().map(|book| row("Playbook", book.to_string())));
    }
    rows.extend(
        told.mode.as_ref().map(|mode| row("Mode", told.trust.as_ref().map_or(mode.clone(), |trust| format!("{mode}: {trust}")))),
    );
    if told.playbook.is_some() {
        rows.push(row("Host", told.host.clone()));
        rows.push(row("Target", told.target.as_ref().map_or("none".to_owned(), ToString::to_string)));
        let incident = match (&told.incident, &told.state) {
            (Some(id), Some(state)) => format!("{id}, {state}"),
            _ => "a new one would be opened".to_owned(),
        };
        rows.push(row("Incident", incident));
    }
    if let Some(seen) = &told.seen {
        rows.push(row("Seen", format!("{} [{}]", seen.probes, seen.state)));
        rows.push(row("Alert", seen.alert.clone()));
    }
    rows.extend(told.notes.iter().map(|note| row("Note", note.clone())));
    rows.extend(told.attempt.as_ref().map(|attempt| row("Attempt", attempt.clone())));
    rows.extend(told.plan.iter().enumerate().map(|(index, step)| row(&format!("Step {}", index + 1), step.clone())));
    let mut text = table(&rows);
    if !told.guards.is_empty() {
        let head = ["GUARD", "VERDICT", "QUESTION"].map(str::to_owned).to_vec();
        let guards = told.guards.iter().map(|guard| {
            let reason =
                guard.reason.as_ref().map_or_else(|| guard.question.clone(), |reason| format!("{} {reason}", guard.question));
            vec![clean(&guard.guard), verdict(&guard.verdict).to_owned(), clean(&reason)]
        });
        text.push('\n');
        text.push_str(&table(&std::iter::once(head).chain(guards).collect::<Vec<_>>()));
    }
    if !told.then.is_empty() {
        text.push_str("\nWhat would follow now:\n");
        for line in &told.then {
            text.push_str(&format!("  {}\n", clean(line)));
        }
    }
    text
}

/// Whether the guard lets it through; the questions are asked the other way round.
fn verdict(word: &str) -> &str {
    match word {
        "yes" => "passes",
        "no" => "REFUSES",
        _ => "not asked",
    }
}
