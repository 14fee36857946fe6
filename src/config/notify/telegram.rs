//! `telegram: { token_file, api_url }` — the bot; `NAME: { telegram: { chat: -100123 } }` — a chat of it.

use crate::config::secret::Places;
use crate::link::telegram::{API_URL, Settings as Bot, is_token};
use crate::notify::Kind;
use crate::notify::telegram::Settings;
use crate::yaml::{Fields, Kind as Value, quote, text};

pub fn bot(mut fields: Fields<'_>, places: &Places<'_>) -> Option<Bot> {
    let file = fields.file();
    let token = places.read(&mut fields, "token_file", "token");
    if !fields.has("token_file") && !fields.has("token") {
        fields.missing("token_file", "write @BotFather's token into a file of its own: `token_file: telegram-token`");
    }
    // The token itself is not repeated.
    let token = token.filter(|token| {
        let sound = is_token(token.reveal());
        if !sound && let Some(node) = fields.node("token_file") {
            let help = "@BotFather gives it: digits, a colon and about 35 letters, on one line";
            file.refuse_with_help(node.at, "this file does not hold a bot's token", help);
        }
        sound
    });
    let api_url = match fields.node("api_url") {
        None => Some(API_URL.to_owned()),
        Some(node) => text(file, node).and_then(|url| {
            let parsed = reqwest::Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            let sound = parsed.is_some_and(|url| {
                url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
            });
            if !sound {
                file.refuse(node.at, format!("{} is no address of a Bot API server: write {API_URL}", quote(&url)));
            }
            sound.then(|| url.trim_end_matches('/').to_owned())
        }),
    };
    fields.end();
    Some(Bot { api_url: api_url?, ..Bot::new(token?.reveal()) })
}

/// `has_bot`: whether `notify.telegram` is there.
pub fn read(mut fields: Fields<'_>, has_bot: bool) -> Option<Kind> {
    let file = fields.file();
    if !has_bot {
        let help = "write it beside `channels:`: `telegram: { token_file: telegram-token }`";
        file.refuse_with_help(fields.at(), "the bot of this chat is missing", help);
    }
    if !fields.has("chat") {
        fields.missing("chat", "write the chat's number: `chat: -1001234567890`");
    }
    let chat = fields.node("chat").and_then(|node| {
        let number = match &node.kind {
            Value::Number(number, _) => number.as_i64().filter(|chat| *chat != 0),
            _ => None,
        };
        if number.is_none() {
            let help = "write /help in the chat: heald's answer in a chat that it does not know names the number";
            file.refuse_with_help(node.at, "a chat is named by number; a name may be somebody else's tomorrow", help);
        }
        number
    });
    fields.end();
    Some(Kind::Telegram(Settings { chat: chat? }))
}
