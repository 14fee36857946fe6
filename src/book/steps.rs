//! What no step can see alone: results that none registers, and what can't be undone.

use super::markdown::{Heading, Page};
use super::options::RESULTS_MAX;
use crate::domain::playbook::{Rung, Step, StepObject};
use crate::domain::template::registered_names;
use crate::yaml::{File, nearest};
use serde_json::Value;

/// All steps of one file.
#[derive(Debug)]
pub struct Steps<'a> {
    pub file: &'a File<'a>,
    pub page: &'a Page,
    pub rungs: &'a [Rung],
    pub rollback: &'a [Step],
    pub afterwards: &'a [Step],
}

// === impl Steps ===

impl Steps<'_> {
    /// `accepted`: people consent to each attempt, or the file says for all rungs that its author knows.
    pub fn check(&self, accepted: bool) {
        self.undoable(accepted);
        let mut known: Vec<&str> = Vec::new();
        let lists = self.rungs.iter().map(|rung| (Heading::AutoRecovery, &rung.steps[..]));
        for (heading, steps) in lists.chain([(Heading::Rollback, self.rollback), (Heading::Afterwards, self.afterwards)]) {
            let mut here: Vec<&str> = Vec::new();
            for step in steps {
                self.results(heading, step, &known);
                let Some(name) = step.options.register.as_deref() else { continue };
                if here.contains(&name) {
                    self.refuse(
                        heading,
                        &format!("two steps of one list register {name:?}; give each result a name of its own"),
                        "",
                    );
                }
                here.push(name);
                if !known.contains(&name) {
                    known.push(name);
                }
            }
        }
        if known.len() > RESULTS_MAX {
            self.refuse(
                Heading::AutoRecovery,
                &format!("{} results are registered; at most {RESULTS_MAX} are kept", known.len()),
                "",
            );
        }
    }

    /// Results that a step speaks of must be registered by one before it.
    fn results(&self, heading: Heading, step: &Step, known: &[&str]) {
        let mut used = Vec::new();
        let when = step.options.when.as_ref().map(|when| registered_names(when, true));
        let clear = when.is_none_or(|names| names.map(|names| used.extend(names)).is_some()) & names(&step.args, &mut used);
        if !clear {
            let help = "write `steps.NAME.key` for each result";
            self.refuse(heading, &format!("{}: which results it speaks of can't be told", step.kind), help);
        }
        for name in used.iter().filter(|name| !known.contains(&name.as_str())) {
            let hint = match nearest(name, known) {
                Some(near) => format!("did you mean {near:?}?"),
                None if known.is_empty() => "no step before it has `register:`".to_owned(),
                None => format!("registered before it are {}", known.join(", ")),
            };
            self.refuse(heading, &format!("{}: no step before it registers {name:?}", step.kind), &hint);
        }
        if let StepObject::Other(object) = &step.stake.object
            && registered_names(&object.name, false).is_none_or(|names| !names.is_empty())
        {
            let help = "what a step changes is locked, and charged to its budget, before the attempt begins: name it by a label or a variable";
            self.refuse(heading, &format!("{}: its object depends on the result of a step", step.kind), help);
        }
    }

    fn undoable(&self, accepted: bool) {
        if accepted || !self.rollback.is_empty() {
            return;
        }
        for rung in self.rungs.iter().filter(|rung| !rung.accepted) {
            let Some(step) = rung.steps.iter().find(|step| !step.stake.reversible) else { continue };
            let what = format!("rung {:?}: what {} does can't be undone, and there is no Rollback", rung.title, step.kind);
            let help = "add a section `## Rollback`, or `mode: approve`, or write `irreversible: accepted` into the rung or the front matter";
            self.refuse(Heading::AutoRecovery, &what, help);
        }
    }

    fn refuse(&self, heading: Heading, what: &str, help: &str) {
        let at = self.page.parts.get(&heading).map_or(0, |part| part.at);
        match help {
            "" => self.file.refuse(at, what),
            help => self.file.refuse_with_help(at, what, help),
        }
    }
}

/// False: some of them can't be told.
fn names(args: &Value, used: &mut Vec<String>) -> bool {
    match args {
        Value::String(text) => registered_names(text, false).map(|names| used.extend(names)).is_some(),
        Value::Array(items) => items.iter().fold(true, |clear, item| names(item, used) & clear),
        Value::Object(map) => map.values().fold(true, |clear, item| names(item, used) & clear),
        _ => true,
    }
}
