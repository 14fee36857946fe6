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
pub mod slack;
pub mod slack_webhook;
pub mod telegram;
pub mod webhook;

use crate::domain::notice::{Again, Delivery, Post};
use answer::{Failure, Posted};
use std::collections::BTreeMap;

pub use log::{NAME as LOG, tell as note};

/// The channels that are configured, by the names that the configuration gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub channels: BTreeMap<String, Kind>,
    /// The bot of the channels in Telegram.
    pub telegram: Option<crate::link::telegram::Settings>,
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
    Slack(slack::Settings),
    SlackWebhook(slack_webhook::Settings),
    Telegram(telegram::Settings),
    Email(email::Settings),
    Gitea(gitea::Settings),
    Webhook(webhook::Settings),
}

#[derive(Debug)]
pub struct Notifier {
    channels: BTreeMap<String, Channel>,
    telegram: Option<telegram::Bot>,
}

#[derive(Debug)]
enum Channel {
    Slack(slack::Channel),
    SlackWebhook(slack_webhook::Channel),
    Telegram(telegram::Channel),
    Email(email::Channel),
    Gitea(gitea::Channel),
    Webhook(Box<webhook::Channel>),
}

// === impl Settings ===

impl Settings {
    /// The app that the channels of kind [`Kind::Slack`] share, and each one's name and id; `None` where there are none.
    pub fn slack(&self) -> Option<(&slack::App, Vec<(&str, &str)>)> {
        let found = self.channels.iter().filter_map(|(name, kind)| match kind {
            Kind::Slack(settings) => Some((&settings.app, (name.as_str(), settings.channel.as_str()))),
            _ => None,
        });
        let (apps, channels): (Vec<_>, Vec<_>) = found.unzip();
        Some((apps.first().copied()?, channels))
    }
}

// === impl Kind ===

impl Kind {
    pub fn audience(&self) -> Audience {
        match self {
            Self::Slack(_) | Self::SlackWebhook(_) | Self::Telegram(_) => Audience::Chat,
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
        let telegram =
            settings.telegram.as_ref().map(telegram::Bot::new).transpose().map_err(|why| format!("telegram: {why}"))?;
        let made = settings.channels.into_iter().map(|(name, kind)| {
            let channel = Channel::new(&name, kind, telegram.as_ref()).map_err(|why| format!("channel {name}: {why}"))?;
            Ok((name, channel))
        });
        let channels = made.collect::<Result<_, String>>()?;
        Ok(Self { channels, telegram })
    }

    /// The bot and the chats in which it speaks, for those who listen there; `None` where there is no bot.
    pub fn telegram(&self) -> Option<(&telegram::Bot, Vec<telegram::Channel>)> {
        let chats = self.channels.values().filter_map(|channel| match channel {
            Channel::Telegram(channel) => Some(channel.clone()),
            _ => None,
        });
        Some((self.telegram.as_ref()?, chats.collect()))
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
    fn new(name: &str, kind: Kind, telegram: Option<&telegram::Bot>) -> Result<Self, String> {
        Ok(match kind {
            Kind::Slack(settings) => Self::Slack(slack::Channel::new(settings)?),
            Kind::SlackWebhook(settings) => Self::SlackWebhook(slack_webhook::Channel::new(settings)?),
            Kind::Telegram(settings) => {
                Self::Telegram(telegram.ok_or("there is no bot: `notify.telegram` is missing")?.channel(name, &settings))
            }
            Kind::Email(settings) => Self::Email(email::Channel::new(settings)?),
            Kind::Gitea(settings) => Self::Gitea(gitea::Channel::new(settings)?),
            Kind::Webhook(settings) => Self::Webhook(Box::new(webhook::Channel::new(settings)?)),
        })
    }

    async fn post(&self, post: &Post) -> Result<Posted, Failure> {
        match self {
            Self::Slack(channel) => channel.post(post).await,
            Self::SlackWebhook(channel) => channel.post(post).await,
            Self::Telegram(channel) => channel.post(post).await,
            Self::Email(channel) => channel.post(post).await,
            Self::Gitea(channel) => channel.post(post).await,
            Self::Webhook(channel) => channel.post(post).await,
        }
    }
}

#[cfg(test)]
mod tests;
