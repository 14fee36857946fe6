//! Rules as a Prometheus rule file: the same for the same inventory, to the byte.

use super::promql::{escape, hidden};
use super::rules::Rule;
use std::fmt::Write as _;

/// A whole rule file. `from` is how the inventory was named, for who wants to make the file anew.
pub fn page(rules: &[Rule], from: &str) -> String {
    let from: String = from.chars().map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect();
    let mut page = format!(
        "# What must be there, made by heald from {from}. Do not edit it; make it anew after a change:
#
#   heald rules --inventory {from} > THIS_FILE && promtool check rules THIS_FILE
#
# One rule per expected thing, because only a rule that names it can notice that it is no longer measured: a series that
# vanished has no value to compare. absent() of a comparison returns no labels, so `host` and `target` are written twice:
# in the selector, to look at the right one, and under labels, to tell heald which one it was.
# docs/inventory.md says what each rule means and what it does not see.

"
    );
    if rules.is_empty() {
        page += "groups: []\n";
        return page;
    }
    page += "groups:\n";
    let mut group = None;
    for rule in rules {
        if group.replace(rule.service.as_deref()) != Some(rule.service.as_deref()) {
            // Group names are unique in a file: hosts have no service.
            let name = rule.service.as_ref().map_or_else(|| "expected hosts".to_owned(), |name| format!("expected of {name}"));
            let _ = write!(page, "  - name: {}\n    rules:\n", scalar(&name));
        }
        write(&mut page, rule);
    }
    page
}

fn write(page: &mut String, rule: &Rule) {
    let service = rule.service.as_ref().unwrap_or(&rule.host);
    let extra: Vec<String> =
        rule.extra.iter().map(|(label, value)| format!("\n          {label}: {}", scalar(&escape(value)))).collect();
    let _ = write!(
        page,
        "      - alert: {}
        expr: {}
        for: {}
        keep_firing_for: 2m
        labels:
          severity: {}
          host: {}{}
          service: {}
          target_kind: {}
          target: {}
          playbook: {}
          remediate: {}
        annotations:
          summary: {}
          description: {}
          runbook_url: https://heald.example/playbooks/{}/{}
",
        rule.alert,
        scalar(&rule.expr),
        rule.hold,
        rule.severity.label(),
        scalar(&escape(&rule.host)),
        extra.concat(),
        scalar(&escape(service)),
        rule.kind.label(),
        scalar(&escape(&rule.target)),
        rule.page.id,
        rule.remediate,
        scalar(&escape(&rule.summary)),
        scalar(&escape(&rule.description)),
        rule.page.domain,
        rule.page.id,
    );
}

/// A text as a YAML scalar on one line: plain where nobody could misread it, quoted elsewhere.
pub fn scalar(text: &str) -> String {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let sound = starts && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-@/".contains(c));
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    if sound && !words.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    if !text.chars().any(hidden) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted += "\\n",
            c if hidden(c) => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
