//! The orders that a test's people give.

use super::script::{Person, Verb};
use crate::domain::id::IncidentId;
use crate::run::handle::{Handle, PersonOrder};
use crate::run::view::IncidentView;

/// What came of it: a line for the timeline, and whether the test meant something else.
pub struct Answer {
    pub line: String,
    pub wrong: Option<String>,
}

pub async fn order(handle: &Handle, person: &Person) -> Answer {
    let (word, by) = (person.verb.word(), &person.by);
    let order = match incident(handle).await {
        incident if !person.verb.needs_incident() => Ok(person.order(incident.as_ref())),
        Some(incident) => Ok(person.order(Some(&incident))),
        None => Err("there is no incident".to_owned()),
    };
    let answer = match order {
        Ok(Some(order)) => handle.order(order, by.clone()).await.map_err(|error| error.to_string()),
        Ok(None) => Err("the incident has no target".to_owned()),
        Err(why) => Err(why),
    };
    match (answer, &person.refused) {
        (Ok(said), None) => Answer { line: format!("{by} orders {word}: {said}"), wrong: None },
        (Ok(said), Some(_)) => {
            Answer { line: format!("{by} orders {word}: {said}"), wrong: Some(format!("{word} by {by} was not refused: {said}")) }
        }
        (Err(why), Some(expected)) if why.contains(expected.as_str()) => {
            Answer { line: format!("{by} orders {word}, refused: {why}"), wrong: None }
        }
        (Err(why), _) => Answer {
            line: format!("{by} orders {word}, refused: {why}"),
            wrong: Some(format!("{word} by {by} was refused: {why}")),
        },
    }
}

/// The last one that is open, or the last.
async fn incident(handle: &Handle) -> Option<IncidentView> {
    let mut views = handle.incidents().await.ok()?;
    views.sort_by_key(|view| (view.state != "closed", view.id));
    views.pop()
}

// === impl Person ===

impl Person {
    fn order(&self, incident: Option<&IncidentView>) -> Option<PersonOrder> {
        let id = incident.map_or(IncidentId(0), |view| view.id);
        let target = || incident.and_then(|view| view.target.clone());
        let (for_, why) = (self.for_, self.why.clone());
        Some(match self.verb {
            Verb::Approve => PersonOrder::Approve { incident: id },
            Verb::Deny => PersonOrder::Deny { incident: id, why },
            Verb::Ack => PersonOrder::Ack { incident: id, for_ },
            Verb::Pause => PersonOrder::Pause { for_, why },
            Verb::Resume => PersonOrder::Resume,
            Verb::Retry => PersonOrder::Retry { incident: id },
            Verb::Close => PersonOrder::Close { incident: id, note: why },
            Verb::Hold => PersonOrder::Hold { target: target()?, for_, why },
            Verb::Release => PersonOrder::Release { target: target()? },
        })
    }
}

// === impl Verb ===

impl Verb {
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Ack => "ack",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::Close => "close",
            Self::Hold => "hold",
            Self::Release => "release",
        }
    }

    fn needs_incident(self) -> bool {
        !matches!(self, Self::Pause | Self::Resume)
    }
}
