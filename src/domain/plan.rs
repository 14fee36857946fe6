//! A playbook bound to an alert: the steps with their labels filled in.

use super::alert::{AlertContext, Labels};
use super::playbook::{Check, Playbook, Risk, Step, StepObject, TargetTemplate};
use super::target::{AllowList, Target};
use super::template::{self, Context};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Which list of a playbook a step belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    Rung(usize),
    Rollback,
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
}

/// Renders a playbook's `target:` for an alert and checks it against the allow-list.
///
/// # Errors
/// Why nothing may run: the template fails, the name does not fit, or it is not allowed.
pub fn target_of(playbook: &Playbook, labels: &Labels, annotations: &Labels, allow: &AllowList) -> Result<Target, String> {
    let context = Context { labels, annotations, vars: &playbook.vars, target: None };
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
        let effects = self.steps.iter().filter(|step| step.risk != Risk::Read);
        let mut objects: Vec<Target> = effects.filter_map(|step| step.object.clone().or_else(|| self.target.clone())).collect();
        objects.sort();
        objects.dedup();
        objects
    }

    /// The plan word for word: two plans with the same one do the same.
    pub fn fingerprint(&self) -> String {
        let steps: Vec<_> = self.steps.iter().map(|step| (step.kind, &step.object, &step.args)).collect();
        // Strings and JSON values always serialise.
        serde_json::to_string(&(self.section, &self.target, steps)).unwrap_or_default()
    }

    /// `systemd.restart web.service, then wait 5s`
    pub fn text(&self) -> String {
        self.steps.iter().map(PlannedStep::text).collect::<Vec<_>>().join(", then ")
    }

    /// Plans that only read or wait cost no budget.
    pub fn has_effects(&self) -> bool {
        self.steps.iter().any(|step| step.risk != Risk::Read)
    }
}

impl PlannedStep {
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

fn words(kind: &str, object: Option<&Target>, args: &Value) -> String {
    let detail = match (object, args) {
        (Some(target), _) => Some(target.name().to_owned()),
        (None, Value::String(text)) => Some(text.clone()),
        (None, Value::Object(map)) => {
            ["get", "post", "put", "delete", "head", "patch", "url", "address"].into_iter().find_map(|key| {
                map.get(key)
                    .and_then(Value::as_str)
                    .map(|value| if key == "address" || key == "url" { value.to_owned() } else { format!("{key} {value}") })
            })
        }
        _ => None,
    };
    match detail {
        Some(detail) => format!("{kind} {}", super::target::cut(&detail)),
        None => kind.to_owned(),
    }
}

// === impl Binding ===

impl Binding<'_> {
    /// # Errors
    /// The section, the step's number from 1, and why it can't be bound.
    pub fn plan(&self, section: Section) -> Result<Plan, String> {
        let (labels, annotations) = self.alert.read();
        let context = self.context(&labels, &annotations);
        let (name, steps): (&str, &[Step]) = match section {
            Section::Rung(rung) => match self.playbook.rungs.get(rung) {
                Some(rung) => (&rung.title, &rung.steps),
                None => return Err(format!("the playbook has no rung {}", rung + 1)),
            },
            Section::Rollback => ("rollback", &self.playbook.rollback),
        };
        match self.target {
            Some(target) if self.allow.allows(target) => {}
            Some(target) => return Err(not_allowed(target)),
            None => return Err("there is no target".to_owned()),
        }
        let steps = steps
            .iter()
            .enumerate()
            .map(|(index, step)| {
                self.step(step, &context).map_err(|why| format!("{name}, step {} ({}): {why}", index + 1, step.kind))
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
        Context { labels, annotations, vars: &self.playbook.vars, target: self.target.map(Target::name) }
    }

    fn step(&self, step: &Step, context: &Context<'_>) -> Result<PlannedStep, String> {
        Ok(PlannedStep {
            kind: step.kind,
            args: template::render_value(&step.args, context)?,
            object: self.object(&step.stake.object, context)?,
            risk: step.stake.risk,
            in_flight: step.stake.in_flight,
            deadline: step.stake.deadline,
        })
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
