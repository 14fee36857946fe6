//! What people are told besides single incidents: of heald itself, of channels that are broken, of many incidents
//! together. Journaled with an outbox of its own, as an incident's notices are.

use super::world::World;
use super::{Driver, Round};
use crate::domain::decide::Effect;
use crate::domain::house::HouseEvent;
use crate::domain::id::IncidentId;
use crate::domain::incident::{Incident, IncidentEvent};
use crate::domain::notice::{Again, Delivery, Notice, NoticeKind, Post};
use crate::domain::outbox::DIGEST;
use crate::domain::target::cut;
use crate::domain::time::{Span, Time};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The outbox of heald itself, where an incident's number is expected.
pub(super) const HOUSE: IncidentId = IncidentId(0);
/// What concerns heald itself is not repeated sooner.
const TELL_HOUSE_EVERY: Duration = Duration::from_secs(3_600);
/// In a flood of incidents people hear the first ones soon, and the rest every so often.
const FLOOD_FIRST: Duration = Duration::from_secs(30);
const FLOOD_EVERY: Duration = Duration::from_secs(300);
/// Of a digest; the rest is counted.
const DIGEST_LINES: usize = 40;

impl<W: World> Driver<W> {
    /// Each kind at most once an hour, each subject by itself: a broken channel, a group that heald stands back from.
    pub(super) fn owe_house(&mut self, kind: NoticeKind, subject: &str, reason: &str, now: Time, round: &mut Round) {
        let key = (kind, subject.to_owned());
        if self.told_of_house.get(&key).is_some_and(|told| now.since(*told) < TELL_HOUSE_EVERY) {
            return;
        }
        self.told_of_house.insert(key, now);
        let mut to = self.config.in_force.policy.escalation.house(self.clock.wall());
        // Not by the channel that it is about.
        to.remove(subject);
        self.owe_house_to(kind, reason, to, now, round);
    }

    fn owe_house_to(&mut self, notice: NoticeKind, reason: &str, mut to: BTreeSet<String>, now: Time, round: &mut Round) {
        if to.is_empty() {
            to.insert(LOG.to_owned());
        }
        let number = self.state.house.outbox.last + 1;
        let (reason, to) = (reason.to_owned(), to.into_iter().collect());
        self.world.note(&self.house_notice(number, notice, &reason));
        self.record_house(HouseEvent::NoticeDue { number, notice, reason, to }, now, round);
    }

    /// When the journal itself is the trouble: told at once, on every channel, and remembered by nobody.
    pub(super) fn cry(&mut self, kind: NoticeKind, reason: &str) {
        let now = self.clock.now();
        let key = (kind, String::new());
        if self.told_of_house.get(&key).is_some_and(|told| now.since(*told) < TELL_HOUSE_EVERY) {
            return;
        }
        self.told_of_house.insert(key, now);
        let notice = Notice::of_house(kind, &self.config.host, reason, reason, now);
        let channels = self.config.in_force.policy.escalation.channels.clone();
        let world = Arc::clone(&self.world);
        tokio::spawn(async move { cry(&*world, &channels, notice).await });
    }

    /// The house's turn in a round: what is owed goes out, what waited long enough is told together.
    pub(super) fn tell(&mut self, now: Time, round: &mut Round) {
        if self.is_calm(now) {
            // Whoever heard of the flood hears the rest of it.
            self.flush_digest(now, true, round);
            self.record_house(HouseEvent::ToldApart, now, round);
        }
        self.flush_digest(now, false, round);
        for number in self.state.house.outbox.late(now) {
            self.pass_on(number, "no channel took it for a minute", now, round);
        }
        let outbox = &self.state.house.outbox;
        let posts: Vec<Post> = outbox
            .sendable(now)
            .into_iter()
            .map(|(owed, channel)| Post {
                channel: channel.to_owned(),
                notice: self.house_notice(owed.number, owed.kind, &owed.reason),
                thread: None,
            })
            .collect();
        round.effects.extend(posts.into_iter().map(|post| (HOUSE, Effect::Tell(Box::new(post)))));
    }

    /// Of what is still to come: what is late already waits for an answer, not for the time.
    pub(super) fn next_telling(&self, now: Time) -> Option<Time> {
        let digest = self.state.digest_since().map(|since| since + self.digest_wait(since));
        self.state.house.outbox.deadlines().chain(digest).filter(|at| *at > now).min()
    }

    pub(super) fn house_told(&mut self, number: u32, delivery: Delivery, now: Time, round: &mut Round) {
        let outbox = &self.state.house.outbox;
        if !outbox.owes(number, &delivery.channel) {
            return;
        }
        let after = outbox.after(number, &delivery, now, u64::from(number));
        self.note_broken(&delivery, now, round);
        let why = format!("{} does not take it", delivery.channel);
        self.record_house(HouseEvent::Told { number, delivery, next: after.next }, now, round);
        if after.pass_on {
            self.pass_on(number, &why, now, round);
        }
    }

    /// A channel that only a person can mend is told of on the others.
    pub(super) fn note_broken(&mut self, delivery: &Delivery, now: Time, round: &mut Round) {
        if let (Some(error), Again::Never) = (&delivery.error, delivery.again) {
            let reason = format!("channel {}: {}", delivery.channel, cut(error));
            self.owe_house(NoticeKind::ChannelBroken, &delivery.channel, &reason, now, round);
        }
    }

    fn pass_on(&mut self, number: u32, why: &str, now: Time, round: &mut Round) {
        let Some(owed) = self.state.house.outbox.get(number) else { return };
        let others = self.config.in_force.policy.escalation.channels.iter().filter(|channel| !owed.to.contains_key(*channel));
        let to: Vec<String> = others.cloned().collect();
        if !to.is_empty() {
            self.record_house(HouseEvent::PassedOn { number, to, why: why.to_owned() }, now, round);
        }
    }

    fn house_notice(&self, number: u32, kind: NoticeKind, reason: &str) -> Notice {
        let now = self.clock.now();
        Notice { number, ..Notice::of_house(kind, &self.config.host, reason.lines().next().unwrap_or_default(), reason, now) }
    }

    /// After an incident was opened: so many in so short a time are told together.
    pub(super) fn count_opening(&mut self, now: Time, round: &mut Round) {
        self.opened.push_back(now);
        let storm = self.config.in_force.policy.escalation.storm;
        self.forget_openings(now);
        let chained = !self.config.in_force.policy.escalation.chains.is_empty();
        if chained && !self.state.house.together && self.opened.len() > storm.incidents as usize {
            let why =
                format!("{} incidents in {}: they are told together until it is calmer", self.opened.len(), Span(storm.within));
            self.record_house(HouseEvent::ToldTogether { why: why.clone() }, now, round);
            self.owe_house(NoticeKind::Storm, "", &why, now, round);
        }
    }

    /// Half as many, while they are told together.
    fn is_calm(&mut self, now: Time) -> bool {
        if !self.state.house.together {
            return false;
        }
        self.forget_openings(now);
        self.opened.len() <= self.config.in_force.policy.escalation.storm.incidents as usize / 2
    }

    fn forget_openings(&mut self, now: Time) {
        let within = self.config.in_force.policy.escalation.storm.within;
        while self.opened.front().is_some_and(|at| now.since(*at) >= within) {
            self.opened.pop_front();
        }
    }

    fn digest_wait(&self, since: Time) -> Duration {
        let every = self.config.in_force.policy.escalation.digest.every;
        match (self.state.house.together, self.flooded) {
            (false, _) => every,
            (true, Some(last)) if since < last + FLOOD_EVERY => FLOOD_EVERY.min(every),
            (true, _) => FLOOD_FIRST.min(every),
        }
    }

    /// From then on the digest is owed by heald itself, and no longer by each incident.
    fn flush_digest(&mut self, now: Time, at_once: bool, round: &mut Round) {
        let Some(since) = self.state.digest_since() else { return };
        if !at_once && now < since + self.digest_wait(since) {
            return;
        }
        let mut lines = Vec::new();
        let mut told = Vec::new();
        for incident in self.state.in_digest() {
            let severity = self.playbook_of(incident).map_or("", |book| incident.severity(&book).label());
            for owed in incident.outbox.owed.iter().filter(|owed| owed.to.contains_key(DIGEST)) {
                let what = incident.target().map_or_else(|| incident.playbook.to_string(), ToString::to_string);
                lines.push(format!(
                    "{} {severity} {what}: {}: {}",
                    incident.id,
                    owed.kind.label().replace('_', " "),
                    cut(&owed.reason)
                ));
                told.push((incident.id, owed.kind, owed.number));
            }
        }
        let (count, shown) = (lines.len(), lines.len().min(DIGEST_LINES));
        let rest = if count > shown { format!("\nand {} more: heald incidents", count - shown) } else { String::new() };
        let age = Span(Duration::from_secs(now.since(since).as_secs().max(1)));
        let reason = format!("{count} in {age}:\n{}{rest}", lines[..shown].join("\n"));
        let policy = &self.config.in_force.policy.escalation;
        let to: BTreeSet<String> = if self.state.house.together || policy.digest.to.is_empty() {
            policy.house(self.clock.wall())
        } else {
            policy.digest.to.iter().cloned().collect()
        };
        self.flooded = self.state.house.together.then_some(now);
        self.owe_house_to(NoticeKind::Digest, &reason, to, now, round);
        for (id, notice, number) in told {
            let event = IncidentEvent::Told { notice, deliveries: vec![Delivery::taken(DIGEST)], number, next: None };
            self.record(id, event, now, round);
        }
    }

    /// Whether what is urgent gets out: whoever waits outside for heald's sign of life should not get it otherwise.
    pub(super) fn is_heard(&self, now: Time) -> bool {
        let stuck = |incident: &Incident| {
            incident.outbox.owed.iter().any(|owed| {
                !owed.answered
                    && owed.kind == NoticeKind::Escalated
                    && now.since(owed.since) >= UNHEARD
                    && !owed.to.contains_key(DIGEST)
            })
        };
        !self.state.owing().any(stuck)
    }
}

/// The log, where no channel is configured.
const LOG: &str = "log";
/// An escalation that no channel took for so long: heald is as good as mute.
const UNHEARD: Duration = Duration::from_secs(600);

/// On every channel, once.
pub async fn cry<W: World>(world: &W, channels: &BTreeSet<String>, notice: Notice) -> Vec<Delivery> {
    world.note(&notice);
    let log = [LOG.to_owned()].into();
    let mut told = Vec::new();
    for channel in if channels.is_empty() { &log } else { channels } {
        told.push(world.tell(Post { channel: channel.clone(), notice: notice.clone(), thread: None }).await);
    }
    told
}
