//! What channels over HTTP have in common: the client, and what an answer means.

use crate::domain::notice::Again;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use std::time::Duration;

/// A channel took the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// What the channel calls the incident's message, for the next one of the same incident.
    pub thread: Option<String>,
}

/// A channel did not take it, or may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Without a URL or anything else that may hold a secret.
    pub why: String,
    pub again: Again,
}

/// For one try.
pub const TIMEOUT: Duration = Duration::from_secs(10);

// === impl Failure ===

impl Failure {
    pub fn soon(why: impl Into<String>) -> Self {
        Self { why: why.into(), again: Again::Soon }
    }

    pub fn never(why: impl Into<String>) -> Self {
        Self { why: why.into(), again: Again::Never }
    }
}

/// # Errors
/// The URL is none, or TLS can't be set up; the text does not repeat the URL.
pub fn client(url: &str, timeout: Duration) -> Result<(Client, Url), String> {
    let url = Url::parse(url).map_err(|error| format!("the url can't be read: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the url begins with {}: write http:// or https://", url.scheme()));
    }
    // A redirect could lead the token, or the request itself, to somebody else.
    let builder = || {
        Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            .user_agent(concat!("heald/", env!("CARGO_PKG_VERSION")))
    };
    let client = builder()
        .build()
        // A machine may have no certificate authorities; plain HTTP needs none.
        .or_else(|error| if url.scheme() == "http" { builder().tls_certs_only([]).build() } else { Err(error) })
        .map_err(|error| format!("the client can't be made: {}", reason(error)))?;
    Ok((client, url))
}

/// What became of the request itself.
///
/// # Errors
/// It was not answered.
pub fn sent(result: Result<Response, reqwest::Error>) -> Result<Response, Failure> {
    result.map_err(|error| {
        // A request that can't be built never gets better; all else may.
        let again = if error.is_builder() { Again::Never } else { Again::Soon };
        Failure { why: reason(error), again }
    })
}

/// What a status means for the next try; `Ok` for any 2xx.
///
/// # Errors
/// Anything else: 5xx, 408 and 429 pass, the rest does not.
pub fn accepted(status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
    if status.is_success() {
        return Ok(());
    }
    let why = format!("the receiver answered {status}");
    let passes = status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let again = match asked {
        _ if !passes => Again::Never,
        Some(seconds) => Again::After(Duration::from_secs(seconds)),
        None => Again::Soon,
    };
    Err(Failure { why, again })
}

/// Without the URL, which may hold a token.
pub fn reason(error: reqwest::Error) -> String {
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
