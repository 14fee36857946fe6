//! What was expected beside what happened.

use super::diff::diff;
use super::expect::{Action, Escalation, Expect, Message, Refusal, When};
use super::story::{Called, Did, Lived, Refused, Said, Story};
use std::fmt::Display;
use std::time::Duration;

/// One key of `expect:` that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub what: &'static str,
    pub lines: Vec<String>,
}

/// All of them; none: it is as expected.
pub fn judge(expect: &Expect, story: &Story) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut push = |what: &'static str, lines: Option<Vec<String>>| {
        found.extend(lines.filter(|lines| !lines.is_empty()).map(|lines| Difference { what, lines }));
    };
    push("script", (!story.wrong.is_empty()).then(|| story.wrong.clone()));
    push("actions", list(expect.actions.as_deref(), &story.actions, true, acted));
    push("refusals", list(expect.refusals.as_deref(), &story.refusals, false, refused));
    push("escalations", list(expect.escalations.as_deref(), &story.escalations, false, called));
    push("messages", list(expect.messages.as_deref(), &story.messages, false, said));
    let of = |read: fn(&Lived) -> &str| -> Vec<String> {
        match story.incidents.is_empty() {
            true => vec!["none".to_owned()],
            false => story.incidents.iter().map(|one| read(one).to_owned()).collect(),
        }
    };
    push("outcome", words(&expect.outcomes, &of(|one| one.outcome)));
    push("state", words(&expect.states, &of(|one| &one.state)));
    push("closed_as", words(&expect.closed_as, &of(|one| one.closed_as.as_deref().unwrap_or("open"))));
    push("playbook", words(&expect.playbooks, &of(|one| &one.playbook)));
    let attempts: u32 = story.incidents.iter().map(|one| one.attempts).sum();
    push("attempts", number(expect.attempts, attempts));
    push("incidents", number(expect.incidents, u32::try_from(story.incidents.len()).unwrap_or(u32::MAX)));
    let level = story.escalations.iter().map(|called| called.level).max();
    push("level", number(expect.level, level.unwrap_or_default()));
    let lines: Vec<String> = expect
        .timeline
        .iter()
        .filter(|part| !story.timeline.iter().any(|(_, line)| line.contains(part.as_str())))
        .map(|part| format!("- … {part} …"))
        .collect();
    push("timeline", Some(lines));
    found
}

/// In order. An empty list that is written down means that there is none at all.
fn list<A: Display, B: Display>(
    expected: Option<&[A]>,
    got: &[B],
    strict: bool,
    same: impl Fn(&A, &B) -> bool,
) -> Option<Vec<String>> {
    let expected = expected?;
    diff(expected, got, strict || expected.is_empty(), same)
}

fn words(expected: &[String], got: &[String]) -> Option<Vec<String>> {
    let fits = match expected {
        [] => true,
        [one] => got.iter().all(|other| other == one),
        several => several == got,
    };
    (!fits).then(|| vec![format!("exp: {}", expected.join(", ")), format!("got: {}", got.join(", "))])
}

fn number(expected: Option<u32>, got: u32) -> Option<Vec<String>> {
    let expected = expected.filter(|expected| *expected != got)?;
    Some(vec![format!("exp: {expected}"), format!("got: {got}")])
}

fn in_time(when: Option<When>, at: Duration) -> bool {
    when.is_none_or(|when| when.fits(at))
}

fn all_in(parts: &[String], text: &str) -> bool {
    parts.iter().all(|part| text.contains(part.as_str()))
}

fn acted(expected: &Action, got: &Did) -> bool {
    in_time(expected.at, got.at) && expected.text == got.text
}

fn refused(expected: &Refusal, got: &Refused) -> bool {
    let guard = match (&expected.guard, got.guard) {
        (Some(expected), Some(got)) => expected == got,
        _ => true,
    };
    in_time(expected.at, got.at) && guard && all_in(&expected.reason, &got.reason)
}

fn called(expected: &Escalation, got: &Called) -> bool {
    in_time(expected.at, got.at)
        && expected.level.is_none_or(|level| level == got.level)
        && expected.reason.as_deref().is_none_or(|reason| got.reason == Some(reason))
        && all_in(&expected.contains, &got.text)
}

fn said(expected: &Message, got: &Said) -> bool {
    in_time(expected.at, got.at)
        && expected.kind.as_deref().is_none_or(|kind| kind == got.kind)
        && expected.level.is_none_or(|level| level == got.level)
        && all_in(&expected.contains, &got.whole)
}
