//! What a drill showed: measured from the incident's own timeline, and held against what was expected. Pure.

use super::file::{Drill, Expect};
use crate::domain::time::Span;
use crate::run::view::{EventView, IncidentView};
use jiff::Timestamp;
use std::time::Duration;

/// The moments of one incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    pub opened: Option<Timestamp>,
    /// When the first step was sent that touches something.
    pub first_effect: Option<Timestamp>,
    pub healed: Option<Timestamp>,
    pub escalated: Option<Timestamp>,
    pub attempts: u32,
    /// Kinds of the steps that were carried out, in their order.
    pub steps: Vec<String>,
    /// In heald's words, of the end.
    pub state: String,
}

/// The verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// From the fault to the incident.
    pub detect: Option<Duration>,
    /// From the incident to the first effect.
    pub act: Option<Duration>,
    /// From the first effect to the passed verification.
    pub verify: Option<Duration>,
    /// From the incident to the passed verification.
    pub recovery: Option<Duration>,
    /// Empty: it passed.
    pub why: Vec<String>,
}

/// Steps that only read, gather or wait: no effect, whatever they are called.
const QUIET: [&str; 9] = [
    "wait",
    "gather",
    "process.list_top",
    "process.find_port_holder",
    "redis.info",
    "redis.ping",
    "sqlite.check",
    "dns.resolve",
    "http get",
];

// === impl Timeline ===

impl Timeline {
    pub fn of(view: &IncidentView) -> Self {
        let mut timeline = Self {
            opened: Some(view.opened_at),
            healed: view.healed_at,
            attempts: view.attempts,
            state: view.outcome.clone().map_or_else(|| view.state.clone(), |outcome| format!("{} ({outcome})", view.state)),
            ..Self::default()
        };
        for event in &view.events {
            timeline.take(event);
        }
        timeline
    }

    fn take(&mut self, event: &EventView) {
        match event.kind.as_str() {
            "step_started" => {
                let Some(text) = step(&event.text) else { return };
                if !QUIET.iter().any(|quiet| text == *quiet || text.starts_with(&format!("{quiet} "))) {
                    self.first_effect.get_or_insert(event.at);
                }
                let kind = text.split_whitespace().next().unwrap_or_default();
                self.steps.push(kind.to_owned());
            }
            // The first one: what comes after a failed after-care is another story.
            "healed" => drop(self.healed.get_or_insert(event.at)),
            "escalated" => drop(self.escalated.get_or_insert(event.at)),
            _ => {}
        }
    }

    /// A guard holds it: only for now, or for good.
    pub fn is_held(&self) -> bool {
        self.state == "held"
    }

    /// Whether all that is expected has been seen, or can't be any more.
    pub fn is_over(&self, expect: Expect) -> bool {
        let ended = self.state.starts_with("closed") || self.escalated.is_some();
        match expect {
            Expect::Healed => self.healed.is_some() || ended,
            Expect::Escalated => ended || self.healed.is_some(),
            Expect::Refused => ended || self.first_effect.is_some() || self.healed.is_some() || self.state == "observed",
        }
    }
}

/// `step 1: systemd.restart web.service` → the rest; a rollback's step has a word before it.
fn step(text: &str) -> Option<&str> {
    let (head, rest) = text.split_once(": ")?;
    head.contains("step ").then_some(rest)
}

/// Holds it against what the drill expects. `fault`: when the last fault was injected; `within`: the goal in force.
pub fn judge(drill: &Drill, fault: Timestamp, timeline: Option<&Timeline>, within: Option<Duration>) -> Judged {
    let Some(timeline) = timeline else {
        let why = format!("no incident of playbook {} within {} of the fault", drill.playbook, Span(drill.detect_within));
        return Judged { why: vec![why], ..Judged::default() };
    };
    let between =
        |from: Option<Timestamp>, to: Option<Timestamp>| Some(Duration::try_from(to?.duration_since(from?)).unwrap_or_default());
    let mut judged = Judged {
        detect: between(Some(fault), timeline.opened),
        act: between(timeline.opened, timeline.first_effect),
        verify: between(timeline.first_effect, timeline.healed),
        recovery: between(timeline.opened, timeline.healed),
        why: Vec::new(),
    };
    let mut fails = |why: String| judged.why.push(why);
    let state = &timeline.state;
    match drill.expect {
        Expect::Healed if timeline.healed.is_none() => fails(format!("not healed: the incident is {state}")),
        Expect::Healed if timeline.first_effect.is_none() => fails("healed without an effect of heald's".to_owned()),
        Expect::Escalated if timeline.escalated.is_none() => fails(format!("no person was called: the incident is {state}")),
        Expect::Refused if timeline.first_effect.is_some() => {
            fails(format!("something was done: {}", timeline.steps.join(", ")));
        }
        _ => {}
    }
    if let (Expect::Healed, Some(recovery), Some(within)) = (drill.expect, judged.recovery, within)
        && recovery > within
    {
        judged.why.push(format!("recovered in {}, the goal is {}", Span(recovery), Span(within)));
    }
    if let Some(detect) = judged.detect.filter(|detect| *detect > drill.detect_within) {
        judged.why.push(format!("detected in {}, the goal is {}", Span(detect), Span(drill.detect_within)));
    }
    if let Some(attempts) = drill.attempts.filter(|attempts| *attempts != timeline.attempts) {
        judged.why.push(format!("{} attempts, expected {attempts}", timeline.attempts));
    }
    let mut ran = timeline.steps.iter();
    if let Some(missing) = drill.steps.iter().find(|kind| !ran.any(|step| step == *kind)) {
        let ran = if timeline.steps.is_empty() { "none".to_owned() } else { timeline.steps.join(", ") };
        judged.why.push(format!("step {missing} was not carried out in its turn; carried out: {ran}"));
    }
    judged
}

impl Judged {
    pub fn passed(&self) -> bool {
        self.why.is_empty()
    }
}
