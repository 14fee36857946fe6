//! Why a call to Slack came to nothing, and whether another one may do better.
//!
//! The words are those of the method pages and of the list of common errors (<https://docs.slack.dev/reference/methods>).

use crate::domain::notice::Again;
use reqwest::StatusCode;
use serde_json::Value;
use std::time::Duration;

/// Without a URL, a token or anything else that may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Error {
    pub why: String,
    pub again: Again,
    /// Slack's own word, where it refused.
    pub code: Option<Box<str>>,
}

/// It stays so until a person mends it.
const PERMANENT: [&str; 30] = [
    // Who asks.
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
    "access_denied",
    "accesslimited",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "two_factor_setup_required",
    "forbidden_team",
    // Where to.
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
    "user_not_in_channel",
    // What is sent: the same again would be refused again.
    "invalid_arguments",
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "message_not_found",
    "cant_update_message",
    "edit_window_closed",
];

/// The blocks as such were not taken; text alone may be.
const BLOCKS: [&str; 4] = ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_block_id"];
/// The message that was to be changed is gone, or can't be changed any more.
const LOST: [&str; 3] = ["message_not_found", "cant_update_message", "edit_window_closed"];
const LIMITED: [&str; 3] = ["ratelimited", "rate_limited", "message_limit_exceeded"];

// === impl Error ===

impl Error {
    pub(super) fn never(method: &str, why: &str) -> Self {
        Self { why: format!("{method}: {why}"), again: Again::Never, code: None }
    }

    /// Slack, or something between it and heald, answered what can't be understood. It may have been done.
    pub(super) fn garbage(method: &str) -> Self {
        Self { why: format!("{method}: Slack's answer can't be read"), again: Again::Soon, code: None }
    }

    pub(super) fn too_fast(wait: Duration) -> Self {
        Self { why: "one message a second per channel: others come first".to_owned(), again: Again::After(wait), code: None }
    }

    pub(super) fn unsent(method: &str, error: reqwest::Error) -> Self {
        let again = if error.is_builder() { Again::Never } else { Again::Soon };
        Self { why: format!("{method}: {}", reason(error)), again, code: None }
    }

    pub(super) fn status(method: &str, status: StatusCode, wait: Option<Duration>) -> Self {
        let again = match wait {
            _ if !super::passes(status) => Again::Never,
            Some(wait) => Again::After(wait),
            None => Again::Soon,
        };
        Self { why: format!("{method}: Slack answered {status}"), again, code: None }
    }

    /// `ok: false`. A word that is not known may pass: to give up would lose the message.
    pub(super) fn refused(method: &str, answer: &Value, wait: Option<Duration>) -> Self {
        let Some(code) = answer["error"].as_str().and_then(word) else { return Self::garbage(method) };
        let again = match wait {
            _ if PERMANENT.contains(&code) => Again::Never,
            Some(wait) if LIMITED.contains(&code) => Again::After(wait),
            _ => Again::Soon,
        };
        let mut why = format!("{method}: Slack refused: {code}");
        // `missing_scope` says which.
        let scopes =
            |text: &&str| text.len() <= 200 && text.bytes().all(|byte| byte.is_ascii_lowercase() || b":._,".contains(&byte));
        if let Some(needed) = answer["needed"].as_str().filter(scopes) {
            why.push_str(&format!(", needed is {needed}"));
        }
        if let Some(remedy) = remedy(code) {
            why.push_str(&format!(" ({remedy})"));
        }
        Self { why, again, code: Some(code.into()) }
    }

    pub fn is_about_blocks(&self) -> bool {
        self.is_one_of(&BLOCKS)
    }

    pub fn is_lost_message(&self) -> bool {
        self.is_one_of(&LOST)
    }

    fn is_one_of(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }
}

/// A word as Slack's are, and so no secret and nothing that an alert brought along.
pub fn word(text: &str) -> Option<&str> {
    let text = text.trim();
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (!text.is_empty() && text.len() <= 64 && text.bytes().all(sound)).then_some(text)
}

fn remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            "install the app again and put its new token into the token's file"
        }
        "missing_scope" => "add the scope to the app, and install it again",
        "not_in_channel" | "channel_not_found" => "invite the app: `/invite @heald` in the channel",
        "is_archived" => "the channel is archived: name another one",
        "not_allowed_token_type" => "`token_file` takes the bot's token, xoxb-…, `app_token_file` the app's, xapp-…",
        _ => return None,
    })
}

/// Without the URL.
pub(super) fn reason(error: reqwest::Error) -> String {
    let what = match () {
        () if error.is_timeout() => "no answer in time",
        () if error.is_connect() => "no connection",
        () => "the request failed",
    };
    let error = error.without_url();
    let mut text = what.to_owned();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(code: &str, wait: Option<u64>) -> Error {
        Error::refused("chat.postMessage", &json!({ "ok": false, "error": code }), wait.map(Duration::from_secs))
    }

    #[test]
    fn every_refusal_says_whether_to_come_again() {
        for code in [
            "invalid_auth",
            "not_authed",
            "account_inactive",
            "token_revoked",
            "channel_not_found",
            "not_in_channel",
            "is_archived",
            "missing_scope",
        ] {
            assert_eq!(refused(code, Some(5)).again, Again::Never, "{code}");
        }
        for code in ["internal_error", "fatal_error", "service_unavailable", "request_timeout", "a_word_of_tomorrow"] {
            assert_eq!(refused(code, None).again, Again::Soon, "{code}");
        }
        assert_eq!(refused("ratelimited", Some(30)).again, Again::After(Duration::from_secs(30)));
        assert_eq!(refused("ratelimited", None).again, Again::Soon);
        for (status, again) in [
            (429, Again::After(Duration::from_secs(7))),
            (503, Again::After(Duration::from_secs(7))),
            (401, Again::Never),
            (302, Again::Never),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Error::status("auth.test", status, Some(Duration::from_secs(7))).again, again, "{status}");
        }
        assert_eq!(Error::status("auth.test", StatusCode::BAD_GATEWAY, None).again, Again::Soon);
    }

    #[test]
    fn a_refusal_repeats_slacks_word_and_nothing_else() {
        let scope = json!({ "ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "canary" });
        let error = Error::refused("chat.postMessage", &scope, None);
        assert_eq!(
            error.to_string(),
            "chat.postMessage: Slack refused: missing_scope, needed is chat:write (add the scope to the app, and install it again)"
        );
        let odd = refused("xoxb-CANARY is not good", None);
        assert_eq!((odd.code, odd.why.as_str()), (None, "chat.postMessage: Slack's answer can't be read"));
        assert!(refused("msg_blocks_too_long", None).is_about_blocks());
        assert!(refused("message_not_found", None).is_lost_message());
    }
}
