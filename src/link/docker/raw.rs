//! The engine's answers as they came, and bodies as they are meant.
//!
//! bollard's models drop what they do not know, so that a container made from one may lack what the old one had. Whatever
//! copies a container, or removes something, reads and writes the engine's own JSON. Errors are told apart as elsewhere.

use super::{Docker, LinkError, READ_MAX, by_status};
use reqwest::{Method, Url};
use serde_json::Value;
use std::time::Duration;

/// One call. The host's name means nothing on a Unix socket.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    method: Method,
    path: &'a [&'a str],
    query: &'a [(&'a str, &'a str)],
    body: Option<&'a Value>,
    limit: Duration,
}

/// Of one error message of the engine.
const WHY_MAX: usize = 300;

// === impl Ask ===

impl<'a> Ask<'a> {
    pub(super) fn get(path: &'a [&'a str]) -> Self {
        Self { method: Method::GET, path, query: &[], body: None, limit: READ_MAX }
    }

    /// `limit`: until the last byte of the answer.
    pub(super) fn post(path: &'a [&'a str], limit: Duration) -> Self {
        Self { method: Method::POST, limit, ..Self::get(path) }
    }

    pub(super) fn delete(path: &'a [&'a str], limit: Duration) -> Self {
        Self { method: Method::DELETE, limit, ..Self::get(path) }
    }

    pub(super) fn with(self, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { query, ..self }
    }

    pub(super) fn json(self, body: &'a Value) -> Self {
        Self { body: Some(body), ..self }
    }

    fn url(&self) -> Result<Url, LinkError> {
        let wrong = |why: String| LinkError::NotSent(format!("{}: {why}", self.path.join("/")));
        let mut url = Url::parse("http://engine/").map_err(|error| wrong(error.to_string()))?;
        // Each part is quoted by itself: a name can't become another path.
        url.path_segments_mut().map_err(|()| wrong("no path".to_owned()))?.clear().extend(self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
        Ok(url)
    }
}

// === impl Docker ===

impl Docker {
    /// The answer, `Null` where it has no body. 304 (it is so already) is success.
    pub(super) async fn send(&self, ask: Ask<'_>) -> Result<Value, LinkError> {
        let subject = ask.path.join("/");
        let mut request = self.raw_client()?.request(ask.method.clone(), ask.url()?).timeout(ask.limit);
        if let Some(body) = ask.body {
            request = request.json(body);
        }
        let read_only = ask.method == Method::GET;
        let lost = |error: reqwest::Error| {
            let why = format!("{subject}: {}", crate::link::http::root(&error));
            if error.is_connect() || error.is_builder() || read_only { LinkError::NotSent(why) } else { LinkError::Unknown(why) }
        };
        let answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        let text = answer.text().await.map_err(lost)?;
        let value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() || status.as_u16() == 304 {
            return Ok(value);
        }
        let said = value["message"].as_str().unwrap_or(&text);
        let said: String = said.chars().filter(|c| !c.is_control()).take(WHY_MAX).collect();
        let error = by_status(status.as_u16(), format!("{subject}: {said} ({})", status.as_u16()));
        Err(if read_only { error.before_sending() } else { error })
    }

    /// By its name or its whole id, as the engine shows it.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] when the engine is away or hung.
    pub(super) async fn find(&self, name: &str) -> Result<Option<Value>, LinkError> {
        match self.send(Ask::get(&["containers", name, "json"])).await {
            // The engine also takes the first digits of an id for a name.
            Ok(found) if found["Id"] == name || name_of(&found) == name => Ok(Some(found)),
            Ok(_) | Err(LinkError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn raw_client(&self) -> Result<&reqwest::Client, LinkError> {
        if let Some(client) = self.raw.get() {
            return Ok(client);
        }
        // No connection outlives a call: the engine may have been restarted since.
        let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let builder = builder.pool_max_idle_per_host(0).tls_certs_only([]).unix_socket(self.socket.as_str());
        let made = builder.build().map_err(|error| LinkError::NotSent(crate::link::http::root(&error)))?;
        Ok(self.raw.get_or_init(|| made))
    }
}

/// Without the slash that the engine puts before it.
pub(super) fn name_of(container: &Value) -> &str {
    container["Name"].as_str().unwrap_or_default().trim_start_matches('/')
}

/// The whole one.
pub(super) fn id(container: &Value) -> &str {
    container["Id"].as_str().unwrap_or_default()
}
