//! One Telegram bot: typed calls of the [Bot API](https://core.telegram.org/bots/api), by teloxide.
//!
//! One call is one try: nothing is repeated here, not even what Telegram asks to wait for. The token is
//! part of every URL, so no error holds one.

mod error;
mod pace;
mod update;

pub use error::TelegramError;
pub use update::{Incoming, Update, User};

use pace::Pace;
use std::fmt;
use std::future::Future;
use std::time::Duration;
use teloxide::Bot;
use teloxide::payloads::{AnswerCallbackQuerySetters, EditMessageTextSetters, GetUpdatesSetters, SendMessageSetters};
use teloxide::requests::{HasPayload, Requester};
use teloxide::types::{
    AllowedUpdate, BotCommand, CallbackQueryId, ChatId, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions,
    MessageId, ParseMode, ReplyParameters,
};

/// The public server; a self-hosted one has another.
pub const API_URL: &str = "https://api.telegram.org";
/// The most characters of a message after its entities are parsed; also of an edited one.
pub const TEXT_MAX: usize = 4_096;
/// The most characters of an answer to a pressed button.
pub const ANSWER_MAX: usize = 200;
/// For one try.
pub const TIMEOUT: Duration = Duration::from_secs(9);
/// For how long at most [`Telegram::get_updates`] waits for one.
pub const POLL_MAX: Duration = Duration::from_secs(50);

#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// As @BotFather gave it: `123456789:AA…`.
    pub token: String,
    pub api_url: String,
    /// For one try.
    pub timeout: Duration,
}

pub struct Telegram {
    bot: Bot,
    timeout: Duration,
    pace: Pace,
}

/// The body of a message.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    pub body: &'a str,
    /// In Telegram's HTML; else as it stands.
    pub is_html: bool,
    pub keyboard: &'a [Vec<Key>],
}

/// A button of an inline keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub label: String,
    /// 1 to 64 bytes.
    pub data: String,
}

// === impl Settings ===

impl Settings {
    pub fn new(token: impl Into<String>) -> Self {
        Self { token: token.into(), api_url: API_URL.to_owned(), timeout: TIMEOUT }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telegram").field("api_url", &self.api_url).finish_non_exhaustive()
    }
}

/// Whether a text looks like what @BotFather gives: the bot's number, a colon, and about 35 characters.
pub fn is_token(token: &str) -> bool {
    token.split_once(':').is_some_and(|(number, secret)| {
        (1..=20).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_digit())
            && (20..=100).contains(&secret.len())
            && secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    })
}

// === impl Telegram ===

impl fmt::Debug for Telegram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telegram(…)")
    }
}

impl Telegram {
    /// # Errors
    /// The URL is none, or TLS can't be set up; the text does not hold the token.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        // A slash at the end becomes `//bot…`, which is 404.
        let url = settings.api_url.trim_end_matches('/');
        let url = url.parse().map_err(|error| format!("the api_url can't be read: {error}"))?;
        let client = teloxide::net::default_reqwest_settings()
            .timeout(POLL_MAX + settings.timeout)
            // A redirect would tell the URL, and with it the token, to somebody else.
            .referer(false)
            .build()
            .map_err(|_| "the client for Telegram can't be made: TLS can't be set up")?;
        let bot = Bot::with_client(settings.token.clone(), client).set_api_url(url);
        Ok(Self { bot, timeout: settings.timeout, pace: Pace::new() })
    }

    /// The bot's number and name.
    ///
    /// # Errors
    /// Why Telegram did not answer so.
    pub async fn me(&self) -> Result<User, TelegramError> {
        let me = self.ask(self.timeout, self.bot.get_me()).await?;
        Ok(User { id: me.id.0, name: me.user.username.unwrap_or(me.user.first_name) })
    }

    /// A new message; `reply_to`: a message of the same chat, if it is still there; `silent`: without a sound.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn send(&self, chat: i64, text: Text<'_>, reply_to: Option<i32>, silent: bool) -> Result<i32, TelegramError> {
        self.pace.turn(Some(chat)).await?;
        let mut request = self.bot.send_message(ChatId(chat), text.body).link_preview_options(no_preview());
        let payload = request.payload_mut();
        payload.parse_mode = text.is_html.then_some(ParseMode::Html);
        payload.disable_notification = silent.then_some(true);
        payload.reply_markup = (!text.keyboard.is_empty()).then(|| markup(text.keyboard).into());
        payload.reply_parameters = reply_to.map(|id| ReplyParameters {
            message_id: MessageId(id),
            allow_sending_without_reply: Some(true),
            ..ReplyParameters::default()
        });
        Ok(self.ask(self.timeout, request).await?.id.0)
    }

    /// Changes a message of the bot's own. That it says so already is success.
    ///
    /// # Errors
    /// Why it was not taken; [`TelegramError::Gone`] where there is nothing to be changed.
    pub async fn edit(&self, chat: i64, message: i32, text: Text<'_>) -> Result<(), TelegramError> {
        self.pace.turn(Some(chat)).await?;
        let request = self
            .bot
            .edit_message_text(ChatId(chat), MessageId(message), text.body)
            .link_preview_options(no_preview())
            .reply_markup(markup(text.keyboard));
        let request = if text.is_html { request.parse_mode(ParseMode::Html) } else { request };
        match self.ask(self.timeout, request).await {
            Ok(_) | Err(TelegramError::Unchanged) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends the waiting sign on a pressed button; `alert`: as a window instead of a line that passes.
    ///
    /// # Errors
    /// Why it was not taken: Telegram forgets a press after some minutes.
    pub async fn answer_callback(&self, query: &str, text: &str, alert: bool) -> Result<(), TelegramError> {
        self.pace.turn(None).await?;
        let text: String = text.chars().take(ANSWER_MAX).collect();
        let request = self.bot.answer_callback_query(CallbackQueryId(query.to_owned())).text(text).show_alert(alert);
        self.ask(self.timeout, request).await.map(drop)
    }

    /// What people wrote and pressed, from `offset` on; those before it are forgotten by Telegram. Waits up to `wait`
    /// (at most [`POLL_MAX`]) for the first.
    ///
    /// # Errors
    /// [`TelegramError::Conflict`] where somebody else asks with the same token.
    pub async fn get_updates(&self, offset: Option<i64>, wait: Duration) -> Result<Vec<Update>, TelegramError> {
        let wait = wait.min(POLL_MAX);
        let mut request = self
            .bot
            .get_updates()
            .timeout(u32::try_from(wait.as_secs()).unwrap_or(0))
            .allowed_updates([AllowedUpdate::Message, AllowedUpdate::CallbackQuery]);
        // Update ids are 32 bits wide on the wire.
        request.payload_mut().offset = offset.and_then(|offset| i32::try_from(offset).ok());
        let updates = self.ask(wait + self.timeout, request).await?;
        Ok(updates.into_iter().map(Update::from).collect())
    }

    /// The list that Telegram's clients offer after a `/`: name and what it does.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn set_commands(&self, commands: &[(&str, &str)]) -> Result<(), TelegramError> {
        let commands: Vec<_> = commands.iter().map(|(name, what)| BotCommand::new(*name, *what)).collect();
        self.ask(self.timeout, self.bot.set_my_commands(commands)).await.map(drop)
    }

    /// What Telegram asks to wait for holds for the whole bot. teloxide keeps an answer of 5xx for 10 s.
    async fn ask<T, R>(&self, timeout: Duration, request: R) -> Result<T, TelegramError>
    where
        R: IntoFuture<Output = Result<T, teloxide::RequestError>, IntoFuture: Future>,
    {
        match tokio::time::timeout(timeout, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let error = TelegramError::of(&error, self.bot.token());
                if let TelegramError::Wait(wait) = error {
                    self.pace.hold(wait);
                }
                Err(error)
            }
            Err(_) => Err(TelegramError::Passing("Telegram does not answer in time, or can't (5xx)".to_owned())),
        }
    }
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

fn markup(keyboard: &[Vec<Key>]) -> InlineKeyboardMarkup {
    let key = |key: &Key| InlineKeyboardButton::callback(key.label.clone(), key.data.clone());
    InlineKeyboardMarkup::new(keyboard.iter().map(|row| row.iter().map(key).collect::<Vec<_>>()))
}
