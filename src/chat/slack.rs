//! IN from Slack: a pressed button becomes an order to the loop, and its outcome a line in the message's thread.
//!
//! Presses come by [`super::slack_actions`] (HTTP) or [`super::slack_socket`] (Socket Mode); what they mean is judged
//! here, once for both. Slack wants its answer within three seconds: whoever takes a press answers at once, the work goes
//! on in a task of its own.

use super::answer::answer;
use super::verb::{Ask, SILENCE, Wish};
use super::{People, Person};
use crate::link::slack::{Message, Slack, is_ts};
use crate::notify::button::{Press, Seal, Verb};
use crate::notify::card;
use crate::notify::slack::App;
use crate::notify::slack::blocks::ACTION_PREFIX;
use crate::notify::slack::escape::escaped;
use crate::run::handle::{Handle, Letter, PersonOrder, PressedButton};
use crate::telemetry::Telemetry;
use serde::Deserialize;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Judges presses and sees to it that each is answered. Cheap to clone.
#[derive(Clone)]
pub struct Presses(Arc<Inner>);

struct Inner {
    handle: Handle,
    slack: Slack,
    rooms: Vec<Room>,
    people: People,
    telemetry: Telemetry,
    seen: Mutex<VecDeque<Box<str>>>,
    busy: Arc<Semaphore>,
}

/// A configured channel.
struct Room {
    name: String,
    id: String,
    seal: Seal,
}

/// What became of a press at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is worked on.
    Begun,
    /// It came before: nothing is done twice.
    Known,
    /// Not a press of a button of heald's; there is nothing to do.
    Other,
    /// Too many at once: it is not worked on.
    Busy,
    /// It can't be read.
    Garbage,
}

/// <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>
#[derive(Debug, Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    trigger_id: String,
    user: Option<Named>,
    channel: Option<Named>,
    container: Option<Container>,
    #[serde(default)]
    actions: Vec<Action>,
}

/// Names are not read: they can be chosen.
#[derive(Debug, Deserialize)]
struct Named {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Container {
    message_ts: Option<String>,
    thread_ts: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Action {
    #[serde(default)]
    action_id: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    action_ts: String,
}

/// Who pressed what, and where.
#[derive(Debug)]
struct Pressed {
    user: String,
    channel: String,
    /// Of the message's thread.
    thread: Option<String>,
    token: String,
}

/// What is said about it, and to whom.
#[derive(Debug)]
enum Answer {
    /// To all, in the thread.
    Thread(String),
    /// To whoever pressed.
    Whisper(String),
    Nothing,
}

/// Presses that are worked on at once; more than a room full of people makes.
const BUSY_MAX: usize = 32;
/// Triggers that are remembered: far more than come within the minutes in which one may be repeated. After that, and
/// after a restart, the journal knows which buttons were used.
const SEEN_MAX: usize = 1_024;
/// The loop answers within milliseconds, or its journal has stopped.
const LOOP_PATIENCE: Duration = Duration::from_secs(30);
const ANSWER_MAX: usize = 2_900;
/// For the journal and the metrics: a channel that is not configured.
const ELSEWHERE: &str = "slack";

// === impl Presses ===

impl Presses {
    /// `channels`: the name and Slack's id of each.
    ///
    /// # Errors
    /// The API's URL can't be used.
    pub fn new(
        handle: Handle,
        app: &App,
        channels: &[(&str, &str)],
        people: People,
        telemetry: Telemetry,
    ) -> Result<Self, String> {
        // Series begin at 0: Prometheus's `increase()` does not see a counter's birth.
        channels.iter().map(|(name, _)| *name).chain([ELSEWHERE]).for_each(|name| telemetry.chat(name));
        let room = |(name, id): &(&str, &str)| Room { name: (*name).to_owned(), id: (*id).to_owned(), seal: app.seal(name) };
        Ok(Self(Arc::new(Inner {
            handle,
            slack: Slack::new(app.api.clone())?,
            rooms: channels.iter().map(room).collect(),
            people,
            telemetry,
            seen: Mutex::default(),
            busy: Arc::new(Semaphore::new(BUSY_MAX)),
        })))
    }

    pub(super) fn slack(&self) -> &Slack {
        &self.0.slack
    }

    /// Takes an interaction payload, and comes back at once. Needs a tokio runtime.
    pub fn take(&self, payload: &str) -> Taken {
        let Ok(payload) = serde_json::from_str::<Payload>(payload) else { return Taken::Garbage };
        if payload.kind != "block_actions" {
            return Taken::Other;
        }
        let Some(action) = payload.actions.into_iter().find(|action| action.action_id.starts_with(ACTION_PREFIX)) else {
            return Taken::Other;
        };
        let (Some(user), Some(channel)) = (payload.user, payload.channel) else { return Taken::Garbage };
        let key = format!("{} {} {} {}", payload.trigger_id, user.id, action.action_ts, action.value);
        let Ok(permit) = Arc::clone(&self.0.busy).try_acquire_owned() else { return Taken::Busy };
        if !self.0.is_new(key) {
            return Taken::Known;
        }
        let thread = payload.container.and_then(|container| container.thread_ts.or(container.message_ts));
        let pressed = Pressed { user: user.id, channel: channel.id, thread: thread.filter(|ts| is_ts(ts)), token: action.value };
        tokio::spawn(Arc::clone(&self.0).work(pressed, permit));
        Taken::Begun
    }
}

// === impl Inner ===

impl Inner {
    fn is_new(&self, key: String) -> bool {
        // Nothing can be half done: a key is in or not.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key.into_boxed_str();
        if seen.contains(&key) {
            return false;
        }
        if seen.len() == SEEN_MAX {
            seen.pop_front();
        }
        seen.push_back(key);
        true
    }

    async fn work(self: Arc<Self>, pressed: Pressed, _permit: OwnedSemaphorePermit) {
        let thread = pressed.thread.as_deref();
        let told = match self.judge(&pressed).await {
            Answer::Nothing => Ok(()),
            Answer::Thread(text) => {
                let message = Message { text: escaped(&text, ANSWER_MAX), blocks: Vec::new() };
                self.slack.post(&pressed.channel, thread, &message).await.map(drop)
            }
            Answer::Whisper(text) => {
                self.slack.whisper(&pressed.channel, thread, &pressed.user, &escaped(&text, ANSWER_MAX)).await
            }
        };
        if let Err(error) = told {
            tracing::warn!(error = error.why, "the answer to a press in Slack was not delivered");
        }
    }

    async fn judge(&self, pressed: &Pressed) -> Answer {
        let rooms: Vec<&Room> = self.rooms.iter().filter(|room| room.id == pressed.channel).collect();
        let Some(first) = rooms.first() else {
            // Nothing is said there: it is not heald's.
            self.refuse(ELSEWHERE, pressed, &format!("a button in the channel {}, which is not configured", pressed.channel))
                .await;
            return Answer::Nothing;
        };
        let opened = rooms.iter().find_map(|room| Some((*room, room.seal.open(&pressed.token).ok()?)));
        let Some((room, press)) = opened else {
            self.refuse(&first.name, pressed, "a button that heald did not make, or made with another token").await;
            return Answer::Whisper("This button is not one of heald's, or no longer: nothing was done.".to_owned());
        };
        let what = format!("{} of incident {}", press.verb.label(), press.incident);
        let Some(person) = self.people.by_slack(&pressed.user) else {
            self.refuse(&room.name, pressed, &what).await;
            return Answer::Whisper(format!(
                "heald does not know you: nothing was done. Whoever runs it can add `slack: {}` to `notify.people`.",
                pressed.user
            ));
        };
        let wish = wish(&press);
        let needed = wish.role();
        if person.role < needed {
            self.refuse(&room.name, pressed, &format!("{what}, which takes the role {}", needed.label())).await;
            return Answer::Whisper(format!(
                "{} takes the role {}, and yours is {}: nothing was done.",
                press.verb.label(),
                needed.label(),
                person.role.label()
            ));
        }
        match wish {
            Wish::Ask(ask) => self.show(ask).await,
            Wish::Do(order) => self.obey(room, person, press, order).await,
        }
    }

    async fn show(&self, ask: Ask) -> Answer {
        Answer::Thread(match in_time(answer(&self.handle, ask)).await {
            Some(shown) => shown.unwrap_or_else(|error| error.to_string()),
            None => "heald's loop does not answer".to_owned(),
        })
    }

    async fn obey(&self, room: &Room, person: &Person, press: Press, order: PersonOrder) -> Answer {
        let Press { verb, tag, attempt, plan, expires, .. } = press;
        let button = Some(PressedButton { tag, attempt, plan, expires });
        let letter = Letter { channel: room.name.clone(), offset: None, button };
        // The name alone: it is what `guards.approve.by` lists. The channel stands in the letter.
        let text = match in_time(self.handle.order_by_letter(order, person.name.clone(), letter)).await {
            Some(Ok(done)) => done,
            Some(Err(why)) => format!("not done: {why}"),
            None => "heald's loop does not answer; whether it is done shows in the card, or in `heald incidents`".to_owned(),
        };
        Answer::Thread(format!("{}, {}: {}", person.name, verb.label(), card::line(&text)))
    }

    async fn refuse(&self, channel: &str, pressed: &Pressed, what: &str) {
        self.telemetry.chat_refused(channel);
        let (channel, who) = (channel.to_owned(), format!("slack user {}", card::line(&pressed.user)));
        let noted = self.handle.refused_in_chat(channel, who, what.to_owned());
        if !matches!(in_time(noted).await, Some(Ok(()))) {
            tracing::warn!("the refusal could not be recorded");
        }
    }
}

fn wish(press: &Press) -> Wish {
    let incident = press.incident;
    match press.verb {
        Verb::Ack => Wish::Do(PersonOrder::Ack { incident, for_: None }),
        Verb::Approve => Wish::Do(PersonOrder::Approve { incident }),
        Verb::Deny => Wish::Do(PersonOrder::Deny { incident, why: String::new() }),
        Verb::Silence => Wish::Do(PersonOrder::Silence { incident, for_: SILENCE }),
        Verb::PausePlaybook => Wish::Do(PersonOrder::PausePlaybookOf { incident, for_: None }),
        Verb::Details => Wish::Ask(Ask::Incident(incident)),
        Verb::Review => Wish::Ask(Ask::Review(incident)),
    }
}

async fn in_time<T>(asked: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(LOOP_PATIENCE, asked).await.ok()
}

#[cfg(test)]
#[path = "slack_tests.rs"]
mod tests;
