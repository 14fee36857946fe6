//! Telegram: one message per incident, changed as it proceeds; each further notice also as a reply to it, so that
//! phones ring and the conversation keeps its order.

pub mod html;

use super::answer::{Failure, Posted};
use super::button::{Seal, Verb};
use super::card;
use crate::domain::notice::{Again, Notice, NoticeKind, Post};
use crate::link::telegram::{self as link, Key, Telegram, TelegramError, Text};
use html::{Page, Style};
use std::fmt;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Of a group (negative), or of a person who has written to the bot.
    pub chat: i64,
}

/// The bot that all channels of this kind share.
#[derive(Clone)]
pub struct Bot {
    pub link: Arc<Telegram>,
    token: String,
}

/// A chat that heald speaks in.
#[derive(Clone)]
pub struct Channel {
    /// In the configuration.
    pub name: String,
    pub chat: i64,
    pub seal: Seal,
    link: Arc<Telegram>,
}

/// Buttons a row: their labels fit on a phone.
const ROW: usize = 2;

// === impl Bot ===

impl Bot {
    /// # Errors
    /// The settings can't work; the text does not hold the token.
    pub fn new(settings: &link::Settings) -> Result<Self, String> {
        Ok(Self { link: Arc::new(Telegram::new(settings)?), token: settings.token.clone() })
    }

    pub fn channel(&self, name: &str, settings: &Settings) -> Channel {
        let seal = Seal::new(&self.token, name);
        Channel { name: name.to_owned(), chat: settings.chat, seal, link: Arc::clone(&self.link) }
    }
}

impl fmt::Debug for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bot(…)")
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telegram").field("chat", &self.chat).finish_non_exhaustive()
    }
}

// === impl Channel ===

impl Channel {
    /// The thread is the incident's message: `CHAT/MESSAGE`.
    ///
    /// # Errors
    /// Why Telegram did not take it, without the token.
    pub async fn post(&self, post: &Post) -> Result<Posted, Failure> {
        let notice = &post.notice;
        let silent = notice.kind == NoticeKind::Progress;
        let keyboard = self.keyboard(notice);
        let known = post.thread.as_deref().and_then(|thread| self.message(thread)).filter(|_| !notice.kind.is_of_house());
        if let Some(message) = known {
            match self.edit(message, notice, &keyboard).await {
                Ok(()) => {
                    self.reply(message, notice, silent).await?;
                    return Ok(Posted { thread: post.thread.clone() });
                }
                // Somebody deleted it, or it is too old: the incident goes on in a new one.
                Err(TelegramError::Gone) => {}
                Err(error) => return Err(failure(&error)),
            }
        }
        let message = self.send(notice, &keyboard, silent).await.map_err(|error| failure(&error))?;
        let thread = (!notice.kind.is_of_house()).then(|| format!("{}/{message}", self.chat));
        Ok(Posted { thread })
    }

    async fn edit(&self, message: i32, notice: &Notice, keyboard: &[Vec<Key>]) -> Result<(), TelegramError> {
        let text = |body, is_html| Text { body, is_html, keyboard };
        match self.link.edit(self.chat, message, text(&page(notice), true)).await {
            Err(TelegramError::BadText(_)) => self.link.edit(self.chat, message, text(&fallback(notice), false)).await,
            done => done,
        }
    }

    async fn send(&self, notice: &Notice, keyboard: &[Vec<Key>], silent: bool) -> Result<i32, TelegramError> {
        let text = |body, is_html| Text { body, is_html, keyboard };
        match self.link.send(self.chat, text(&page(notice), true), None, silent).await {
            Err(TelegramError::BadText(_)) => self.link.send(self.chat, text(&fallback(notice), false), None, silent).await,
            done => done,
        }
    }

    async fn reply(&self, message: i32, notice: &Notice, silent: bool) -> Result<(), Failure> {
        let body = html::plain(&card::news(notice), &hint(notice));
        let text = Text { body: &body, is_html: false, keyboard: &[] };
        self.link.send(self.chat, text, Some(message), silent).await.map(drop).map_err(|error| failure(&error))
    }

    /// Consent first; two in a row.
    fn keyboard(&self, notice: &Notice) -> Vec<Vec<Key>> {
        let keys = self.seal.buttons(notice).into_iter().map(|button| Key { label: label(button.verb), data: button.token });
        keys.collect::<Vec<_>>().chunks(ROW).map(<[Key]>::to_vec).collect()
    }

    /// A message of another chat, from before the configuration was changed, is none that could be edited.
    fn message(&self, thread: &str) -> Option<i32> {
        let (chat, message) = thread.split_once('/')?;
        (chat.parse() == Ok(self.chat)).then_some(message)?.parse().ok()
    }
}

fn label(verb: Verb) -> String {
    let sign = match verb {
        Verb::Ack => "👀",
        Verb::Approve => "✅",
        Verb::Deny => "⛔",
        Verb::Silence => "🔕",
        Verb::PausePlaybook => "⏸",
        Verb::Details => "🔍",
        Verb::Review => "📝",
    };
    format!("{sign} {}", verb.label())
}

fn failure(error: &TelegramError) -> Failure {
    let again = match error {
        // It was sent as plain text already.
        TelegramError::BadText(_) => Again::Never,
        other => other.again(),
    };
    Failure { why: error.to_string(), again }
}

/// The incident's message, in Telegram's HTML and within its length.
pub fn page(notice: &Notice) -> String {
    let mut page = Page::new(&hint(notice)).add(Style::Bold, &card::title(notice)).add(Style::Plain, "\n\n");
    page = page.add(Style::Plain, &card::line(&notice.title));
    let summary = card::line(&notice.summary);
    if !summary.is_empty() {
        page = page.add(Style::Plain, "\n").add(Style::Italic, &summary);
    }
    page = page.add(Style::Plain, "\n");
    for row in card::rows(notice) {
        page = page.add(Style::Plain, "\n").add(Style::Bold, row.name).add(Style::Plain, " ");
        page = match &row.link {
            Some(url) => page.link(&row.value, url),
            None => page.add(Style::Plain, &row.value),
        };
    }
    for (heading, body) in card::sections(notice) {
        page = page.add(Style::Plain, "\n\n").add(Style::Bold, heading).add(Style::Plain, "\n").add(Style::Block, &body);
    }
    page.finish()
}

/// The same without markup, should Telegram ever refuse the page.
fn fallback(notice: &Notice) -> String {
    html::plain(&card::text(notice), &hint(notice))
}

fn hint(notice: &Notice) -> String {
    if notice.kind.is_of_house() {
        return "cut here; the log has the rest".to_owned();
    }
    format!("cut here; all of it: heald incidents {}", notice.incident)
}
