//! A drill file: YAML, with every mistake at its place.

use super::fault::{Fault, KINDS, read as read_fault};
use crate::book::fill;
use crate::domain::alert::Labels;
use crate::domain::target::AllowList;
use crate::domain::template::is_template;
use crate::yaml::{Chunk, Fields, File, Kind, Node, Problem, nearest, parse, quote, text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

/// One drill, its variables filled in.
#[derive(Debug)]
pub struct Drill {
    pub name: String,
    /// Whose incident must come of it.
    pub playbook: String,
    pub covers: Vec<String>,
    pub every: Option<Every>,
    /// The incident's target name; `None`: any.
    pub target: Option<String>,
    pub alert: Option<Posted>,
    /// In the order in which they are injected.
    pub faults: Vec<Fault>,
    pub expect: Expect,
    /// Exactly so many.
    pub attempts: Option<u32>,
    /// Kinds of steps that must have been carried out, in this order.
    pub steps: Vec<String>,
    /// `None`: the playbook's own.
    pub within: Option<Duration>,
    pub detect_within: Duration,
    /// Where it stands: the file, its line and column.
    pub place: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    Weekly,
    Monthly,
    Quarterly,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    #[default]
    Healed,
    Escalated,
    /// An incident, and no effect.
    Refused,
}

/// An alert that the drill posts itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub labels: Labels,
    pub annotations: Labels,
}

pub const ENDING: &str = ".drill.yml";
const DETECT: Duration = Duration::from_secs(300);
const RANGE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);
const ATTEMPTS_MAX: u32 = 100;
const EVERY: [(&str, Every); 3] = [("weekly", Every::Weekly), ("monthly", Every::Monthly), ("quarterly", Every::Quarterly)];
const EXPECT: [(&str, Expect); 3] = [("healed", Expect::Healed), ("escalated", Expect::Escalated), ("refused", Expect::Refused)];

/// `vars`: by drill, of the configuration.
///
/// # Errors
/// Every mistake of the file.
pub fn read(path: &Path, content: &str, vars: &BTreeMap<String, BTreeMap<String, Value>>) -> Result<Vec<Drill>, Vec<Problem>> {
    let file = File::new(path, content);
    let drills = drills(&file, vars);
    let problems = file.into_problems();
    match drills {
        Some(drills) if problems.is_empty() => Ok(drills),
        _ if problems.is_empty() => Err(vec![Problem::of_file(path, "it can't be read")]),
        _ => Err(problems),
    }
}

fn drills(file: &File<'_>, vars: &BTreeMap<String, BTreeMap<String, Value>>) -> Option<Vec<Drill>> {
    let root = parse(file, &[Chunk { at: 0, text: file.text().to_owned() }])?;
    let mut fields = Fields::of(file, &root)?;
    if !fields.has("drills") {
        fields.missing("drills", "write at least one: `drills: [{ drill: …, playbook: …, fault: […] }]`");
    }
    let mut found: Vec<Drill> = Vec::new();
    match fields.node("drills").map(|node| (&node.kind, node.at)) {
        Some((Kind::List(items), at)) => {
            if items.is_empty() {
                file.refuse(at, "`drills` is empty");
            }
            for node in items {
                let Some(drill) = one(file, node, vars) else { continue };
                if found.iter().any(|other| other.name == drill.name) {
                    file.refuse(node.at, format!("there is a drill {} already", quote(&drill.name)));
                }
                found.push(drill);
            }
        }
        Some((_, at)) => file.refuse(at, "`drills` is a list: `drills: [{ drill: … }]`"),
        None => {}
    }
    fields.end();
    Some(found)
}

fn one(file: &File<'_>, raw: &Node, vars: &BTreeMap<String, BTreeMap<String, Value>>) -> Option<Drill> {
    // Which variables are meant is known from the name, so it is read before they are filled in.
    let (name, own) = {
        let mut fields = Fields::of(file, raw)?;
        for (key, help) in [
            ("drill", "a name of lower-case words joined by hyphens"),
            ("playbook", "whose incident must come of it"),
            ("fault", "write `fault: [{ systemd.kill: { unit: … } }]`"),
        ] {
            if !fields.has(key) {
                fields.missing(key, help);
            }
        }
        let name = fields.node("drill").and_then(|node| Some((node.at, text(file, node)?)));
        (name, fields.values("vars").unwrap_or_default())
    };
    let (at, name) = name?;
    if !sound(&name) {
        file.refuse(at, format!("{} is no name of a drill: lower-case words joined by hyphens", quote(&name)));
    }
    let mut values = own;
    values.extend(vars.get(&name).cloned().unwrap_or_default());
    let filled = fill(file, raw, &values);
    let mut fields = Fields::of(file, &filled)?;
    fields.node("drill");
    if fields.has("vars") {
        fields.node("vars");
    }
    let faults = faults(file, &mut fields);
    let drill = Drill {
        name,
        playbook: fields.text("playbook").unwrap_or_default(),
        covers: fields.texts("covers").unwrap_or_default().into_iter().map(|(_, text)| text).collect(),
        every: fields.word("schedule", &EVERY),
        target: plain(&mut fields, "target"),
        alert: fields.fields("alert").map(|fields| alert(fields)),
        faults,
        expect: fields.word("expect", &EXPECT).unwrap_or_default(),
        attempts: fields.number("attempts", 0..=ATTEMPTS_MAX),
        steps: fields.texts("steps").unwrap_or_default().into_iter().map(|(_, text)| text).collect(),
        within: fields.span("within", RANGE),
        detect_within: fields.span("detect_within", RANGE).unwrap_or(DETECT),
        place: file.at(raw.at),
    };
    if drill.expect == Expect::Healed && drill.attempts == Some(0) {
        file.refuse(raw.at, "healed by no attempt is not heald's work: leave `attempts: 0` out, or expect `escalated`");
    }
    if drill.expect == Expect::Refused && (!drill.steps.is_empty() || drill.attempts.is_some_and(|attempts| attempts > 0)) {
        file.refuse(raw.at, "`refused` means that nothing is done: leave `steps` and `attempts` out");
    }
    fields.end();
    Some(drill)
}

fn sound(name: &str) -> bool {
    name.len() <= 80
        && name.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

/// A text without a template left in it.
fn plain(fields: &mut Fields<'_>, key: &'static str) -> Option<String> {
    let file = fields.file();
    let node = fields.node(key)?;
    let found = text(file, node)?;
    unfilled(file, node);
    Some(found)
}

/// What speaks of a variable that has no value.
fn unfilled(file: &File<'_>, node: &Node) {
    node.texts(&mut |at, text| {
        if is_template(text) {
            let help = "a drill may speak of `vars` only; give each a value in the file or under `drills: vars:` of heald.yaml";
            file.refuse_with_help(at, format!("{} can't be filled in", quote(text)), help);
        }
    });
}

fn faults(file: &File<'_>, fields: &mut Fields<'_>) -> Vec<Fault> {
    let Some(node) = fields.node("fault") else { return Vec::new() };
    let before = file.count();
    unfilled(file, node);
    if file.count() > before {
        return Vec::new();
    }
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.is_empty() {
        file.refuse(node.at, "`fault` is empty: nothing would be broken");
    }
    items.iter().filter_map(|item| fault(file, item)).collect()
}

/// `{ KIND: { … } }`
fn fault(file: &File<'_>, node: &Node) -> Option<Fault> {
    let Kind::Map(entries) = &node.kind else {
        file.refuse(node.at, format!("{} where a fault is expected: `systemd.kill: {{ unit: … }}`", node.noun()));
        return None;
    };
    let [(key, params)] = entries.as_slice() else {
        file.refuse(node.at, "one fault to an entry: `- systemd.kill: { unit: … }`");
        return None;
    };
    if !KINDS.contains(&key.name.as_str()) {
        let hint = nearest(&key.name, KINDS)
            .map_or_else(|| format!("known are {}", KINDS.join(", ")), |near| format!("did you mean `{near}`?"));
        file.refuse(key.at, format!("{} is no kind of fault; {hint}", quote(&key.name)));
        return None;
    }
    match read_fault(&key.name, params) {
        Ok(Ok(fault)) => Some(fault),
        Ok(Err(why)) => {
            file.refuse(key.at, format!("{}: {why}", key.name));
            None
        }
        Err(wrong) => {
            file.refuse(wrong.at.unwrap_or(params.at), wrong.what);
            None
        }
    }
}

fn alert(mut fields: Fields<'_>) -> Posted {
    let file = fields.file();
    if !fields.has("labels") {
        fields.missing("labels", "write `labels: { alertname: WebDown, target: web.service }`");
    }
    let mut pairs = |key: &'static str| -> Labels {
        let Some(node) = fields.node(key) else { return Labels::new() };
        unfilled(file, node);
        let Some(fields) = Fields::of(file, node) else { return Labels::new() };
        fields.entries().iter().filter_map(|(key, node)| Some((key.name.clone(), text(file, node)?))).collect()
    };
    let posted = Posted { labels: pairs("labels"), annotations: pairs("annotations") };
    if !posted.labels.contains_key("alertname") && fields.has("labels") {
        file.refuse(fields.at(), "the alert has no `alertname`");
    }
    fields.end();
    posted
}

// === impl Every ===

impl Every {
    pub fn label(self) -> &'static str {
        match self {
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
        }
    }

    pub fn interval(self) -> Duration {
        let days = match self {
            Self::Weekly => 7,
            Self::Monthly => 30,
            Self::Quarterly => 91,
        };
        Duration::from_secs(days * 86_400)
    }
}

// === impl Expect ===

impl Expect {
    pub fn label(self) -> &'static str {
        match self {
            Self::Healed => "healed",
            Self::Escalated => "escalated",
            Self::Refused => "refused",
        }
    }
}

// === impl Drill ===

impl Drill {
    /// The file that it stands in.
    pub fn file(&self) -> &Path {
        &self.place.file
    }

    /// Everything that it touches may be broken here.
    pub fn is_marked(&self, allowed: &AllowList) -> bool {
        self.faults.iter().flat_map(|fault| &fault.marks).all(|mark| mark.is_on(allowed))
    }

    /// Something that it touches may be broken here.
    pub fn is_partly_marked(&self, allowed: &AllowList) -> bool {
        self.faults.iter().flat_map(|fault| &fault.marks).any(|mark| mark.is_on(allowed))
    }
}
