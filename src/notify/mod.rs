//! TELL: what heald has to say to people, on every channel.
//!
//! [`card`] makes the words once for all of them; a channel only carries them.
//! Nothing here remembers anything: the journal holds what is still to be told,
//! and asks again when no channel took it.

pub mod card;
mod log;
mod webhook;

pub use webhook::Webhook;

use crate::domain::notice::{Delivery, Notice};

/// The channels that are configured.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub webhook: Option<Webhook>,
}

#[derive(Clone, Debug)]
pub struct Notifier {
    webhook: Option<webhook::Channel>,
}

// === impl Notifier ===

impl Notifier {
    /// # Errors
    /// A channel's settings can't work; the text says which and why.
    pub fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { webhook: settings.webhook.map(webhook::Channel::new).transpose()? })
    }

    /// Tells on every channel and says how each took it.
    ///
    /// The log always gets its line, but it counts as a channel only where there
    /// is no other: a line that nobody reads must not end the attempts to reach
    /// somebody.
    pub async fn tell(&self, notice: Notice) -> Vec<Delivery> {
        log::tell(&notice);
        let Some(webhook) = &self.webhook else {
            return vec![Delivery { channel: log::NAME.to_owned(), error: None }];
        };
        let error = webhook.tell(&notice).await.err();
        if let Some(error) = &error {
            tracing::warn!(incident = notice.incident.0, channel = webhook::NAME, error = error.as_str(), "notice not delivered");
        }
        vec![Delivery { channel: webhook::NAME.to_owned(), error }]
    }
}

#[cfg(test)]
mod tests;
