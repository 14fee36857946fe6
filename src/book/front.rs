//! The front matter: when a playbook applies, and inside which limits.

use super::limits::{LimitsPatch, ModeWord, YEAR, read_mode};
use super::templates::{NAMES, check_text};
use crate::domain::id::PlaybookId;
use crate::domain::playbook::{ActOn, EscalateWhen, FailureClass, Severity, TargetTemplate, Windows};
use crate::domain::selector::Selector;
use crate::domain::target::{Target, TargetKind};
use crate::domain::template;
use crate::yaml::{Fields, File, Kind, Node, nearest, quote, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What was written; defaults come later, because the configuration may speak in between.
#[derive(Debug)]
pub struct Front {
    pub id: PlaybookId,
    pub covers: Vec<String>,
    pub selector: Selector,
    pub target: TargetTemplate,
    /// Where the target's kind is named.
    pub target_at: usize,
    pub mode: Option<ModeWord>,
    pub limits: LimitsPatch,
    pub act_on: ActOn,
    pub after_care: Option<Duration>,
    pub recovery_time: Option<Duration>,
    pub severity: Option<Severity>,
    pub escalate_when: Option<EscalateWhen>,
    pub class: FailureClass,
    pub after: Vec<PlaybookId>,
    pub priority: i32,
    pub windows: Windows,
    pub vars: BTreeMap<String, Value>,
    pub owner: Option<String>,
    pub causes: Vec<String>,
    /// For all its rungs.
    pub accepted: bool,
}

const ID_MAX: usize = 64;
const PRIORITY_MAX: i32 = 1_000;

// === impl Front ===

impl Front {
    /// None, and problems, when something that everything else rests on is missing.
    pub fn read(file: &File<'_>, node: &Node) -> Option<Self> {
        let mut fields = Fields::of(file, node)?;
        let id = read_id(&mut fields);
        let covers = fields.texts("covers").unwrap_or_default().into_iter().map(|(_, row)| row).collect();
        let selector = read_selector(&mut fields);
        let target = read_target(&mut fields);
        let mode = read_mode(&mut fields);
        let limits = fields.fields("limits").map(LimitsPatch::read).unwrap_or_default();
        let act_on = fields.word("act_on", &[("probes", ActOn::Probes), ("alert", ActOn::Alert)]).unwrap_or_default();
        let second = Duration::from_secs(1);
        let after_care = fields.span("after_care", Duration::ZERO..=YEAR);
        let recovery_time = fields.span("recovery_time", second..=YEAR);
        let severity = read_severity(&mut fields);
        let escalate_when = fields.fields("escalate_when").and_then(read_escalate_when);
        let vars = fields.values("vars").unwrap_or_default();
        let class = fields.word("class", &FailureClass::ALL.map(|class| (class.label(), class))).unwrap_or_default();
        let after = names(&mut fields, "after").iter().map(|name| PlaybookId::from(name.as_str())).collect();
        let priority = read_priority(&mut fields);
        let windows =
            Windows { mute: names(&mut fields, "mute_time_intervals"), active: names(&mut fields, "active_time_intervals") };
        let owner = fields.text("owner");
        let causes = names(&mut fields, "causes");
        let accepted = fields.word("irreversible", &[("accepted", true)]).unwrap_or_default();
        fields.unsupported(&["trust"]);
        fields.forbidden("earn", "`earn` is a mode", "write `mode: earn`; how much is enough says `guards: { trust: … }`");
        fields.end();
        let (target, target_at) = target?;
        Some(Self {
            id: id?,
            covers,
            selector: selector?,
            target,
            target_at,
            mode,
            limits,
            act_on,
            after_care,
            recovery_time,
            severity,
            escalate_when,
            class,
            after,
            priority,
            windows,
            vars,
            owner,
            causes,
            accepted,
        })
    }
}

fn read_id(fields: &mut Fields<'_>) -> Option<PlaybookId> {
    let file = fields.file();
    if !fields.has("playbook") {
        fields.missing("playbook", "name the playbook: `playbook: web-is-down`");
    }
    let node = fields.node("playbook")?;
    let name = text(file, node)?;
    let sound = name.len() <= ID_MAX
        && name.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
    if sound {
        return Some(PlaybookId::from(name.as_str()));
    }
    let what = format!("{} is no playbook name: lower-case words joined by hyphens, at most {ID_MAX} characters", quote(&name));
    file.refuse(node.at, what);
    None
}

/// A list of names, each once; whether they exist is seen when everything is read.
fn names(fields: &mut Fields<'_>, key: &'static str) -> Vec<String> {
    let file = fields.file();
    let mut found: Vec<String> = Vec::new();
    let Some(at) = fields.node(key).map(|node| node.at) else { return found };
    let before = file.count();
    for (at, name) in fields.texts(key).unwrap_or_default() {
        if found.contains(&name) {
            file.refuse(at, format!("{} is named twice", quote(&name)));
        }
        found.push(name);
    }
    if found.is_empty() && file.count() == before {
        file.refuse(at, format!("`{key}` names nothing; name one or remove the line"));
    }
    found
}

fn read_priority(fields: &mut Fields<'_>) -> i32 {
    let Some(node) = fields.node("priority") else { return 0 };
    let found = match &node.kind {
        Kind::Number(number, _) => number.as_i64().and_then(|number| i32::try_from(number).ok()),
        _ => None,
    };
    let found = found.filter(|number| (-PRIORITY_MAX..=PRIORITY_MAX).contains(number));
    if found.is_none() {
        fields.file().refuse(node.at, format!("`priority` is a whole number from -{PRIORITY_MAX} to {PRIORITY_MAX}"));
    }
    found.unwrap_or_default()
}

/// `match:`; all entries must hold. Each is looked at alone first, so that a mistake is placed at its entry.
pub fn read_selector(fields: &mut Fields<'_>) -> Option<Selector> {
    let file = fields.file();
    if !fields.has("match") {
        fields.missing("match", "say which alerts it is for: `match: ['alertname=\"WebIsDown\"']`");
    }
    let at = fields.node("match")?.at;
    let before = file.count();
    let entries = fields.texts("match")?;
    for (at, entry) in &entries {
        if entry.trim_matches(['{', '}', ' ']).is_empty() {
            file.refuse(*at, "no matcher: it would match every alert");
        }
    }
    let texts: Vec<&str> = entries.iter().map(|(_, entry)| entry.as_str()).collect();
    let read = Selector::parse(&texts);
    let Err(why) = read else { return read.ok().filter(|_| file.count() == before) };
    for (at, entry) in &entries {
        // A matcher beside it: alone, `team!="x"` would be refused for matching alerts without labels.
        if let Err(why) = Selector::parse(&[entry.as_str(), "x=\"x\""]) {
            // The regex crate draws a picture; its last line says it all.
            let why = match (why.split_once(": regex parse error:"), why.rsplit_once("error: ")) {
                (Some((head, _)), Some((_, reason))) => format!("{head}: {reason}"),
                _ => why,
            };
            file.refuse(*at, why);
        }
    }
    if file.count() == before {
        file.refuse(at, why);
    }
    None
}

fn read_target(fields: &mut Fields<'_>) -> Option<(TargetTemplate, usize)> {
    let file = fields.file();
    if !fields.has("target") {
        fields.missing("target", "say what is to be repaired: `target: { unit: \"{{ labels.target }}\" }`");
    }
    let fields = fields.fields("target")?;
    let [(key, node)] = fields.entries() else {
        file.refuse(fields.at(), "a target is one kind and one name: `{ unit: \"{{ labels.target }}\" }`");
        return None;
    };
    let Some(kind) = TargetKind::ALL.into_iter().find(|kind| kind.label() == key.name) else {
        let known = TargetKind::ALL.map(TargetKind::label);
        let hint = nearest(&key.name, &known)
            .map_or_else(|| format!("known are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        file.refuse(key.at, format!("unknown kind of target {}; {hint}", quote(&key.name)));
        return None;
    };
    let name = text(file, node)?;
    if !template::is_template(&name)
        && let Err(why) = Target::new(kind, &name)
    {
        file.refuse(node.at, why);
        return None;
    }
    check_text(file, node.at, &name, &NAMES[..3]);
    Some((TargetTemplate { kind, name }, key.at))
}

/// The words of foreign rules stand for the nearest of ours.
fn read_escalate_when(mut fields: Fields<'_>) -> Option<EscalateWhen> {
    for key in ["incidents", "within"] {
        if !fields.has(key) {
            fields.missing(key, "write `escalate_when: { incidents: 4, within: 1h }`");
        }
    }
    let incidents = fields.number("incidents", 2..=1_000);
    let within = fields.span("within", Duration::from_secs(60)..=Duration::from_secs(30 * 86_400));
    fields.end();
    Some(EscalateWhen { incidents: incidents?, within: within? })
}

fn read_severity(fields: &mut Fields<'_>) -> Option<Severity> {
    let words = [
        ("P0", Severity::P0),
        ("P1", Severity::P1),
        ("P2", Severity::P2),
        ("P3", Severity::P3),
        ("critical", Severity::P0),
        ("warning", Severity::P2),
        ("info", Severity::P3),
    ];
    fields.word("severity", &words)
}
