//! Slack's Web API: the few methods that heald needs, with what their answers mean for the next try.
//!
//! Slack answers 200 also where it refuses, with `ok: false` and a word for why
//! (<https://docs.slack.dev/apis/web-api/#responses>). `notify` posts through it, `chat` listens through it. Each call is
//! one try with a deadline; who tries again is the caller's matter. No token ever reaches an error or `Debug`.

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

mod error;
mod pace;

pub use error::{Error, word};
use pace::Pace;

/// Where Slack is, unless the configuration says otherwise.
pub const API_URL: &str = "https://slack.com/api";
/// For one call.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// An answer repeats the message, which is a few kilobytes.
const ANSWER_MAX: usize = 1 << 20;

/// A secret of the app: the bot's or the app's token, or the signing secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `https://slack.com/api`, without a slash at its end.
    pub api_url: String,
    /// `xoxb-…`: posts.
    pub bot: Token,
    /// `xapp-…`: opens Socket Mode.
    pub app: Option<Token>,
    /// For one call.
    pub timeout: Duration,
}

/// Cheap to clone; all clones keep to the same pace.
#[derive(Clone)]
pub struct Slack {
    client: Client,
    api: String,
    bot: Token,
    app: Option<Token>,
    pace: Arc<Pace>,
}

/// What is posted. The text is what Slack shows where it can't show blocks, as in a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// With `&`, `<` and `>` escaped already.
    pub text: String,
    pub blocks: Vec<Value>,
}

/// Whose token it is, as `auth.test` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: String,
    pub team: String,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    channel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<&'a [Value]>,
    /// What looks like a name, a channel or a link in an alert's text stays text. `chat.update` has another default.
    parse: &'static str,
    link_names: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    look: Option<Look>,
}

/// What only a new message may ask for.
#[derive(Serialize)]
struct Look {
    mrkdwn: bool,
    unfurl_links: bool,
    unfurl_media: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_broadcast: Option<bool>,
}

// === impl Token ===

impl Token {
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

// === impl Settings ===

impl Settings {
    pub fn new(bot: Token) -> Self {
        Self { api_url: API_URL.to_owned(), bot, app: None, timeout: TIMEOUT }
    }
}

// === impl Slack ===

impl Slack {
    /// # Errors
    /// The API's URL can't be used, or TLS can't be set up.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let url = Url::parse(&settings.api_url).map_err(|error| format!("api_url can't be read: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("api_url must begin with https:// (or http://)".to_owned());
        }
        // A redirect would carry the message, if not the token, to somebody else.
        let builder = || {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(settings.timeout)
                .user_agent(concat!("heald/", env!("CARGO_PKG_VERSION")))
        };
        let client = builder()
            .build()
            // A machine may have no certificate authorities; plain HTTP needs none.
            .or_else(|error| if url.scheme() == "http" { builder().tls_certs_only([]).build() } else { Err(error) })
            .map_err(|error| format!("the client can't be made: {}", error::reason(error)))?;
        let api = settings.api_url.trim_end_matches('/').to_owned();
        Ok(Self { client, api, bot: settings.bot, app: settings.app, pace: Arc::default() })
    }

    /// Posts, as a reply where `thread` names the message it belongs to; the new message's `ts`. At most one a second in
    /// each channel (<https://docs.slack.dev/apis/web-api/rate-limits/>): waits up to two seconds for its turn.
    ///
    /// # Errors
    /// It was not posted, or nobody knows.
    pub async fn post(&self, channel: &str, thread: Option<&str>, message: &Message) -> Result<String, Error> {
        self.send(channel, thread, false, message).await
    }

    /// As [`Slack::post`], and also shown in the channel: a reply alone notifies only those who follow the thread.
    ///
    /// # Errors
    /// It was not posted, or nobody knows.
    pub async fn call_out(&self, channel: &str, thread: &str, message: &Message) -> Result<String, Error> {
        self.send(channel, Some(thread), true, message).await
    }

    async fn send(&self, channel: &str, thread: Option<&str>, aloud: bool, message: &Message) -> Result<String, Error> {
        self.pace.turn(channel).await?;
        let reply_broadcast = aloud.then_some(true);
        let look = Some(Look { mrkdwn: false, unfurl_links: false, unfurl_media: false, reply_broadcast });
        let body = Outgoing { thread_ts: thread, look, ..Outgoing::of(channel, message) };
        let answer = self.call("chat.postMessage", &self.bot, &body).await?;
        match answer["ts"].as_str() {
            Some(ts) if is_ts(ts) => Ok(ts.to_owned()),
            _ => Err(Error::garbage("chat.postMessage")),
        }
    }

    /// Replaces what a message says.
    ///
    /// # Errors
    /// It still says what it said, or nobody knows.
    pub async fn update(&self, channel: &str, ts: &str, message: &Message) -> Result<(), Error> {
        // Without the field Slack would keep the blocks that were there.
        let blocks = Some(&message.blocks[..]);
        let body = Outgoing { ts: Some(ts), blocks, ..Outgoing::of(channel, message) };
        self.call("chat.update", &self.bot, &body).await.map(drop)
    }

    /// For one person's eyes only; nobody is promised that it is seen.
    ///
    /// # Errors
    /// Slack did not take it.
    pub async fn whisper(&self, channel: &str, thread: Option<&str>, user: &str, text: &str) -> Result<(), Error> {
        let message = Message { text: text.to_owned(), blocks: Vec::new() };
        let body = Outgoing { thread_ts: thread, user: Some(user), ..Outgoing::of(channel, &message) };
        self.call("chat.postEphemeral", &self.bot, &body).await.map(drop)
    }

    /// A fresh address for Socket Mode. It is a secret, and works once.
    ///
    /// # Errors
    /// Slack gives none.
    pub async fn open_connection(&self) -> Result<Token, Error> {
        let method = "apps.connections.open";
        let app = self.app.as_ref().ok_or_else(|| Error::never(method, "no app-level token is configured"))?;
        let answer = self.call(method, app, &json!({})).await?;
        answer["url"].as_str().map(Token::new).ok_or_else(|| Error::garbage(method))
    }

    /// # Errors
    /// The token is not good, or Slack can't be reached.
    pub async fn auth_test(&self) -> Result<Identity, Error> {
        let answer = self.call("auth.test", &self.bot, &json!({})).await?;
        match (answer["user_id"].as_str(), answer["team_id"].as_str()) {
            (Some(user), Some(team)) => Ok(Identity { user: user.to_owned(), team: team.to_owned() }),
            _ => Err(Error::garbage("auth.test")),
        }
    }

    /// Whether the API itself is reached by TLS: only then must everything else be.
    pub fn is_https(&self) -> bool {
        self.api.starts_with("https://")
    }

    async fn call(&self, method: &'static str, token: &Token, body: &impl Serialize) -> Result<Value, Error> {
        let request = self.client.post(format!("{}/{method}", self.api)).bearer_auth(token.reveal()).json(body);
        let response = request.send().await.map_err(|error| Error::unsent(method, error))?;
        let (status, wait) = (response.status(), retry_after(response.headers()));
        if !status.is_success() {
            return Err(Error::status(method, status, wait));
        }
        let answer = read(response).await.map_err(|error| Error::unsent(method, error))?;
        let answer: Value = answer.and_then(|text| serde_json::from_slice(&text).ok()).ok_or_else(|| Error::garbage(method))?;
        match answer["ok"].as_bool() {
            Some(true) => Ok(answer),
            Some(false) => Err(Error::refused(method, &answer, wait)),
            None => Err(Error::garbage(method)),
        }
    }
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slack").field("app", &self.app.is_some()).finish_non_exhaustive()
    }
}

// === impl Outgoing ===

impl<'a> Outgoing<'a> {
    fn of(channel: &'a str, message: &'a Message) -> Self {
        Self {
            channel,
            thread_ts: None,
            ts: None,
            user: None,
            text: &message.text,
            blocks: Some(&message.blocks[..]).filter(|blocks| !blocks.is_empty()),
            parse: "none",
            link_names: false,
            look: None,
        }
    }
}

/// `1405895017.000506`: a message's name within its channel.
pub fn is_ts(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.len() <= 20 && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(seconds, rest)| digits(seconds) && digits(rest))
}

/// Whole seconds, as Slack sends them.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// `None` where it is longer than any answer of Slack's.
async fn read(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        text.extend_from_slice(&chunk);
        if text.len() > ANSWER_MAX {
            return Ok(None);
        }
    }
    Ok(Some(text))
}

/// What a status means where nothing else is known.
pub(crate) fn passes(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}
