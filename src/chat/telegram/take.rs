//! One thing that somebody wrote or pressed: who is it, may they, and what is the answer.

use super::Listener;
use crate::chat::answer::answer;
use crate::chat::people::{Person, Role};
use crate::chat::verb::{Ask, SILENCE, Wish, parse};
use crate::domain::time::Span;
use crate::link::telegram::{Incoming, Text, Update, User};
use crate::notify::button::{Press, Verb};
use crate::notify::telegram::Channel;
use crate::notify::telegram::html::{Page, Style};
use crate::run::handle::{Letter, OrderError, PersonOrder, PressedButton};
use std::time::Duration;

/// Where the answer to a written command goes.
struct Written {
    chat: i64,
    message: i32,
    text: String,
    is_forwarded: bool,
    age: Duration,
}

struct Pressed {
    query: String,
    chat: Option<i64>,
    message: Option<i32>,
    data: String,
}

/// An order that waited longer, because heald was away, is no longer what somebody wants now.
const FRESH: Duration = Duration::from_secs(600);
/// The label of a chat that is none of the configuration's.
const ELSEWHERE: &str = "telegram";

impl Listener {
    pub(super) async fn take(&mut self, update: Update) {
        match update.what {
            Incoming::Message { chat, message, from, text, is_forwarded, age } => {
                self.written(update.id, from, Written { chat, message, text, is_forwarded, age }).await;
            }
            Incoming::Press { query, chat, message, from, data } => {
                self.pressed(update.id, &from, Pressed { query, chat, message, data }).await;
            }
            Incoming::Other => {}
        }
    }

    async fn written(&mut self, offset: i64, from: Option<User>, written: Written) {
        let is_private = written.chat > 0;
        let text = written.text.trim();
        // What people say to each other, or to another bot, is none of heald's business.
        if !(text.starts_with('/') || is_private) || self.is_for_another(text) {
            return;
        }
        let text = without_name(text);
        let channel = self.chats.iter().find(|channel| channel.chat == written.chat).cloned();
        let person = from.as_ref().and_then(|from| self.people.by_telegram(from.id)).cloned();
        let (Some(channel), Some(person)) = (&channel, &person) else {
            let why = match (&from, &person) {
                (_, Some(_)) => format!("heald takes no orders in this chat; its number is {}", written.chat),
                (Some(from), None) => format!("heald does not know you; your number is {}", from.id),
                (None, None) => "heald takes orders from people only, not from a channel or an anonymous one".to_owned(),
            };
            let user = from.as_ref().map_or(0, |from| from.id);
            let name = channel.map_or(ELSEWHERE.to_owned(), |channel| channel.name);
            self.refuse(&name, from.as_ref(), &text, &why).await;
            if self.manners.may_answer(user) {
                self.say(written.chat, written.message, &why, false).await;
            }
            return;
        };
        let wish = match parse(&text) {
            _ if written.is_forwarded => Err("somebody else's words are no order; write it yourself".to_owned()),
            Ok(Some(wish)) => may(person, wish.role(), &text).map(|()| wish),
            Ok(None) => return,
            Err(misuse) => {
                self.say(written.chat, written.message, &misuse.to_string(), false).await;
                return;
            }
        };
        let (said, is_block) = match wish {
            Err(why) => {
                self.refuse(&channel.name, from.as_ref(), &text, &why).await;
                (why, false)
            }
            Ok(Wish::Ask(ask)) => (shown(answer(&self.handle, ask).await), true),
            Ok(Wish::Do(_)) if written.age > FRESH => {
                let age = Span(Duration::from_secs(written.age.as_secs() / 60 * 60));
                (format!("this was written {age} ago, while heald did not hear; if you still want it, write it again"), false)
            }
            Ok(Wish::Do(order)) => {
                let letter = Letter { channel: channel.name.clone(), offset: Some(offset), button: None };
                (shown(self.handle.order_by_letter(order, by(person), letter).await), false)
            }
        };
        self.say(written.chat, written.message, &said, is_block).await;
    }

    /// Every press is answered, or its button would seem to be busy.
    async fn pressed(&mut self, offset: i64, from: &User, pressed: Pressed) {
        let here: Vec<Channel> = self.chats.iter().filter(|channel| Some(channel.chat) == pressed.chat).cloned().collect();
        let person = self.people.by_telegram(from.id).cloned();
        let found = here.iter().find_map(|channel| Some((channel, channel.seal.open(&pressed.data).ok()?)));
        let allowed = match (&person, here.first(), found) {
            (None, ..) => Err(format!("heald does not know you; your number is {}", from.id)),
            (Some(_), None, _) => Err("heald takes no orders in this chat".to_owned()),
            (Some(_), Some(_), None) => Err(crate::notify::button::Forged.to_string()),
            (Some(person), Some(_), Some((channel, press))) => {
                may(person, wish(&press).role(), press.verb.label()).map(|()| (person, channel, press))
            }
        };
        let (said, is_alert) = match allowed {
            Err(why) => {
                let what = here.iter().find_map(|channel| channel.seal.open(&pressed.data).ok());
                let what = what.map_or("a button that is none of heald's".to_owned(), |press| {
                    format!("{}, incident {}", press.verb.label(), press.incident)
                });
                let name = here.first().map_or(ELSEWHERE, |channel| channel.name.as_str());
                self.refuse(name, Some(from), &what, &why).await;
                (why, true)
            }
            Ok((person, channel, press)) => match wish(&press) {
                Wish::Ask(ask) => {
                    let said = shown(answer(&self.handle, ask).await);
                    if let Some(message) = pressed.message {
                        self.say(channel.chat, message, &said, true).await;
                    }
                    (String::new(), false)
                }
                Wish::Do(order) => {
                    let Press { tag, attempt, plan, expires, .. } = press;
                    let button = Some(PressedButton { tag, attempt, plan, expires });
                    let letter = Letter { channel: channel.name.clone(), offset: Some(offset), button };
                    match self.handle.order_by_letter(order, by(person), letter).await {
                        Ok(said) => (said, false),
                        Err(error) => (error.to_string(), true),
                    }
                }
            },
        };
        if let Err(error) = self.link.answer_callback(&pressed.query, &said, is_alert).await {
            tracing::warn!(error = %error, "a pressed button could not be answered");
        }
    }

    /// Recorded by the loop, and counted.
    async fn refuse(&self, channel: &str, from: Option<&User>, what: &str, why: &str) {
        self.telemetry.chat_refused(channel);
        let who = from.map_or("nobody in particular".to_owned(), |from| format!("{} (@{})", from.id, from.name));
        let what = format!("{what}: {why}");
        if let Err(error) = self.handle.refused_in_chat(channel.to_owned(), who, what).await {
            tracing::warn!(error = %error, channel, "a refusal in a chat could not be recorded");
        }
    }

    async fn say(&self, chat: i64, to: i32, text: &str, is_block: bool) {
        let style = if is_block { Style::Block } else { Style::Plain };
        let body = Page::new("cut here; ask on the host").add(style, text).finish();
        let text = Text { body: &body, is_html: true, keyboard: &[] };
        if let Err(error) = self.link.send(chat, text, Some(to), false).await {
            tracing::warn!(error = %error, "an answer could not be given in Telegram");
        }
    }

    /// In a group `/status@other_bot` is for the other one.
    fn is_for_another(&self, text: &str) -> bool {
        let name = text.split_whitespace().next().and_then(|word| word.split_once('@')).map(|(_, name)| name);
        match (name, &self.name) {
            (Some(name), Some(own)) => !name.eq_ignore_ascii_case(own),
            _ => false,
        }
    }
}

/// `/status@heald_bot` is how Telegram's clients write a command in a group.
fn without_name(text: &str) -> String {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match word.split_once('@') {
        Some((verb, _)) if word.starts_with('/') => format!("{verb} {rest}"),
        _ => text.to_owned(),
    }
}

fn may(person: &Person, role: Role, what: &str) -> Result<(), String> {
    if person.role >= role {
        return Ok(());
    }
    let what = crate::domain::target::cut(what.split_whitespace().next().unwrap_or_default());
    Err(format!("{what} needs the role {}; yours is {}", role.label(), person.role.label()))
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

/// As the journal names them.
fn by(person: &Person) -> String {
    format!("{} (telegram)", person.name)
}

fn shown(answer: Result<String, OrderError>) -> String {
    answer.unwrap_or_else(|error| error.to_string())
}
