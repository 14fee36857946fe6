//! The schema of playbooks says what the readers read, and the reference what templates know.

use super::edition;
use crate::book::markdown::{Heading, Page};
use crate::book::options::OPTIONS;
use crate::book::templates::NAMES;
use crate::domain::target::TargetKind;
use crate::schema::agree::Agreement;
use crate::yaml::{File, Node, parse};
use crate::{action, probe, schema};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::slice;

/// Every key that there is, in two files where some exclude each other.
const FULL: [&str; 2] = [
    r#"---
playbook: full
covers: [A1]
match: ['alertname="Full"']
target: { unit: "{{ labels.target }}" }
mode: auto
limits: { attempts: 3, within: 5m, budget: [5 per 10m], cooldown: { base: 10s, factor: 2, max: 5m }, grace: 30s, settle: 10s }
act_on: probes
after_care: 5m
recovery_time: 1m
severity: P1
escalate_when: { incidents: 4, within: 1h }
vars: { a: 1 }
class: service
after: [other]
priority: 1
mute_time_intervals: [night]
active_time_intervals: [day]
owner: ops
causes: [Other]
irreversible: accepted
---
# Full

## Auto-recovery

```yaml
- try: once
  times: 1
  irreversible: accepted
  do:
    - http: { put: "http://127.0.0.1/" }
      when: labels.a == 'b'
      on_failure: continue
      timeout: 1m
      retry: { attempts: 3, base: 1s, factor: 2, max: 1m, jitter: 10 }
      once: true
      register: first
```

## Verify

```yaml
within: 10s
stable: 1s
all:
  - systemd.active: {}
```

## Rollback

```yaml
- systemd.stop: { optional: true }
```

## Afterwards

```yaml
- wait: 1s
```
"#,
    r#"---
playbook: plain
match: 'alertname="Plain"'
target: { unit: web.service }
limits: { budget: 5 per 10m, cooldown: 10s }
---
# Plain

## Auto-recovery

```yaml
- http: { put: "http://127.0.0.1/" }
  retry: 3
  when: false
```

## Verify

```yaml
all: [{ systemd.active: {} }]
```
"#,
];

fn trees(text: &str) -> Vec<(&'static str, Node)> {
    let file = File::new(Path::new("x.md"), text);
    let page = Page::read(&file);
    let mut trees = vec![("#/$defs/FrontMatter", parse(&file, slice::from_ref(page.front.as_ref().unwrap())).unwrap())];
    for (heading, pointer) in [
        (Heading::AutoRecovery, "#/$defs/Ladder"),
        (Heading::Verify, "#/$defs/Verify"),
        (Heading::Rollback, "#/$defs/Steps"),
        (Heading::Afterwards, "#/$defs/Steps"),
    ] {
        let blocks = page.parts.get(&heading).map(|part| &part.blocks);
        trees.extend(blocks.map(|blocks| (pointer, parse(&file, &blocks[0].chunks).unwrap())));
    }
    assert!(file.into_problems().is_empty());
    trees
}

#[test]
fn the_schema_has_the_keys_that_are_read_and_no_others() {
    let schema = schema::playbook();
    let mut agreement = Agreement::new(&schema);
    for text in FULL {
        edition(text).compile().unwrap_or_else(|problems| panic!("{}", problems[0]));
        agreement.add(&trees(text));
    }
    // A step's options are read apart from its kind; the kinds read themselves.
    let found: BTreeSet<String> = agreement
        .differences(&["#/$defs/Step/", "#/$defs/Step:", "/Probe", "/Target", "/TemplateValues", "/StepOptions"])
        .into_iter()
        .filter(|line| !line.starts_with("#/$defs/Step: ") && !is_of_kinds(&schema, line))
        .collect();
    assert_eq!(found, BTreeSet::new());
}

/// Definitions that only steps and probes speak of, and the root, which is no file.
fn is_of_kinds(schema: &Value, line: &str) -> bool {
    let hand_written = ["FrontMatter", "Limits", "Backoff", "EscalateWhen", "Rung", "Verify", "Retry"];
    let name = line.strip_prefix("#/$defs/").and_then(|rest| rest.split(['/', ':']).next()).unwrap_or_default();
    assert!(name.is_empty() || schema["$defs"].get(name).is_some(), "{line}");
    line.ends_with("no file shows it") && !hand_written.contains(&name)
}

fn keys(schema: &Value) -> BTreeSet<&str> {
    schema["properties"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn kinds_options_targets_and_template_values_are_all_there() {
    let schema = schema::playbook();
    let defs = &schema["$defs"];
    let options: BTreeSet<&str> = OPTIONS.into_iter().collect();
    assert_eq!(keys(&defs["StepOptions"]), options);
    assert_eq!(keys(&defs["Step"]), action::KINDS.iter().copied().chain(options.iter().copied()).collect());
    assert_eq!(keys(&defs["Probe"]), probe::KINDS.iter().copied().collect());
    assert_eq!(keys(&defs["Target"]), TargetKind::ALL.map(TargetKind::label).into_iter().collect());
    assert_eq!(keys(&defs["TemplateValues"]), NAMES.into_iter().chain(["logs", "timeline"]).collect());
    for kind in action::KINDS {
        let params = &defs["Step"]["properties"][*kind];
        assert!(params["description"].as_str().is_some_and(|text| text.len() > 20), "{kind} has no reference page");
    }
    for kind in probe::KINDS {
        assert!(defs["Probe"]["properties"][*kind]["description"].is_string(), "{kind} has no reference page");
    }
}
