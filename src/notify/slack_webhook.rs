//! Slack by an incoming webhook: the address is all it takes, and the secret. Each notice is a message of its own; there
//! is nothing to change later and nothing to press.

use super::answer::{self, Failure, Posted};
use super::slack::blocks;
use crate::domain::notice::Post;
use crate::link::slack::{Message, Token, word};
use reqwest::{Client, Response, Url};
use serde_json::json;
use std::fmt;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `https://hooks.slack.com/services/…`: whoever knows it may post.
    pub url: Token,
    /// For one try.
    pub timeout: Duration,
}

#[derive(Clone)]
pub struct Channel {
    client: Client,
    url: Url,
}

/// Slack answers with one word.
const ANSWER_MAX: usize = 1_024;

// === impl Settings ===

impl Settings {
    pub fn new(url: Token) -> Self {
        Self { url, timeout: answer::TIMEOUT }
    }
}

// === impl Channel ===

impl Channel {
    /// # Errors
    /// The URL can't be used; the text does not repeat it.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let (client, url) = answer::client(settings.url.reveal(), settings.timeout)?;
        Ok(Self { client, url })
    }

    /// # Errors
    /// Why Slack did not take it, without the URL.
    pub async fn post(&self, post: &Post) -> Result<Posted, Failure> {
        let told = match self.send(&blocks::card(&post.notice, &[])).await {
            // Without its blocks rather than not at all.
            Err(Refused { word: Some(word), .. }) if word.starts_with("invalid_blocks") || word == "invalid_payload" => {
                self.send(&blocks::plain_card(&post.notice)).await
            }
            told => told,
        };
        told.map(|()| Posted::default()).map_err(|refused| refused.failure)
    }

    /// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/#handling_errors>
    async fn send(&self, message: &Message) -> Result<(), Refused> {
        let mut body = json!({ "text": message.text, "mrkdwn": false, "unfurl_links": false, "unfurl_media": false });
        if !message.blocks.is_empty() {
            body["blocks"] = message.blocks.clone().into();
        }
        let response = answer::sent(self.client.post(self.url.clone()).json(&body).send().await)?;
        let Err(mut failure) = answer::accepted(response.status(), response.headers()) else { return Ok(()) };
        let said = read(response).await;
        let word = said.as_deref().and_then(word).map(str::to_owned);
        if let Some(word) = &word {
            failure.why = format!("{}: {word}", failure.why);
        }
        Err(Refused { failure, word })
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Channel(…)")
    }
}

struct Refused {
    failure: Failure,
    /// Slack's own for it.
    word: Option<String>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, word: None }
    }
}

async fn read(mut response: Response) -> Option<String> {
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        text.extend_from_slice(&chunk);
        if text.len() > ANSWER_MAX {
            return None;
        }
    }
    String::from_utf8(text).ok()
}
