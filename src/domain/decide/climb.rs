//! The escalation clock: who is called next, and when; and what stops it.

use super::{Draft, Effect};
use crate::domain::alert::Labels;
use crate::domain::escalation::Chain;
use crate::domain::incident::{IncidentEvent, Phase};
use crate::domain::notice::NoticeKind;
use crate::domain::playbook::{FailureClass, Mode};
use crate::domain::time::{Span, Time};
use std::time::Duration;

/// What Alertmanager is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceOrder {
    pub labels: Labels,
    pub for_: Duration,
    pub by: String,
    pub comment: String,
    /// While heald repairs; otherwise a person wants it.
    pub own: bool,
}

impl Draft<'_> {
    /// As far as the clock says. `aloud`: with a notice for each level; a caller that has one of its own climbs quietly.
    pub(super) fn climb(&mut self, aloud: bool) {
        if !self.incident.is_troubled() || self.facts.mode == Mode::Observe && !self.is_stuck() {
            return;
        }
        let policy = &self.facts.policy.escalation;
        let Some(chain) = policy.chain(self.incident.severity(self.facts.playbook)) else { return };
        // Each turn goes up one level, and each level waits.
        for _ in 0..=chain.levels.len() {
            match self.climb_due(chain) {
                Some(due) if due <= self.now => self.climb_one(chain, aloud),
                due => {
                    if self.incident.climb.next != due {
                        self.event(IncidentEvent::ClimbSet { next: due });
                    }
                    return;
                }
            }
        }
    }

    fn climb_one(&mut self, chain: &Chain, aloud: bool) {
        let before = self.level_now(chain);
        let level =
            u8::try_from(usize::from(before) + 1).unwrap_or(u8::MAX).min(u8::try_from(chain.levels.len()).unwrap_or(u8::MAX));
        let since = self.incident.climb.since;
        let expired = self.incident.ack.as_ref().map(|ack| format!("the acknowledgement of {} has expired", ack.by));
        self.event(IncidentEvent::Climbed { level });
        if !aloud {
            return;
        }
        if level == 1 {
            return self.tell_once(NoticeKind::Fires, "it is broken by all that heald sees; heald is at it");
        }
        let age = Span(Duration::from_secs(self.now.since(since).as_secs().max(1)));
        let why = expired.unwrap_or_else(|| format!("nobody has acknowledged it for {age}"));
        let reason = if before == level { why } else { format!("{why}: level {level} is called") };
        self.tell(NoticeKind::Unacknowledged, &reason);
    }

    /// Where the first level only hears what heald has to say, it is there from the beginning.
    fn level_now(&self, chain: &Chain) -> u8 {
        let silent = chain.levels.first().is_some_and(|level| level.after.is_none());
        self.incident.climb.level.max(u8::from(silent))
    }

    fn climb_due(&self, chain: &Chain) -> Option<Time> {
        let climb = &self.incident.climb;
        let reached = self.level_now(chain);
        let due = match chain.levels.get(usize::from(reached)) {
            Some(level) if level.when_stuck && self.is_stuck() || reached < 2 && self.is_pressing() => climb.since,
            Some(level) => climb.since + level.after.unwrap_or_default(),
            None => climb.since + chain.repeat?,
        };
        Some(self.incident.ack.as_ref().map_or(due, |ack| due.max(ack.until)))
    }

    fn is_stuck(&self) -> bool {
        matches!(self.incident.phase, Phase::Escalated { .. })
    }

    /// Suspected corruption, a refused budget, an unknown outcome, a failed rollback: the clock is not waited for.
    fn is_pressing(&self) -> bool {
        matches!(self.incident.phase, Phase::Escalated { reason, .. }
            if reason.is_pressing() || self.facts.playbook.class == FailureClass::Corruption)
    }

    pub(super) fn acknowledge(&mut self, by: String, for_: Option<Duration>) {
        let until = self.now + for_.unwrap_or(self.facts.policy.escalation.ack);
        match (&self.incident.phase, &self.incident.ack) {
            (Phase::Healed { .. } | Phase::Closed { .. }, _) => self.refuse_person("there is nothing left to acknowledge"),
            (_, Some(ack)) if ack.until >= until => {
                let why = format!("it is acknowledged by {} until {}", ack.by, ack.until);
                self.refuse_person(&why);
            }
            _ => self.event(IncidentEvent::Acknowledged { by, until }),
        }
    }

    pub(super) fn silence(&mut self, by: String, for_: Duration) {
        let (labels, _) = self.incident.context.read();
        if labels.is_empty() || !self.facts.asks_alertmanager {
            return self.refuse_person("no Alertmanager is configured that could be asked for a silence");
        }
        let comment = format!("heald incident {}, asked for by {by}", self.incident.id);
        self.event(IncidentEvent::SilenceAsked { by: by.clone(), until: self.now + for_, own: false });
        self.effect(Effect::Silence(SilenceOrder { labels, for_, by, comment, own: false }));
    }

    pub(super) fn silenced(&mut self, own: bool, answer: Result<String, String>) {
        let (id, text) = match answer {
            Ok(id) => (Some(id.clone()), format!("Alertmanager has set the silence {id}")),
            Err(why) => (None, format!("Alertmanager has set no silence: {why}")),
        };
        self.event(IncidentEvent::SilenceSet { id, text, own });
    }
}
