//! What Telegram's answers mean for the next try.
//!
//! Telegram tells errors apart by their texts, which <https://core.telegram.org/bots/api#making-requests> says may
//! change; where a text is not known, its first words are the HTTP status in words.

use crate::domain::notice::Again;
use crate::domain::time::Span;
use std::error::Error;
use std::time::Duration;
use teloxide::{ApiError, RequestError};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelegramError {
    /// 429, for the whole bot.
    #[error("Telegram asks to wait {}", Span(*.0))]
    Wait(Duration),
    /// No answer, or 5xx: it may pass, and it may have been done.
    #[error("{0}")]
    Passing(String),
    /// It will fail the same way until a person mends it: token, chat or rights.
    #[error("Telegram refuses: {0}")]
    Refused(String),
    /// Its new number is not trusted by itself: whoever made the group a supergroup may not be one of us.
    #[error("the group became a supergroup with the id {0}: if it is still yours, write that id into the configuration")]
    Moved(i64),
    /// The text is not valid HTML for Telegram, or too long.
    #[error("Telegram can't read the text: {0}")]
    BadText(String),
    /// The message to be changed was deleted, or is too old.
    #[error("Telegram has no such message any more")]
    Gone,
    /// It says so already.
    #[error("nothing is changed by it")]
    Unchanged,
    /// 409: somebody else asks for the same bot's updates.
    #[error("somebody else reads this bot's messages too: {0}")]
    Conflict(String),
}

/// Of a text that Telegram sent.
const WORDS_MAX: usize = 200;

// === impl TelegramError ===

impl TelegramError {
    pub fn again(&self) -> Again {
        match self {
            Self::Wait(wait) => Again::After(*wait),
            Self::Passing(_) | Self::Conflict(_) => Again::Soon,
            Self::Refused(_) | Self::Moved(_) | Self::BadText(_) | Self::Gone | Self::Unchanged => Again::Never,
        }
    }

    /// `token`: taken out wherever it shows.
    pub(super) fn of(error: &RequestError, token: &str) -> Self {
        match error {
            RequestError::RetryAfter(seconds) => Self::Wait(seconds.duration()),
            RequestError::MigrateToChatId(chat) => Self::Moved(chat.0),
            RequestError::Api(error) => Self::of_api(error, token),
            // What came instead of JSON is not shown: it may repeat the URL.
            RequestError::InvalidJson { .. } => Self::Passing("the answer is none of Telegram's".to_owned()),
            RequestError::Io(error) => Self::Passing(error.kind().to_string()),
            RequestError::Network(error) => {
                let what = match () {
                    () if error.is_timeout() => "no answer in time",
                    () if error.is_connect() => "no connection",
                    () => "the request failed",
                };
                // The error itself shows the URL; its causes do not.
                let mut text = what.to_owned();
                let mut cause = error.source();
                while let Some(inner) = cause {
                    text.push_str(": ");
                    text.push_str(&inner.to_string());
                    cause = inner.source();
                }
                Self::Passing(clean(&text, token))
            }
        }
    }

    fn of_api(error: &ApiError, token: &str) -> Self {
        let text = match error {
            ApiError::Unknown(text) | ApiError::CantParseEntities(text) => clean(text, token),
            other => clean(&other.to_string(), token),
        };
        let has = |part: &str| text.contains(part);
        match error {
            ApiError::MessageNotModified => Self::Unchanged,
            ApiError::MessageToEditNotFound | ApiError::MessageIdInvalid | ApiError::MessageCantBeEdited => Self::Gone,
            ApiError::CantParseEntities(_)
            | ApiError::MessageIsTooLong
            | ApiError::EditedMessageIsTooLong
            | ApiError::MessageTextIsEmpty => Self::BadText(text),
            ApiError::TerminatedByOtherGetUpdates | ApiError::CantGetUpdates => Self::Conflict(text),
            ApiError::Unknown(_) if has("message is not modified") => Self::Unchanged,
            ApiError::Unknown(_) if has("message to edit not found") => Self::Gone,
            ApiError::Unknown(_) if text.starts_with("Conflict") => Self::Conflict(text),
            ApiError::Unknown(_) if text.starts_with("Too Many Requests") => {
                let seconds = text.rsplit(' ').next().and_then(|word| word.parse().ok());
                seconds.map_or(Self::Passing(text), |seconds| Self::Wait(Duration::from_secs(seconds)))
            }
            ApiError::Unknown(_) if REFUSED.iter().any(|word| text.starts_with(word)) => Self::Refused(text),
            ApiError::Unknown(_) => Self::Passing(format!("Telegram says: {text}")),
            _ => Self::Refused(text),
        }
    }
}

/// 400, 401, 403, 404 and 413.
const REFUSED: [&str; 5] = ["Bad Request", "Unauthorized", "Forbidden", "Not Found", "Request Entity Too Large"];

fn clean(text: &str, token: &str) -> String {
    let text = if token.is_empty() { text.to_owned() } else { text.replace(token, "…") };
    text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> TelegramError {
        let error: ApiError = serde_json::from_value(text.into()).unwrap();
        TelegramError::of(&RequestError::Api(error), "1:canary")
    }

    #[test]
    fn an_answer_says_what_may_be_done_next() {
        for (text, again) in [
            ("Unauthorized", Again::Never),
            ("Not Found", Again::Never),
            ("Forbidden: bot was blocked by the user", Again::Never),
            ("Forbidden: bot was kicked from the group chat", Again::Never),
            ("Forbidden: bot is not a member of the supergroup chat", Again::Never),
            ("Bad Request: chat not found", Again::Never),
            ("Bad Request: not enough rights to send text messages to the chat", Again::Never),
            ("Bad Request: BUTTON_DATA_INVALID", Again::Never),
            ("Too Many Requests: retry after 31", Again::After(Duration::from_secs(31))),
            ("Internal Server Error", Again::Soon),
            ("Bad Gateway", Again::Soon),
            ("Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first", Again::Soon),
        ] {
            assert_eq!(of(text).again(), again, "{text}");
        }
        assert_eq!(of("Bad Request: message to edit not found"), TelegramError::Gone);
        assert_eq!(of("Bad Request: message is not modified: some other words"), TelegramError::Unchanged);
        assert!(matches!(of("Bad Request: can't parse entities: unclosed"), TelegramError::BadText(_)));
        let echo = of("Not Found: /bot1:canary/SendMessage\u{1b}[2J").to_string();
        assert_eq!(echo, "Telegram refuses: Not Found: /bot…/SendMessage[2J");
    }
}
