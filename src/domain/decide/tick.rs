//! The checklist: what people do, recorded as they say it.

use super::Draft;
use crate::domain::incident::IncidentEvent;
use crate::domain::target::cut;

/// Characters of a note that are kept.
const NOTE_MAX: usize = 500;

impl Draft<'_> {
    /// `item` counts from 1. A step is ticked once; their order is people's matter.
    pub(super) fn tick(&mut self, item: u32, by: String, note: String) {
        let steps = &self.facts.playbook.checklist;
        let place = usize::try_from(item).ok().and_then(|item| item.checked_sub(1));
        match (place.and_then(|place| steps.get(place)), self.incident.ticks.get(&item)) {
            _ if steps.is_empty() => self.refuse_person("its playbook has no checklist"),
            (None, _) => self.refuse_person(&format!("there is no step {item}; the checklist has {}", steps.len())),
            (_, Some(who)) => self.refuse_person(&format!("{who} has done step {item} already")),
            (Some(text), None) => {
                let (labels, annotations) = self.incident.context.read();
                let text = cut(&self.filled(text, &labels, &annotations, ""));
                self.event(IncidentEvent::StepTicked { item, text, by, note: plain(&note) });
            }
        }
    }
}

/// On one line, whatever was written.
fn plain(note: &str) -> String {
    note.trim().chars().take(NOTE_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
