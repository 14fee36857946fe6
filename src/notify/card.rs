//! A notice in words, and as JSON. Pure; one wording for log, chat, page and mail.

use crate::domain::notice::{Notice, NoticeKind};
use crate::domain::playbook::Severity;
use crate::domain::time::Span;
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

/// The body that the webhook channel sends. Fields are only ever added.
#[derive(Debug, Serialize)]
pub struct Card<'a> {
    pub version: u32,
    /// The same for every repetition of this message, and for no other: for receivers that drop doubles.
    pub key: String,
    pub kind: &'static str,
    pub incident: u64,
    pub playbook: &'a str,
    pub title: &'a str,
    pub target: &'a str,
    pub host: &'a str,
    pub severity: Option<&'static str>,
    pub summary: &'a str,
    pub reason: &'a str,
    pub attempts: u32,
    pub opened_at: String,
    pub at: String,
    pub text: String,
    pub manual_fix: Option<&'a str>,
    pub debug_prompt: Option<&'a str>,
    /// Only what a browser may open.
    pub runbook_url: Option<&'a str>,
}

/// One line of an alert's words.
const LINE_MAX: usize = 500;
/// A section of the playbook.
const SECTION_MAX: usize = 8_000;

/// The message as people read it: what, where, since when, what heald did, why it stopped, what to do.
///
/// ```text
/// 🔴 P1 unit web.service on web-1: needs a person
///
/// A systemd unit failed
/// "web.service entered the state failed"
///
/// Since     2026-11-22T01:47:01.742Z (12m3s)
/// Tried     3 attempts
/// Why       attempts used up: 3 of 3
/// Playbook  systemd-unit-failed
/// Incident  17, see: heald incidents 17
/// Runbook   https://runbooks.example/web
///
/// Manual fix
///   journalctl -u web.service -n 50
/// ```
pub fn text(notice: &Notice) -> String {
    let mut text = title(notice);
    text.push_str("\n\n");
    push(&mut text, &line(&notice.title));
    if !notice.summary.is_empty() {
        push(&mut text, &format!("\"{}\"", line(&notice.summary)));
    }
    text.push('\n');
    fact(&mut text, "Since", &format!("{} ({})", notice.opened, round(notice.at.since(notice.opened))));
    fact(&mut text, "Tried", &tried(notice.attempts));
    fact(&mut text, "Why", &line(&notice.reason));
    fact(&mut text, "Playbook", &notice.playbook.0);
    fact(&mut text, "Incident", &format!("{0}, see: heald incidents {0}", notice.incident));
    if let Some(url) = &notice.runbook_url {
        fact(&mut text, "Runbook", &line(url));
    }
    for (heading, body) in [("Manual fix", &notice.manual_fix), ("Debug prompt", &notice.debug_prompt)] {
        if let Some(body) = body.as_deref().map(str::trim).filter(|body| !body.is_empty()) {
            let _ = write!(text, "\n{heading}\n{}", indented(body));
        }
    }
    text
}

/// `🔴 P1 unit web.service on web-1: needs a person`
pub fn title(notice: &Notice) -> String {
    let severity = notice.severity.map_or(String::new(), |severity| format!("{} ", severity.label()));
    format!("{} {severity}{} on {}: {}", emoji(notice.kind), line(&notice.target), line(&notice.host), headline(notice.kind))
}

pub fn card(notice: &Notice) -> Card<'_> {
    Card {
        version: 1,
        // A second repair, or a second call for a person after a retry, is news.
        key: format!("{}/{}/{}/{}", notice.host, notice.incident, notice.kind.label(), notice.attempts),
        kind: notice.kind.label(),
        incident: notice.incident.0,
        playbook: &notice.playbook.0,
        title: &notice.title,
        target: &notice.target,
        host: &notice.host,
        severity: notice.severity.map(Severity::label),
        summary: &notice.summary,
        reason: &notice.reason,
        attempts: notice.attempts,
        opened_at: notice.opened.to_string(),
        at: notice.at.to_string(),
        text: text(notice),
        manual_fix: notice.manual_fix.as_deref(),
        debug_prompt: notice.debug_prompt.as_deref(),
        runbook_url: notice.runbook_url.as_deref().filter(|url| is_link(url)),
    }
}

/// What it means, in a few words.
pub fn headline(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Escalated => "needs a person",
        NoticeKind::Healed => "repaired and verified",
        NoticeKind::WouldAct => "heald would act, but only observes",
        NoticeKind::AlertWithoutSymptom => "the alert fires, yet all probes pass",
        NoticeKind::OutOfSight => "can't be looked at; heald waits",
        NoticeKind::LeftAlone => "left alone until a person says otherwise",
        NoticeKind::ApprovalNeeded => "heald asks for consent",
        NoticeKind::StandsBack => "heald stands back",
        NoticeKind::FiresAnew => "fires anew, and still needs a person",
        NoticeKind::StillFiring => "repaired, but the alert still fires",
        NoticeKind::Over => "over",
        NoticeKind::EscalateOnly => "heald can't do its work",
        NoticeKind::AlertsLost => "alerts did not reach heald",
    }
}

pub fn severity(notice: &Notice) -> &'static str {
    notice.severity.map_or("", Severity::label)
}

/// One line without anything that moves a terminal's cursor or turns text around.
pub fn line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || is_control(c)).filter(|word| !word.is_empty());
    shortened(&words.collect::<Vec<_>>().join(" "), LINE_MAX)
}

fn emoji(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Escalated | NoticeKind::EscalateOnly | NoticeKind::StandsBack => "🔴",
        NoticeKind::StillFiring | NoticeKind::AlertsLost | NoticeKind::FiresAnew => "🟠",
        NoticeKind::AlertWithoutSymptom | NoticeKind::OutOfSight | NoticeKind::ApprovalNeeded => "🟡",
        NoticeKind::WouldAct | NoticeKind::LeftAlone => "🔵",
        NoticeKind::Healed | NoticeKind::Over => "🟢",
    }
}

fn tried(attempts: u32) -> String {
    match attempts {
        0 => "nothing".to_owned(),
        1 => "1 attempt".to_owned(),
        count => format!("{count} attempts"),
    }
}

/// Seconds are enough for a person.
fn round(span: Duration) -> Span {
    Span(Duration::from_secs(span.as_secs()))
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn fact(text: &mut String, name: &str, value: &str) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "{name:<10}{value}");
}

/// A section keeps its lines: commands are copied from it.
fn indented(body: &str) -> String {
    let clean: String = body.chars().filter(|c| matches!(c, '\n' | '\t') || !is_control(*c)).collect();
    shortened(&clean, SECTION_MAX).lines().fold(String::new(), |mut text, line| {
        if !line.trim().is_empty() {
            text.push_str("  ");
            text.push_str(line.trim_end());
        }
        text.push('\n');
        text
    })
}

fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max { text.to_owned() } else { text.chars().take(max).chain("…".chars()).collect() }
}

/// Control characters, and those that turn the writing direction or are not seen at all.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn is_link(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://")) && !url.contains(|c: char| c.is_whitespace() || is_control(c))
}
