//! What Telegram tells a bot, as far as heald listens.

use crate::link::clock;
use std::time::Duration;
use teloxide::types::{self, UpdateKind};

/// Ids grow by one; after a silent week Telegram may begin anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    pub id: i64,
    pub what: Incoming,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    Message {
        chat: i64,
        message: i32,
        /// `None`: in the name of a channel or a group.
        from: Option<User>,
        text: String,
        /// Somebody else's words, passed on by `from`.
        is_forwarded: bool,
        /// How long ago it was written: Telegram keeps for a day what nobody has fetched.
        age: Duration,
    },
    /// A button was pressed.
    Press {
        /// For [`super::Telegram::answer_callback`].
        query: String,
        /// Of the message that holds the button.
        chat: Option<i64>,
        message: Option<i32>,
        from: User,
        data: String,
    },
    /// What heald does not listen to: pictures, people who come and go, and what a newer Telegram sends.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: u64,
    /// Anybody can choose any: for people's eyes only.
    pub name: String,
}

impl From<types::Update> for Update {
    fn from(update: types::Update) -> Self {
        let id = i64::from(update.id.0);
        let what = match update.kind {
            UpdateKind::Message(message) => Incoming::from(message),
            UpdateKind::CallbackQuery(press) => Incoming::from(press),
            _ => Incoming::Other,
        };
        Self { id, what }
    }
}

impl From<types::Message> for Incoming {
    fn from(message: types::Message) -> Self {
        let Some(text) = message.text() else { return Self::Other };
        let written = jiff::Timestamp::from_second(message.date.timestamp()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Self::Message {
            chat: message.chat.id.0,
            message: message.id.0,
            // An anonymous administrator and a channel write under a bot's number that all of them share.
            from: message.from.as_ref().filter(|_| message.sender_chat.is_none()).map(User::from),
            text: text.to_owned(),
            is_forwarded: message.forward_origin().is_some() || message.via_bot.is_some(),
            age: clock::since(written),
        }
    }
}

impl From<types::CallbackQuery> for Incoming {
    fn from(press: types::CallbackQuery) -> Self {
        Self::Press {
            chat: press.message.as_ref().map(|message| message.chat().id.0),
            message: press.message.as_ref().map(|message| message.id().0),
            from: User::from(&press.from),
            data: press.data.unwrap_or_default(),
            query: press.id.0,
        }
    }
}

impl From<&types::User> for User {
    fn from(user: &types::User) -> Self {
        Self { id: user.id.0, name: user.username.clone().unwrap_or_else(|| user.first_name.clone()) }
    }
}
