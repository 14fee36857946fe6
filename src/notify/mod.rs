//! TELL: what heald has to say to people, on every channel.
//!
//! [`card`] makes the words once for all of them; a channel only carries them.
//! Nothing here remembers anything: what is still to be told, to whom, and when to try
//! again is decided in `domain/` and kept in the journal. One [`Post`] is one try.

pub mod answer;
pub mod button;
pub mod card;
pub mod document;
pub mod email;
pub mod gitea;
pub mod heartbeat;
mod log;
pub mod sample;
pub mod webhook;

use crate::domain::notice::{Again, Delivery, Post};
use answer::{Failure, Posted};
use std::collections::BTreeMap;

pub use log::{NAME as LOG, tell as note};

/// The channels that are configured, by the names that the configuration gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub channels: BTreeMap<String, Kind>,
    /// heald's sign of life for somebody outside.
    pub heartbeat: Option<heartbeat::Settings>,
}

/// Whom a channel reaches, for escalation chains that nobody wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// People, at once, and they can answer.
    Chat,
    /// A list of open matters.
    Board,
    Mail,
    /// A program, or what is behind it.
    Program,
}

/// What a channel is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Email(email::Settings),
    Gitea(gitea::Settings),
    Webhook(webhook::Settings),
}

#[derive(Debug)]
pub struct Notifier {
    channels: BTreeMap<String, Channel>,
}

#[derive(Debug)]
enum Channel {
    Email(email::Channel),
    Gitea(gitea::Channel),
    Webhook(Box<webhook::Channel>),
}

// === impl Kind ===

impl Kind {
    pub fn audience(&self) -> Audience {
        match self {
            Self::Email(_) => Audience::Mail,
            Self::Gitea(_) => Audience::Board,
            Self::Webhook(_) => Audience::Program,
        }
    }
}

// === impl Notifier ===

impl Notifier {
    /// # Errors
    /// A channel's settings can't work; the text says which and why.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let made = settings.channels.into_iter().map(|(name, kind)| {
            let channel = Channel::new(kind).map_err(|why| format!("channel {name}: {why}"))?;
            Ok((name, channel))
        });
        Ok(Self { channels: made.collect::<Result<_, String>>()? })
    }

    /// One try on one channel.
    pub async fn post(&self, post: Post) -> Delivery {
        let told = match self.channels.get(&post.channel) {
            // It has its line already: each notice is noted once, wherever it goes.
            _ if post.channel == LOG => Ok(Posted::default()),
            Some(channel) => channel.post(&post).await,
            None => Err(Failure::never("no such channel is configured any more")),
        };
        let channel = post.channel;
        match told {
            Ok(Posted { thread }) => Delivery { channel, error: None, again: Again::Soon, thread: thread.or(post.thread) },
            Err(Failure { why, again }) => {
                tracing::warn!(incident = post.notice.incident.0, channel, error = why.as_str(), "notice not delivered");
                Delivery { channel, error: Some(why), again, thread: post.thread }
            }
        }
    }
}

// === impl Channel ===

impl Channel {
    fn new(kind: Kind) -> Result<Self, String> {
        Ok(match kind {
            Kind::Email(settings) => Self::Email(email::Channel::new(settings)?),
            Kind::Gitea(settings) => Self::Gitea(gitea::Channel::new(settings)?),
            Kind::Webhook(settings) => Self::Webhook(Box::new(webhook::Channel::new(settings)?)),
        })
    }

    async fn post(&self, post: &Post) -> Result<Posted, Failure> {
        match self {
            Self::Email(channel) => channel.post(post).await,
            Self::Gitea(channel) => channel.post(post).await,
            Self::Webhook(channel) => channel.post(post).await,
        }
    }
}

#[cfg(test)]
mod tests;
