//! The silence that heald asks Alertmanager for while it repairs, so that nobody is called for what is being put right.
//!
//! It ends by itself; heald ends it as soon as people should hear: when it calls one, or nothing fires any more. It has the
//! alert's own labels, so that it covers nothing else. A silenced alert's resolve is sent to nobody, heald included: it is
//! seen by asking Alertmanager, which is why this needs `alertmanager.url`.
//!
//! It is known by its maker and its comment, never by the id that Alertmanager answers with: an answer can be lost.

use super::{Draft, Effect, SilenceOrder};
use crate::domain::id::IncidentId;
use crate::domain::incident::IncidentEvent;

/// As Alertmanager shows who made it.
pub const SILENCED_BY: &str = "heald";

/// The comment of the silence of this incident, and of no other. Several healds may use one Alertmanager.
pub fn silence_comment(host: &str, incident: IncidentId) -> String {
    format!("heald on {host} is repairing this: incident {incident}")
}

impl Draft<'_> {
    /// With the first step that it sends.
    pub(super) fn hush(&mut self) {
        let Some(for_) = self.facts.policy.silence_while_repairing else { return };
        let running = self.incident.own_silence.as_ref().is_some_and(|own| own.until > self.now && !own.lifted);
        if running || !self.facts.asks_alertmanager || self.incident.by_hand() || !self.incident.is_firing() {
            return;
        }
        let (labels, _) = self.incident.context.read();
        let (by, comment) = (SILENCED_BY.to_owned(), silence_comment(self.facts.host, self.incident.id));
        self.event(IncidentEvent::SilenceAsked { by: by.clone(), until: self.now + for_, own: true });
        self.effect(Effect::Silence(SilenceOrder { labels, for_, by, comment, own: true }));
    }

    /// Whoever is called from now on is to hear of it from Alertmanager, too.
    pub(super) fn unhush(&mut self) {
        if self.incident.own_silence.as_ref().is_some_and(|own| own.until > self.now && !own.lifted) {
            self.event(IncidentEvent::SilenceLifted);
            self.effect(Effect::Unsilence(silence_comment(self.facts.host, self.incident.id)));
        }
    }

    /// After a start: perhaps the order was not carried out.
    pub(super) fn unhush_again(&mut self) {
        if self.incident.own_silence.as_ref().is_some_and(|own| own.until > self.now && own.lifted) {
            self.effect(Effect::Unsilence(silence_comment(self.facts.host, self.incident.id)));
        }
    }
}
