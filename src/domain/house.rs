//! What holds for the whole house: the kill switch and the holds that people placed. Durable, and lifted only by people.

use super::id::PlaybookId;
use super::notice::{Delivery, NoticeKind};
use super::outbox::Outbox;
use super::playbook::Playbook;
use super::target::Target;
use super::time::Time;
use super::trust::Trust;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct House {
    /// By order.
    pub paused: Option<Hold>,
    /// By a file, for as long as it exists.
    pub barred: Option<Hold>,
    /// By target: a deployment, a debugging session.
    pub holds: BTreeMap<Target, Hold>,
    /// By playbook: one that does harm.
    pub books: BTreeMap<PlaybookId, Hold>,
    /// Breakers that people opened.
    pub breakers: BTreeMap<(PlaybookId, Target), Hold>,
    /// When people closed a breaker: failures before that don't count.
    pub resets: BTreeMap<(PlaybookId, Target), Time>,
    /// From what heald stands back, or has just done so: a group's name or `storm`, and from when on repairs may go on.
    pub apart: BTreeMap<String, Option<Time>>,
    /// What playbooks with `mode: earn` have earned.
    pub trust: BTreeMap<PlaybookId, Trust>,
    /// What is owed to people and concerns no single incident.
    pub outbox: Outbox,
    /// So many incidents at once that they are told together.
    pub together: bool,
    /// Since when Alertmanager's always-firing alert stays away.
    pub blind: Option<Time>,
    /// By channel: the last message of a chat whose order is on disk, and when.
    pub heard: BTreeMap<String, (i64, Time)>,
    /// heald runs, as far as the journal knows. Still so at a start: it ended without a word.
    pub running: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// None: until somebody lifts it.
    pub until: Option<Time>,
    pub why: String,
    pub by: String,
}

/// Journaled like an incident's events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum HouseEvent {
    Paused {
        hold: Hold,
    },
    Resumed {
        by: String,
    },
    HoldPlaced {
        target: Target,
        hold: Hold,
    },
    HoldLifted {
        target: Target,
        by: String,
    },
    PlaybookHeld {
        playbook: PlaybookId,
        hold: Hold,
    },
    PlaybookReleased {
        playbook: PlaybookId,
        by: String,
    },
    /// The kill switch's file was found.
    Barred {
        hold: Hold,
    },
    /// It is gone.
    Unbarred {
        by: String,
    },
    BreakerOpened {
        playbook: PlaybookId,
        target: Target,
        hold: Hold,
    },
    BreakerClosed {
        playbook: PlaybookId,
        target: Target,
        at: Time,
        by: String,
    },
    /// So much of it is down that heald stands back.
    StoodBack {
        from: String,
        why: String,
    },
    /// Enough of it is good again; repairs go on at `until`.
    CalmedDown {
        from: String,
        until: Time,
    },
    Earned {
        playbook: PlaybookId,
        trust: Trust,
        why: String,
    },
    /// Something that people are to be told, and by which channels.
    NoticeDue {
        number: u32,
        notice: NoticeKind,
        reason: String,
        to: Vec<String>,
    },
    /// One try on one channel.
    Told {
        number: u32,
        delivery: Delivery,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Time>,
    },
    PassedOn {
        number: u32,
        to: Vec<String>,
        why: String,
    },
    /// So many incidents at once that they are told together.
    ToldTogether {
        why: String,
    },
    ToldApart,
    /// Alertmanager's always-firing alert stays away.
    WentBlind {
        why: String,
    },
    SeesAgain,
    /// An order of a chat's message was carried out or refused, with those before it.
    Heard {
        channel: String,
        offset: i64,
    },
    /// Somebody in a chat asked for what is not theirs to ask.
    RefusedInChat {
        channel: String,
        who: String,
        what: String,
    },
    Began {
        version: String,
    },
    Ended,
}

const HEARD_FOR: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

// === impl House ===

impl House {
    pub fn apply(&mut self, event: &HouseEvent, at: Time) {
        match event {
            HouseEvent::Paused { hold } => self.paused = Some(hold.clone()),
            HouseEvent::Resumed { .. } => self.paused = None,
            HouseEvent::HoldPlaced { target, hold } => {
                self.holds.insert(target.clone(), hold.clone());
            }
            HouseEvent::HoldLifted { target, .. } => {
                self.holds.remove(target);
            }
            HouseEvent::PlaybookHeld { playbook, hold } => {
                self.books.insert(playbook.clone(), hold.clone());
            }
            HouseEvent::PlaybookReleased { playbook, .. } => {
                self.books.remove(playbook);
            }
            HouseEvent::Barred { hold } => self.barred = Some(hold.clone()),
            HouseEvent::Unbarred { .. } => self.barred = None,
            HouseEvent::BreakerOpened { playbook, target, hold } => {
                self.breakers.insert((playbook.clone(), target.clone()), hold.clone());
            }
            HouseEvent::BreakerClosed { playbook, target, at, .. } => {
                self.breakers.remove(&(playbook.clone(), target.clone()));
                self.resets.insert((playbook.clone(), target.clone()), *at);
            }
            HouseEvent::StoodBack { from, .. } => {
                self.apart.insert(from.clone(), None);
            }
            HouseEvent::CalmedDown { from, until } => {
                self.apart.insert(from.clone(), Some(*until));
            }
            HouseEvent::Earned { playbook, trust, .. } => {
                self.trust.insert(playbook.clone(), trust.clone());
            }
            HouseEvent::NoticeDue { number, notice, reason, to } => self.outbox.due(*number, *notice, reason, to, at, at),
            HouseEvent::Told { number, delivery, next } => {
                self.outbox.told(*number, NoticeKind::Digest, Some(delivery), *next);
            }
            HouseEvent::PassedOn { number, to, .. } => self.outbox.pass_on(*number, to, at),
            HouseEvent::ToldTogether { .. } => self.together = true,
            HouseEvent::ToldApart => self.together = false,
            HouseEvent::WentBlind { .. } => self.blind = Some(at),
            HouseEvent::SeesAgain => self.blind = None,
            HouseEvent::Heard { channel, offset } => {
                self.heard.insert(channel.clone(), (*offset, at));
            }
            HouseEvent::RefusedInChat { .. } => {}
            HouseEvent::Began { .. } => self.running = true,
            HouseEvent::Ended => self.running = false,
        }
    }

    /// By the file or by order; the file's word comes first, for no order lifts it.
    pub fn paused(&self, now: Time) -> Option<&Hold> {
        self.barred.as_ref().or(self.paused.as_ref().filter(|hold| hold.holds(now)))
    }

    pub fn book_held(&self, playbook: &PlaybookId, now: Time) -> Option<&Hold> {
        self.books.get(playbook).filter(|hold| hold.holds(now))
    }

    pub fn held(&self, target: &Target, now: Time) -> Option<&Hold> {
        self.holds.get(target).filter(|hold| hold.holds(now))
    }

    pub fn breaker(&self, playbook: &PlaybookId, target: &Target, now: Time) -> Option<&Hold> {
        self.breakers.get(&(playbook.clone(), target.clone())).filter(|hold| hold.holds(now))
    }

    pub fn breaker_reset(&self, playbook: &PlaybookId, target: &Target) -> Option<Time> {
        self.resets.get(&(playbook.clone(), target.clone())).copied()
    }

    /// Whether too much of it is down now.
    pub fn stands_back(&self, from: &str) -> bool {
        matches!(self.apart.get(from), Some(None))
    }

    /// `Some(None)`: it stands back; `Some(Some(time))`: it did, until then.
    pub fn stood_back(&self, from: &str) -> Option<Option<Time>> {
        self.apart.get(from).copied()
    }

    /// The last message of a chat that was heard. Telegram keeps nothing longer than a day, and may count anew after a week
    /// without updates.
    pub fn heard(&self, channel: &str, now: Time) -> Option<i64> {
        self.heard.get(channel).filter(|(_, at)| now.since(*at) < HEARD_FOR).map(|(offset, _)| *offset)
    }

    /// Of a playbook with `mode: earn`; a changed playbook starts anew.
    pub fn trust(&self, playbook: &Playbook) -> Trust {
        let kept = self.trust.get(&playbook.id).filter(|trust| trust.revision == playbook.revision);
        kept.cloned().unwrap_or_else(|| Trust::new(playbook.revision.clone()))
    }
}

impl Hold {
    pub fn holds(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    pub fn text(&self) -> String {
        let until = self.until.map_or_else(|| "lifted".to_owned(), |until| until.to_string());
        let why = if self.why.is_empty() { String::new() } else { format!(": {}", self.why) };
        format!("by {} until {until}{why}", self.by)
    }
}

impl HouseEvent {
    /// What it is about, and whether it says "as if nothing had been": of two about the same only the later one counts.
    pub fn about(&self) -> (String, bool) {
        match self {
            Self::Paused { .. } => ("pause".to_owned(), false),
            Self::Resumed { .. } => ("pause".to_owned(), true),
            Self::HoldPlaced { target, .. } => (format!("hold {target}"), false),
            Self::HoldLifted { target, .. } => (format!("hold {target}"), true),
            Self::BreakerOpened { playbook, target, .. } => (format!("breaker {playbook} {target}"), false),
            Self::BreakerClosed { playbook, target, .. } => (format!("breaker {playbook} {target}"), true),
            Self::StoodBack { from, .. } => (format!("apart {from}"), false),
            Self::CalmedDown { from, .. } => (format!("apart {from}"), true),
            Self::Earned { playbook, .. } => (format!("trust {playbook}"), false),
            Self::PlaybookHeld { playbook, .. } => (format!("book {playbook}"), false),
            Self::PlaybookReleased { playbook, .. } => (format!("book {playbook}"), true),
            Self::Barred { .. } => ("bar".to_owned(), false),
            Self::Unbarred { .. } => ("bar".to_owned(), true),
            Self::NoticeDue { number, .. } => (format!("notice {number}"), true),
            Self::PassedOn { number, .. } => (format!("notice {number}"), true),
            Self::Told { number, .. } => (format!("notice {number}"), true),
            Self::ToldTogether { .. } => ("together".to_owned(), false),
            Self::ToldApart => ("together".to_owned(), true),
            Self::WentBlind { .. } => ("blind".to_owned(), false),
            Self::SeesAgain => ("blind".to_owned(), true),
            Self::Heard { channel, .. } => (format!("heard {channel}"), false),
            Self::RefusedInChat { .. } => ("refused in chat".to_owned(), true),
            Self::Began { .. } => ("run".to_owned(), false),
            Self::Ended => ("run".to_owned(), true),
        }
    }

    pub fn label(&self) -> &'static str {
        match self {
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
            Self::HoldPlaced { .. } => "hold_placed",
            Self::HoldLifted { .. } => "hold_lifted",
            Self::PlaybookHeld { .. } => "playbook_held",
            Self::PlaybookReleased { .. } => "playbook_released",
            Self::Barred { .. } => "barred",
            Self::Unbarred { .. } => "unbarred",
            Self::BreakerOpened { .. } => "breaker_opened",
            Self::BreakerClosed { .. } => "breaker_closed",
            Self::StoodBack { .. } => "stood_back",
            Self::CalmedDown { .. } => "calmed_down",
            Self::Earned { .. } => "earned",
            Self::NoticeDue { .. } => "notice_due",
            Self::Told { .. } => "told",
            Self::PassedOn { .. } => "passed_on",
            Self::ToldTogether { .. } => "told_together",
            Self::ToldApart => "told_apart",
            Self::WentBlind { .. } => "went_blind",
            Self::SeesAgain => "sees_again",
            Self::Heard { .. } => "heard",
            Self::RefusedInChat { .. } => "refused_in_chat",
            Self::Began { .. } => "began",
            Self::Ended => "ended",
        }
    }

    pub fn text(&self) -> String {
        match self {
            Self::Paused { hold } => format!("all repairs paused {}", hold.text()),
            Self::Resumed { by } => format!("repairs resumed by {by}"),
            Self::HoldPlaced { target, hold } => format!("{target} put on hold {}", hold.text()),
            Self::HoldLifted { target, by } => format!("hold on {target} lifted by {by}"),
            Self::PlaybookHeld { playbook, hold } => format!("playbook {playbook} put on hold {}", hold.text()),
            Self::PlaybookReleased { playbook, by } => format!("hold on playbook {playbook} lifted by {by}"),
            Self::Barred { hold } => format!("all repairs paused {}", hold.text()),
            Self::Unbarred { by } => format!("no longer paused by {by}"),
            Self::BreakerOpened { playbook, target, hold } => {
                format!("breaker of {playbook} for {target} opened {}", hold.text())
            }
            Self::BreakerClosed { playbook, target, by, .. } => format!("breaker of {playbook} for {target} closed by {by}"),
            Self::StoodBack { from, why } => format!("heald stands back ({from}): {why}"),
            Self::CalmedDown { from, until } => format!("{from}: enough is good again; repairs go on at {until}"),
            Self::Earned { playbook, trust, why } => format!("{playbook}: {why}; now {}", trust.words()),
            Self::NoticeDue { notice, reason, to, .. } => {
                format!("to be told: {} ({}): {reason}", notice.label(), to.join(", "))
            }
            Self::Told { number, delivery, .. } => match &delivery.error {
                None => format!("told notice {number}: {}", delivery.channel),
                Some(error) => format!("notice {number}: {} failed ({error})", delivery.channel),
            },
            Self::PassedOn { number, to, why } => format!("notice {number} also goes to {}: {why}", to.join(", ")),
            Self::ToldTogether { why } => format!("incidents are told together: {why}"),
            Self::ToldApart => "incidents are told one by one again".to_owned(),
            Self::WentBlind { why } => format!("detection is blind: {why}"),
            Self::SeesAgain => "alerts are heard again".to_owned(),
            Self::Heard { channel, offset } => format!("{channel}: heard up to message {offset}"),
            Self::RefusedInChat { channel, who, what } => format!("{channel}: {who} may not {what}"),
            Self::Began { version } => format!("heald {version} began"),
            Self::Ended => "heald ended in good order".to_owned(),
        }
    }
}
