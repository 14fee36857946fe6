//! What people get wrong, and what they are told.

use super::*;
use crate::domain::id::PlaybookId;
use crate::domain::playbook::{FailureClass, Mode, Playbook, Severity, Windows};
use crate::domain::time::Span;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

mod folders;
mod options;
mod schema;
mod warnings;
mod whole;

/// A sound playbook. A case replaces its front matter's last line, `severity: P1`, or one of the sections.
const SOUND: &str = r#"---
playbook: web-is-down
match: ['alertname="WebIsDown"']
target: { unit: "{{ labels.target }}" }
severity: P1
---
# The web is down

## Auto-recovery

```yaml
- systemd.restart: {}
```

## Verify

```yaml
within: 10s
all:
  - systemd.active: {}
```
"#;

fn edition(text: &str) -> Edition {
    let source = Source { path: PathBuf::from("x.md"), text: text.to_owned() };
    Edition { source, changes: Override::default(), vars: BTreeMap::new() }
}

fn compile(text: &str) -> Playbook {
    edition(text).compile().unwrap_or_else(|problems| panic!("{}", problems[0]))
}

/// Puts `new` where `old` stands in the sound playbook and compares everything that is reported.
#[track_caller]
pub(super) fn check(old: &str, new: &str, expected: &[&str]) {
    assert!(SOUND.contains(old), "{old:?} is not in the sound playbook");
    let found: Vec<String> = match edition(&SOUND.replacen(old, new, 1)).compile() {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| format!("{}: {}", problem.place(), problem.what)).collect(),
    };
    assert_eq!(found, expected, "for {new:?}");
}

#[test]
fn front_matter_is_strict() {
    let severity = "severity: P1\n";
    for (new, expected) in [
        (
            "retries: 3\n",
            "x.md:5:1: unknown key `retries`; known are playbook, covers, match, target, mode, limits, act_on, after_care, recovery_time, severity, escalate_when, vars, class, after, priority, mute_time_intervals, active_time_intervals, owner, causes, irreversible",
        ),
        ("limts: {}\n", "x.md:5:1: unknown key `limts`; did you mean `limits`?"),
        ("limits: { atempts: 3 }\n", "x.md:5:11: unknown key `atempts`; did you mean `attempts`?"),
        ("limits: { attempts: 0 }\n", "x.md:5:21: 0 is out of range: a whole number from 1 to 100"),
        ("limits: { attempts: -1 }\n", "x.md:5:21: -1 is out of range: a whole number from 1 to 100"),
        ("limits: { attempts: many }\n", "x.md:5:21: a text where a whole number from 1 to 100 is expected"),
        ("limits: { within: 5 }\n", "x.md:5:19: \"5\" is no duration: it lacks a unit (write 30s, 5m or 1h30m)"),
        ("limits: { within: -1s }\n", "x.md:5:19: \"-1s\" is no duration: a number is missing (write 30s, 5m or 1h30m)"),
        ("limits: { within: 10000h }\n", "x.md:5:19: \"10000h\" is no duration: at most 366 days (write 30s, 5m or 1h30m)"),
        ("limits: { within: 0s }\n", "x.md:5:19: 0s is out of range: from 1s to 366d"),
        ("limits: { budget: [] }\n", "x.md:5:19: an empty budget would be no limit at all"),
        ("limits: { budget: unlimited }\n", "x.md:5:19: \"unlimited\" is no budget: write `5 per 10m`"),
        (
            "limits: { budget: [5 per 10m, 5 per 0s] }\n",
            "x.md:5:31: \"5 per 0s\" is no budget: the window is out of range: from 1s to 366d",
        ),
        ("limits: { cooldown: 0s }\n", "x.md:5:21: 0s is out of range: from 1s to 1d"),
        ("limits: { cooldown: { base: 2m, max: 1m } }\n", "x.md:5:21: `base` 2m is longer than `max` 1m"),
        ("limits: { cooldown: { faktor: 2 } }\n", "x.md:5:23: unknown key `faktor`; did you mean `factor`?"),
        ("limits:\n", "x.md:5:1: `limits` has no value; give it one or remove the line"),
        ("limits: 3\n", "x.md:5:9: a number where a map of keys is expected"),
        ("mode: automatic\n", "x.md:5:7: \"automatic\" is none of observe, approve, auto, earn"),
        ("mode: Auto\n", "x.md:5:7: \"Auto\" is none of observe, approve, auto, earn; did you mean `auto`?"),
        ("after: []\n", "x.md:5:8: `after` names nothing; name one or remove the line"),
        ("after: [db, db]\n", "x.md:5:13: \"db\" is named twice"),
        ("after: { db: 1 }\n", "x.md:5:8: a map where a string is expected"),
        ("mute_time_intervals:\n", "x.md:5:1: `mute_time_intervals` has no value; give it one or remove the line"),
        ("active_time_intervals: []\n", "x.md:5:24: `active_time_intervals` names nothing; name one or remove the line"),
        ("class: disk\n", "x.md:5:8: \"disk\" is none of service, corruption, rate_limit, device"),
        (
            "class: corrupton\n",
            "x.md:5:8: \"corrupton\" is none of service, corruption, rate_limit, device; did you mean `corruption`?",
        ),
        ("priority: high\n", "x.md:5:11: `priority` is a whole number from -1000 to 1000"),
        ("priority: 1.5\n", "x.md:5:11: `priority` is a whole number from -1000 to 1000"),
        ("priority: 1001\n", "x.md:5:11: `priority` is a whole number from -1000 to 1000"),
        ("earn: 10\n", "x.md:5:1: `earn` is a mode"),
        ("severity: P4\n", "x.md:5:11: \"P4\" is none of P0, P1, P2, P3, critical, warning, info; did you mean `P0`?"),
        ("recovery_time: 0s\n", "x.md:5:16: 0s is out of range: from 1s to 366d"),
        ("act_on: alerts\n", "x.md:5:9: \"alerts\" is none of probes, alert; did you mean `alert`?"),
        ("playbook: other\n", "x.md:5:1: key \"playbook\" occurs twice; first in line 2"),
        ("\tmode: auto\n", "x.md:5:2: this is no YAML: while parsing a block mapping, did not find expected key"),
    ] {
        check(severity, new, &[expected]);
    }
}

#[test]
fn names_matchers_and_targets_are_checked() {
    for (old, new, expected) in [
        (
            "web-is-down",
            "Web Is Down",
            "x.md:2:11: \"Web Is Down\" is no playbook name: lower-case words joined by hyphens, at most 64 characters",
        ),
        ("web-is-down", "\"\"", "x.md:2:11: an empty text"),
        ("playbook: web-is-down\n", "", "x.md:2:1: key `playbook` is missing"),
        ("match: ['alertname=\"WebIsDown\"']\n", "", "x.md:2:1: key `match` is missing"),
        ("target: { unit: \"{{ labels.target }}\" }\n", "", "x.md:2:1: key `target` is missing"),
        ("['alertname=\"WebIsDown\"']", "[]", "x.md:3:8: no matcher: it would match every alert"),
        ("['alertname=\"WebIsDown\"']", "'{}'", "x.md:3:8: no matcher: it would match every alert"),
        ("['alertname=\"WebIsDown\"']", "['team!=\"a\"']", "x.md:3:8: team!=\"a\" also matches an alert without labels"),
        (
            "['alertname=\"WebIsDown\"']",
            "['a=\"b\"', 'reason=~\"(\"']",
            "x.md:3:18: matcher \"reason=~\\\"(\\\"\": the regular expression is wrong: unclosed group",
        ),
        (
            "['alertname=\"WebIsDown\"']",
            "[alertname]",
            "x.md:3:9: matcher \"alertname\": after \"alertname\" one of = != =~ !~ is missing",
        ),
        (
            "{ unit: \"{{ labels.target }}\" }",
            "{}",
            "x.md:4:9: a target is one kind and one name: `{ unit: \"{{ labels.target }}\" }`",
        ),
        (
            "{ unit: \"{{ labels.target }}\" }",
            "{ unti: a.service }",
            "x.md:4:11: unknown kind of target \"unti\"; did you mean `unit`?",
        ),
        (
            "{ unit: \"{{ labels.target }}\" }",
            "{ unit: web }",
            "x.md:4:17: \"web\" is no unit: it must end in .service, .timer, .socket, .path or .mount",
        ),
        (
            "{ unit: \"{{ labels.target }}\" }",
            "{ unit: \"{{ labels.\" }",
            "x.md:4:17: template \"{{ labels.\": syntax error: unexpected end of input, expected identifier or integer",
        ),
        (
            "{{ labels.target }}",
            "{{ target }}",
            "x.md:4:17: template \"{{ target }}\": unknown name `target`; known are labels, annotations, vars",
        ),
    ] {
        check(old, new, &[expected]);
    }
}

#[test]
fn executable_sections_are_checked_at_their_place() {
    let step = "- systemd.restart: {}";
    for (new, expected) in [
        ("- systemd.restrat: {}", "x.md:12:3: unknown step `systemd.restrat`; did you mean `systemd.restart`?"),
        ("- docker.restart: {}", "x.md:12:3: `docker.restart` needs a container, and the target is a unit"),
        ("- systemd.restart: { force: 1 }", "x.md:12:22: unknown key `force`; known are unit"),
        ("- http: { get: x, jsn: 3 }", "x.md:12:19: unknown key `jsn`; did you mean `json`?"),
        ("- http: {}", "x.md:12:3: it names no URL: give one of get, head, post, put, patch, delete"),
        (
            "- http: { get: \"{{ x\" }",
            "x.md:12:16: template \"{{ x\": syntax error: unexpected end of input, expected end of variable block",
        ),
        (
            "- http: { get: \"{{ lables.target }}\" }",
            "x.md:12:16: template \"{{ lables.target }}\": unknown name `lables`; did you mean `labels`?",
        ),
        (
            "- http: { get: \"{% for n in range(2) %}{{ n }}{{ vars.x | default(target) }}{% endfor %}{{ x }}\" }",
            "x.md:12:16: template \"{% for n in range(2) %}{{ n }}{{ vars.x | default(target) }}{% endfor %}{{ x }}\": unknown name `x`; known are labels, annotations, vars, target, steps",
        ),
        ("- systemd.restart: {}\n  wait: 5s", "x.md:13:3: a second key \"wait\" in one step"),
        ("- wait: 5", "x.md:12:9: \"5\" is no duration: it lacks a unit (write 30s, 5m or 1h30m)"),
        (
            "- systemctl restart web",
            &format!("x.md:12:3: unknown step `systemctl restart web`; known are {}", crate::action::KINDS.join(", ")),
        ),
        ("systemd.restart: {}", "x.md:12:1: a map where a list is expected"),
        ("[]", "x.md:12:1: an empty list"),
        ("- try: x", "x.md:12:3: key `do` is missing"),
        ("- try: x\n  do: []", "x.md:13:7: an empty list"),
        ("- try: x\n  times: 0\n  do: [wait: 1s]", "x.md:13:10: 0 is out of range: a whole number from 1 to 100"),
        ("- try: x\n  do: [wait: 1s]\n- wait: 1s", "x.md:14:3: a step beside rungs"),
        ("- try: x\n  doo: [wait: 1s]\n  do: [wait: 1s]", "x.md:13:3: unknown key `doo`; did you mean `do`?"),
        ("# nothing", "x.md:12:1: no YAML here: it is empty"),
        ("- {a: [b}", "x.md:12:7: this is no YAML: mismatched bracket '[' closed by '}'"),
    ] {
        check(step, new, &[expected]);
    }
    let all = "all:\n  - systemd.active: {}\n";
    for (new, expected) in [
        ("", "x.md:18:1: key `all` is missing"),
        ("all: []\n", "x.md:19:6: an empty list"),
        ("all:\n", "x.md:19:1: `all` has no value; give it one or remove the line"),
        ("all:\n  - docker.running: {}\n", "x.md:20:5: `docker.running` needs a container, and the target is a unit"),
        ("all:\n  - systemd.actve: {}\n", "x.md:20:5: unknown probe `systemd.actve`; did you mean `systemd.active`?"),
        ("all:\n  - http: { get: x, status: OK }\n", "x.md:20:29: expected a status code as in 200, or a list as in [200, 204]"),
        (
            "stable: 10s\nall:\n  - systemd.active: {}\n",
            "x.md:19:9: `stable` must be shorter than `within`, or no verification ever passes",
        ),
        ("any: []\nall:\n  - systemd.active: {}\n", "x.md:19:1: unknown key `any`; known are within, stable, all"),
    ] {
        check(all, new, &[expected]);
    }
}

#[test]
fn sections_must_make_sense_together() {
    let verify = &SOUND[SOUND.find("## Verify").unwrap()..];
    check(verify, "", &["x.md:9:1: Auto-recovery without Verify: nothing would prove the repair"]);
    check(verify, "## Verify\n", &["x.md:15:1: section `Verify` has no block that begins with ```yaml"]);
    let none = "x.md:15:1: section `Afterwards` has no block that begins with ```yaml";
    check("## Verify", "## Afterwards\n\n## Verify", &[none]);
    check(
        "## Verify",
        "```yaml\n- wait: 1s\n```\n\n## Verify",
        &["x.md:15:1: a second YAML block in section `Auto-recovery`; it has one"],
    );
    check(
        "## Verify",
        "## Debug prompt\n\nSee {{ target }}.\nWhat {{ is this?\n\n## Verify",
        &["x.md:18:6: template: syntax error: unexpected identifier, expected end of variable block"],
    );
    check("## Auto-recovery", "## Rollback", &["x.md:9:1: Rollback without Auto-recovery: there is nothing to roll back"]);
    check(
        "unit: \"{{ labels.target }}\"",
        "volume: \"{{ labels.target }}\"",
        &[
            "x.md:4:11: `target: volume` is not supported by this version",
            "x.md:12:3: `systemd.restart` needs a unit, and the target is a volume",
            "x.md:20:5: `systemd.active` needs a unit, and the target is a volume",
        ],
    );
    check(
        "---\nplaybook",
        "\u{feff}---\nplaybook",
        &["x.md:1:1: the file begins with a byte order mark; save it as UTF-8 without one"],
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = SOUND
        .replace("severity: P1", "severity: P9\nmoed: auto\nlimits: { attempts: 0, within: 0s }")
        .replace("- systemd.restart: {}", "- wait: 1s\n- wiat: 1s\n- wait: x")
        .replace("within: 10s", "within: 10");
    let problems = edition(&text).compile().unwrap_err();
    let places: Vec<String> = problems.iter().map(Problem::place).collect();
    assert_eq!(
        places,
        ["x.md:5:11", "x.md:6:1", "x.md:7:21", "x.md:7:32", "x.md:15:3", "x.md:16:9", "x.md:22:9"],
        "{problems:#?}"
    );
    assert_eq!(problems[1].to_string(), "x.md:6:1: unknown key `moed`; did you mean `mode`?\n 6 | moed: auto\n   | ^");
}

#[test]
fn a_sound_playbook_has_the_documented_defaults() {
    let book = compile(SOUND);
    assert_eq!((book.mode, book.severity, book.title.as_str()), (Mode::Observe, Some(Severity::P1), "The web is down"));
    assert_eq!((book.rungs[0].times, book.rungs[0].title.as_str()), (3, "systemd.restart"));
    assert_eq!((book.verify.within, book.verify.stable), (Duration::from_secs(10), Duration::from_secs(2)));
    assert_eq!(book.after_care, Duration::from_secs(300));
    let ladder = "- try: a\n  do: [wait: 1s]\n- try: b\n  times: 2\n  do: [wait: 1s]";
    let book = compile(&SOUND.replace("- systemd.restart: {}", ladder));
    assert_eq!(book.rungs.iter().map(|rung| rung.times).collect::<Vec<_>>(), [1, 2]);
    let runbook = &SOUND[..SOUND.find("## Auto-recovery").unwrap()];
    assert!(compile(&format!("{runbook}## Manual fix\n\nDo `x`.\n")).rungs.is_empty());
    let twice = compile(&SOUND.replace("['alertname=\"WebIsDown\"']", "['alertname=\"A\"', 'b!=\"c\"']"));
    assert_eq!(twice.selectors.len(), 1, "entries are ANDed");
}

#[test]
fn the_configuration_adapts_a_playbook_and_its_revision() {
    let plain = edition(&SOUND.replace("severity: P1", "vars: { a: 1, b: 1, c: 1 }\nlimits: { attempts: 4 }"));
    let mut adapted = plain.clone();
    adapted.vars = BTreeMap::from([("b".to_owned(), 2.into()), ("c".to_owned(), 2.into())]);
    adapted.changes = Override {
        mode: Some(Mode::Auto),
        earns: false,
        limits: LimitsPatch { attempts: Some(2), ..LimitsPatch::default() },
        after_care: Some(Span(Duration::from_secs(60))),
        vars: BTreeMap::from([("c".to_owned(), 3.into())]),
    };
    assert_ne!(plain.revision(), adapted.revision());
    let stored = Edition::from_json(&adapted.to_json()).unwrap();
    assert_eq!((stored.revision(), &stored), (adapted.revision(), &adapted));
    let book = stored.compile().unwrap();
    assert_eq!(book.revision, adapted.revision());
    assert_eq!((book.mode, book.limits.attempts, book.rungs[0].times), (Mode::Auto, 2, 2));
    assert_eq!(book.after_care, Duration::from_secs(60));
    assert_eq!(serde_json::to_string(&book.vars).unwrap(), r#"{"a":1,"b":2,"c":3}"#);
    let mut moved = plain.clone();
    moved.source.path = PathBuf::from("elsewhere.md");
    assert_eq!(moved.revision(), plain.revision());
}

#[test]
fn a_mode_may_be_earned() {
    let with = |mode: &str| edition(&SOUND.replace("severity: P1", mode));
    let word = |edition: &Edition| edition.compile().map(|book| (book.mode, book.earns)).unwrap();
    let earned = with("mode: earn");
    assert_eq!(word(&earned), (Mode::Auto, true));
    assert_eq!(word(&with("mode: approve")), (Mode::Approve, false));
    let changed = |base: &Edition, mode, earns| Edition {
        changes: Override { mode: Some(mode), earns, ..Override::default() },
        ..base.clone()
    };
    let lowered = changed(&earned, Mode::Auto, false);
    let raised = changed(&with("mode: observe"), Mode::Auto, true);
    assert_eq!((word(&lowered), word(&raised)), ((Mode::Auto, false), (Mode::Auto, true)));
    // Each has a revision of its own, and keeps it in the store.
    assert_ne!(lowered.revision(), earned.revision());
    assert_ne!(lowered.revision(), changed(&earned, Mode::Auto, true).revision());
    assert_eq!(Edition::from_json(&raised.to_json()).unwrap(), raised);
    assert!(!lowered.to_json().contains("earns"), "what older versions kept has the same revision: {}", lowered.to_json());
}

#[test]
fn order_class_windows_and_priority_are_taken() {
    let book = compile(&SOUND.replace(
        "severity: P1",
        "class: rate_limit\nafter: [db-is-down, cache]\npriority: -5\nmute_time_intervals: [nightly]\nactive_time_intervals: office",
    ));
    assert_eq!((book.class, book.priority), (FailureClass::RateLimit, -5));
    assert_eq!(book.after, ["db-is-down", "cache"].map(PlaybookId::from));
    assert_eq!((book.windows.mute, book.windows.active), (vec!["nightly".to_owned()], vec!["office".to_owned()]));
    let plain = compile(SOUND);
    assert_eq!((plain.class, plain.priority, plain.earns, plain.after.len()), (FailureClass::Service, 0, false, 0));
    assert_eq!(plain.windows, Windows::default());
}

#[test]
fn windows_line_ends_and_indented_blocks_keep_their_places() {
    let text = SOUND.replace("within: 10s", "within: 10").replace('\n', "\r\n");
    let problems = edition(&text).compile().unwrap_err();
    assert_eq!(problems.iter().map(Problem::place).collect::<Vec<_>>(), ["x.md:18:9"], "{problems:?}");
    assert_eq!(problems[0].text.as_deref(), Some("within: 10"));

    let listed = "1. First\n\n   ```yaml\n   - systemd.restart: {}\n   - wiat: 1s\n   ```";
    let text = SOUND.replace("```yaml\n- systemd.restart: {}\n```", listed);
    let problems = edition(&text).compile().unwrap_err();
    assert_eq!(problems.iter().map(Problem::place).collect::<Vec<_>>(), ["x.md:15:6"], "{problems:?}");
}

#[test]
fn no_text_makes_the_reader_panic() {
    let whole = include_str!("../../playbooks/container/container-down.md");
    let ends = whole.char_indices().map(|(at, _)| at).step_by(97);
    for text in ends.map(|at| &whole[..at]).chain((0..SOUND.len()).map(|at| &SOUND[..at])) {
        let _ = edition(text).compile();
    }
    for (at, old) in SOUND.char_indices().step_by(3) {
        for new in ["\0", "{", "\"", "\t", "é", "\n", "-", ""] {
            let text = format!("{}{new}{}", &SOUND[..at], &SOUND[at + old.len_utf8()..]);
            let shown = edition(&text).compile().map_err(|problems| problems.iter().map(Problem::to_string).collect::<String>());
            assert!(shown.is_ok() || shown.is_err_and(|text| text.starts_with("x.md:")));
        }
    }
}
