//! The playbooks of the simulated house, made by hand: what is at stake matters here, not how it is written.

use heald::domain::id::{PlaybookId, Revision};
use heald::domain::playbook::{
    ActOn, Backoff, Budget, Check, FailureClass, Limits, Mode, OnFailure, Playbook, Retry, Risk, Rung, Stake, Step, StepObject,
    StepOptions, TargetTemplate, Verify, Windows,
};
use heald::domain::selector::Selector;
use heald::domain::target::{AllowList, Target, TargetKind};
use serde_json::Value;
use std::time::Duration;

pub const TARGETS: [&str; 3] = ["web.service", "db.service", "cache.service"];
pub const BUDGET: Budget = Budget { count: 4, window: Duration::from_secs(600) };
/// How long a step of the simulated engine may be under way without showing it.
pub const IN_FLIGHT: Duration = Duration::from_secs(20);

pub fn target(name: &str) -> Target {
    Target::new(TargetKind::Unit, name).unwrap()
}

pub fn allow() -> AllowList {
    AllowList { units: TARGETS.map(str::to_owned).into(), ..AllowList::default() }
}

/// One playbook for each alert name; all of them may be about the same targets.
pub fn all() -> Vec<Playbook> {
    let restart = || step("restart", Risk::Seen);
    vec![
        book("Down", Mode::Auto, vec![rung(3, vec![restart()])], vec![]),
        book(
            "Slow",
            Mode::Auto,
            vec![rung(1, vec![step("wait", Risk::Read), restart()]), rung(2, vec![step("clean", Risk::Idempotent), restart()])],
            vec![step("undo.clean", Risk::Idempotent), step("undo.restart", Risk::Seen)],
        ),
        book("Stuck", Mode::Auto, vec![rung(2, vec![step("post", Risk::Once)])], vec![]),
        book("Trial", Mode::Observe, vec![rung(3, vec![restart()])], vec![]),
        book("Asked", Mode::Approve, vec![rung(3, vec![restart()])], vec![]),
        book("Runbook", Mode::Auto, vec![], vec![]),
        orderly(),
    ]
}

fn book(alert: &str, mode: Mode, rungs: Vec<Rung>, rollback: Vec<Step>) -> Playbook {
    Playbook {
        id: PlaybookId(alert.to_lowercase().into()),
        revision: Revision(format!("revision-{alert}").into()),
        title: alert.to_owned(),
        covers: Vec::new(),
        selectors: vec![Selector::parse(&[format!("alertname={alert}")]).unwrap()],
        target: TargetTemplate { kind: TargetKind::Unit, name: "{{ labels.target }}".to_owned() },
        mode,
        limits: Limits {
            attempts: 3,
            within: Duration::from_secs(600),
            budget: vec![BUDGET, Budget { count: 12, window: Duration::from_secs(3 * 3_600) }],
            cooldown: Backoff { base: Duration::from_secs(10), factor: 2, max: Duration::from_secs(300), jitter: 10 },
            grace: Duration::from_secs(20),
            settle: Duration::from_secs(10),
        },
        act_on: ActOn::Probes,
        after_care: Duration::from_secs(120),
        recovery_time: None,
        escalate_when: None,
        severity: None,
        owner: None,
        causes: Vec::new(),
        class: FailureClass::Service,
        earns: false,
        after: Vec::new(),
        priority: 0,
        windows: Windows::default(),
        vars: [].into(),
        rungs,
        verify: Verify {
            within: Duration::from_secs(30),
            stable: Duration::from_secs(2),
            probes: ["active", "answers"].map(|kind| Check { kind, args: Value::Null, object: StepObject::Default }).into(),
        },
        rollback,
        afterwards: Vec::new(),
        checklist: Vec::new(),
        manual_fix: None,
        debug_prompt: None,
    }
}

/// With all that may stand beside a step, and order made afterwards.
fn orderly() -> Playbook {
    let mut looked = step("wait", Risk::Read);
    looked.options.register = Some("looked".to_owned());
    let mut clean = step("clean", Risk::Idempotent);
    clean.options.retry = Some(Retry { attempts: 3, backoff: Backoff::RETRY });
    clean.options.on_failure = OnFailure::Continue;
    clean.options.when = Some("steps.looked.outcome == 'done'".to_owned());
    let mut never = step("post", Risk::Once);
    never.options.when = Some("labels.none | default('') == 'x'".to_owned());
    let rungs = vec![rung(1, vec![never.clone()]), rung(2, vec![looked, clean, never, step("restart", Risk::Seen)])];
    let mut after = step("clean", Risk::Idempotent);
    after.options.retry = Some(Retry { attempts: 2, backoff: Backoff::RETRY });
    Playbook { afterwards: vec![after], ..book("Orderly", Mode::Auto, rungs, vec![]) }
}

fn rung(times: u32, steps: Vec<Step>) -> Rung {
    Rung { title: "repair".to_owned(), steps, times, accepted: false, whole: false }
}

fn step(kind: &'static str, risk: Risk) -> Step {
    let object = if risk == Risk::Once { StepObject::Nothing } else { StepObject::Default };
    let deadline = Duration::from_secs(30);
    Step {
        kind,
        args: Value::Null,
        stake: Stake { object, risk, reversible: true, in_flight: IN_FLIGHT, deadline },
        options: StepOptions::default(),
    }
}
