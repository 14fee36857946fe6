//! What people are shown: the loop's state and the journal, in words.

use super::Driver;
use super::view::{AlertView, ApartView, ApprovalView, BreakerView, EventView, IncidentView, NextView, PlaybookView, Status};
use super::world::World;
use crate::domain::guard::BreakerState;
use crate::domain::house::Hold;
use crate::domain::id::{IncidentId, PlaybookId, Seq};
use crate::domain::incident::{Incident, Phase};
use crate::domain::plan::{Binding, Section};
use crate::domain::playbook::Playbook;
use crate::domain::target::Target;
use crate::domain::time::Time;
use crate::store::{Reader, Record, Row, Which};
use jiff::Timestamp;

/// An incident's whole story is short; this bounds a page that a person reads.
pub(super) const EVENTS_MAX: usize = 10_000;
/// Incidents that are over and still listed.
const LISTED_MAX: usize = 50;

impl<W: World> Driver<W> {
    pub(super) fn status(&self) -> Status {
        let now = self.clock.now();
        let open = self
            .state
            .by_phase()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(phase, count)| (phase.to_owned(), count))
            .collect();
        let holds = self.state.house.holds.iter().map(|(target, hold)| (target.to_string(), hold));
        let books = self.state.house.books.iter().map(|(playbook, hold)| (format!("playbook {playbook}"), hold));
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.config.host.clone(),
            state: self
                .store_trouble
                .as_ref()
                .map_or_else(|| "ok".to_owned(), |why| format!("the journal can't be written: {why}")),
            paused: self.state.house.paused(now).map(Hold::text),
            holds: books.chain(holds).filter(|(_, hold)| hold.holds(now)).map(|(held, hold)| (held, hold.text())).collect(),
            breakers: self.open_breakers(now).into_iter().map(breaker_view).collect(),
            standing_back: self
                .apart(now)
                .map(|(from, until)| ApartView { from: from.clone(), until: until.map(stamp) })
                .collect(),
            open,
            playbooks: self
                .library
                .books()
                .iter()
                .map(|book| PlaybookView {
                    id: book.id.clone(),
                    title: book.title.clone(),
                    mode: book.mode_label().to_owned(),
                    trust: self.trust_of(book),
                })
                .collect(),
            records: Seq(self.next_seq.0.saturating_sub(1)),
            unmatched: self.unmatched.iter().cloned().collect(),
            dependencies: self.config.dependencies.borrow().clone(),
        }
    }

    pub(super) fn views(&self) -> Vec<IncidentView> {
        self.state.incidents.values().map(|incident| self.view(incident)).collect()
    }

    pub(super) fn view(&self, incident: &Incident) -> IncidentView {
        let book = self.playbook_of(incident);
        IncidentView {
            next: next(incident, self.state.timer(incident.id)),
            trust: book.as_ref().and_then(|book| self.trust_of(book)),
            approval: book.as_ref().and_then(|book| self.approval(incident, book)),
            ..view(incident, &self.config.host)
        }
    }

    fn approval(&self, incident: &Incident, book: &Playbook) -> Option<ApprovalView> {
        let approval = incident.approval.as_ref()?;
        let rung = book.next_rung(&incident.rung_tries).map(Section::Rung);
        let allow = self.facts(book).allow;
        let binding =
            Binding { playbook: book, target: incident.target(), alert: &incident.context, allow, results: &incident.results };
        let plan = rung.and_then(|rung| binding.plan(rung, Some(0)).ok()).filter(|plan| *plan.fingerprint() == *approval.plan);
        Some(ApprovalView {
            attempt: approval.attempt,
            text: plan.map(|plan| plan.text()),
            expires: stamp(approval.expires),
            may: approval.may.clone(),
            by: approval.by.clone(),
        })
    }
}

fn view(incident: &Incident, host: &str) -> IncidentView {
    let alerts = incident.alerts.iter().map(|(fingerprint, alert)| AlertView {
        fingerprint: fingerprint.clone(),
        starts_at: alert.starts_at,
        firing: alert.firing,
    });
    IncidentView {
        id: incident.id,
        playbook: incident.playbook.clone(),
        host: host.to_owned(),
        target: incident.target().cloned(),
        state: incident.phase.label().to_owned(),
        outcome: match &incident.phase {
            Phase::Closed { outcome } => Some(outcome.label().to_owned()),
            _ => None,
        },
        opened_at: stamp(incident.opened),
        healed_at: incident.healed.map(stamp),
        closed_at: None,
        attempts: incident.attempts,
        alerts: alerts.collect(),
        trust: None,
        approval: None,
        next: None,
        events: Vec::new(),
    }
}

fn breaker_view((playbook, target, state): (PlaybookId, Target, BreakerState)) -> BreakerView {
    let until = state.until().map(stamp);
    BreakerView { playbook, target, state: state.label().to_owned(), until, why: state.text() }
}

pub(super) fn next(incident: &Incident, timer: Option<Time>) -> Option<NextView> {
    let why = match &incident.phase {
        Phase::Assessing => "looking at the probes".to_owned(),
        Phase::Watching { .. } => "the probes pass: watched".to_owned(),
        Phase::Held { guard, reason, .. } => format!("{}: {reason}", guard.label()),
        Phase::Observed => "only reported: waits for the resolve".to_owned(),
        Phase::Acting { step, .. } => format!("step {} is running", step + 1),
        Phase::Verifying { .. } => "verifying".to_owned(),
        Phase::Healed { close_at: Some(_), .. } => "closes when after-care is over".to_owned(),
        Phase::Healed { .. } => "waits for the alert to resolve".to_owned(),
        Phase::ResolvedBad { .. } => "resolved, but the probes fail: watched before a person is called".to_owned(),
        Phase::Escalated { reason, .. } => format!("a person's turn ({})", reason.label()),
        Phase::Closed { .. } => return None,
    };
    Some(NextView { at: timer.map(stamp), why })
}

/// Open incidents and the last ones that are over, oldest first.
pub(super) fn list(reader: &Reader, open: Vec<IncidentView>, host: &str) -> Vec<IncidentView> {
    let last = reader.incidents(Which::All, None, LISTED_MAX).unwrap_or_default();
    let over = last.iter().map(|one| one.id).filter(|id| open.iter().all(|other| other.id != *id));
    let rows = |id| reader.events(Seq(0), Some(id), EVENTS_MAX).ok();
    let mut views: Vec<IncidentView> = over.filter_map(|id| from_journal(id, &rows(id)?, host)).collect();
    views.extend(open);
    views.sort_by_key(|view| view.id);
    views
}

/// An incident with its events; one that is over is told from the journal alone.
pub(super) fn story(id: IncidentId, open: Option<IncidentView>, rows: &[Row], host: &str) -> Option<IncidentView> {
    let mut view = match open {
        Some(view) => view,
        None => from_journal(id, rows, host)?,
    };
    view.events = rows.iter().map(event_view).collect();
    Some(view)
}

/// One that is over: folded once more, for the page.
fn from_journal(id: IncidentId, rows: &[Row], host: &str) -> Option<IncidentView> {
    let mut events = rows.iter().filter_map(|row| match &row.record {
        Record::Incident { event, .. } => Some((row.at, event)),
        Record::House(_) => None,
    });
    let (at, opened) = events.next()?;
    let mut incident = Incident::open(id, opened, at)?;
    let mut last = at;
    for (at, event) in events {
        incident.apply(event, at);
        last = at;
    }
    Some(IncidentView { closed_at: (!incident.is_open()).then(|| stamp(last)), ..view(&incident, host) })
}

pub(super) fn event_view(row: &Row) -> EventView {
    let (incident, kind, text) = match &row.record {
        Record::Incident { id, event } => (Some(*id), event.label(), event.text()),
        Record::House(event) => (None, event.label(), event.text()),
    };
    EventView { seq: row.seq, incident, at: row.wall, kind: kind.to_owned(), text }
}

pub(super) fn stamp(at: Time) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH)
}
