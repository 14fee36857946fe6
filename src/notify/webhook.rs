//! The generic channel: one JSON document by POST to a fixed URL.

use super::card;
use crate::domain::notice::Notice;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, StatusCode, Url};
use std::fmt;
use std::time::Duration;

pub const NAME: &str = "webhook";

#[derive(Clone)]
pub struct Webhook {
    /// `http://` or `https://`. It may hold a token, so it is never printed.
    pub url: String,
    pub bearer: Option<String>,
    /// For one try.
    pub timeout: Duration,
    /// Before the second try, the third …
    pub waits: Vec<Duration>,
}

#[derive(Clone)]
pub struct Channel {
    client: Client,
    url: Url,
    bearer: Option<String>,
    waits: Vec<Duration>,
}

/// Why a try failed, and whether another may do better.
struct Failure {
    text: String,
    again: Again,
}

enum Again {
    /// It will fail the same way.
    Never,
    /// After the wait of this channel.
    Soon,
    /// The receiver said when.
    After(Duration),
}

/// What a receiver may ask for; more is left to the incident's own repetition.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

// === impl Webhook ===

impl Webhook {
    pub fn new(url: impl Into<String>, bearer: Option<String>) -> Self {
        let secs = Duration::from_secs;
        Self { url: url.into(), bearer, timeout: secs(5), waits: vec![secs(1), secs(2), secs(5)] }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("bearer", &self.bearer.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("bearer", &self.bearer.is_some()).finish_non_exhaustive()
    }
}

// === impl Channel ===

impl Channel {
    pub fn new(settings: Webhook) -> Result<Self, String> {
        let url = Url::parse(&settings.url).map_err(|error| format!("the webhook's url can't be read: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the webhook's url begins with {}: write http:// or https://", url.scheme()));
        }
        // A redirect could lead the token, or the request itself, to somebody else.
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
            .map_err(|error| format!("the webhook's client can't be made: {}", reason(error)))?;
        Ok(Self { client, url, bearer: settings.bearer, waits: settings.waits })
    }

    /// # Errors
    /// The last try's reason, without the URL.
    pub async fn tell(&self, notice: &Notice) -> Result<(), String> {
        let card = card::card(notice);
        let mut waits = self.waits.iter();
        let mut tries = 1;
        loop {
            let failure = match self.try_once(&card).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let wait = match (failure.again, waits.next()) {
                (Again::After(asked), _) if asked > RETRY_AFTER_MAX => {
                    return Err(format!("{}, and asks to wait {asked:?}", failure.text));
                }
                (Again::After(asked), Some(wait)) => asked.max(*wait),
                (Again::Soon, Some(wait)) => *wait,
                (Again::Never, _) | (_, None) if tries == 1 => return Err(failure.text),
                (Again::Never, _) | (_, None) => return Err(format!("{} (after {tries} tries)", failure.text)),
            };
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }

    async fn try_once(&self, card: &card::Card<'_>) -> Result<(), Failure> {
        let mut request = self.client.post(self.url.clone()).header(IDEMPOTENCY_KEY, key(&card.key)).json(card);
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|error| {
            // A request that can't be built never gets better; all else may.
            let again = if error.is_builder() { Again::Never } else { Again::Soon };
            Failure { text: reason(error), again }
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let text = format!("the receiver answered {status}");
        let passes = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let again = match asked {
            _ if !passes => Again::Never,
            Some(seconds) => Again::After(Duration::from_secs(seconds)),
            None => Again::Soon,
        };
        Err(Failure { text, again })
    }
}

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A host name from the configuration could hold what a header can't.
fn key(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}

/// The error and its causes, without the URL: it may hold a token.
fn reason(error: reqwest::Error) -> String {
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
