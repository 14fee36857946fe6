//! What is told of drills: one report, one line, a history with its trend.

use super::history::Entry;
use crate::domain::time::Span;
use std::time::Duration;

/// `1.2s`, `-` where there is none.
pub fn span(ms: Option<u64>) -> String {
    match ms {
        Some(ms) if ms >= 60_000 => Span(Duration::from_secs(ms / 1_000)).to_string(),
        Some(ms) => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
        None => "-".to_owned(),
    }
}

/// `passed port-in-use-stale: healed in 4.2s (goal 10s), detected in 21.0s, incident 17`
pub fn summary(entry: &Entry) -> String {
    let verdict = if entry.passed { "passed" } else { "FAILED" };
    let goal = entry.within_ms.map_or_else(String::new, |ms| format!(" (goal {})", Span(Duration::from_millis(ms))));
    let mut words = vec![match (entry.recovery_ms, &entry.state) {
        (Some(ms), _) => format!("healed in {}{goal}", span(Some(ms))),
        (None, Some(state)) => format!("the incident is {state}"),
        (None, None) => "no incident".to_owned(),
    }];
    words.extend(entry.detect_ms.map(|ms| format!("detected in {}", span(Some(ms)))));
    words.extend(entry.posted.then(|| "the alert was posted by the drill".to_owned()));
    words.extend(entry.incident.map(|id| format!("incident {id}")));
    let mut text = format!("{verdict} {}: {}\n", entry.drill, words.join(", "));
    text.extend(entry.why.iter().map(|why| format!("  {why}\n")));
    text.extend(entry.left.iter().map(|left| format!("  STILL BROKEN: {left}\n")));
    text
}

/// The report of one drill.
pub fn markdown(entry: &Entry) -> String {
    let row = |name: &str, value: String| format!("| {name} | {value} |\n");
    let list = |title: &str, items: &[String]| match items {
        [] => String::new(),
        items => format!("\n## {title}\n\n{}", items.iter().map(|item| format!("- {item}\n")).collect::<String>()),
    };
    let verdict = if entry.passed { "passed" } else { "failed" };
    let mut text = format!("# Drill {}: {verdict}\n\n| | |\n| --- | --- |\n", entry.drill);
    text.push_str(&row("Playbook", entry.playbook.clone()));
    text.push_str(&row("Covers", if entry.covers.is_empty() { "-".to_owned() } else { entry.covers.join(", ") }));
    text.push_str(&row("Host", format!("{}, heald {}", entry.host, entry.version)));
    text.push_str(&row("Fault injected", format!("{:.3}", entry.at)));
    text.push_str(&row("Alert", if entry.posted { "posted by the drill" } else { "by its rule" }.to_owned()));
    text.push_str(&row("Expected", entry.expected.label().to_owned()));
    text.push_str(&row("Incident", entry.incident.map_or("none".to_owned(), |id| id.to_string())));
    text.push_str(&row("State at the end", entry.state.clone().unwrap_or_else(|| "-".to_owned())));
    text.push_str(&row("Detected after", span(entry.detect_ms)));
    text.push_str(&row("First effect after", span(entry.act_ms)));
    text.push_str(&row("Verified after", span(entry.verify_ms)));
    text.push_str(&row("Recovery", format!("{} (goal {})", span(entry.recovery_ms), span(entry.within_ms))));
    text.push_str(&row("Attempts", entry.attempts.to_string()));
    text.push_str(&row("Steps", if entry.steps.is_empty() { "none".to_owned() } else { entry.steps.join(", ") }));
    text.push_str(&list("Why it failed", &entry.why));
    text.push_str(&list("Faults", &entry.faults));
    text.push_str(&list("Undone", &entry.undone));
    text.push_str(&list("Still broken", &entry.left));
    text
}

/// Runs shown of one drill.
const SHOWN: usize = 20;

/// Each drill's runs, the newest last, with its trend.
pub fn history_text(entries: &[Entry], name: Option<&str>) -> String {
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.drill.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = String::new();
    for drill in names.into_iter().filter(|drill| name.is_none_or(|name| name == *drill)) {
        let runs: Vec<&Entry> = entries.iter().filter(|entry| entry.drill == drill).collect();
        let passed = runs.iter().filter(|run| run.passed).count();
        let trend = trend(&runs).map_or_else(String::new, |trend| format!(", {trend}"));
        text.push_str(&format!("{drill}: {passed} of {} passed{trend}\n", runs.len()));
        for run in runs.iter().skip(runs.len().saturating_sub(SHOWN)) {
            let verdict = if run.passed { "passed" } else { "FAILED" };
            let why = run.why.first().map_or_else(String::new, |why| format!("  {why}"));
            text.push_str(&format!(
                "  {:.0}  {verdict}  detected {}, recovered {} (goal {}){why}\n",
                run.at,
                span(run.detect_ms),
                span(run.recovery_ms),
                span(run.within_ms)
            ));
        }
    }
    text
}

/// The last recovery against the mean of up to five before it.
pub fn trend(runs: &[&Entry]) -> Option<String> {
    const BEFORE: usize = 5;
    let times: Vec<u64> = runs.iter().filter_map(|run| run.recovery_ms).collect();
    let (last, before) = times.split_last()?;
    let before = &before[before.len().saturating_sub(BEFORE)..];
    if before.is_empty() {
        return None;
    }
    let mean = before.iter().sum::<u64>() / before.len() as u64;
    // A tenth, and at least a tenth of a second: less is noise.
    let noise = (mean / 10).max(100);
    let word = match last {
        last if *last > mean + noise => "slower than",
        last if last + noise < mean => "faster than",
        _ => "as fast as",
    };
    Some(format!("{word} before ({} after {})", span(Some(*last)), span(Some(mean))))
}
