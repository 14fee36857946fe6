//! The generic channel: one JSON document by POST to a fixed URL.

use super::answer::{self, Failure, Posted};
use super::card;
use crate::domain::notice::Post;
use reqwest::{Client, Url};
use std::fmt;
use std::time::Duration;

#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// `http://` or `https://`. It may hold a token, so it is never printed.
    pub url: String,
    pub bearer: Option<String>,
    /// For one try.
    pub timeout: Duration,
}

#[derive(Clone)]
pub struct Channel {
    client: Client,
    url: Url,
    bearer: Option<String>,
}

const IDEMPOTENCY_KEY: &str = "idempotency-key";

// === impl Settings ===

impl Settings {
    pub fn new(url: impl Into<String>, bearer: Option<String>) -> Self {
        Self { url: url.into(), bearer, timeout: answer::TIMEOUT }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("bearer", &self.bearer.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("bearer", &self.bearer.is_some()).finish_non_exhaustive()
    }
}

// === impl Channel ===

impl Channel {
    /// # Errors
    /// The URL can't be used.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let (client, url) = answer::client(&settings.url, settings.timeout)?;
        Ok(Self { client, url, bearer: settings.bearer })
    }

    /// # Errors
    /// Why the receiver did not take it, without the URL.
    pub async fn post(&self, post: &Post) -> Result<Posted, Failure> {
        let card = card::card(&post.notice);
        let mut request = self.client.post(self.url.clone()).header(IDEMPOTENCY_KEY, key(&card.key)).json(&card);
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        let response = answer::sent(request.send().await)?;
        answer::accepted(response.status(), response.headers())?;
        Ok(Posted::default())
    }
}

/// A host name from the configuration could hold what a header can't.
fn key(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}
