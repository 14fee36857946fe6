//! Playbooks and looks for the scripts, by name.

use crate::domain::look::{AlertSight, Evidence, Observation, ProbeResult, ProbeVerdict, Surroundings, TargetState};
use crate::domain::playbook::{
    ActOn, Backoff, Check, FailureClass, Limits, Mode, OnFailure, Playbook, Retry, Risk, Rung, Stake, Step, StepObject,
    StepOptions, TargetTemplate, Verify, Windows,
};
use crate::domain::target::{Target, TargetKind};
use crate::domain::{id, selector::Selector};
use serde_json::Value;
use std::time::Duration;

pub(super) fn target(name: &str) -> Target {
    Target::new(TargetKind::Unit, name).unwrap()
}

/// One rung, up to three times: restart the unit.
pub(super) fn restart() -> Playbook {
    Playbook {
        id: id::PlaybookId::from("web-down"),
        revision: id::Revision("r1".into()),
        title: "Web is down".to_owned(),
        covers: Vec::new(),
        selectors: vec![Selector::parse(&["alertname=WebDown"]).unwrap()],
        target: TargetTemplate { kind: TargetKind::Unit, name: "{{ labels.target }}".to_owned() },
        mode: Mode::Auto,
        limits: Limits::default(),
        act_on: ActOn::Probes,
        after_care: Duration::from_secs(300),
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
        rungs: vec![rung("restart", 3, vec![step("systemd.restart", Risk::Seen)])],
        verify: Verify {
            within: Duration::from_secs(30),
            stable: Duration::from_secs(2),
            probes: ["active", "http"].map(|kind| Check { kind, args: Value::Null, object: StepObject::Default }).into(),
        },
        rollback: Vec::new(),
        afterwards: Vec::new(),
        checklist: Vec::new(),
        manual_fix: None,
        debug_prompt: None,
    }
}

fn rung(title: &str, times: u32, steps: Vec<Step>) -> Rung {
    Rung { title: title.to_owned(), steps, times, accepted: false, whole: false }
}

fn step(kind: &'static str, risk: Risk) -> Step {
    let object = if risk == Risk::Once { StepObject::Nothing } else { StepObject::Default };
    let deadline = Duration::from_secs(90);
    Step {
        kind,
        args: Value::Null,
        stake: Stake { object, risk, reversible: true, in_flight: Duration::ZERO, deadline },
        options: StepOptions::default(),
    }
}

pub(super) fn alter(book: &mut Playbook, word: &str) {
    match word {
        "observe" => book.mode = Mode::Observe,
        "act-on-alert" => book.act_on = ActOn::Alert,
        "runbook" => book.rungs.clear(),
        "checklist" => book.checklist = ["Stop {{ target }}.", "Restore it."].map(str::to_owned).into(),
        "once" => book.rungs = vec![rung("poke", 3, vec![step("http.post", Risk::Once)])],
        "whole" => book.rungs = vec![rung("recreate", 1, vec![step("docker.recreate", Risk::Whole)])],
        "read-first" => book.rungs[0].steps.insert(0, step("wait", Risk::Read)),
        "two-steps" => book.rungs[0].steps.push(step("warm-up", Risk::Idempotent)),
        "stop-start" => {
            let steps = vec![step("systemd.stop", Risk::Idempotent), step("systemd.start", Risk::Seen)];
            book.rungs = vec![rung("stop, then start", 3, steps)];
        }
        "together" => {
            let steps = vec![step("systemd.stop", Risk::Idempotent), step("systemd.start", Risk::Seen)];
            book.rungs = vec![Rung { whole: true, ..rung("stop, then start", 3, steps) }];
        }
        "other-probe" => {
            let name = "{{ labels.target }}".to_owned();
            book.verify.probes[1].object = StepObject::Other(TargetTemplate { kind: TargetKind::Unit, name });
        }
        "db-first" => {
            let object = StepObject::Other(TargetTemplate { kind: TargetKind::Unit, name: "db.service".to_owned() });
            let mut first = step("systemd.restart", Risk::Seen);
            first.stake.object = object;
            book.rungs[0].steps.insert(0, first);
        }
        "helpful" => {
            book.debug_prompt = Some("Why is {{ target }} down?\n{{ logs(2) }}\n--\n{{ timeline }}".to_owned());
        }
        "retrying" => book.rungs[0].steps[0].options.retry = Some(Retry { attempts: 3, backoff: Backoff::RETRY }),
        "optional-first" => {
            let mut first = step("http.post", Risk::Once);
            first.options.on_failure = OnFailure::Continue;
            book.rungs[0].steps.insert(0, first);
        }
        "no-further" => {
            book.rungs[0].steps[0].options.on_failure = OnFailure::Escalate;
            book.rungs.push(rung("clean", 1, vec![step("files.clean", Risk::Idempotent)]));
        }
        "measured" => {
            // Looks, deletes only when much is there, and tells how much.
            let mut measure = step("files.count", Risk::Read);
            measure.options.register = Some("found".to_owned());
            let mut delete = step("files.delete", Risk::Idempotent);
            delete.options.when = Some("steps.found.bytes > 100".to_owned());
            delete.args = serde_json::json!({ "bytes": "{{ steps.found.bytes }}" });
            book.rungs[0].steps.splice(0..0, [measure, delete]);
        }
        "gold-only" => {
            let mut gold = step("files.clean", Risk::Idempotent);
            gold.options.when = Some("labels.tier | default('') == 'gold'".to_owned());
            book.rungs.insert(0, rung("clean for gold", 1, vec![gold]));
        }
        "afterwards" => book.afterwards = vec![step("flag.clear", Risk::Idempotent)],
        "one-try" => book.rungs[0].times = 1,
        "two-rungs" => {
            book.rungs[0].times = 1;
            book.rungs.push(rung("clean", 1, vec![step("files.clean", Risk::Idempotent)]));
        }
        "rollback" => book.rollback = vec![step("undo.b", Risk::Seen), step("undo.a", Risk::Idempotent)],
        "docker" => {
            for step in &mut book.rungs[0].steps {
                step.stake.in_flight = Duration::from_secs(15);
            }
        }
        other => panic!("{other:?} is no book"),
    }
}

/// `up`, `failed`, `up/2` (started anew), `half` (up, one probe fails) …
pub(super) fn seen(word: &str) -> Observation {
    let (word, start) = word.split_once('/').unwrap_or((word, "1"));
    let detail = || "says the world".to_owned();
    let old = TargetState::up(Duration::from_secs(3_600));
    let (state, active, http) = match word {
        "up" => (old, ProbeVerdict::Pass, ProbeVerdict::Pass),
        "half" => (old, ProbeVerdict::Pass, ProbeVerdict::Fail),
        "unknown" => (old, ProbeVerdict::Unknown, ProbeVerdict::Pass),
        "young" => (TargetState::up(Duration::from_secs(5)), ProbeVerdict::Pass, ProbeVerdict::Fail),
        "unreachable" => (TargetState::Unreachable { detail: detail() }, ProbeVerdict::Unknown, ProbeVerdict::Unknown),
        down => {
            let state = match down {
                "failed" => TargetState::Failed { detail: detail() },
                "starting" => TargetState::Starting { detail: detail() },
                "restarting" => TargetState::Restarting { detail: detail() },
                "job" => TargetState::JobPending { detail: detail() },
                "busy" => TargetState::HostBusy { detail: detail() },
                "stopped" => TargetState::StoppedByPerson { detail: detail() },
                "unclear" => TargetState::StoppedUnclear { detail: detail() },
                "masked" => TargetState::Masked,
                "start-limit" => TargetState::StartLimitHit,
                "missing" => TargetState::Missing,
                other => panic!("{other:?} is no look"),
            };
            (state, ProbeVerdict::Fail, ProbeVerdict::Fail)
        }
    };
    let probe = |probe: &str, verdict: ProbeVerdict| ProbeResult {
        probe: probe.to_owned(),
        verdict,
        detail: format!("{verdict:?}").to_lowercase(),
    };
    let evidence = Some(Evidence(start.into()));
    Observation::new(vec![probe("active", active), probe("http", http)], state, evidence)
}

/// What is seen besides the target's state.
#[derive(Clone, Debug, Default)]
pub(super) struct Extra {
    pub alert: AlertSight,
    pub around: Surroundings,
}

impl Extra {
    pub(super) fn of(&self, word: &str) -> Observation {
        Observation { alert: self.alert.clone(), around: self.around.clone(), ..seen(word) }
    }
}
