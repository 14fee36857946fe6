//! The executable sections: a list of rungs, a verification, a rollback.

use super::markdown::{Heading, Page};
use super::options::{self, OPTIONS, Options};
use super::templates::{NAMES, check_text};
use super::vars;
use crate::action;
use crate::domain::playbook::{Check, Rung, Step, StepObject, Verify};
use crate::domain::target::TargetKind;
use crate::probe;
use crate::yaml::{Fields, File, Kind, Node, Wrong, nearest, parse, quote};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const TIMES_MAX: u32 = 100;
const WITHIN_DEFAULT: Duration = Duration::from_secs(30);
/// Many a service that dies at its start does so in its first second.
const STABLE_DEFAULT: Duration = Duration::from_secs(2);

/// A playbook's executable sections, read for a target of one kind.
#[derive(Debug)]
pub struct Sections<'a> {
    pub file: &'a File<'a>,
    pub page: &'a Page,
    /// Unknown when the front matter is wrong; then only what needs it is left unchecked.
    pub target: Option<TargetKind>,
    /// Those that are known when the file is read.
    pub vars: &'a BTreeMap<String, Value>,
}

// === impl Sections ===

impl Sections<'_> {
    /// `attempts` stands for `times` where the ladder has one rung.
    pub fn rungs(&self, attempts: u32) -> Vec<Rung> {
        let Some(tree) = self.yaml(Heading::AutoRecovery) else { return Vec::new() };
        let Some(items) = self.list(&tree, "leave the section out: then it is a runbook for people") else {
            return Vec::new();
        };
        let rung_like = |item: &Node| match &item.kind {
            Kind::Map(entries) => {
                entries.iter().any(|(key, _)| ["try", "do", "times", "irreversible", "whole"].contains(&key.name.as_str()))
            }
            _ => false,
        };
        let rungs = items.iter().filter(|item| rung_like(item)).count();
        if rungs == 0 {
            let steps = self.steps(items);
            return vec![Rung { title: title_of(&steps), steps, times: attempts, accepted: false, whole: false }];
        }
        if let Some(stray) = items.iter().find(|item| !rung_like(item)) {
            let help = "a plain list of steps is one rung; with `try:`, every step stands under a `do:`";
            self.file.refuse_with_help(stray.at, "a step beside rungs", help);
        }
        let times = if items.len() == 1 { attempts } else { 1 };
        items.iter().filter(|item| rung_like(item)).filter_map(|item| self.rung(item, times)).collect()
    }

    /// Rollback, or Afterwards.
    pub fn plain(&self, heading: Heading) -> Vec<Step> {
        let Some(tree) = self.yaml(heading) else { return Vec::new() };
        let items = self.list(&tree, "leave the section out");
        items.map_or_else(Vec::new, |items| self.steps(items))
    }

    pub fn verify(&self) -> Verify {
        let none = Verify { within: WITHIN_DEFAULT, stable: STABLE_DEFAULT, probes: Vec::new() };
        let Some(tree) = self.yaml(Heading::Verify) else { return none };
        let Some(mut fields) = Fields::of(self.file, &tree) else { return none };
        let longest = Duration::from_secs(3_600);
        let within = fields.span("within", Duration::from_secs(1)..=longest).unwrap_or(WITHIN_DEFAULT);
        let stable = fields.span("stable", Duration::ZERO..=longest);
        let probes = match fields.node("all") {
            Some(node) => self
                .list(node, "name what must hold when all is well")
                .map_or_else(Vec::new, |items| items.iter().filter_map(|item| self.probe(item)).collect()),
            None if fields.has("all") => Vec::new(),
            None => {
                fields.missing("all", "name the probes that must pass: `all: [{ systemd.active: {} }]`");
                Vec::new()
            }
        };
        if stable.is_some_and(|stable| stable >= within) {
            let at = fields.node("stable").map_or(fields.at(), |node| node.at);
            self.file.refuse(at, "`stable` must be shorter than `within`, or no verification ever passes");
        }
        fields.end();
        Verify { within, stable: stable.unwrap_or(STABLE_DEFAULT).min(within / 2), probes }
    }

    fn rung(&self, item: &Node, times: u32) -> Option<Rung> {
        let mut fields = Fields::of(self.file, item)?;
        let title = fields.text("try");
        let times = fields.number("times", 1..=TIMES_MAX).unwrap_or(times);
        let list = fields.node("do");
        if !fields.has("do") {
            fields.missing("do", "name the steps: `do: [{ systemd.restart: {} }]`");
        }
        for option in OPTIONS {
            fields.forbidden(option, &format!("`{option}` belongs to a step"), "write it beside the step's kind, below `do:`");
        }
        let accepted = fields.word("irreversible", &[("accepted", true)]).unwrap_or_default();
        let whole = fields.get("whole").unwrap_or_default();
        fields.end();
        let list = list?;
        let steps = self.steps(self.list(list, "remove the rung, or name its steps")?);
        Some(Rung { title: title.unwrap_or_else(|| title_of(&steps)), steps, times, accepted, whole })
    }

    fn steps(&self, items: &[Node]) -> Vec<Step> {
        items.iter().filter_map(|item| self.step(item)).collect()
    }

    fn step(&self, item: &Node) -> Option<Step> {
        let before = self.file.count();
        let Kind::Map(entries) = &item.kind else { return self.kindless(item, "step", action::KINDS) };
        let (beside, named) = options::split(self.file, entries);
        let options = Options::read(self.file, &item.with(Kind::Map(beside)));
        let (at, kind, params) = self.kind(item, &named, "step", action::KINDS)?;
        let step = action::read(kind, &params).map_err(|wrong| self.wrong(at, wrong)).ok()?;
        let step = step.map_err(|why| self.file.refuse(at, why)).ok()?;
        self.fits(at, step.kind, &step.stake.object, action::object_kind);
        let options = options?;
        if let Err((what, help)) = options.suits(&step) {
            self.file.refuse_with_help(at, what, help);
        }
        let step = options.apply(step);
        (self.file.count() == before).then_some(step)
    }

    fn probe(&self, item: &Node) -> Option<Check> {
        let before = self.file.count();
        let Kind::Map(entries) = &item.kind else { return self.kindless(item, "probe", probe::KINDS) };
        let (at, kind, params) = self.kind(item, entries, "probe", probe::KINDS)?;
        let check = probe::read(kind, &params).map_err(|wrong| self.wrong(at, wrong)).ok()?;
        let check = check.map_err(|why| self.file.refuse(at, why)).ok()?;
        self.fits(at, check.kind, &check.object, probe::object_kind);
        (self.file.count() == before).then_some(check)
    }

    fn wrong(&self, at: usize, wrong: Wrong) {
        self.file.refuse(wrong.at.unwrap_or(at), wrong.what);
    }

    /// A word alone, or no map at all.
    fn kindless<T>(&self, item: &Node, noun: &str, kinds: &[&str]) -> Option<T> {
        match &item.kind {
            Kind::Text(word) if kinds.contains(&word.as_str()) => {
                self.file.refuse_with_help(item.at, format!("`{word}` has no parameters"), format!("write `{word}: {{}}`"));
            }
            Kind::Text(word) => self.unknown(item.at, word, noun, kinds),
            _ => self.file.refuse(item.at, format!("{} where a {noun} is expected", item.noun())),
        }
        None
    }

    fn unknown(&self, at: usize, word: &str, noun: &str, kinds: &[&str]) {
        let hint = nearest(word, kinds)
            .map_or_else(|| format!("known are {}", kinds.join(", ")), |near| format!("did you mean `{near}`?"));
        self.file.refuse(at, format!("unknown {noun} `{}`; {hint}", crate::domain::target::cut(word)));
    }

    /// The one `kind: parameters` of an entry, with the variables filled in.
    fn kind<'n>(
        &self,
        item: &Node,
        named: &'n [(crate::yaml::Key, Node)],
        noun: &str,
        kinds: &[&str],
    ) -> Option<(usize, &'n str, Node)> {
        let (key, node) = match named {
            [only] => (&only.0, &only.1),
            [] => {
                self.file.refuse(item.at, format!("this {noun} has no kind"));
                return None;
            }
            [_, (second, _), ..] => {
                let help = format!("begin each {noun} with a hyphen; parameters are indented below their {noun}");
                self.file.refuse_with_help(second.at, format!("a second key {} in one {noun}", quote(&second.name)), help);
                return None;
            }
        };
        if !kinds.contains(&key.name.as_str()) {
            self.unknown(key.at, &key.name, noun, kinds);
            return None;
        }
        let params = vars::fill(self.file, node, self.vars);
        params.texts(&mut |at, text| check_text(self.file, at, text, &NAMES));
        Some((key.at, key.name.as_str(), params))
    }

    /// `docker.restart` can't act on a unit: said now, not when the alert comes.
    fn fits(&self, at: usize, kind: &str, object: &StepObject, object_kind: fn(&str) -> Option<TargetKind>) {
        let Some(wanted) = object_kind(kind) else { return };
        let given = match object {
            StepObject::Default => self.target,
            StepObject::Other(other) => Some(other.kind),
            StepObject::Nothing => None,
        };
        if let Some(given) = given.filter(|given| *given != wanted) {
            let what = format!("`{kind}` needs a {}, and the target is a {}", wanted.label(), given.label());
            self.file.refuse(at, what);
        }
    }

    /// The one YAML block of a section.
    fn yaml(&self, heading: Heading) -> Option<Node> {
        let part = self.page.parts.get(&heading)?;
        let name = heading.label();
        match part.blocks.as_slice() {
            [block] => match block.chunks.as_slice() {
                [] => {
                    self.file.refuse(block.at, format!("the block of `{name}` is empty"));
                    None
                }
                chunks => parse(self.file, chunks),
            },
            [] => {
                self.file.refuse(part.at, format!("section `{name}` has no block that begins with ```yaml"));
                None
            }
            [_, second, ..] => {
                self.file.refuse(second.at, format!("a second YAML block in section `{name}`; it has one"));
                None
            }
        }
    }

    fn list<'n>(&self, node: &'n Node, help: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) if items.is_empty() => {
                self.file.refuse_with_help(node.at, "an empty list", help);
                None
            }
            Kind::List(items) => Some(items),
            _ => {
                self.file.refuse_with_help(
                    node.at,
                    format!("{} where a list is expected", node.noun()),
                    "begin each entry with `- `",
                );
                None
            }
        }
    }
}

fn title_of(steps: &[Step]) -> String {
    steps.iter().map(|step| step.kind).collect::<Vec<_>>().join(", ")
}
