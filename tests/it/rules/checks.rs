//! One rule, all checks.

use super::names::{Names, Type};
use super::promql::{self, Read};
use super::root;
use heald::domain::playbook::Library;
use heald::domain::target::TargetKind;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

#[derive(Debug)]
pub struct Rule {
    /// From the project's folder.
    pub file: String,
    /// Empty for a recording rule.
    pub name: String,
    pub expr: String,
    pub holds: String,
    pub keeps: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

pub struct Known {
    pub names: Names,
    pub library: Library,
    pub tests: BTreeMap<String, (bool, bool)>,
}

const LABELS: [&str; 6] = ["severity", "service", "target_kind", "target", "playbook", "remediate"];
const SEVERITIES: [&str; 4] = ["P0", "P1", "P2", "P3"];
const REMEDIATE: [&str; 3] = ["auto", "ask", "never"];
const PAGES: &str = "https://heald.example/";
/// Two scrapes of 15 s: one alone has no rate.
const RANGE_MIN: f64 = 30.0;
/// `keep_firing_for`: from one long scrape gap to what nobody would call resolved late.
const KEEPS: std::ops::RangeInclusive<f64> = 120.0..=300.0;
const OF_COUNTERS: [&str; 3] = ["rate", "irate", "increase"];
const OF_GAUGES: [&str; 4] = ["delta", "idelta", "deriv", "predict_linear"];
/// The heartbeat of the whole path: no target, no page.
const WATCHDOG: &str = "Watchdog";

// === impl Rule ===

impl Rule {
    pub fn of(file: &str, rule: &Value) -> Result<Self, String> {
        let text = |key: &str| rule[key].as_str().unwrap_or_default().to_owned();
        let map = |key: &str| {
            let entries = rule[key].as_object().into_iter().flatten();
            entries.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
        };
        let (name, record) = (text("alert"), text("record"));
        if name.is_empty() == record.is_empty() {
            return Err(format!("a rule is either `alert:` or `record:`: {rule}"));
        }
        Ok(Self {
            file: file.to_owned(),
            name,
            expr: text("expr"),
            holds: text("for"),
            keeps: text("keep_firing_for"),
            labels: map("labels"),
            annotations: map("annotations"),
        })
    }

    pub fn place(&self) -> String {
        let what = if self.name.is_empty() { &self.expr } else { &self.name };
        format!("{}: {what}", self.file)
    }

    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// The expression looks back by itself.
    fn is_windowed(&self) -> bool {
        let called = promql::called(&self.expr);
        let looks_back = |name: &String| {
            OF_COUNTERS.contains(&name.as_str())
                || OF_GAUGES.contains(&name.as_str())
                || ["changes", "resets"].contains(&name.as_str())
                || name.ends_with("_over_time")
        };
        called.iter().any(looks_back) || promql::tokens(&self.expr).contains(&promql::Token::Word("offset".to_owned()))
    }
}

/// Everything that is wrong with the rule.
pub fn check(rule: &Rule, known: &Known) -> Vec<String> {
    let mut wrong = Vec::new();
    if !rule.name.is_empty() {
        labels(rule, &mut wrong);
        pages(rule, known, &mut wrong);
        durations(rule, &mut wrong);
        condition(rule, &mut wrong);
        tested(rule, known, &mut wrong);
    }
    metrics(rule, known, &mut wrong);
    wrong
}

fn labels(rule: &Rule, wrong: &mut Vec<String>) {
    let camel = rule.name.starts_with(|c: char| c.is_ascii_uppercase()) && rule.name.chars().all(|c| c.is_ascii_alphanumeric());
    if !camel {
        wrong.push("the name is not CamelCase; write <Subject><Problem>".to_owned());
    }
    for (label, value) in &rule.labels {
        if ["$value", ".Value", "| value", "|value"].iter().any(|word| value.contains(word)) {
            wrong.push(format!("label `{label}` holds the value; each change would be a new alert: say it in an annotation"));
        }
    }
    if rule.name == WATCHDOG {
        if rule.label("severity") != "none" {
            wrong.push("`severity` of the watchdog is `none`: nobody is to be called while it fires".to_owned());
        }
        return;
    }
    for label in LABELS.iter().filter(|label| rule.label(label).is_empty()) {
        wrong.push(format!("label `{label}` is missing or empty; each of {} is needed", LABELS.join(", ")));
    }
    let kinds = TargetKind::ALL.map(TargetKind::label);
    for (label, allowed) in [("severity", &SEVERITIES[..]), ("target_kind", &kinds[..]), ("remediate", &REMEDIATE[..])] {
        let value = rule.label(label);
        if !value.is_empty() && !allowed.contains(&value) {
            wrong.push(format!("`{label}` is {value:?}; write one of {}", allowed.join(", ")));
        }
    }
}

/// People open the page at night, and heald the playbook: both must be there, and be the same.
fn pages(rule: &Rule, known: &Known, wrong: &mut Vec<String>) {
    let text = |name: &str| rule.annotations.get(name).map_or("", |text| text.trim());
    let needed = if rule.name == WATCHDOG { &["summary", "description"][..] } else { &["summary", "description", "runbook_url"] };
    for name in needed.iter().filter(|name| text(name).is_empty()) {
        wrong.push(format!("annotation `{name}` is missing or empty"));
    }
    if text("summary").contains('\n') {
        wrong.push("`summary` has more than one line; the rest belongs into `description`".to_owned());
    }
    let (url, playbook) = (text("runbook_url"), rule.label("playbook"));
    if url.is_empty() || playbook.is_empty() {
        return;
    }
    let Some(page) = url.strip_prefix(PAGES).filter(|page| page.starts_with("playbooks/")) else {
        wrong.push(format!("runbook_url does not begin with {PAGES}playbooks/"));
        return;
    };
    if !page.ends_with(&format!("/{playbook}")) {
        wrong.push(format!("runbook_url ends in {page:?}, and the label `playbook` is {playbook:?}; name one document"));
    }
    match fs::read_to_string(root().join(format!("{page}.md"))) {
        Err(_) => wrong.push(format!("there is no {page}.md; write it, or name a page that exists")),
        Ok(text) if !text.lines().any(|line| line.trim() == format!("playbook: {playbook}")) => {
            wrong.push(format!("`playbook` is {playbook:?}, and the front matter of {page}.md names another id"));
        }
        Ok(_) => {}
    }
    if !known.library.books().iter().any(|book| &*book.id.0 == playbook) {
        wrong.push(format!("`playbook` is {playbook:?}, and no file in playbooks/ has that id"));
    }
    let book = known.library.books().iter().find(|book| &*book.id.0 == playbook);
    if let Some(severity) = book.and_then(|book| book.severity).filter(|severity| severity.label() != rule.label("severity")) {
        let what = "take it out there, where alerts of several severities share the page";
        wrong.push(format!("the page says `severity: {}`, which counts instead of the rule's; {what}", severity.label()));
    }
    let mut labels: heald::domain::alert::Labels = rule.labels.clone().into_iter().collect();
    labels.insert("alertname".to_owned(), rule.name.clone());
    let matching = known.library.matching(&labels);
    let ids: Vec<&str> = matching.iter().map(|book| &*book.id.0).collect();
    if rule.label("remediate") != "never" && ids != [playbook] {
        wrong.push(format!("it is matched by {ids:?}; the `match` of {playbook}, and no other, must name the alert"));
    }
}

fn durations(rule: &Rule, wrong: &mut Vec<String>) {
    for (key, value) in [("for", &rule.holds), ("keep_firing_for", &rule.keeps)] {
        if !value.is_empty() && promql::seconds(value).is_none() {
            wrong.push(format!("`{key}` is no duration: {value:?}"));
        }
    }
    let (windowed, called) = (rule.is_windowed(), promql::called(&rule.expr));
    let absent = called.contains("absent");
    if rule.holds.is_empty() && absent {
        wrong.push("absent() without `for`: it fires at the first evaluation after a start of Prometheus".to_owned());
    } else if rule.holds.is_empty() && !windowed && !called.contains("vector") {
        wrong.push("`for` is missing: one bad look would call somebody".to_owned());
    }
    let reads = promql::reads(&rule.expr);
    let scraped = reads.iter().any(|read| !read.metric.starts_with("ALERTS"));
    let missing = rule.keeps.is_empty() && scraped && !windowed && !absent;
    if missing {
        wrong.push("`keep_firing_for` is missing: one lost scrape would send \"resolved\"; write 2m to 5m".to_owned());
    }
    if !rule.keeps.is_empty() && promql::seconds(&rule.keeps).is_some_and(|keeps| !KEEPS.contains(&keeps)) {
        wrong.push(format!("`keep_firing_for` is {}; write 2m to 5m", rule.keeps));
    }
}

fn condition(rule: &Rule, wrong: &mut Vec<String>) {
    if !promql::is_condition(&rule.expr) {
        wrong.push("the expression is no condition; compare it with a number, or use absent()".to_owned());
    }
    for name in promql::called(&rule.expr) {
        if ["topk", "bottomk", "limitk", "limit_ratio"].contains(&name.as_str()) {
            wrong.push(format!(
                "`{name}` picks other series at each evaluation, and `for` starts again; compare with a threshold"
            ));
        }
    }
    // People find their way by the text; heald needs to know whose target it is.
    if rule.label("remediate") == "never" || rule.name == WATCHDOG || !rule.label("host").is_empty() {
        return;
    }
    // What stands behind a set operator only chooses; the labels come from before it.
    let kept = [" and on ", " and on(", " unless on ", " unless on(", "\nand on ", "\nunless on "];
    let end = kept.iter().filter_map(|set| rule.expr.find(set)).min().unwrap_or(rule.expr.len());
    for name in promql::losing(&rule.expr[..end], "host") {
        wrong.push(format!("`{name}` drops the label `host`; write `by (host, ...)` or `without (...)`"));
    }
    let called = promql::called(&rule.expr);
    let names_host = |read: &Read| read.matchers.iter().any(|(label, operator, _)| label == "host" && operator == "=");
    for read in promql::reads(&rule.expr) {
        if called.contains("absent") && read.inside.iter().any(|name| name == "absent") && !names_host(&read) {
            wrong.push(format!("absent({}) names no `host`; add `host=\"...\"` to the selector and to the labels", read.metric));
        }
    }
}

fn tested(rule: &Rule, known: &Known, wrong: &mut Vec<String>) {
    let (fires, silent) = known.tests.get(&rule.name).copied().unwrap_or_default();
    // vector(1) is never silent.
    if !fires {
        wrong.push("no promtool test shows it firing; add one to alert-rules/tests/".to_owned());
    }
    if !silent && rule.name != WATCHDOG {
        wrong.push("no promtool test shows it silent (`exp_alerts: []`); add one to alert-rules/tests/".to_owned());
    }
}

fn metrics(rule: &Rule, known: &Known, wrong: &mut Vec<String>) {
    let windowed = rule.is_windowed();
    for read in promql::reads(&rule.expr) {
        let name = &read.metric;
        if name.is_empty() {
            wrong.push("a selector without a metric reads everything that has the label; name the metric".to_owned());
            continue;
        }
        // A recording rule's result: `level:metric:operation`.
        if name.contains(':') {
            continue;
        }
        let Some(kind) = known.names.of(name) else {
            let hint = known.names.nearest(name).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            wrong.push(format!(
                "nobody exports {name}{hint} (own metrics: docs/metrics.md; recorded ones: tests/golden/exporters.txt)"
            ));
            continue;
        };
        let of = |functions: &[&str]| read.inside.iter().find(|name| functions.contains(&name.as_str())).cloned();
        if let Some(function) = of(&OF_COUNTERS) {
            if kind == Type::Gauge {
                wrong.push(format!("`{function}` of {name}, a gauge; use delta, deriv or changes"));
            }
            if let Some(range) = read.range.as_deref().and_then(promql::seconds).filter(|range| *range < RANGE_MIN) {
                wrong.push(format!("`{function}` over {range} s is shorter than two scrapes of 15 s; write 30s or more"));
            }
        } else if let Some(function) = of(&OF_GAUGES) {
            if kind == Type::Counter {
                wrong.push(format!("`{function}` of {name}, a counter; use rate or increase"));
            }
        } else if kind == Type::Counter && !windowed && of(&["absent", "count", "group"]).is_none() {
            wrong.push(format!("{name} is a counter: it only ever grows; use increase, or compare it with its `offset`"));
        }
    }
}
