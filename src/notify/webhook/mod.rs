//! The generic channel: one document by POST to a fixed URL. By itself it is [`document::Card`] as JSON, the distress signal
//! that programs read; with a template it is whatever ntfy, Gotify, Discord or a hook of one's own expects.

mod sign;
pub mod template;

use super::answer::{self, Failure, Posted};
use super::document;
use crate::domain::notice::Post;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use sign::Signer;
use std::fmt;
use std::time::Duration;
use template::Template;

pub use sign::{SIGNATURE, TIMESTAMP};

#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// `http://` or `https://`. It may hold a token, so it is never printed.
    pub url: String,
    pub bearer: Option<String>,
    /// The key of the signature.
    pub hmac: Option<String>,
    /// Instead of the card.
    pub template: Option<String>,
    pub content_type: String,
    /// Names and values; a value may be a secret.
    pub headers: Vec<(String, String)>,
    /// For one try.
    pub timeout: Duration,
}

#[derive(Clone)]
pub struct Channel {
    client: Client,
    url: Url,
    bearer: Option<String>,
    signer: Option<Signer>,
    template: Option<Template>,
    headers: HeaderMap,
}

pub const JSON: &str = "application/json";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

// === impl Settings ===

impl Settings {
    pub fn new(url: impl Into<String>, bearer: Option<String>) -> Self {
        Self {
            url: url.into(),
            bearer,
            hmac: None,
            template: None,
            content_type: JSON.to_owned(),
            headers: Vec::new(),
            timeout: answer::TIMEOUT,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("bearer", &self.bearer.is_some())
            .field("hmac", &self.hmac.is_some())
            .field("template", &self.template.is_some())
            .field("content_type", &self.content_type)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("bearer", &self.bearer.is_some()).finish_non_exhaustive()
    }
}

// === impl Channel ===

impl Channel {
    /// # Errors
    /// The URL, a header or the template can't be used; without a secret in the text.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let (client, url) = answer::client(&settings.url, settings.timeout)?;
        let template = settings.template.map(|text| Template::new(text, &settings.content_type)).transpose()?;
        let mut headers = headers(&settings.headers)?;
        headers.insert(CONTENT_TYPE, value("content_type", &settings.content_type)?);
        let signer = settings.hmac.as_deref().map(Signer::new);
        Ok(Self { client, url, bearer: settings.bearer, signer, template, headers })
    }

    /// # Errors
    /// Why the receiver did not take it, without the URL.
    pub async fn post(&self, post: &Post) -> Result<Posted, Failure> {
        let card = document::of(&post.notice);
        let body = match &self.template {
            Some(template) => template.render(&card).map_err(Failure::never)?,
            None => {
                serde_json::to_string(&card).map_err(|error| Failure::never(format!("the message can't be made: {error}")))?
            }
        };
        let mut request = self.client.post(self.url.clone()).headers(self.headers.clone());
        request = request.header(IDEMPOTENCY_KEY, key(&card.key));
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        if let Some(signer) = &self.signer {
            let (timestamp, signature) = signer.sign(&body);
            request = request.header(TIMESTAMP, timestamp).header(SIGNATURE, signature);
        }
        let response = answer::sent(request.body(body).send().await)?;
        answer::accepted(response.status(), response.headers())?;
        Ok(Posted::default())
    }
}

/// # Errors
/// Names the header, never its value.
pub fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, text) in pairs {
        let known = HeaderName::try_from(name.as_str()).map_err(|_| format!("{name:?} is no name of a header"))?;
        headers.insert(known, value(name, text)?);
    }
    Ok(headers)
}

fn value(name: &str, text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::try_from(text).map_err(|_| format!("the value of {name} holds what a header can't"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A host name from the configuration could hold what a header can't.
fn key(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}
