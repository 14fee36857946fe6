//! Slack by the app's bot: one message per incident, changed in place as it proceeds, with its log in its thread.
//!
//! The thread that the journal keeps is `CHANNEL:TS`. A message that somebody deleted, or that Slack lets nobody change
//! any more, is followed by a new one.

use super::answer::{Failure, Posted};
use super::button::{Button, Seal};
use crate::domain::notice::{NoticeKind, Post};
use crate::link::slack::{self, Error, Message, Slack, Token};
use std::fmt;

pub mod blocks;
pub mod escape;

/// The app that speaks for heald in a workspace; all channels share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    pub api: slack::Settings,
    /// Checks what comes to `POST /slack/actions`.
    pub signing_secret: Option<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub app: App,
    /// Its id: `C0123ABCD`. A name may be another channel's tomorrow.
    pub channel: String,
}

#[derive(Clone)]
pub struct Channel {
    slack: Slack,
    channel: String,
    /// `None`: nobody would hear of a press.
    secret: Option<Token>,
}

// === impl App ===

impl App {
    /// Whether a press of a button reaches heald at all.
    pub fn listens(&self) -> bool {
        self.api.app.is_some() || self.signing_secret.is_some()
    }

    /// Of the buttons in one channel, by its name in the configuration.
    pub fn seal(&self, channel: &str) -> Seal {
        seal(&self.api.bot, channel)
    }
}

// === impl Channel ===

impl Channel {
    /// # Errors
    /// The API's URL can't be used.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let secret = settings.app.listens().then(|| settings.app.api.bot.clone());
        Ok(Self { slack: Slack::new(settings.app.api)?, channel: settings.channel, secret })
    }

    /// # Errors
    /// Why Slack did not take it.
    pub async fn post(&self, post: &Post) -> Result<Posted, Failure> {
        let notice = &post.notice;
        let card = blocks::card(notice, &self.buttons(post));
        if notice.kind.is_of_house() {
            self.tell(post, &card).await?;
            return Ok(Posted::default());
        }
        let Some(ts) = post.thread.as_deref().and_then(|thread| self.ts(thread)) else {
            return self.begin(post, &card).await;
        };
        // The card first: the line in the thread speaks of what it shows, and its buttons may be used up.
        let changed = match self.slack.update(&self.channel, ts, &card).await {
            Err(error) if error.is_about_blocks() => self.slack.update(&self.channel, ts, &blocks::plain_card(notice)).await,
            changed => changed,
        };
        match changed {
            Err(error) if error.is_lost_message() && notice.kind != NoticeKind::Progress => {
                return self.begin(post, &card).await;
            }
            // Not worth a new message: the next notice that matters makes one.
            Err(error) if error.is_lost_message() => return Ok(Posted::default()),
            changed => changed?,
        }
        let line = blocks::log_line(notice);
        match calls_people(notice.kind) {
            true => self.slack.call_out(&self.channel, ts, &line).await?,
            false => self.slack.post(&self.channel, Some(ts), &line).await?,
        };
        Ok(Posted::default())
    }

    async fn begin(&self, post: &Post, card: &Message) -> Result<Posted, Failure> {
        let ts = self.tell(post, card).await?;
        Ok(Posted { thread: Some(format!("{}:{ts}", self.channel)) })
    }

    /// Without its blocks rather than not at all.
    async fn tell(&self, post: &Post, card: &Message) -> Result<String, Error> {
        match self.slack.post(&self.channel, None, card).await {
            Err(error) if error.is_about_blocks() => {
                self.slack.post(&self.channel, None, &blocks::plain_card(&post.notice)).await
            }
            told => told,
        }
    }

    fn buttons(&self, post: &Post) -> Vec<Button> {
        self.secret.as_ref().map_or_else(Vec::new, |secret| seal(secret, &post.channel).buttons(&post.notice))
    }

    /// `None` also where the configuration names another channel by now.
    fn ts<'a>(&self, thread: &'a str) -> Option<&'a str> {
        let (channel, ts) = thread.split_once(':')?;
        (channel == self.channel && slack::is_ts(ts)).then_some(ts)
    }
}

/// Somebody has to do something: a line that only those see who follow the thread is not enough.
fn calls_people(kind: NoticeKind) -> bool {
    use NoticeKind as K;
    matches!(kind, K::Escalated | K::ApprovalNeeded | K::Unacknowledged | K::FiresAnew)
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("channel", &self.channel).finish_non_exhaustive()
    }
}

// === impl Failure ===

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { why: error.why, again: error.again }
    }
}

fn seal(secret: &Token, channel: &str) -> Seal {
    Seal::new(secret.reveal(), channel)
}
