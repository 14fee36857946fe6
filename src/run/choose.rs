//! Which playbook answers an alert, and what it would be about. Asked when an alert fires, and again by a replay.

use crate::domain::alert::AlertContext;
use crate::domain::plan::{self, Binding, PlannedProbe, PlannedStep, Section};
use crate::domain::playbook::Playbook;
use crate::domain::target::{AllowList, Target};
use crate::domain::template::Results;
use std::sync::Arc;

/// Whether rendered parameters fit, as [`super::world::World::admit`] says.
pub(super) struct Admission<'a> {
    pub allow: &'a AllowList,
    pub step: &'a dyn Fn(&PlannedStep) -> Result<(), String>,
    pub probe: &'a dyn Fn(&PlannedProbe) -> Result<(), String>,
}

/// The one that applies, of those of highest priority that match.
pub(super) fn only(books: &[Arc<Playbook>]) -> Result<&Arc<Playbook>, String> {
    let [book] = books else {
        let names: Vec<&str> = books.iter().map(|book| &*book.id.0).collect();
        return Err(format!(
            "more than one playbook matches it: {}; give one a higher `priority:`, or make their matchers exclude each other",
            names.join(", ")
        ));
    };
    Ok(book)
}

/// The target, when everything that the playbook would do with it fits: nothing is left half-done by a typo.
pub(super) fn target(book: &Playbook, alert: &AlertContext, admission: &Admission<'_>) -> Result<Target, String> {
    let (labels, annotations) = alert.read();
    let target = plan::target_of(book, &labels, &annotations, admission.allow)?;
    let results = Results::new();
    let binding = Binding { playbook: book, target: Some(&target), alert, allow: admission.allow, results: &results };
    let rungs = (0..book.rungs.len()).map(Section::Rung);
    for section in rungs.chain([Section::Rollback, Section::Afterwards]) {
        // What speaks of results is looked at when they are known.
        for step in binding.plan(section, None)?.steps.iter().filter(|step| step.skip.is_none() && !step.waits) {
            (admission.step)(step)?;
        }
    }
    for probe in &binding.probes()? {
        (admission.probe)(probe)?;
    }
    Ok(target)
}
