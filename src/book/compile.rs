//! From a file's text and what the configuration says about it to a playbook.

use super::checklist;
use super::front::Front;
use super::limits::{ModeWord, Override};
use super::markdown::{Heading, Page};
use super::sections::Sections;
use super::steps::Steps;
use super::templates::check_prose;
use crate::action;
use crate::domain::id::Revision;
use crate::domain::playbook::{Limits, Mode, Playbook};
use crate::domain::target::TargetKind;
use crate::yaml::{File, Problem, parse, unsupported};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::slice;
use std::time::Duration;

/// A playbook file as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub path: PathBuf,
    pub text: String,
}

/// Everything that a playbook is compiled from. The store keeps it by its revision for as long as an incident
/// rests on it, so that a restart finds the playbook as it was, whatever became of the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edition {
    pub source: Source,
    /// What the configuration says about this playbook.
    #[serde(rename = "override")]
    pub changes: Override,
    /// The configuration's `vars:`.
    pub vars: BTreeMap<String, Value>,
}

const AFTER_CARE_DEFAULT: Duration = Duration::from_secs(300);

// === impl Edition ===

impl Edition {
    /// The same for the same text and configuration, wherever the file lies.
    pub fn revision(&self) -> Revision {
        let mut hash = Sha256::new();
        let settings = serde_json::to_vec(&(&self.changes, &self.vars)).unwrap_or_default();
        for part in [self.source.text.as_bytes(), &settings] {
            // The length first: no two pairs of parts give the same bytes.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Revision(hex.into())
    }

    /// # Errors
    /// Every mistake of the file, in the order of its lines.
    pub fn compile(&self) -> Result<Playbook, Vec<Problem>> {
        self.compiled(true)
    }

    /// Of what an incident rests on already: an older heald took it, and rules that came later don't take it away.
    ///
    /// # Errors
    /// As [`Edition::compile`], but for what is a matter of policy.
    pub fn revive(&self) -> Result<Playbook, Vec<Problem>> {
        self.compiled(false)
    }

    fn compiled(&self, new: bool) -> Result<Playbook, Vec<Problem>> {
        let file = File::new(&self.source.path, &self.source.text);
        let playbook = self.read(&file, new);
        let problems = file.into_problems();
        match playbook {
            Some(playbook) if problems.is_empty() => Ok(playbook),
            _ if problems.is_empty() => Err(vec![Problem::of_file(&self.source.path, "it can't be read")]),
            _ => Err(problems),
        }
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// # Errors
    /// Why the text is no edition.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("a stored playbook can't be read: {error}"))
    }

    fn read(&self, file: &File<'_>, new: bool) -> Option<Playbook> {
        if file.text().starts_with('\u{feff}') {
            file.refuse(0, "the file begins with a byte order mark; save it as UTF-8 without one");
            return None;
        }
        let page = Page::read(file);
        let front = page.front.as_ref().and_then(|chunk| parse(file, slice::from_ref(chunk)));
        let front = front.and_then(|node| Front::read(file, &node));

        let mut limits = Limits::default();
        if let Some(front) = &front {
            front.limits.apply(&mut limits);
        }
        self.changes.limits.apply(&mut limits);

        let mut vars = front.as_ref().map(|front| front.vars.clone()).unwrap_or_default();
        vars.extend(self.vars.clone());
        vars.extend(self.changes.vars.clone());
        let sections = Sections { file, page: &page, target: front.as_ref().map(|front| front.target.kind), vars: &vars };
        let rungs = sections.rungs(limits.attempts);
        let verify = sections.verify();
        let rollback = sections.plain(Heading::Rollback);
        let mut afterwards = sections.plain(Heading::Afterwards);
        let checklist = checklist::read(&page, file);
        check(file, &page, front.as_ref());

        let front = front?;
        // A mode in the configuration replaces the file's, earned or not.
        let changed = self.changes.mode.map(|ceiling| ModeWord { ceiling, earns: self.changes.earns });
        let mode = changed.or(front.mode);
        let ceiling = mode.map_or(Mode::Observe, |mode| mode.ceiling);
        let steps = Steps { file, page: &page, rungs: &rungs, rollback: &rollback, afterwards: &afterwards };
        if new {
            steps.check(front.accepted || ceiling == Mode::Approve);
        }
        for step in rungs.iter().flat_map(|rung| &rung.steps).filter_map(action::at_closing) {
            if !afterwards.iter().any(|other| other.kind == step.kind && other.stake.object == step.stake.object) {
                afterwards.push(step);
            }
        }
        Some(Playbook {
            id: front.id,
            revision: self.revision(),
            title: page.title.clone(),
            covers: front.covers,
            selectors: vec![front.selector],
            target: front.target,
            mode: ceiling,
            limits,
            act_on: front.act_on,
            after_care: self.changes.after_care.map(|span| span.0).or(front.after_care).unwrap_or(AFTER_CARE_DEFAULT),
            recovery_time: front.recovery_time,
            severity: front.severity,
            escalate_when: front.escalate_when,
            class: front.class,
            earns: mode.is_some_and(|mode| mode.earns),
            after: front.after,
            priority: front.priority,
            windows: front.windows,
            vars,
            rungs,
            verify,
            rollback,
            afterwards,
            owner: front.owner,
            causes: front.causes,
            checklist,
            manual_fix: page.prose(Heading::ManualFix, file),
            debug_prompt: page.prose(Heading::DebugPrompt, file),
        })
    }
}

/// What no section can see alone.
fn check(file: &File<'_>, page: &Page, front: Option<&Front>) {
    if let Some(part) = page.parts.get(&Heading::AutoRecovery) {
        if !page.parts.contains_key(&Heading::Verify) {
            let help = "add a section `## Verify` with the probes that pass when all is well";
            file.refuse_with_help(part.at, "Auto-recovery without Verify: nothing would prove the repair", help);
        }
        if let Some(front) = front
            && matches!(front.target.kind, TargetKind::Compose | TargetKind::Process | TargetKind::Volume)
        {
            let kind = front.target.kind.label();
            file.refuse(front.target_at, unsupported(&format!("target: {kind}")));
        }
    } else if let Some(part) = page.parts.get(&Heading::Rollback) {
        file.refuse(part.at, "Rollback without Auto-recovery: there is nothing to roll back");
    } else if let Some(part) = page.parts.get(&Heading::Afterwards) {
        file.refuse(part.at, "Afterwards without Auto-recovery: nothing was done that could be put in order");
    }
    if let Some(part) = page.parts.get(&Heading::DebugPrompt) {
        check_prose(file, part.body.clone());
    }
}
