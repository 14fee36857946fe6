//! heald's own sign of life for somebody outside (healthchecks.io, Uptime Kuma, a dead man's switch): while it comes,
//! heald works. Its silence is the alarm that heald can't give itself.

use super::answer::{self, Failure};
use reqwest::{Client, Url};
use std::fmt;
use std::time::Duration;

#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Asked with GET. It may hold a token, so it is never printed.
    pub url: String,
    pub every: Duration,
}

#[derive(Clone)]
pub struct Heartbeat {
    client: Client,
    url: Url,
    pub every: Duration,
}

// === impl Settings ===

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat").field("every", &self.every).finish_non_exhaustive()
    }
}

// === impl Heartbeat ===

impl Heartbeat {
    /// # Errors
    /// The URL can't be used; the text does not repeat it.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let (client, url) = answer::client(&settings.url, answer::TIMEOUT)?;
        Ok(Self { client, url, every: settings.every })
    }

    /// # Errors
    /// Why nobody took it, without the URL.
    pub async fn send(&self) -> Result<(), Failure> {
        let response = answer::sent(self.client.get(self.url.clone()).send().await)?;
        answer::accepted(response.status(), response.headers())
    }
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat").field("every", &self.every).finish_non_exhaustive()
    }
}
