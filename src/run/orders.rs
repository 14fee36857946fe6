//! People's orders and questions. What is shown of an incident is `show.rs`'s matter.

use super::handle::Reply;
use super::handle::{OrderError, PersonOrder, Request};
use super::show::{self, EVENTS_MAX};
use super::view::IncidentView;
use super::world::World;
use super::{Driver, Round};
use crate::domain::decide::Signal;
use crate::domain::house::{Hold, HouseEvent};
use crate::domain::id::{IncidentId, PlaybookId, Seq};
use crate::domain::incident::Incident;
use crate::domain::notice::NoticeKind;
use crate::domain::target::{AllowList, Target, cut};
use crate::domain::time::Time;

impl<W: World> Driver<W> {
    pub(super) fn serve(&mut self, request: Request, round: &mut Round) {
        match request {
            Request::Deliver { .. } => {}
            Request::Listed { answer } => self.listed(answer, round),
            Request::Reload(reload) => self.reloads.push(reload),
            Request::AlertsLost { why } => {
                let now = self.clock.now();
                self.owe_house(NoticeKind::AlertsLost, "", &why, now, round);
            }
            Request::Order { order, by, letter, reply } => {
                let answer = match letter {
                    None => self.order(order, &by, round),
                    Some(letter) => self.order_by_letter(order, &by, letter, round),
                };
                round.replies.push(Reply::Order(reply, answer));
            }
            Request::RefusedInChat { channel, who, what, reply } => {
                self.refused_in_chat(channel, &who, &what, round);
                let _ = reply.send(());
            }
            Request::ChatBroken { channel, why } => {
                let now = self.clock.now();
                self.owe_house(NoticeKind::ChannelBroken, &channel, &format!("{channel}: {why}"), now, round);
            }
            Request::Heard { channel, reply } => drop(reply.send(self.state.house.heard(&channel, self.clock.now()))),
            Request::OnCall { reply } => {
                drop(reply.send(self.config.in_force.policy.escalation.on_duty(self.clock.wall())));
            }
            Request::Explain { question, reply } => self.explain(question, reply),
            Request::Seen { question, seen, reply } => drop(reply.send(self.explanation(&question, Some(*seen)))),
            Request::Status { reply } => drop(reply.send(self.status())),
            Request::Incidents { reply } => {
                let open: Vec<IncidentView> = self.views();
                let host = self.config.host.clone();
                match self.store.as_ref().and_then(|store| store.reader().ok()) {
                    Some(reader) => drop(tokio::task::spawn_blocking(move || drop(reply.send(show::list(&reader, open, &host))))),
                    None => drop(reply.send(open)),
                }
            }
            Request::Incident { id, reply } => {
                let open = self.state.incidents.get(&id).map(|incident| self.view(incident));
                let host = self.config.host.clone();
                self.read(move |reader| {
                    let rows = reader.events(Seq(0), Some(id), EVENTS_MAX).unwrap_or_default();
                    drop(reply.send(show::story(id, open, &rows, &host)));
                });
            }
            Request::Review(asked) => self.review(asked),
            Request::Events { after, incident, limit, reply } => {
                self.read(move |reader| {
                    let rows = reader.events(after, incident, limit.min(EVENTS_MAX)).unwrap_or_default();
                    drop(reply.send(rows.iter().map(show::event_view).collect()));
                });
            }
        }
    }

    /// Reads the journal beside the loop, not in it.
    pub(super) fn read(&self, work: impl FnOnce(&crate::store::Reader) + Send + 'static) {
        let Some(store) = &self.store else { return };
        match store.reader() {
            Ok(reader) => drop(tokio::task::spawn_blocking(move || work(&reader))),
            Err(error) => tracing::warn!(reason = %error, "the journal can't be read"),
        }
    }

    pub(super) fn order(&mut self, order: PersonOrder, by: &str, round: &mut Round) -> Result<String, OrderError> {
        let now = self.clock.now();
        let hold = |for_: Option<crate::domain::time::Span>, why: String| Hold {
            until: for_.map(|span| now + span.0),
            why,
            by: by.to_owned(),
        };
        match order {
            PersonOrder::Retry { incident } => {
                self.fits_anew(incident).map_err(OrderError::Refused)?;
                self.person(incident, Signal::Retry { by: by.to_owned() }, now, round)?;
                Ok(format!("incident {incident} is tried again"))
            }
            PersonOrder::Close { incident, note } => {
                self.person(incident, Signal::Close { by: by.to_owned(), note }, now, round)?;
                Ok(format!("incident {incident} is closed"))
            }
            PersonOrder::Hold { target, for_, why } => {
                listed(&self.config.in_force.allow, &target).map_err(OrderError::Refused)?;
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
            PersonOrder::HoldPlaybook { playbook, for_, why } => {
                self.known(&playbook).map_err(OrderError::Refused)?;
                let event = HouseEvent::PlaybookHeld { playbook, hold: hold(for_, why) };
                let text = event.text();
                self.record_house(event, now, round);
                Ok(text)
            }
            PersonOrder::ReleasePlaybook { playbook } => {
                if !self.state.house.books.contains_key(&playbook) {
                    return Err(OrderError::Refused(format!("playbook {} is not on hold", cut(&playbook.0))));
                }
                self.record_house(HouseEvent::PlaybookReleased { playbook: playbook.clone(), by: by.to_owned() }, now, round);
                Ok(format!("playbook {playbook} is released"))
            }
            PersonOrder::Pause { for_, why } => {
                let event = HouseEvent::Paused { hold: hold(for_, why) };
                let text = event.text();
                self.record_house(event, now, round);
                Ok(text)
            }
            PersonOrder::Resume => {
                if let Some(barred) = &self.state.house.barred {
                    let file = &self.config.switch.file;
                    return Err(OrderError::Refused(format!("paused {}: remove {file} first", barred.text())));
                }
                if self.state.house.paused(now).is_none() {
                    return Err(OrderError::Refused("heald is not paused".to_owned()));
                }
                self.record_house(HouseEvent::Resumed { by: by.to_owned() }, now, round);
                Ok("repairs go on".to_owned())
            }
            PersonOrder::Approve { incident } => {
                self.person(incident, Signal::Approve { by: by.to_owned() }, now, round)?;
                Ok(format!("incident {incident}: approved by {by}; heald looks once more and goes on"))
            }
            PersonOrder::Deny { incident, why } => {
                self.person(incident, Signal::Deny { by: by.to_owned(), why }, now, round)?;
                Ok(format!("incident {incident}: denied by {by}; it is a person's turn"))
            }
            PersonOrder::Ack { incident, for_ } => {
                let for_ = for_.map(|span| span.0);
                self.person(incident, Signal::Ack { by: by.to_owned(), for_ }, now, round)?;
                let ack = self.state.incidents.get(&incident).and_then(|incident| incident.ack.clone());
                let until = ack.map_or_else(String::new, |ack| format!(" until {}", ack.until));
                Ok(format!("incident {incident}: acknowledged by {by}{until}; nobody else is called before that"))
            }
            PersonOrder::Tick { incident, item, note } => {
                self.person(incident, Signal::Tick { item, by: by.to_owned(), note }, now, round)?;
                Ok(format!("incident {incident}: step {item} is done"))
            }
            PersonOrder::Silence { incident, for_ } => {
                self.person(incident, Signal::Silence { by: by.to_owned(), for_: for_.0 }, now, round)?;
                Ok(format!("incident {incident}: Alertmanager is asked for a silence of {for_}"))
            }
            PersonOrder::PausePlaybookOf { incident, for_ } => {
                let playbook = self.state.incidents.get(&incident).map(|incident| incident.playbook.clone());
                let playbook = playbook.ok_or(OrderError::NotFound(incident))?;
                let why = format!("asked for at incident {incident}");
                self.order(PersonOrder::HoldPlaybook { playbook, for_, why }, by, round)
            }
            PersonOrder::Run { playbook, labels } => self.run_by_hand(&playbook, labels, by, now, round),
            PersonOrder::OpenBreaker { playbook, target, for_, why } => {
                self.known(&playbook).map_err(OrderError::Refused)?;
                listed(&self.config.in_force.allow, &target).map_err(OrderError::Refused)?;
                let event = HouseEvent::BreakerOpened { playbook, target, hold: hold(for_, why) };
                let text = event.text();
                self.record_house(event, now, round);
                Ok(text)
            }
            PersonOrder::CloseBreaker { playbook, target } => {
                if self.breaker(&playbook, &target, now).is_closed() {
                    // A name of no playbook is closed too; most likely another one was meant.
                    self.known(&playbook).map_err(OrderError::Refused)?;
                    return Err(OrderError::Refused(format!("the breaker of {playbook} for {target} is not open")));
                }
                let event = HouseEvent::BreakerClosed { playbook, target, at: now, by: by.to_owned() };
                let text = event.text();
                self.record_house(event, now, round);
                Ok(text)
            }
        }
    }

    fn known(&self, playbook: &PlaybookId) -> Result<(), String> {
        match self.library.get(playbook) {
            Some(_) => Ok(()),
            None => Err(format!("there is no playbook {}; see heald status", cut(&playbook.0))),
        }
    }

    /// A retry goes by the playbook in force: what it would do must fit, and be about the same target.
    fn fits_anew(&self, id: IncidentId) -> Result<(), String> {
        let Some(incident) = self.state.incidents.get(&id) else { return Ok(()) };
        let (Some(book), Some(known)) = (self.library.get(&incident.playbook), incident.target()) else { return Ok(()) };
        if book.revision == incident.revision {
            return Ok(());
        }
        let wrong = |why: String| format!("the playbook {} has changed: {why}; close the incident instead", book.id);
        match self.admit(book, &incident.context).map_err(wrong)? {
            target if target == *known => Ok(()),
            target => Err(wrong(format!("it is now about {target}"))),
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
    Err(format!("{target} is not named under `targets:`, so heald never touches it and there is nothing to stop{hint}"))
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
        assert!(why.contains("unit db.service is not named under `targets:`") && why.ends_with("to stop"), "{why}");
    }
}
