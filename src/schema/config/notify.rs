//! `notify:`

use crate::domain::time::Span;
use crate::schema::words::{Any, Word};
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// By which channels people are told. The log is always written. Needs a restart.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Notify {
    telegram: Option<TelegramBot>,
    slack: Option<SlackApp>,
    /// Short for a channel of that name.
    webhook: Option<Webhook>,
    /// By name; each of one kind.
    channels: Option<BTreeMap<String, Channel>>,
    /// By name: who may give orders in a chat.
    people: Option<BTreeMap<String, Person>>,
    heartbeat: Option<Heartbeat>,
}

/// heald's bot.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TelegramBot {
    /// The token that @BotFather gave.
    token_file: String,
    /// Another Bot API server than Telegram's own.
    api_url: Option<String>,
}

/// heald's app.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SlackApp {
    /// The bot token, `xoxb-…`.
    token_file: String,
    /// The app-level token, `xapp-…`: orders come by Socket Mode.
    app_token_file: Option<String>,
    /// The signing secret: orders come to the webhook's listener.
    signing_secret_file: Option<String>,
    /// Default: `https://slack.com/api`.
    api_url: Option<String>,
}

/// One kind.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Channel {
    webhook: Option<Webhook>,
    telegram: Option<TelegramChat>,
    slack: Option<SlackChannel>,
    slack_webhook: Option<SlackWebhook>,
    gitea: Option<Gitea>,
    email: Option<Email>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Webhook {
    /// `http://` or `https://`; redirects are not followed.
    url: String,
    /// Sent as `Authorization: Bearer …`.
    bearer_file: Option<String>,
    /// The key of the signature.
    hmac_file: Option<String>,
    /// A secret as `{ X-Gotify-Key: { file: gotify-key } }`.
    headers: Option<BTreeMap<String, Header>>,
    /// The body, instead of heald's JSON.
    template: Option<String>,
    /// Of what the template makes. Default: `application/json`.
    content_type: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Header {
    Plain(Word),
    Secret(SecretHeader),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SecretHeader {
    file: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TelegramChat {
    /// The chat's number: `-1001234567890`.
    chat: i64,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SlackChannel {
    /// Its id: `C0123ABCD`.
    channel: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SlackWebhook {
    /// The webhook's address, which is a secret.
    url_file: String,
}

/// Incidents as issues.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Gitea {
    /// Of the server, without `/api/v1`.
    url: String,
    /// `owner/name`.
    repo: String,
    /// A token with `write:issue`.
    token_file: String,
    /// Put on every issue, besides `heald` and the severity.
    labels: Option<Any<Word>>,
    /// From so many incidents of a playbook and target in 30 days on they share an issue. 2 to 1000, default 3.
    #[schemars(range(min = 2, max = 1000))]
    chronic: Option<u32>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Email {
    /// `smtps://HOST` (TLS), `starttls://HOST`, or `smtp://127.0.0.1` (no TLS: only to this machine).
    server: String,
    /// Together with `password_file`.
    user: Option<String>,
    password_file: Option<String>,
    /// `heald <heald@example.org>`
    from: String,
    to: Any<String>,
    /// Certificates (PEM) that are trusted besides the public authorities.
    ca_file: Option<String>,
}

/// At least one of `telegram` and `slack`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Person {
    /// The user's number.
    telegram: Option<u64>,
    /// The member's id: `U0123ABCD`.
    slack: Option<String>,
    role: Role,
}

/// What a person may do; each may do what those before may.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Role {
    View,
    Ack,
    Approve,
    Admin,
}

/// heald's sign of life for somebody outside, who alarms when it stays away. One of `url` and `url_file`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Heartbeat {
    url: Option<String>,
    /// The address from a file, where it is a secret.
    url_file: Option<String>,
    /// `1s` to 1d, default 1m.
    every: Option<Span>,
}
