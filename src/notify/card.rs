//! A notice in words. Pure; one wording for log, chat, page and mail.

use crate::domain::notice::{Notice, NoticeKind, Standing};
use crate::domain::playbook::Severity;
use crate::domain::time::Span;
use std::fmt::Write;
use std::time::Duration;

/// One line of an alert's words.
const LINE_MAX: usize = 500;
/// A section of the playbook.
const SECTION_MAX: usize = 8_000;

/// One line of a card: `Since     12:00 (3m)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: &'static str,
    pub value: String,
    /// Only what a browser may open.
    pub link: Option<String>,
}

/// The message as people read it: what, where, since when, what heald did, why it stopped, what to do.
///
/// ```text
/// 🔴 P1 SystemdUnitFailed unit web.service on web-1: needs a person
///
/// A systemd unit failed
/// "web.service entered the state failed"
///
/// Since     2026-11-22T01:47:01.742Z (12m3s)
/// Did       3 attempts
/// Why       attempts used up: 3 of 3
/// Verified  http get http://127.0.0.1/: status 502
/// Budget    2 of 5 per 10m left
/// Next      level 3 is told at 2026-11-22T02:00:00Z unless somebody acknowledges
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
    // What concerns heald itself has no alert to quote.
    if !notice.summary.is_empty() && notice.summary != notice.reason {
        push(&mut text, &format!("\"{}\"", line(&notice.summary)));
    }
    text.push('\n');
    for row in rows(notice) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{:<10}{}", row.name, row.link.as_deref().unwrap_or(&row.value));
    }
    for (heading, body) in sections(notice) {
        let _ = write!(text, "\n{heading}\n{}", indented(&body));
    }
    text
}

/// What is known, in the order in which a person asks. Rows without a value are left out.
pub fn rows(notice: &Notice) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |name, value: String| rows.push(Row { name, value: line(&value), link: None });
    if notice.kind.is_of_house() {
        row("At", notice.at.to_string());
        row("Why", notice.reason.lines().next().unwrap_or_default().to_owned());
        return rows;
    }
    row("Since", format!("{} ({})", notice.opened, round(notice.at.since(notice.opened))));
    row("Did", tried(notice.attempts));
    let reason = if notice.standing == Standing::Asking { "Asks" } else { "Why" };
    let left = notice.budget_left.as_ref().map(|left| format!("{left} left"));
    for (name, value) in [(reason, &Some(notice.reason.clone())), ("Verified", &notice.verified), ("Budget", &left)] {
        if let Some(value) = value {
            row(name, value.clone());
        }
    }
    if let Some(who) = &notice.acknowledged {
        row("Acked", format!("by {who}"));
    }
    if let Some(by) = notice.respond_by.filter(|_| matches!(notice.standing, Standing::Asking | Standing::NeedsPerson)) {
        row("Respond", format!("by {by}"));
    }
    if let Some(next) = &notice.next {
        row("Next", next.clone());
    }
    if notice.times > 1 {
        row("Times", format!("{} in 30 days", notice.times));
    }
    if let Some(owner) = &notice.owner {
        row("Owner", owner.clone());
    }
    row("Playbook", notice.playbook.0.to_string());
    row("Incident", format!("{0}, see: heald incidents {0}", notice.incident));
    let links = [
        ("Runbook", &notice.runbook_url),
        ("Rule", &notice.generator_url),
        ("Silence", &notice.silence_url),
        ("Dashboard", &notice.dashboard_url),
    ];
    for (name, url) in links {
        if let Some(url) = url.as_deref().filter(|url| is_link(url)) {
            rows.push(Row { name, value: name.to_lowercase(), link: Some(url.to_owned()) });
        }
    }
    rows
}

/// What a person may do, and what to ask others: only once it is their turn.
pub fn sections(notice: &Notice) -> Vec<(&'static str, String)> {
    // A digest names one incident per line.
    let list = notice.reason.split_once('\n').filter(|_| notice.kind.is_of_house()).map(|(_, list)| list.to_owned());
    let checklist = (!notice.checklist.is_empty()).then(|| checklist(notice));
    let named = [
        ("Incidents", &list),
        ("Checklist", &checklist),
        ("Manual fix", &notice.manual_fix),
        ("Debug prompt", &notice.debug_prompt),
    ];
    let clean = |text: &str| {
        shortened(&text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_control(*c)).collect::<String>(), SECTION_MAX)
    };
    let found = named.into_iter().filter_map(|(name, text)| Some((name, clean(text.as_deref()?.trim()))));
    found.filter(|(_, text)| !text.is_empty()).collect()
}

/// A line for each step, numbered as `heald tick` counts them.
fn checklist(notice: &Notice) -> String {
    let lines = notice.checklist.iter().zip(1..).map(|(item, number)| match &item.ticked {
        Some(by) => format!("{number}. [x] {} ({by})", line(&item.text)),
        None => format!("{number}. [ ] {}", line(&item.text)),
    });
    let done =
        if notice.standing == Standing::Over { String::new() } else { format!("\nDone: heald tick {} N", notice.incident) };
    lines.collect::<Vec<_>>().join("\n") + &done
}

/// One line for a log of the incident: what is new.
pub fn news(notice: &Notice) -> String {
    format!("{}: {}", headline(notice), line(&notice.reason))
}

/// `🔴 P1 SystemdUnitFailed unit web.service on web-1: needs a person`
pub fn title(notice: &Notice) -> String {
    // Good news and tests have no urgency.
    let is_calm = matches!(notice.kind, NoticeKind::Digest | NoticeKind::DetectionBack | NoticeKind::Test);
    let named = [if is_calm { "" } else { severity(notice) }, &line(&notice.alertname)].map(str::to_owned);
    let before = named.into_iter().filter(|word| !word.is_empty()).fold(String::new(), |all, word| all + &word + " ");
    format!("{} {before}{} on {}: {}", emoji(notice), line(&notice.target), line(&notice.host), headline(notice))
}

/// The notice's identity, the same for every repetition of it and for no other.
pub fn key(notice: &Notice) -> String {
    // What concerns heald itself may be unnumbered; its moment tells one from the next.
    let number = if notice.number == 0 { notice.at.0 } else { i64::from(notice.number) };
    format!("{}/{}/{}/{number}", notice.host, notice.incident, notice.kind.label())
}

/// What it means, in a few words.
pub fn headline(notice: &Notice) -> &'static str {
    match notice.kind {
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
        NoticeKind::Fires => "is broken; heald is at it",
        NoticeKind::Unacknowledged => "nobody has acknowledged it",
        NoticeKind::Digest => "what else happened",
        NoticeKind::Storm => "many incidents at once",
        NoticeKind::ChannelBroken => "a channel is broken",
        NoticeKind::DetectionBlind => "detection is blind",
        NoticeKind::DetectionBack => "detection works again",
        NoticeKind::Test => "a test; nothing is wrong",
        NoticeKind::Progress => match notice.standing {
            Standing::Working => "heald is at it",
            Standing::Asking => "heald asks for consent",
            Standing::NeedsPerson => "needs a person",
            Standing::Healed => "repaired and verified",
            Standing::Over => "over",
        },
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

/// The state, at a glance.
pub fn emoji(notice: &Notice) -> &'static str {
    match notice.kind {
        NoticeKind::Escalated
        | NoticeKind::EscalateOnly
        | NoticeKind::StandsBack
        | NoticeKind::Fires
        | NoticeKind::Unacknowledged
        | NoticeKind::Storm
        | NoticeKind::DetectionBlind => "🔴",
        NoticeKind::StillFiring | NoticeKind::AlertsLost | NoticeKind::FiresAnew | NoticeKind::ChannelBroken => "🟠",
        NoticeKind::AlertWithoutSymptom | NoticeKind::OutOfSight | NoticeKind::ApprovalNeeded => "🟡",
        NoticeKind::WouldAct | NoticeKind::LeftAlone | NoticeKind::Digest | NoticeKind::Test => "🔵",
        NoticeKind::Healed | NoticeKind::Over | NoticeKind::DetectionBack => "🟢",
        NoticeKind::Progress => match notice.standing {
            Standing::Working => "🔧",
            Standing::Asking => "🟡",
            Standing::NeedsPerson => "🔴",
            Standing::Healed | Standing::Over => "🟢",
        },
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

/// A section keeps its lines: commands are copied from it.
fn indented(body: &str) -> String {
    body.lines().fold(String::new(), |mut text, line| {
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

/// Only what a browser may open, in one piece.
pub fn is_link(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://")) && !url.contains(|c: char| c.is_whitespace() || is_control(c))
}
