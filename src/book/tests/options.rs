//! What stands beside a step, and variables where types are expected.

use super::SOUND;
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
