//! Evidence: the last lines of the target's logs, from before the repair, or from when heald gave up.

use super::{Draft, Effect};
use crate::domain::incident::IncidentEvent;
use crate::domain::logs::{self, KEPT_MAX};
use crate::domain::target::{Target, cut};

/// A stack trace fits in.
const LINES: u32 = 50;

impl Draft<'_> {
    /// Once per incident, and once more after a person's retry.
    pub(super) fn gather(&mut self) {
        if self.incident.gathered {
            return;
        }
        if let Some(target) = self.incident.target().cloned() {
            self.effect(Effect::Gather { target, lines: LINES });
        }
    }

    pub(super) fn gathered(&mut self, lines: u32, found: Option<Result<String, String>>) {
        if self.incident.gathered {
            return;
        }
        // No such target keeps logs: nobody waits for them.
        let Some(found) = found else {
            let what = "its kind of target keeps no logs".to_owned();
            return self.event(IncidentEvent::Gathered { logs: String::new(), what });
        };
        let of = self.incident.target().map_or_else(String::new, Target::to_string);
        let (what, logs) = match found {
            // Before it is cut: half a secret is one too.
            Ok(text) => {
                let text = logs::redact(&logs::clean(&text));
                (format!("the last {lines} lines of {of}"), logs::end(&text, KEPT_MAX).to_owned())
            }
            Err(why) => (format!("no logs of {of}: {}", cut(&logs::redact(&logs::clean(&why)))), String::new()),
        };
        self.event(IncidentEvent::Gathered { logs, what });
    }
}
