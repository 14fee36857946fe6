//! What a test expects, and how it is written.

use super::read::{RANGE, entries, present, texts_of};
use crate::domain::guard::Guard;
use crate::domain::notice::NoticeKind;
use crate::domain::time::Span;
use crate::yaml::{Fields, File, Kind, Node, nearest, quote, text};
use std::fmt;
use std::time::Duration;

/// None: nothing is said of it, and everything is right.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// In order, and nothing else.
    pub actions: Option<Vec<Action>>,
    /// In order, among others; an empty list: none at all. So are the next two.
    pub refusals: Option<Vec<Refusal>>,
    pub escalations: Option<Vec<Escalation>>,
    pub messages: Option<Vec<Message>>,
    /// Of each incident in the order of their opening; one word holds for all.
    pub outcomes: Vec<String>,
    pub states: Vec<String>,
    pub closed_as: Vec<String>,
    pub playbooks: Vec<String>,
    /// Of all incidents together.
    pub attempts: Option<u32>,
    pub incidents: Option<u32>,
    /// The highest that was called; 0: nobody was.
    pub level: Option<u32>,
    /// In the timeline, in any order.
    pub timeline: Vec<String>,
}

/// A moment, as the test writes it. Within a second of it is good enough: looks and commits take their time in earnest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    from: Duration,
    to: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub at: Option<When>,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub at: Option<When>,
    pub guard: Option<String>,
    pub reason: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    pub at: Option<When>,
    pub level: Option<u32>,
    /// `runbook_only`, `not_healed` …
    pub reason: Option<String>,
    pub contains: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub at: Option<When>,
    pub kind: Option<String>,
    pub level: Option<u32>,
    pub contains: Vec<String>,
}

const TOLERANCE: Duration = Duration::from_secs(1);
const COUNT_MAX: u32 = 10_000;

/// In the order of a life.
pub const OUTCOMES: [&str; 6] = ["healed", "escalated", "closed", "observed", "open", "none"];
const STATES: [&str; 11] =
    ["assessing", "watching", "held", "observed", "acting", "verifying", "healed", "resolved_bad", "escalated", "closed", "none"];

pub fn read(mut fields: Fields<'_>) -> Expect {
    let file = fields.file();
    let at = fields.at();
    let before = file.count();
    let empty = fields.entries().is_empty();
    let expect = Expect {
        actions: list(&mut fields, "actions", action),
        refusals: list(&mut fields, "refusals", |file, node| map(file, node, refusal)),
        escalations: list(&mut fields, "escalations", |file, node| map(file, node, escalation)),
        messages: list(&mut fields, "messages", |file, node| map(file, node, message)),
        outcomes: words(&mut fields, "outcome", &OUTCOMES),
        states: words(&mut fields, "state", &STATES),
        closed_as: words(&mut fields, "closed_as", &crate::domain::incident::Outcome::ALL.map(|one| one.label())),
        playbooks: texts_of(&mut fields, "playbook"),
        attempts: fields.number("attempts", 0..=COUNT_MAX),
        incidents: fields.number("incidents", 0..=COUNT_MAX),
        level: fields.number("level", 0..=100),
        timeline: texts_of(&mut fields, "timeline"),
    };
    fields.end();
    if empty && file.count() == before {
        file.refuse(at, "`expect` expects nothing, so the test could not fail");
    }
    expect
}

fn list<T>(fields: &mut Fields<'_>, key: &'static str, read: impl Fn(&File<'_>, &Node) -> Option<T>) -> Option<Vec<T>> {
    let file = fields.file();
    if !present(fields, key) {
        return None;
    }
    Some(entries(fields, key).iter().filter_map(|node| read(file, node)).collect())
}

fn map<T>(file: &File<'_>, node: &Node, read: impl Fn(&mut Fields<'_>) -> T) -> Option<T> {
    let mut fields = Fields::of(file, node)?;
    let found = read(&mut fields);
    if fields.entries().is_empty() {
        file.refuse(node.at, "nothing is said of what is expected");
    }
    fields.end();
    Some(found)
}

/// A text alone, or with a time.
fn action(file: &File<'_>, node: &Node) -> Option<Action> {
    if let Kind::Map(_) = node.kind {
        let mut fields = Fields::of(file, node)?;
        if !fields.has("do") {
            fields.missing("do", "write `{ at: 10s, do: \"docker.restart web\" }`");
        }
        let (at, text) = (when(&mut fields), fields.text("do"));
        fields.end();
        return Some(Action { at, text: text? });
    }
    Some(Action { at: None, text: text(file, node)? })
}

fn refusal(fields: &mut Fields<'_>) -> Refusal {
    let guards = Guard::ALL.map(|guard| guard.label());
    Refusal { at: when(fields), guard: word(fields, "guard", &guards), reason: texts_of(fields, "reason") }
}

fn escalation(fields: &mut Fields<'_>) -> Escalation {
    Escalation {
        at: when(fields),
        level: fields.number("level", 1..=100),
        reason: word(fields, "reason", &crate::domain::incident::Escalation::ALL.map(|reason| reason.label())),
        contains: texts_of(fields, "contains"),
    }
}

fn message(fields: &mut Fields<'_>) -> Message {
    let kinds = NoticeKind::ALL.map(|kind| kind.label());
    Message {
        at: when(fields),
        kind: word(fields, "kind", &kinds),
        level: fields.number("level", 1..=100),
        contains: texts_of(fields, "contains"),
    }
}

fn word(fields: &mut Fields<'_>, key: &'static str, known: &[&'static str]) -> Option<String> {
    let file = fields.file();
    let node = fields.node(key)?;
    one_of(file, node, known)
}

fn words(fields: &mut Fields<'_>, key: &'static str, known: &[&'static str]) -> Vec<String> {
    let file = fields.file();
    if !present(fields, key) {
        return Vec::new();
    }
    entries(fields, key).iter().filter_map(|node| one_of(file, node, known)).collect()
}

fn one_of(file: &File<'_>, node: &Node, known: &[&'static str]) -> Option<String> {
    let found = text(file, node)?;
    if known.contains(&found.as_str()) {
        return Some(found);
    }
    let hint = nearest(&found, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    file.refuse(node.at, format!("{} is none of {}{hint}", quote(&found), known.join(", ")));
    None
}

/// `at: 40s`, or `at: 40s-45s`.
fn when(fields: &mut Fields<'_>) -> Option<When> {
    let file = fields.file();
    let node = fields.node("at")?;
    let found = text(file, node)?;
    let read = |text: &str| text.trim().parse::<Span>().map(|Span(span)| span);
    let both = match found.split_once('-') {
        Some((from, to)) => read(from).and_then(|from| Ok((from, read(to)?))),
        None => read(&found).map(|at| (at, at)),
    };
    match both {
        Ok((from, to)) if from <= to && RANGE.contains(&to) => Some(When { from, to }),
        Ok(_) => {
            file.refuse(node.at, format!("{} is no time: the first is the earlier one, and at most 366 days", quote(&found)));
            None
        }
        Err(why) => {
            file.refuse(node.at, why);
            None
        }
    }
}

// === impl When ===

impl When {
    pub fn fits(self, at: Duration) -> bool {
        at + TOLERANCE >= self.from && at <= self.to + TOLERANCE
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.from == self.to {
            true => write!(f, "{}", Span(self.from)),
            false => write!(f, "{}-{}", Span(self.from), Span(self.to)),
        }
    }
}

// === impl Display: as people write it ===

fn at(when: Option<When>) -> String {
    when.map_or_else(String::new, |when| format!("{when}  "))
}

fn parts(f: &mut fmt::Formatter<'_>, when: Option<When>, parts: &[String]) -> fmt::Result {
    write!(f, "{}{}", at(when), parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", "))
}

fn containing(texts: &[String]) -> String {
    texts.iter().map(|text| format!("… {text} …")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", at(self.at), self.text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        parts(f, self.at, &[self.guard.clone().unwrap_or_default(), containing(&self.reason)])
    }
}

impl fmt::Display for Escalation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.map_or_else(String::new, |level| format!("level {level}"));
        parts(f, self.at, &[level, self.reason.clone().unwrap_or_default(), containing(&self.contains)])
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.map_or_else(String::new, |level| format!("level {level}"));
        parts(f, self.at, &[self.kind.clone().unwrap_or_default(), level, containing(&self.contains)])
    }
}
