//! What is asked in a chat, answered from the loop's views: plain text, the same in every chat.

use super::verb::{Ask, VERBS};
use crate::domain::id::IncidentId;
use crate::domain::time::Span;
use crate::notify::card::line;
use crate::run::handle::{Handle, OrderError, Question};
use crate::run::view::{Explanation, IncidentView, Status};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Rows of a list: what a phone shows without much scrolling.
const ROWS_MAX: usize = 15;
/// An explanation looks at the target: not for a whole storm.
const EXPLAINED_MAX: usize = 5;

/// # Errors
/// The loop can't answer, or there is no such incident.
pub async fn answer(handle: &Handle, ask: Ask) -> Result<String, OrderError> {
    Ok(match ask {
        Ask::Help => help(),
        Ask::Status => status(&handle.status().await?),
        Ask::OnCall => list(handle.on_call().await?, "nobody is on duty now"),
        Ask::Incidents => open(&handle.incidents().await?),
        Ask::History => history(&handle.incidents().await?),
        Ask::Mttr => mttr(&handle.incidents().await?),
        Ask::Incident(id) => story(&handle.incident(id).await?.ok_or(OrderError::NotFound(id))?),
        Ask::Why(id) => why(&explained(handle, id).await?),
        Ask::Budget => budget(handle).await?,
        Ask::Review(id) => {
            let review = handle.review(id).await?.ok_or(OrderError::NotFound(id))?;
            // A chat cuts it; so the whole is named first.
            format!("all of it: heald review {id}\n\n{}", review.markdown())
        }
    })
}

fn help() -> String {
    let rows = VERBS.iter().map(|verb| format!("{}\n    {} ({})", verb.usage(), verb.what, verb.role.label()));
    format!("{}\nFOR is a duration: 30m, 2h, 1h30m.", rows.collect::<Vec<_>>().join("\n"))
}

fn status(status: &Status) -> String {
    let mut rows = vec![
        format!("heald {} on {}: {}", line(&status.version), line(&status.host), line(&status.state)),
        status.paused.as_ref().map_or("repairs are on".to_owned(), |why| format!("repairs are paused {}", line(why))),
    ];
    let open: Vec<_> = status.open.iter().map(|(state, count)| format!("{count} {state}")).collect();
    rows.push(format!("open: {}", if open.is_empty() { "nothing".to_owned() } else { open.join(", ") }));
    rows.extend(status.dependencies.iter().map(|(name, state)| format!("{}: {}", line(name), line(state))));
    rows.extend(status.holds.iter().map(|(target, why)| format!("on hold: {}: {}", line(target), line(why))));
    rows.extend(
        status.breakers.iter().map(|b| format!("breaker {}: {} for {}: {}", b.state, b.playbook, b.target, line(&b.why))),
    );
    rows.extend(status.standing_back.iter().map(|apart| format!("heald stands back: {}", line(&apart.from))));
    list(rows, "")
}

fn open(incidents: &[IncidentView]) -> String {
    let open = incidents.iter().filter(|incident| incident.closed_at.is_none());
    list(open.map(row).collect(), "no incident is open")
}

/// `17 escalated: systemd-unit-failed, unit web.service, since 12:00; next: …`
fn row(incident: &IncidentView) -> String {
    let next = incident.next.as_ref().map_or_else(String::new, |next| format!("; next: {}", line(&next.why)));
    format!("{} {}: {}, since {}{next}", incident.id, incident.state, about(incident), minute(incident.opened_at))
}

fn about(incident: &IncidentView) -> String {
    let target = incident.target.as_ref().map_or("no target".to_owned(), ToString::to_string);
    format!("{}, {}", incident.playbook, line(&target))
}

fn story(incident: &IncidentView) -> String {
    let mut rows = vec![row(incident), format!("attempts: {}", incident.attempts)];
    rows.extend(incident.outcome.as_ref().map(|outcome| format!("outcome: {outcome}")));
    rows.extend(incident.trust.as_ref().map(|trust| format!("trust: {}", line(trust))));
    if let Some(approval) = &incident.approval {
        let text = approval.text.as_deref().map_or("no longer what was asked".to_owned(), line);
        let state = approval
            .by
            .as_ref()
            .map_or_else(|| format!("asked for until {}", minute(approval.expires)), |by| format!("given by {}", line(by)));
        rows.push(format!("consent {state}: {text}"));
    }
    let skipped = incident.events.len().saturating_sub(ROWS_MAX);
    if skipped > 0 {
        rows.push(format!("… {skipped} earlier: heald incidents {}", incident.id));
    }
    rows.extend(incident.events.iter().skip(skipped).map(|event| format!("{} {}", event.at.strftime("%T"), line(&event.text))));
    rows.join("\n")
}

fn history(incidents: &[IncidentView]) -> String {
    let closed = incidents.iter().rev().filter_map(|incident| {
        let took = Span(seconds(incident.opened_at, incident.closed_at?));
        let outcome = incident.outcome.as_deref().unwrap_or("closed");
        Some(format!("{} {} {}: {} after {took}", minute(incident.opened_at), incident.id, about(incident), line(outcome)))
    });
    list(closed.take(ROWS_MAX).collect(), "no incident was closed yet")
}

/// From the first alert until verified good, of what heald still lists.
fn mttr(incidents: &[IncidentView]) -> String {
    let mut books: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for incident in incidents {
        if let Some(healed) = incident.healed_at {
            books.entry(incident.playbook.to_string()).or_default().push(seconds(incident.opened_at, healed));
        }
    }
    let rows = books.into_iter().map(|(book, took)| {
        let count = u32::try_from(took.len()).unwrap_or(u32::MAX);
        let mean = Duration::from_secs((took.iter().sum::<Duration>() / count.max(1)).as_secs());
        let longest = took.iter().max().copied().unwrap_or_default();
        format!("{book}: {} on average, {} at most, {count} repaired", Span(mean), Span(longest))
    });
    list(rows.collect(), "nothing was repaired yet")
}

fn why(told: &Explanation) -> String {
    let mut rows = Vec::new();
    rows.extend(told.playbook.as_ref().map(|book| format!("playbook {book}, mode {}", told.mode.as_deref().unwrap_or("none"))));
    rows.extend(told.target.as_ref().map(|target| format!("target {}", line(&target.to_string()))));
    rows.extend(told.seen.as_ref().map(|seen| format!("seen: {}; alert: {}", line(&seen.probes), line(&seen.alert))));
    rows.extend(told.notes.iter().map(|note| line(note)));
    rows.extend(told.plan.iter().map(|step| format!("would do: {}", line(step))));
    let refused = told.guards.iter().filter(|guard| guard.verdict == "no");
    let refused: Vec<String> = refused
        .map(|guard| format!("{} REFUSES: {}", line(&guard.guard), line(guard.reason.as_deref().unwrap_or(&guard.question))))
        .collect();
    if refused.is_empty() && !told.guards.is_empty() {
        rows.push("no guard objects".to_owned());
    }
    rows.extend(refused);
    rows.extend(told.then.iter().map(|then| format!("then: {}", line(then))));
    rows.join("\n")
}

/// What the guard `budget` says of each open incident now.
async fn budget(handle: &Handle) -> Result<String, OrderError> {
    let incidents = handle.incidents().await?;
    let open: Vec<&IncidentView> = incidents.iter().filter(|incident| incident.closed_at.is_none()).collect();
    let mut rows = Vec::new();
    for incident in open.iter().take(EXPLAINED_MAX) {
        let said = match explained(handle, incident.id).await {
            Ok(told) => told.guards.iter().find(|guard| guard.guard == "budget").map_or("no limit is set".to_owned(), |guard| {
                match (guard.verdict.as_str(), &guard.reason) {
                    ("yes", _) => "an attempt is left".to_owned(),
                    ("no", Some(reason)) => format!("used up: {}", line(reason)),
                    ("no", None) => "used up".to_owned(),
                    _ => "not asked: another guard objects first, see /why".to_owned(),
                }
            }),
            Err(OrderError::Unavailable(why)) => return Err(why.into()),
            Err(why) => line(&why.to_string()),
        };
        rows.push(format!("{} {}: {said}", incident.id, about(incident)));
    }
    if open.len() > EXPLAINED_MAX {
        rows.push(format!("… and {} more; ask /why ID", open.len() - EXPLAINED_MAX));
    }
    Ok(list(rows, "no incident is open; on the host, `heald explain alertname=…` says what an alert would find"))
}

async fn explained(handle: &Handle, id: IncidentId) -> Result<Explanation, OrderError> {
    handle.explain(Question::Incident(id)).await
}

fn list(mut rows: Vec<String>, none: &str) -> String {
    if rows.is_empty() {
        return none.to_owned();
    }
    let more = rows.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        rows.truncate(ROWS_MAX);
        rows.push(format!("… and {more} more"));
    }
    rows.join("\n")
}

fn minute(at: Timestamp) -> String {
    at.strftime("%F %H:%MZ").to_string()
}

fn seconds(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(to.as_second().saturating_sub(from.as_second())).unwrap_or(0))
}
