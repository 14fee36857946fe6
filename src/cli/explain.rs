//! `heald explain`: what heald would do about an alert, and every guard's verdict of today. Nothing is done.

use super::client::{Daemon, Place};
use super::incidents::id;
use super::print::{Output, clean, out, table};
use super::{Failure, alert_json};
use crate::domain::alert::Labels;
use crate::domain::id::IncidentId;
use crate::run::handle::Question;
use crate::run::view::{Explanation, ListView, StepView};
use std::path::PathBuf;

/// Show what heald would do about an alert with these labels, or about an open incident: the playbook, the target, every
/// step filled in, every guard's verdict of today, and what would follow. It looks at the target and does nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The alert's labels, as in alertname=WebDown target=web.service; or the number of an open incident.
    #[arg(value_name = "LABEL=VALUE | ID", required_unless_present_any = ["incident", "alert_json"], value_parser = about)]
    about: Vec<About>,
    /// The alert from a file: a webhook's body, or one alert as JSON. `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["about", "incident"])]
    alert_json: Option<PathBuf>,
    /// An open incident, by its number.
    #[arg(long, value_name = "ID", value_parser = id, conflicts_with = "about")]
    incident: Option<u64>,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    Incident(u64),
    Label(String, String),
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let questions = match (&args.alert_json, args.incident) {
        (Some(file), _) => alert_json::read(file)?
            .into_iter()
            .map(|alert| Question::Alert { labels: alert.labels, annotations: alert.annotations })
            .collect(),
        (None, Some(id)) => vec![Question::Incident(IncidentId(id))],
        (None, None) => vec![question(&args.about)?],
    };
    let daemon = args.place.daemon()?;
    for (index, question) in questions.iter().enumerate() {
        if index > 0 && args.output == Output::Text {
            out("\n")?;
        }
        ask(&daemon, question, args.output).await?;
    }
    Ok(())
}

/// Asks, and prints the answer.
pub(super) async fn ask(daemon: &Daemon, question: &Question, output: Output) -> Result<(), Failure> {
    let text = daemon.explain(question).await?;
    match output {
        Output::Json => out(&text),
        Output::Text => out(&render(&daemon.read(&text)?)),
    }
}

fn question(about: &[About]) -> Result<Question, Failure> {
    if let [About::Incident(id)] = about {
        return Ok(Question::Incident(IncidentId(*id)));
    }
    let mut labels = Labels::new();
    for about in about {
        match about {
            About::Incident(id) => {
                return Err(Failure::Usage(format!("{id} is an incident's number: give it alone, or labels as name=value")));
            }
            About::Label(name, value) => {
                if labels.insert(name.clone(), value.clone()).is_some() {
                    return Err(Failure::Usage("a label is given twice".to_owned()));
                }
            }
        }
    }
    Ok(Question::Labels(labels))
}

/// `17` and `#17` are incidents; nothing else has no `=`.
fn about(text: &str) -> Result<About, String> {
    if !text.contains('=') && text.trim_start_matches('#').starts_with(|c: char| c.is_ascii_digit()) {
        return id(text).map(About::Incident);
    }
    label(text).map(|(name, value)| About::Label(name, value))
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
    if !told.lists.is_empty() {
        text.push_str("\nAll that the playbook may do, filled in:\n");
        told.lists.iter().for_each(|list| lines(list, &mut text));
        told.verify.iter().for_each(|probe| text.push_str(&format!("  proof: {}\n", clean(probe))));
    }
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

fn lines(list: &ListView, text: &mut String) {
    let times = list.times.filter(|times| *times > 1).map_or_else(String::new, |times| format!(", up to {times} times"));
    let title = list.title.as_ref().map_or_else(String::new, |title| format!(" {:?}", clean(title)));
    text.push_str(&format!("  {}{title}{times}\n", list.section));
    for (index, step) in list.steps.iter().enumerate() {
        text.push_str(&format!("    {}. {}\n", index + 1, clean(&line(step))));
    }
    text.extend(list.problem.as_ref().map(|why| format!("    can't be filled in: {}\n", clean(why))));
}

/// `systemd.restart web.service (at most 2m; optional)`
fn line(step: &StepView) -> String {
    let left = step.skipped.as_ref().map(|why| format!("left out: {why}"));
    let wrong = step.problem.as_ref().map(|why| format!("DOES NOT FIT: {why}"));
    let notes: Vec<String> = match left {
        Some(left) => vec![left],
        None => wrong.into_iter().chain(step.options.iter().cloned()).collect(),
    };
    if notes.is_empty() { step.text.clone() } else { format!("{} ({})", step.text, notes.join("; ")) }
}

/// Whether the guard lets it through; the questions are asked the other way round.
fn verdict(word: &str) -> &str {
    match word {
        "yes" => "passes",
        "no" => "REFUSES",
        _ => "not asked",
    }
}
