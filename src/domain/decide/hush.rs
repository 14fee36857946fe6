//! The silence that heald asks Alertmanager for while it repairs, so that nobody is called for what is being put right.
//!
//! It ends by itself; heald ends it as soon as people should hear: when it gives up, or nothing fires any more. It has the
//! alert's own labels, so that it covers nothing else. A silenced alert's resolve is sent to nobody, heald included: it is
//! seen by asking Alertmanager, which is why this needs `alertmanager.url`.

use super::{Draft, Effect, SilenceOrder};
use crate::domain::incident::{IncidentEvent, OwnSilence, Phase};

/// As Alertmanager shows who made it.
pub const SILENCED_BY: &str = "heald";

impl Draft<'_> {
    /// With the first step that it sends.
    pub(super) fn hush(&mut self) {
        let Some(for_) = self.facts.policy.silence_while_repairing else { return };
        let running = self.incident.own_silence.as_ref().is_some_and(|own| own.until > self.now);
        if running || !self.facts.asks_alertmanager || self.incident.by_hand() || !self.incident.is_firing() {
            return;
        }
        let (labels, _) = self.incident.context.read();
        let comment = format!("heald is repairing this: incident {}", self.incident.id);
        let by = SILENCED_BY.to_owned();
        self.event(IncidentEvent::SilenceAsked { by: by.clone(), until: self.now + for_, own: true });
        self.effect(Effect::Silence(SilenceOrder { labels, for_, by, comment, own: true }));
    }

    /// Whoever is called from now on is to hear of it from Alertmanager, too.
    pub(super) fn unhush(&mut self) {
        if let Some(OwnSilence { id: Some(id), until }) = self.incident.own_silence.clone()
            && until > self.now
        {
            self.event(IncidentEvent::SilenceLifted { id: id.clone() });
            self.effect(Effect::Unsilence(id));
        }
    }

    /// The answer came after it was over.
    pub(super) fn unhush_if_late(&mut self) {
        if !self.incident.is_firing() || matches!(self.incident.phase, Phase::Escalated { .. } | Phase::Closed { .. }) {
            self.unhush();
        }
    }
}
