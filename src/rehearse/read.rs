//! A test file: YAML, with every mistake at its place.

use super::script::{Person, Script, ScriptedAlert, Test, Verb};
use super::{expect, read_world};
use crate::config::{Pieces, pieces};
use crate::domain::alert::Labels;
use crate::domain::playbook::Mode;
use crate::domain::time::{Span, Time};
use crate::yaml::{Chunk, Fields, File, Kind, Node, Problem, parse, quote, text};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub const RANGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(366 * 86_400);
const UNTIL: Duration = Duration::from_secs(600);
/// 2026-01-01T00:00:00Z, a Thursday.
const START: Time = Time(1_767_225_600_000);
pub const ENDING: &str = ".test.yml";

const VERBS: [(&str, Verb); 9] = [
    ("approve", Verb::Approve),
    ("deny", Verb::Deny),
    ("ack", Verb::Ack),
    ("pause", Verb::Pause),
    ("resume", Verb::Resume),
    ("retry", Verb::Retry),
    ("close", Verb::Close),
    ("hold", Verb::Hold),
    ("release", Verb::Release),
];
pub const MODES: [(&str, Mode); 3] = [("observe", Mode::Observe), ("approve", Mode::Approve), ("auto", Mode::Auto)];

/// # Errors
/// Every mistake of the file.
pub fn read(path: &Path, text: &str) -> Result<Script, Vec<Problem>> {
    let file = File::new(path, text);
    let script = script(&file);
    let problems = file.into_problems();
    match script {
        Some(script) if problems.is_empty() => Ok(script),
        _ if problems.is_empty() => Err(vec![Problem::of_file(path, "it can't be read")]),
        _ => Err(problems),
    }
}

fn script(file: &File<'_>) -> Option<Script> {
    let root = parse(file, &[Chunk { at: 0, text: file.text().to_owned() }])?;
    let mut fields = Fields::of(file, &root)?;
    let playbooks = playbooks(&mut fields);
    let config = fields.fields("config").map(pieces).unwrap_or_default();
    let mode = fields.word("mode", &MODES);
    if !fields.has("tests") {
        fields.missing("tests", "write at least one: `tests: [{ name: …, alerts: […], expect: {…} }]`");
    }
    let mut tests: Vec<Test> = Vec::new();
    for node in entries(&mut fields, "tests") {
        let Some(test) = test(file, node, &config, mode) else { continue };
        if tests.iter().any(|other| other.name == test.name) {
            file.refuse(node.at, format!("there is a test {} already", quote(&test.name)));
        }
        tests.push(test);
    }
    if tests.is_empty() && fields.has("tests") && file.count() == 0 {
        file.refuse(root.at, "`tests` is empty: nothing would be proved");
    }
    fields.end();
    Some(Script { playbooks, tests })
}

/// Beside the test file; without a word the one of the same name.
fn playbooks(fields: &mut Fields<'_>) -> Vec<PathBuf> {
    let file = fields.file();
    let dir = file.path().parent().unwrap_or(Path::new(""));
    if fields.has("playbooks") {
        let named = fields.texts("playbooks").unwrap_or_default();
        if named.is_empty() {
            file.refuse(fields.at(), "`playbooks` names none");
        }
        return named.into_iter().map(|(_, name)| dir.join(name)).collect();
    }
    let name = file.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match name.strip_suffix(ENDING) {
        Some(stem) => vec![dir.join(format!("{stem}.md"))],
        None => {
            let help = "write `playbooks: [restart-web.md]`, or call the file restart-web.test.yml";
            file.refuse_with_help(fields.at(), "which playbooks is this about?", help);
            Vec::new()
        }
    }
}

fn test(file: &File<'_>, node: &Node, config: &Pieces, mode: Option<Mode>) -> Option<Test> {
    let mut fields = Fields::of(file, node)?;
    for (key, help) in [
        ("name", "what is proved, in a few words"),
        ("alerts", "write `alerts: [{ labels: { alertname: …, target: … } }]`"),
        ("expect", "what heald is to do: `expect: { outcome: healed }`"),
    ] {
        if !fields.has(key) {
            fields.missing(key, help);
        }
    }
    let starts = fields.get::<jiff::Timestamp>("starts").map_or(START, |at| Time(at.as_millisecond()));
    let own = fields.fields("config").map(pieces).unwrap_or_default();
    let test = Test {
        name: fields.text("name").unwrap_or_default(),
        config: own.over(config),
        mode: fields.word("mode", &MODES).or(mode),
        starts,
        alerts: entries(&mut fields, "alerts").into_iter().filter_map(|node| alert(file, node)).collect(),
        world: read_world::read(&mut fields),
        people: entries(&mut fields, "people").into_iter().filter_map(|node| person(file, node)).collect(),
        until: fields.span("until", RANGE).unwrap_or(UNTIL),
        expect: fields.fields("expect").map(expect::read).unwrap_or_default(),
    };
    late(file, node.at, &test);
    fields.end();
    Some(test)
}

/// What is scripted for after the end would silently never happen.
fn late(file: &File<'_>, at: usize, test: &Test) {
    let alerts = test.alerts.iter().flat_map(|alert| [Some(alert.at), alert.resolves]).flatten();
    let targets = test.world.targets.iter().map(|target| target.at);
    let last = alerts.chain(targets).chain(test.people.iter().map(|person| person.at)).max();
    if let Some(last) = last.filter(|last| *last > test.until) {
        let help = "write `until:` with a later time";
        let what = format!("something is to happen at {}, and the test ends at {}", Span(last), Span(test.until));
        file.refuse_with_help(at, what, help);
    }
}

fn alert(file: &File<'_>, node: &Node) -> Option<ScriptedAlert> {
    let mut fields = Fields::of(file, node)?;
    if !fields.has("labels") {
        fields.missing("labels", "write `labels: { alertname: ContainerDown, target: shop }`");
    }
    let at = fields.span("at", RANGE).unwrap_or_default();
    let resolves = fields.span("resolves", RANGE);
    if resolves.is_some_and(|resolves| resolves <= at) {
        file.refuse(fields.at(), "it resolves before it fires");
    }
    let alert =
        ScriptedAlert { labels: pairs(&mut fields, "labels"), annotations: pairs(&mut fields, "annotations"), at, resolves };
    fields.end();
    Some(alert)
}

fn pairs(fields: &mut Fields<'_>, key: &'static str) -> Labels {
    let Some(fields) = fields.fields(key) else { return Labels::new() };
    let file = fields.file();
    fields.entries().iter().filter_map(|(key, node)| Some((key.name.clone(), text(file, node)?))).collect()
}

fn person(file: &File<'_>, node: &Node) -> Option<Person> {
    let mut fields = Fields::of(file, node)?;
    for key in ["at", "do"] {
        if !fields.has(key) {
            fields.missing(key, "write `{ at: 2m, do: approve }`");
        }
    }
    let (at, verb) = (fields.span("at", RANGE), fields.word("do", &VERBS));
    let person = Person {
        at: at.unwrap_or_default(),
        verb: verb.unwrap_or(Verb::Ack),
        by: fields.text("by").unwrap_or_else(|| "operator".to_owned()),
        why: fields.text("why").unwrap_or_else(|| "the test says so".to_owned()),
        for_: fields.span("for", RANGE).map(Span),
        refused: fields.text("refused"),
    };
    fields.end();
    verb.map(|_| person)
}

/// Whether the key is there; either way it is one of those that are known.
pub fn present(fields: &mut Fields<'_>, key: &'static str) -> bool {
    fields.has(key) || fields.node(key).is_some()
}

/// The entries of a list; one thing stands for a list of one.
pub fn entries<'a>(fields: &mut Fields<'a>, key: &'static str) -> Vec<&'a Node> {
    match fields.node(key) {
        None => Vec::new(),
        Some(Node { kind: Kind::List(items), .. }) => items.iter().collect(),
        Some(node) => vec![node],
    }
}

pub fn texts_of(fields: &mut Fields<'_>, key: &'static str) -> Vec<String> {
    if !present(fields, key) {
        return Vec::new();
    }
    fields.texts(key).unwrap_or_default().into_iter().map(|(_, text)| text).collect()
}
