//! People's orders and questions.

use super::handle::{OrderError, PersonOrder, Request};
use super::view::{AlertView, EventView, IncidentView, NextView, PlaybookView, Status};
use super::world::World;
use super::{Driver, Reply, Round};
use crate::domain::decide::Signal;
use crate::domain::house::{Hold, HouseEvent};
use crate::domain::id::{IncidentId, Seq};
use crate::domain::incident::{Incident, Phase};
use crate::domain::target::{AllowList, Target};
use crate::domain::time::Time;
use crate::store::{Reader, Record, Row, Which};
use jiff::Timestamp;

/// An incident's whole story is short; this bounds a page that a person reads.
const EVENTS_MAX: usize = 10_000;
/// Incidents that are over and still listed.
const LISTED_MAX: usize = 50;

impl<W: World> Driver<W> {
    pub(super) fn serve(&mut self, request: Request, round: &mut Round) {
        match request {
            Request::Deliver { .. } => {}
            Request::Order { order, by, reply } => {
                let answer = self.order(order, &by, round);
                round.replies.push(Reply::Order(reply, answer));
            }
            Request::Status { reply } => drop(reply.send(self.status())),
            Request::Incidents { reply } => {
                let open: Vec<IncidentView> = self.state.incidents.values().map(|incident| self.view(incident)).collect();
                let host = self.config.host.clone();
                match self.store.as_ref().and_then(|store| store.reader().ok()) {
                    Some(reader) => drop(tokio::task::spawn_blocking(move || drop(reply.send(list(&reader, open, &host))))),
                    None => drop(reply.send(open)),
                }
            }
            Request::Incident { id, reply } => {
                let open = self.state.incidents.get(&id).map(|incident| self.view(incident));
                let host = self.config.host.clone();
                self.read(move |reader| {
                    let rows = reader.events(Seq(0), Some(id), EVENTS_MAX).unwrap_or_default();
                    drop(reply.send(story(id, open, &rows, &host)));
                });
            }
            Request::Events { after, incident, limit, reply } => {
                self.read(move |reader| {
                    let rows = reader.events(after, incident, limit.min(EVENTS_MAX)).unwrap_or_default();
                    drop(reply.send(rows.iter().map(event_view).collect()));
                });
            }
        }
    }

    /// Reads the journal beside the loop, not in it.
    fn read(&self, work: impl FnOnce(&crate::store::Reader) + Send + 'static) {
        let Some(store) = &self.store else { return };
        match store.reader() {
            Ok(reader) => drop(tokio::task::spawn_blocking(move || work(&reader))),
            Err(error) => tracing::warn!(reason = %error, "the journal can't be read"),
        }
    }

    fn order(&mut self, order: PersonOrder, by: &str, round: &mut Round) -> Result<String, OrderError> {
        let now = self.clock.now();
        let hold = |for_: Option<crate::domain::time::Span>, why: String| Hold {
            until: for_.map(|span| now + span.0),
            why,
            by: by.to_owned(),
        };
        match order {
            PersonOrder::Retry { incident } => {
                self.person(incident, Signal::Retry { by: by.to_owned() }, now, round)?;
                Ok(format!("incident {incident} is tried again"))
            }
            PersonOrder::Close { incident, note } => {
                self.person(incident, Signal::Close { by: by.to_owned(), note }, now, round)?;
                Ok(format!("incident {incident} is closed"))
            }
            PersonOrder::Hold { target, for_, why } => {
                listed(&self.config.allow, &target).map_err(OrderError::Refused)?;
                let event = HouseEvent::HoldPlaced { target, hold: hold(for_, why) };
                let text = event.text();
                self.record_house(event, now, round);
                Ok(text)
            }
            PersonOrder::Release { target } => {
                if !self.state.house.holds.contains_key(&target) {
                    return Err(OrderError::Refused(format!("{target} is not on hold")));
                }
                self.record_house(HouseEvent::HoldLifted { target: target.clone(), by: by.to_owned() }, now, round);
                Ok(format!("{target} is released"))
            }
            PersonOrder::Pause { for_, why } => {
                let event = HouseEvent::Paused { hold: hold(for_, why) };
                let text = event.text();
                self.record_house(event, now, round);
                Ok(text)
            }
            PersonOrder::Resume => {
                if self.state.house.paused(now).is_none() {
                    return Err(OrderError::Refused("heald is not paused".to_owned()));
                }
                self.record_house(HouseEvent::Resumed { by: by.to_owned() }, now, round);
                Ok("repairs go on".to_owned())
            }
        }
    }

    fn person(&mut self, id: IncidentId, signal: Signal, now: Time, round: &mut Round) -> Result<(), OrderError> {
        if !self.state.incidents.get(&id).is_some_and(Incident::is_open) {
            return Err(OrderError::Refused(format!("there is no open incident {id}; see heald incidents")));
        }
        match self.signal(id, signal, now, round) {
            Some(why) => Err(OrderError::Refused(why)),
            None => Ok(()),
        }
    }

    fn status(&self) -> Status {
        let now = self.clock.now();
        let open = self
            .state
            .by_phase()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(phase, count)| (phase.to_owned(), count))
            .collect();
        let holds = &self.state.house.holds;
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.config.host.clone(),
            state: self
                .store_trouble
                .as_ref()
                .map_or_else(|| "ok".to_owned(), |why| format!("the journal can't be written: {why}")),
            paused: self.state.house.paused(now).map(Hold::text),
            holds: holds
                .iter()
                .filter(|(_, hold)| hold.holds(now))
                .map(|(target, hold)| (target.to_string(), hold.text()))
                .collect(),
            open,
            playbooks: self
                .library
                .books()
                .iter()
                .map(|book| PlaybookView {
                    id: book.id.clone(),
                    title: book.title.clone(),
                    mode: format!("{:?}", book.mode).to_lowercase(),
                })
                .collect(),
            records: Seq(self.next_seq.0.saturating_sub(1)),
            unmatched: self.unmatched.iter().cloned().collect(),
            dependencies: self.config.dependencies.borrow().clone(),
        }
    }

    fn view(&self, incident: &Incident) -> IncidentView {
        IncidentView {
            id: incident.id,
            playbook: incident.playbook.clone(),
            host: self.config.host.clone(),
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
            alerts: incident
                .alerts
                .iter()
                .map(|(fingerprint, alert)| AlertView {
                    fingerprint: fingerprint.clone(),
                    starts_at: alert.starts_at,
                    firing: alert.firing,
                })
                .collect(),
            next: next(incident, self.state.timer(incident.id)),
            events: Vec::new(),
        }
    }
}

/// A hold on a name that heald never touches protects nothing; most likely another one was meant.
fn listed(allow: &AllowList, target: &Target) -> Result<(), String> {
    if allow.allows(target) {
        return Ok(());
    }
    let stem = |name: &str| name.split('.').next().unwrap_or(name).to_owned();
    let listed = allow.units.iter().map(|name| ("unit", name)).chain(allow.containers.iter().map(|name| ("container", name)));
    let near: Vec<String> =
        listed.filter(|(_, name)| stem(name) == stem(target.name())).map(|(kind, name)| format!("`{kind} {name}`")).collect();
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    Err(format!("{target} is not named under `targets:`, so heald never touches it and there is nothing to hold{hint}"))
}

fn next(incident: &Incident, timer: Option<Time>) -> Option<NextView> {
    let why = match &incident.phase {
        Phase::Assessing => "looking at the probes".to_owned(),
        Phase::Watching { .. } => "the probes pass: watched".to_owned(),
        Phase::Held { guard, reason, .. } => format!("{}: {reason}", guard.label()),
        Phase::Observed => "observe mode: waits for the resolve".to_owned(),
        Phase::Acting { step, .. } => format!("step {} is running", step + 1),
        Phase::Verifying { .. } => "verifying".to_owned(),
        Phase::Healed { close_at: Some(_), .. } => "closes when after-care is over".to_owned(),
        Phase::Healed { .. } => "waits for the alert to resolve".to_owned(),
        Phase::ResolvedBad { .. } => "resolved, but the probes fail: watched before a person is called".to_owned(),
        Phase::Escalated { .. } => "a person's turn".to_owned(),
        Phase::Closed { .. } => return None,
    };
    Some(NextView { at: timer.map(stamp), why })
}

/// Open incidents and the last ones that are over, oldest first.
fn list(reader: &Reader, open: Vec<IncidentView>, host: &str) -> Vec<IncidentView> {
    let last = reader.incidents(Which::All, None, LISTED_MAX).unwrap_or_default();
    let over = last.iter().map(|one| one.id).filter(|id| open.iter().all(|other| other.id != *id));
    let rows = |id| reader.events(Seq(0), Some(id), EVENTS_MAX).ok();
    let mut views: Vec<IncidentView> = over.filter_map(|id| from_journal(id, &rows(id)?, host)).collect();
    views.extend(open);
    views.sort_by_key(|view| view.id);
    views
}

/// An incident with its events; one that is over is told from the journal alone.
fn story(id: IncidentId, open: Option<IncidentView>, rows: &[Row], host: &str) -> Option<IncidentView> {
    let mut view = match open {
        Some(view) => view,
        None => from_journal(id, rows, host)?,
    };
    view.events = rows.iter().map(event_view).collect();
    Some(view)
}

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
    let outcome = match &incident.phase {
        Phase::Closed { outcome } => Some(outcome.label().to_owned()),
        _ => None,
    };
    Some(IncidentView {
        id,
        playbook: incident.playbook.clone(),
        host: host.to_owned(),
        target: incident.target().cloned(),
        state: incident.phase.label().to_owned(),
        closed_at: outcome.is_some().then(|| stamp(last)),
        outcome,
        opened_at: stamp(incident.opened),
        healed_at: incident.healed.map(stamp),
        attempts: incident.attempts,
        alerts: incident
            .alerts
            .iter()
            .map(|(fingerprint, alert)| AlertView {
                fingerprint: fingerprint.clone(),
                starts_at: alert.starts_at,
                firing: alert.firing,
            })
            .collect(),
        next: None,
        events: Vec::new(),
    })
}

fn event_view(row: &Row) -> EventView {
    let (incident, kind, text) = match &row.record {
        Record::Incident { id, event } => (Some(*id), event.label(), event.text()),
        Record::House(event) => (None, event.label(), event.text()),
    };
    EventView { seq: row.seq, incident, at: row.wall, kind: kind.to_owned(), text }
}

fn stamp(at: Time) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::target::TargetKind;

    #[test]
    fn a_hold_needs_a_name_on_the_allow_list() {
        let allow = AllowList {
            units: ["web.service".to_owned()].into(),
            containers: ["cache".to_owned()].into(),
            ..AllowList::default()
        };
        let judged = |kind, name| listed(&allow, &Target::new(kind, name).unwrap());
        assert_eq!(judged(TargetKind::Unit, "web.service"), Ok(()));
        assert_eq!(judged(TargetKind::Container, "cache"), Ok(()));
        let why = judged(TargetKind::Container, "web").unwrap_err();
        assert!(why.ends_with("did you mean `unit web.service`?"), "{why}");
        let why = judged(TargetKind::Unit, "db.service").unwrap_err();
        assert!(why.contains("unit db.service is not named under `targets:`") && why.ends_with("to hold"), "{why}");
    }
}
