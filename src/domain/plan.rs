//! A playbook bound to an alert: the steps with their labels filled in.

use super::alert::{AlertContext, Labels};
use super::playbook::{Check, OnFailure, Playbook, Retry, Risk, Step, StepObject, TargetTemplate};
use super::target::{AllowList, Target};
use super::template::{self, Context, Results};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Which list of a playbook a step belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    Rung(usize),
    Rollback,
    Afterwards,
}

impl Section {
    pub fn noun(self) -> &'static str {
        match self {
            Self::Rung(_) => "rung",
            Self::Rollback => "rollback",
            Self::Afterwards => "clean-up afterwards",
        }
    }
}

/// The steps of one section, ready to be judged and performed.
#[derive(Clone, Debug)]
pub struct Plan {
    pub section: Section,
    /// The playbook's target: effects without an object of their own are on its account.
    pub target: Option<Target>,
    pub steps: Vec<PlannedStep>,
}

#[derive(Clone, Debug)]
pub struct PlannedStep {
    pub kind: &'static str,
    /// Rendered; `action/` checks them once more against their types.
    pub args: Value,
    pub object: Option<Target>,
    pub risk: Risk,
    pub in_flight: Duration,
    pub deadline: Duration,
    /// Why it is left out: its `when:` does not hold.
    pub skip: Option<String>,
    /// It speaks of a result that is still to come: its parameters are still templates.
    pub waits: bool,
    pub on_failure: OnFailure,
    pub retry: Option<Retry>,
    pub register: Option<String>,
}

/// A rendered probe.
#[derive(Clone, Debug)]
pub struct PlannedProbe {
    pub kind: &'static str,
    pub args: Value,
    pub object: Option<Target>,
}

/// What is fixed for the life of an incident and needed to fill in templates.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    pub playbook: &'a Playbook,
    pub target: Option<&'a Target>,
    pub alert: &'a AlertContext,
    pub allow: &'a AllowList,
    /// Of the steps that ran, by their registered names.
    pub results: &'a Results,
}

/// Renders a playbook's `target:` for an alert and checks it against the allow-list.
///
/// # Errors
/// Why nothing may run: the template fails, the name does not fit, or it is not allowed.
pub fn target_of(playbook: &Playbook, labels: &Labels, annotations: &Labels, allow: &AllowList) -> Result<Target, String> {
    let steps = Results::new();
    let context = Context { labels, annotations, vars: &playbook.vars, target: None, steps: &steps };
    allowed(&playbook.target, &context, allow)
}

fn allowed(wanted: &TargetTemplate, context: &Context<'_>, allow: &AllowList) -> Result<Target, String> {
    let target = Target::new(wanted.kind, &template::render(&wanted.name, context)?)?;
    if allow.allows(&target) {
        return Ok(target);
    }
    Err(not_allowed(&target))
}

fn not_allowed(target: &Target) -> String {
    format!("{target} is not on the allow-list; to let heald touch it, add it under `targets:` of the configuration")
}

// === impl Plan ===

impl Plan {
    /// Whom the plan touches, sorted, each once: the order in which locks are taken.
    pub fn objects(&self) -> Vec<Target> {
        let effects = self.steps.iter().filter(|step| step.has_effect());
        let mut objects: Vec<Target> = effects.filter_map(|step| step.object.clone().or_else(|| self.target.clone())).collect();
        objects.sort();
        objects.dedup();
        objects
    }

    /// The plan word for word: two plans with the same one do the same.
    pub fn fingerprint(&self) -> String {
        let steps: Vec<_> =
            self.steps.iter().filter(|step| step.skip.is_none()).map(|step| (step.kind, &step.object, &step.args)).collect();
        // Strings and JSON values always serialise.
        serde_json::to_string(&(self.section, &self.target, steps)).unwrap_or_default()
    }

    /// `systemd.restart web.service, then wait 5s`
    pub fn text(&self) -> String {
        let steps = self.steps.iter().filter(|step| step.skip.is_none());
        steps.map(PlannedStep::text).collect::<Vec<_>>().join(", then ")
    }

    /// Nothing of it is to be done now: no `when:` holds.
    pub fn is_idle(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|step| step.skip.is_some())
    }

    /// Plans that only read or wait cost no budget.
    pub fn has_effects(&self) -> bool {
        self.steps.iter().any(PlannedStep::has_effect)
    }
}

impl PlannedStep {
    /// As the playbook has it, with its parameters filled in.
    pub fn new(step: &Step, args: Value, object: Option<Target>) -> Self {
        Self {
            kind: step.kind,
            args,
            object,
            risk: step.stake.risk,
            in_flight: step.stake.in_flight,
            deadline: step.stake.deadline,
            skip: None,
            waits: false,
            on_failure: step.options.on_failure,
            retry: step.options.retry,
            register: step.options.register.clone(),
        }
    }

    fn has_effect(&self) -> bool {
        self.risk != Risk::Read && self.skip.is_none()
    }

    /// `docker.restart ollama`; `http post http://…`.
    pub fn text(&self) -> String {
        words(self.kind, self.object.as_ref(), &self.args)
    }
}

impl PlannedProbe {
    pub fn text(&self) -> String {
        words(self.kind, self.object.as_ref(), &self.args)
    }
}

/// The object, or the parameter that says most; then the other parameters that are one word.
fn words(kind: &str, object: Option<&Target>, args: &Value) -> String {
    const MAIN: [&str; 15] = [
        "get", "post", "put", "delete", "head", "patch", "url", "address", "path", "database", "query", "argv", "name", "mac",
        "port",
    ];
    const METHODS: [&str; 6] = ["get", "post", "put", "delete", "head", "patch"];
    let map = args.as_object();
    let main = MAIN.into_iter().find(|key| map.is_some_and(|map| map.contains_key(*key))).filter(|_| object.is_none());
    let mut words = vec![kind.to_owned()];
    words.extend(object.map(|target| target.name().to_owned()));
    if let (None, Value::String(text)) = (object, args) {
        words.push(super::target::cut(text));
    }
    if let Some((key, value)) = main.and_then(|key| Some((key, map?.get(key)?))) {
        words.extend(METHODS.contains(&key).then(|| key.to_owned()));
        // A query may hold a key, an argument a password.
        let shown = scalar(value).map(|value| value.split_once('?').map_or(value.clone(), |(url, _)| format!("{url}?…")));
        words.extend(shown.map(|value| super::logs::redact(&value)));
    }
    for (key, value) in map.into_iter().flatten() {
        // Headers and bodies may be long, and hold secrets.
        let shown = Some(key.as_str()) != main && !SILENT.contains(&key.as_str());
        let names_object = object.is_some_and(|object| value.as_str() == Some(object.name()));
        if let Some(value) = scalar(value).or_else(|| nested(value)).filter(|_| shown && !names_object) {
            words.push(super::logs::redact(&format!("{key}={value}")));
        }
    }
    words.join(" ")
}

/// Parameters that say nothing about what is done.
const SILENT: [&str; 6] = ["json", "headers", "status", "timeout", "output_max", "grace"];

/// One level: whoever consents to a step sees the port and the signal, too.
fn nested(value: &Value) -> Option<String> {
    let words: Vec<String> =
        value.as_object()?.iter().filter_map(|(key, value)| Some(format!("{key}={}", scalar(value)?))).collect();
    (!words.is_empty()).then(|| format!("({})", super::target::cut(&words.join(" "))))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(super::target::cut(text)),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Some(super::target::cut(&words.join(" ")))
        }
        _ => None,
    }
}

// === impl Binding ===

impl Binding<'_> {
    /// `done`: so many of its steps are over; what they registered is known, what the others will register is not. `None`:
    /// nothing has run yet, to see whether everything fits.
    ///
    /// # Errors
    /// The section, the step's number from 1, and why it can't be bound.
    pub fn plan(&self, section: Section, done: Option<usize>) -> Result<Plan, String> {
        let (labels, annotations) = self.alert.read();
        let context = self.context(&labels, &annotations);
        let (name, steps): (&str, &[Step]) = match section {
            Section::Rung(rung) => match self.playbook.rungs.get(rung) {
                Some(rung) => (&rung.title, &rung.steps),
                None => return Err(format!("the playbook has no rung {}", rung + 1)),
            },
            Section::Rollback => ("rollback", &self.playbook.rollback),
            Section::Afterwards => ("afterwards", &self.playbook.afterwards),
        };
        match self.target {
            Some(target) if self.allow.allows(target) => {}
            Some(target) => return Err(not_allowed(target)),
            None => return Err("there is no target".to_owned()),
        }
        let to_come: Vec<&str> = match done {
            Some(done) => steps.iter().skip(done).filter_map(|step| step.options.register.as_deref()).collect(),
            None => self.playbook.registered().collect(),
        };
        let (runs, done) = (done.is_some(), done.unwrap_or_default());
        let steps = steps
            .iter()
            .enumerate()
            .map(|(index, step)| {
                // What is over is not done again.
                let known = if index < done { None } else { Some(&to_come[..]) };
                let bound = self.step(step, known, &context);
                // A rollback undoes what it can: one step that has nothing to undo must not keep the others from it.
                let bound = match bound {
                    Err(why) if section == Section::Rollback && runs => {
                        Ok(PlannedStep { skip: Some(why), ..PlannedStep::new(step, step.args.clone(), None) })
                    }
                    other => other,
                };
                bound.map_err(|why| format!("{name}, step {} ({}): {why}", index + 1, step.kind))
            })
            .collect::<Result<_, _>>()?;
        Ok(Plan { section, target: self.target.cloned(), steps })
    }

    /// # Errors
    /// The probe and why it can't be bound.
    pub fn probes(&self) -> Result<Vec<PlannedProbe>, String> {
        let (labels, annotations) = self.alert.read();
        let context = self.context(&labels, &annotations);
        self.playbook
            .verify
            .probes
            .iter()
            .map(|check| self.probe(check, &context).map_err(|why| format!("verify ({}): {why}", check.kind)))
            .collect()
    }

    fn context<'a>(&'a self, labels: &'a Labels, annotations: &'a Labels) -> Context<'a> {
        let target = self.target.map(Target::name);
        Context { labels, annotations, vars: &self.playbook.vars, target, steps: self.results }
    }

    /// `to_come`: the names of results that this section will still bring; `None`: the step is over.
    fn step(&self, step: &Step, to_come: Option<&[&str]>, context: &Context<'_>) -> Result<PlannedStep, String> {
        let Some(to_come) = to_come else {
            let object = self.object(&step.stake.object, context).unwrap_or_default();
            return Ok(PlannedStep::new(step, step.args.clone(), object));
        };
        let awaited = |names: Option<Vec<String>>| {
            names.map_or(!to_come.is_empty(), |names| names.iter().any(|name| to_come.contains(&name.as_str())))
        };
        let when = step.options.when.as_deref();
        let may_run = match when {
            Some(when) if awaited(template::registered_names(when, true)) => None,
            Some(when) => Some(template::holds(when, context)?),
            None => Some(true),
        };
        if may_run == Some(false) {
            let skip = when.map(|when| format!("its condition does not hold: {when}"));
            return Ok(PlannedStep { skip, ..PlannedStep::new(step, step.args.clone(), None) });
        }
        let object = self.object(&step.stake.object, context)?;
        if may_run.is_none() || waits(&step.args, &awaited) {
            return Ok(PlannedStep { waits: true, ..PlannedStep::new(step, step.args.clone(), object) });
        }
        Ok(PlannedStep::new(step, template::render_value(&step.args, context)?, object))
    }

    fn probe(&self, check: &Check, context: &Context<'_>) -> Result<PlannedProbe, String> {
        Ok(PlannedProbe {
            kind: check.kind,
            args: template::render_value(&check.args, context)?,
            object: self.object(&check.object, context)?,
        })
    }

    fn object(&self, object: &StepObject, context: &Context<'_>) -> Result<Option<Target>, String> {
        match object {
            StepObject::Nothing => Ok(None),
            StepObject::Other(wanted) => allowed(wanted, context, self.allow).map(Some),
            StepObject::Default => match self.target {
                Some(target) => Ok(Some(target.clone())),
                None => Err("there is no target".to_owned()),
            },
        }
    }
}

fn waits(args: &Value, awaited: &impl Fn(Option<Vec<String>>) -> bool) -> bool {
    match args {
        Value::String(text) => awaited(template::registered_names(text, false)),
        Value::Array(items) => items.iter().any(|item| waits(item, awaited)),
        Value::Object(map) => map.values().any(|item| waits(item, awaited)),
        _ => false,
    }
}
