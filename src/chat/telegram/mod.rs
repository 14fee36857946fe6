//! Telegram's side of the conversation: asks for what people wrote and pressed, and answers each of them.
//!
//! Long polling, so that no port is open. What was heard is recorded by the loop together with what it caused; after a
//! restart Telegram is asked from there on.

mod manners;
mod take;

use super::people::People;
use super::verb::VERBS;
use crate::domain::notice::Again;
use crate::link::telegram::{POLL_MAX, Telegram, TelegramError};
use crate::notify::telegram::{Bot, Channel};
use crate::run::handle::Handle;
use crate::telemetry::Telemetry;
use manners::Manners;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Tells on another channel that this one can't listen.
pub type Alarm = Box<dyn Fn(&str) + Send + Sync>;

pub struct Listener {
    link: Arc<Telegram>,
    /// The bot's own, once Telegram has said it.
    name: Option<String>,
    /// In which orders are taken.
    chats: Vec<Channel>,
    people: People,
    handle: Handle,
    telemetry: Telemetry,
    alarm: Alarm,
    manners: Manners,
    waits: Waits,
}

#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// For one long poll.
    pub poll: Duration,
    /// After somebody else asked with the same token, so that the two don't throw each other out for ever.
    pub conflict: Duration,
    /// After an error; doubled with each, up to `error_max`.
    pub error: Duration,
    pub error_max: Duration,
}

/// One alarm of the same cause in that time.
const ALARM_EVERY: Duration = Duration::from_secs(3_600);

// === impl Waits ===

impl Default for Waits {
    fn default() -> Self {
        Self {
            poll: POLL_MAX,
            conflict: Duration::from_secs(300),
            error: Duration::from_secs(1),
            error_max: Duration::from_secs(60),
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("chats", &self.chats).finish_non_exhaustive()
    }
}

// === impl Listener ===

impl Listener {
    /// `alarm`: called, at most once an hour, when nobody can be heard here.
    pub fn new(bot: &Bot, chats: Vec<Channel>, people: People, handle: Handle, telemetry: Telemetry, alarm: Alarm) -> Self {
        for channel in &chats {
            telemetry.chat(&channel.name);
        }
        let link = Arc::clone(&bot.link);
        let (manners, waits) = (Manners::default(), Waits::default());
        Self { link, name: None, chats, people, handle, telemetry, alarm, manners, waits }
    }

    #[must_use]
    pub fn with_waits(self, waits: Waits) -> Self {
        Self { waits, ..self }
    }

    /// Until `stopping` says so; what is being carried out is ended first.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        tokio::select! {
            () = self.introduce() => {}
            () = stopped(&mut stopping) => return,
        }
        let mut offset = self.heard().await.map(|heard| heard + 1);
        let mut pause = self.waits.error;
        let mut alarmed: Option<Instant> = None;
        loop {
            let asked = tokio::select! {
                asked = self.link.get_updates(offset, self.waits.poll) => asked,
                () = stopped(&mut stopping) => return,
            };
            let wait = match asked {
                Ok(updates) => {
                    pause = self.waits.error;
                    for update in updates {
                        offset = Some(update.id + 1);
                        self.take(update).await;
                        if *stopping.borrow() {
                            return;
                        }
                    }
                    continue;
                }
                Err(error) => {
                    tracing::warn!(error = %error, "Telegram can't be asked what people wrote");
                    let is_lasting = matches!(error, TelegramError::Conflict(_)) || error.again() == Again::Never;
                    if is_lasting && alarmed.is_none_or(|at| at.elapsed() >= ALARM_EVERY) {
                        alarmed = Some(Instant::now());
                        (self.alarm)(&format!("heald does not hear what is said in Telegram: {error}"));
                    }
                    let wait = match error {
                        TelegramError::Conflict(_) => self.waits.conflict,
                        TelegramError::Wait(wait) => wait,
                        _ => pause,
                    };
                    pause = (pause * 2).min(self.waits.error_max);
                    wait
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stopped(&mut stopping) => return,
            }
        }
    }

    /// The commands that Telegram's clients offer. Without it all works the same; so it is tried once.
    async fn introduce(&mut self) {
        match self.link.me().await {
            Ok(me) => self.name = Some(me.name),
            Err(error) => tracing::warn!(error = %error, "Telegram did not say the bot's name"),
        }
        let usual: Vec<(&str, String)> =
            VERBS.iter().map(|verb| (verb.name, format!("{} {}", verb.form, verb.what).trim().to_owned())).collect();
        let help = [("help", "all commands")];
        let commands: Vec<(&str, &str)> = usual.iter().map(|(name, what)| (*name, what.as_str())).chain(help).collect();
        if let Err(error) = self.link.set_commands(&commands).await {
            tracing::warn!(error = %error, "Telegram did not take the list of commands");
        }
    }

    /// The last one on disk: one bot counts all its chats together.
    async fn heard(&self) -> Option<i64> {
        let mut last = None;
        for channel in &self.chats {
            match self.handle.heard(channel.name.clone()).await {
                Ok(heard) => last = last.max(heard),
                // The loop itself refuses what it heard before.
                Err(error) => tracing::warn!(error = %error, "what was heard in Telegram so far is not known"),
            }
        }
        last
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is as good an order to stop.
    drop(stopping.wait_for(|stop| *stop).await);
}

#[cfg(test)]
mod tests;
