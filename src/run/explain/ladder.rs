//! Everything that a playbook may do for an alert, filled in, as far as it is known before anything has run.

use crate::domain::plan::{Binding, PlannedStep, Section};
use crate::domain::playbook::{OnFailure, Playbook, Risk};
use crate::domain::time::Span;
use crate::run::Driver;
use crate::run::view::{ListView, StepView};
use crate::run::world::World;
use serde_json::Value;

impl<W: World> Driver<W> {
    /// The lists of steps, and the probes.
    pub(super) fn ladder(&self, book: &Playbook, binding: &Binding<'_>) -> (Vec<ListView>, Vec<String>) {
        let rungs = (0..book.rungs.len()).map(Section::Rung);
        let more = [(Section::Rollback, &book.rollback), (Section::Afterwards, &book.afterwards)];
        let more = more.into_iter().filter(|(_, steps)| !steps.is_empty()).map(|(section, _)| section);
        let lists = rungs.chain(more).map(|section| self.list(book, binding, section)).collect();
        let probes = binding.probes().map(|probes| {
            let text = |probe: &_| match self.world.admit_probe(probe) {
                Ok(()) => probe.text(),
                Err(why) => format!("{}: {why}", probe.text()),
            };
            probes.iter().map(text).collect()
        });
        (lists, probes.unwrap_or_else(|why| vec![why]))
    }

    fn list(&self, book: &Playbook, binding: &Binding<'_>, section: Section) -> ListView {
        let rung = match section {
            Section::Rung(rung) => book.rungs.get(rung),
            Section::Rollback | Section::Afterwards => None,
        };
        let word = match section {
            Section::Rung(_) => "rung",
            Section::Rollback => "rollback",
            Section::Afterwards => "afterwards",
        };
        let (steps, problem) = match binding.plan(section, None) {
            Ok(plan) => (plan.steps.iter().map(|step| self.step(step)).collect(), None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let title = rung.map(|rung| rung.title.clone());
        ListView { section: word.to_owned(), title, times: rung.map(|rung| rung.times), steps, problem }
    }

    fn step(&self, step: &PlannedStep) -> StepView {
        // What speaks of results is looked at when they are known.
        let known = step.skip.is_none() && !step.waits;
        StepView {
            kind: step.kind.to_owned(),
            text: step.text(),
            object: step.object.clone(),
            args: shown(&step.args),
            options: options(step),
            skipped: step.skip.clone(),
            problem: known.then(|| self.world.admit(step).err()).flatten(),
        }
    }
}

fn options(step: &PlannedStep) -> Vec<String> {
    let mut words = Vec::new();
    if step.waits {
        words.push("filled in when earlier results are known".to_owned());
    }
    match step.on_failure {
        OnFailure::Verify => {}
        OnFailure::Continue => words.push("optional".to_owned()),
        OnFailure::Escalate => words.push("its failure escalates".to_owned()),
    }
    words.push(format!("at most {}", Span(step.deadline)));
    if let Some(retry) = &step.retry {
        let (base, max) = (Span(retry.backoff.base), Span(retry.backoff.max));
        words.push(format!("up to {} tries, {base} × {} up to {max} apart", retry.attempts, retry.backoff.factor));
    }
    match step.risk {
        Risk::Read => words.push("changes nothing".to_owned()),
        Risk::Once => words.push("never sent twice".to_owned()),
        Risk::Seen | Risk::Idempotent => {}
    }
    words.extend(step.register.as_ref().map(|name| format!("result kept as steps.{name}")));
    words
}

/// Headers may hold tokens.
fn shown(args: &Value) -> Value {
    let mut args = args.clone();
    if let Some(headers) = args.get_mut("headers").and_then(Value::as_object_mut) {
        headers.values_mut().for_each(|value| *value = Value::from("…"));
    }
    args
}
