//! From alerts to incidents: which are ours, which are known, which open something.

use super::choose::{self, Admission};
use super::handle::Reply;
use super::handle::{Receipt, Request, Unavailable};
use super::world::World;
use super::{Driver, Round};
use crate::domain::alert::{Alert, AlertContext, AlertStatus, Remediate};
use crate::domain::decide::Signal;
use crate::domain::id::{IncidentId, Revision};
use crate::domain::incident::{IncidentEvent, Subject};
use crate::domain::playbook::{Playbook, Severity};
use crate::domain::target::{Target, cut};
use crate::domain::time::Time;
use crate::telemetry::Stage;
use std::sync::Arc;
use std::time::Duration;

/// Alerts that no playbook matches, kept for `heald status`.
const UNMATCHED_MAX: usize = 100;

impl<W: World> Driver<W> {
    pub(super) fn request(&mut self, request: Request, round: &mut Round) {
        match request {
            Request::Deliver { alerts, reply } => {
                if *self.stop.borrow() {
                    return drop(reply.send(Err(Unavailable::Stopping)));
                }
                let receipt = self.deliver(alerts, round);
                round.replies.push(Reply::Deliver(reply, receipt));
            }
            other => self.serve(other, round),
        }
    }

    fn deliver(&mut self, alerts: Vec<Alert>, round: &mut Round) -> Receipt {
        let now = self.clock.now();
        let mut receipt = Receipt::default();
        for alert in alerts {
            if self.is_watchdog(&alert, now, round) {
                receipt.duplicate += 1;
                continue;
            }
            if let Some(host) = self.foreign(&alert) {
                receipt.other_host += 1;
                self.remember(&format!("{}: its host is {host:?}, this is {:?}", name(&alert), self.config.host));
                continue;
            }
            match alert.status {
                AlertStatus::Firing => self.firing(alert, now, &mut receipt, round),
                AlertStatus::Resolved => self.resolved(&alert, now, &mut receipt, round),
            }
        }
        receipt
    }

    fn resolved(&mut self, alert: &Alert, now: Time, receipt: &mut Receipt, round: &mut Round) {
        let known = self.state.open_with(&alert.fingerprint);
        match known.and_then(|incident| incident.alerts.get(&alert.fingerprint).map(|attached| (incident.id, attached.clone()))) {
            Some((id, attached)) if attached.firing && attached.starts_at <= alert.starts_at => {
                receipt.resolved += 1;
                self.signal(id, Signal::Resolved { fingerprint: alert.fingerprint.clone() }, now, round);
            }
            // Out of order, or of an incident that is over: nothing to do.
            _ => {
                receipt.duplicate += 1;
            }
        }
    }

    fn firing(&mut self, alert: Alert, now: Time, receipt: &mut Receipt, round: &mut Round) {
        if let Some(incident) = self.state.open_with(&alert.fingerprint) {
            let id = incident.id;
            let known = incident.alerts.get(&alert.fingerprint);
            let doubted = incident.doubted.contains(&alert.fingerprint);
            let repeat = !doubted && known.is_some_and(|attached| attached.starts_at >= alert.starts_at);
            return self.join(id, alert, repeat, now, receipt, round);
        }
        let books: Vec<Arc<Playbook>> = self.library.chosen(&alert.labels).into_iter().cloned().collect();
        let Some(book) = books.first().cloned() else {
            receipt.unmatched += 1;
            return self.remember(&format!("{}: no playbook matches", name(&alert)));
        };
        let (subject, problem) = self.subject(&books, &alert);
        match self.state.open_for(&book.id, &subject) {
            Some(id) => self.join(id, alert, false, now, receipt, round),
            None => self.open(&book, subject, problem, &alert, now, receipt, round),
        }
    }

    fn join(&mut self, id: IncidentId, alert: Alert, repeat: bool, now: Time, receipt: &mut Receipt, round: &mut Round) {
        if repeat {
            receipt.duplicate += 1;
            return;
        }
        receipt.attached += 1;
        let remediate = Remediate::of(&alert.labels);
        let severity = Severity::of_label(alert.label("severity"));
        let (fingerprint, starts_at) = (alert.fingerprint, alert.starts_at);
        self.signal(id, Signal::Fired { fingerprint, starts_at, remediate, severity }, now, round);
    }

    #[expect(clippy::too_many_arguments, reason = "each is a different fact of one new incident")]
    pub(super) fn open(
        &mut self,
        book: &Arc<Playbook>,
        subject: Subject,
        problem: Option<String>,
        alert: &Alert,
        now: Time,
        receipt: &mut Receipt,
        round: &mut Round,
    ) {
        receipt.opened += 1;
        let waited = self.clock.wall().duration_since(alert.starts_at);
        self.telemetry.stage(Stage::AlertToReceived, Duration::try_from(waited).unwrap_or_default());
        self.keep_edition(&book.revision, round);
        let id = IncidentId(self.next_seq.0);
        let event = IncidentEvent::Opened {
            playbook: book.id.clone(),
            revision: book.revision.clone(),
            subject,
            fingerprint: alert.fingerprint.clone(),
            starts_at: alert.starts_at,
            context: alert.context(),
            previous: self.state.closed_with(&alert.fingerprint, alert.starts_at),
            rungs: book.rungs.len(),
        };
        self.record(id, event, now, round);
        self.signal(id, Signal::Opened { problem }, now, round);
    }

    /// The target, when everything that the playbook would do with it fits.
    pub(super) fn admit(&self, book: &Playbook, alert: &AlertContext) -> Result<Target, String> {
        let (step, probe) = (|step: &_| self.world.admit(step), |probe: &_| self.world.admit_probe(probe));
        choose::target(book, alert, &Admission { allow: &self.config.in_force.allow, step: &step, probe: &probe })
    }

    /// The host that it is about, where that is not this one.
    pub(super) fn foreign(&self, alert: &Alert) -> Option<String> {
        let host = alert.label(&self.config.in_force.host_label);
        (!host.is_empty() && host != self.config.host).then(|| cut(host))
    }

    /// What it is about; where no target can be made of it, also why. `books`: those that apply, at least one.
    pub(super) fn subject(&self, books: &[Arc<Playbook>], alert: &Alert) -> (Subject, Option<String>) {
        let target = match choose::only(books) {
            Ok(book) => self.admit(book, &alert.context()),
            Err(why) => Err(why),
        };
        match target {
            Ok(target) => (Subject::Target(target), None),
            Err(why) => (Subject::Alert(alert.fingerprint.clone()), Some(why)),
        }
    }

    pub(super) fn keep_edition(&mut self, revision: &Revision, round: &mut Round) {
        let sent = round.editions.iter().any(|(known, _)| known == revision);
        if let Some(text) = self.editions.get(revision).filter(|_| !sent) {
            round.editions.push((revision.clone(), Arc::clone(text)));
        }
    }

    fn remember(&mut self, text: &str) {
        if self.unmatched.len() == UNMATCHED_MAX {
            self.unmatched.pop_front();
        }
        self.unmatched.push_back(text.to_owned());
    }
}

fn name(alert: &Alert) -> String {
    match alert.label("alertname") {
        "" => "an alert without a name".to_owned(),
        name => cut(name),
    }
}
