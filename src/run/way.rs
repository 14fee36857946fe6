//! How far each incident has come, for the metrics alone. Not part of the state: after a restart it is known from then on,
//! and what was before counts to the stage in which it is noticed.

use super::Driver;
use super::world::World;
use crate::domain::id::IncidentId;
use crate::domain::incident::{AttemptOutcome, Incident, IncidentEvent as E, Phase};
use crate::domain::notice::NoticeKind;
use crate::domain::plan::Section;
use crate::domain::policy::objective_of;
use crate::domain::target::{Target, TargetKind};
use crate::domain::time::Time;
use crate::telemetry::{Recovered, Stage};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    /// Its first attempt, and the first step of that.
    started: Option<Time>,
    first_sent: Option<Time>,
    /// The first step of the running attempt.
    sent: Option<Time>,
    /// Healed by a repair, or resolved, whichever was first; not while it is broken again.
    ended: Option<Time>,
    recovered: bool,
}

/// Counted once its end is on disk.
#[derive(Debug)]
pub(super) struct Outage {
    pub service: String,
    pub lasted: Duration,
    pub rto: Option<Duration>,
}

impl<W: World> Driver<W> {
    pub(super) fn measure(&mut self, id: IncidentId, event: &E, at: Time) {
        let mut way = self.ways.remove(&id).unwrap_or_default();
        if let Some(incident) = self.state.incidents.get(&id) {
            self.follow(incident, &mut way, event, at);
        }
        if matches!(event, E::AttemptEnded { .. }) {
            self.shown.changed();
        }
        match event {
            E::Closed { outcome, .. } => self.telemetry.incident_closed(outcome.label()),
            _ if self.state.incidents.get(&id).is_some_and(Incident::is_open) => drop(self.ways.insert(id, way)),
            _ => {}
        }
    }

    fn follow(&self, incident: &Incident, way: &mut Way, event: &E, at: Time) {
        let book = &incident.playbook.0;
        match event {
            E::Opened { .. } => {
                let allow = &self.config.in_force.allow;
                // A URL is allowed by its beginning; its end is an alert's own word.
                let named = |target: &&Target| target.kind() != TargetKind::Url && allow.allows(target);
                if let Some(target) = incident.target().filter(named) {
                    self.telemetry.incident_on(&target.to_string());
                }
            }
            E::AttemptStarted { attempt, .. } => {
                way.started.get_or_insert(at);
                if *attempt == 1 {
                    self.telemetry.stage(Stage::ReceivedToDecided, at.since(incident.opened));
                }
            }
            E::StepStarted { section: Section::Rung(_), step: 0, .. } => {
                way.first_sent.get_or_insert(at);
                way.sent = Some(at);
            }
            E::AttemptEnded { outcome, .. } => {
                if let (Some(sent), AttemptOutcome::Healed) = (way.sent.take(), outcome) {
                    self.telemetry.stage(Stage::SentToVerified, at.since(sent));
                }
            }
            E::Healed { .. } => {
                way.ended.get_or_insert(at);
                if !std::mem::replace(&mut way.recovered, true) {
                    self.telemetry.stage(Stage::Recovery, at.since(incident.opened));
                    self.telemetry.recovered(book, self.recovered(incident, way, at));
                    if !incident.told.iter().copied().any(NoticeKind::calls) {
                        self.telemetry.page_avoided();
                    }
                }
            }
            E::AlertResolved { .. } if !incident.is_firing() => drop(way.ended.get_or_insert(at)),
            E::AlertAttached { .. } | E::CareFailed { .. } | E::FoundBadAfterResolve { .. } => way.ended = None,
            E::WouldAct { .. } => self.telemetry.observed(book),
            // The first level of a chain may have no clock: it is called by what heald has to say.
            E::NoticeDue { notice, .. } if notice.calls() => self.telemetry.people_called(incident.climb.level.max(1)),
            _ => {}
        }
    }

    fn recovered(&self, incident: &Incident, way: &Way, at: Time) -> Recovered {
        let started = way.started.unwrap_or(incident.opened);
        let sent = way.first_sent.unwrap_or(started);
        Recovered {
            received_to_decided: started.since(incident.opened),
            decided_to_sent: sent.since(started),
            sent_to_verified: at.since(sent),
            target: self.playbook_of(incident).and_then(|book| book.recovery_time),
        }
    }

    /// Before an incident is closed, and perhaps forgotten: how long its service was out, if something was promised of it.
    pub(super) fn outage(&self, incident: &Incident, now: Time) -> Option<Outage> {
        let context = incident.context.read();
        let objectives = &self.config.in_force.policy.objectives;
        let (name, objective) = objective_of(objectives, incident.target(), context.0.get("service"))?;
        let ended = self.ended(incident).unwrap_or(now);
        Some(Outage { service: name.to_owned(), lasted: ended.since(incident.opened), rto: objective.rto })
    }

    /// When its symptom ended, by a repair or by itself; None while it is there.
    fn ended(&self, incident: &Incident) -> Option<Time> {
        let healed = match incident.phase {
            Phase::Healed { since, .. } => Some(since),
            _ => None,
        };
        self.ways.get(&incident.id).and_then(|way| way.ended).or(healed)
    }

    /// Of each service of which something was promised: how long it has been out by now. 0 where it is not.
    pub(super) fn running_outages(&self, now: Time) -> BTreeMap<&str, Duration> {
        let objectives = &self.config.in_force.policy.objectives;
        let mut running: BTreeMap<&str, Duration> = objectives.keys().map(|name| (name.as_str(), Duration::ZERO)).collect();
        if running.is_empty() {
            return running;
        }
        for incident in self.state.incidents.values().filter(|one| one.is_open() && self.ended(one).is_none()) {
            let context = incident.context.read();
            if let Some((name, _)) = objective_of(objectives, incident.target(), context.0.get("service")) {
                let longest = running.entry(name).or_default();
                *longest = (*longest).max(now.since(incident.opened));
            }
        }
        running
    }
}
