//! What stands beside a step, and variables where types are expected.

use super::{SOUND, check};
use crate::book::{Edition, Override, Source};
use crate::domain::playbook::{Backoff, OnFailure, Retry, Risk};
use serde_json::json;
use std::time::Duration;

#[test]
fn options_stand_beside_a_step_or_inside_it() {
    let text = SOUND.replacen(
        "- systemd.restart: {}",
        "- http: { get: 'http://h/{{ vars.page }}', timeout: 4s, optional: true }\n  register: answer\n\
         - http: { post: 'http://h/' }\n  once: false\n  timeout: 40s\n  retry: { attempts: 4, base: 2s, jitter: 0 }\n  \
         when: steps.answer.outcome == 'done' and labels.tier | default('x') != 'gold'\n  on_failure: escalate\n\
         - wait: '{{ vars.pause }}'\n- systemd.restart: {}\n  once: true",
        1,
    );
    let text = text.replacen("## Verify", "## Afterwards\n```yaml\n- systemd.reset_failed: {}\n```\n\n## Verify", 1);
    let vars = [("pause", json!("7s")), ("page", json!("status"))].map(|(name, value)| (name.to_owned(), value)).into();
    let source = Source { path: "x.md".into(), text };
    let book = Edition { source, changes: Override::default(), vars }.compile().unwrap_or_else(|all| panic!("{all:#?}"));
    let steps = &book.rungs[0].steps;
    assert_eq!(steps[0].args["get"], "http://h/status", "a variable is filled in when the file is read");
    assert_eq!((steps[0].options.on_failure, steps[0].options.register.as_deref()), (OnFailure::Continue, Some("answer")));
    assert_eq!((steps[1].stake.risk, steps[1].stake.deadline.as_secs()), (Risk::Idempotent, 40));
    let backoff = Backoff { base: Duration::from_secs(2), factor: 2, max: Duration::from_secs(60), jitter: 0 };
    assert_eq!(steps[1].options.retry, Some(Retry { attempts: 4, backoff }));
    assert_eq!(steps[1].options.on_failure, OnFailure::Escalate);
    assert_eq!(steps[2].args, json!("7s"), "also where a duration is expected");
    assert_eq!(steps[3].stake.risk, Risk::Once);
    assert_eq!(book.afterwards[0].kind, "systemd.reset_failed");
}

#[test]
fn what_does_not_fit_beside_a_step_is_refused_at_its_place() {
    for (new, expected) in [
        ("- systemd.restart: {}\n  optional: sure", "x.md:13:13: a text where true or false is expected"),
        ("- systemd.restart: {}\n  optinal: true", "x.md:13:3: a second key \"optinal\" in one step"),
        ("- http: { get: 'http://h/' }\n  retry: 1", "x.md:13:10: 1 is out of range: a whole number from 2 to 10"),
        (
            "- systemd.restart: {}\n  retry: 3",
            "x.md:12:3: `retry` can't stand beside `systemd.restart`: each try would be one more that no budget counts",
        ),
        (
            "- wait: 1s\n  register: a\n- wait: 1s\n  when: steps['a'].outcome == 'done'",
            "x.md:9:1: wait: which results it speaks of can't be told",
        ),
        ("- http: { get: 'http://h/' }\n  retry: { base: 5s, max: 1s }", "x.md:13:10: `max` is shorter than `base`"),
        ("- systemd.restart: {}\n  timeout: 2h", "x.md:13:12: 2h is out of range: from 1s to 1h"),
        ("- systemd.restart: {}\n  on_failure: stop", "x.md:13:15: \"stop\" is none of verify, continue, escalate"),
        (
            "- systemd.restart: {}\n  register: A b",
            "x.md:13:13: \"A b\" is no name for a result: lower-case letters, digits and _, at most 32 of them",
        ),
        (
            "- systemd.restart: {}\n  when: label.x == 'y'",
            "x.md:13:9: when \"label.x == 'y'\": unknown name `label`; did you mean `labels`?",
        ),
        ("- systemd.restart: {}\n  when: '{{ labels.x }}'", "x.md:13:9: `when` is an expression by itself, without {{ }}"),
        (
            "- systemd.restart: {}\n  when: steps.size.bytes > 1",
            "x.md:9:1: systemd.restart: no step before it registers \"size\"",
        ),
        (
            "- systemd.restart: { optional: true }\n  optional: true",
            "x.md:12:22: `optional` is given twice: beside the step and inside it",
        ),
        ("- systemd.restart", "x.md:12:3: `systemd.restart` has no parameters"),
        ("- http: { delete: 'http://h/' }", "x.md:9:1: rung \"http\": what http does can't be undone, and there is no Rollback"),
        ("- try: x\n  when: labels.x\n  do: [wait: 1s]", "x.md:13:3: `when` belongs to a step"),
    ] {
        check("- systemd.restart: {}", new, &[expected]);
    }
}
