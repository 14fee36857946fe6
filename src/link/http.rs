//! One HTTP call: how a file writes it, its checked form, and the sending.
//!
//! Both the action and the probe speak it. Redirects are off and no proxy is used: what the
//! allow-list names is what is called.

use super::expect::{Expectations, Expected};
use crate::domain::target::{AllowList, cut};
use crate::domain::template::is_template;
use crate::domain::time::Span;
use reqwest::{Method, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::time::Duration;

mod answer;

pub use answer::Answer;

/// `{ post: URL, json: {…}, status: 200, timeout: 10s }`: exactly one method.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCall {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub get: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<String>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The expected answers; any 2xx where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Statuses>,
    /// What the answer, read as JSON, must hold: JSONPath (RFC 9535) → value or condition. `"$.models[*].name": qwen3` holds
    /// when some selected value is that; conditions are `is`, `is_not`, `at_least`, `at_most`, `matches`, `exists`.
    #[serde(default, skip_serializing_if = "Expectations::is_empty")]
    pub expect: Expectations,
    /// The answer is a stream of JSON values, a line each, as Ollama's `/api/pull`: it is followed to its end, its `status` and
    /// progress are told, and a line with `error` fails. `expect` is asked of the last line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// For the whole call: 1ms to 10m, 10s where it is left out; of a stream up to 6h, 1h where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

/// `200` or `[200, 204]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a status code as in 200, or a list as in [200, 204]")]
pub enum Statuses {
    One(u16),
    Any(Vec<u16>),
}

/// Ready to be sent.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    url: Url,
    json: Option<Value>,
    headers: reqwest::header::HeaderMap,
    expected: Option<Statuses>,
    expect: Expected,
    is_stream: bool,
    timeout: Duration,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing was sent.
    #[error("{0}")]
    NotAllowed(String),
    /// The name can't be resolved, or heald is out of sockets: says nothing about the service.
    #[error("{0}")]
    NoWay(String),
    /// Nobody listens there, or nobody took the connection in time. Nothing was sent.
    #[error("{0}")]
    NoConnection(String),
    /// Sent, and the answer did not come, or not in time.
    #[error("{0}")]
    NoAnswer(String),
}

const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT_MAX: Duration = Duration::from_secs(600);
/// A model of tens of gigabytes.
const STREAM_TIMEOUT: Duration = Duration::from_secs(3_600);
const STREAM_TIMEOUT_MAX: Duration = Duration::from_secs(6 * 3_600);

/// The one client. A provider for TLS must have been installed before.
///
/// A machine may have no certificate authorities (a Debian without `ca-certificates`). Repairs seldom need one: there
/// only https fails, at its call.
///
/// # Errors
/// The client's own reason.
pub fn client() -> Result<reqwest::Client, String> {
    let builder = || {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("heald/", env!("CARGO_PKG_VERSION")))
    };
    builder()
        .build()
        .or_else(|error| {
            tracing::info!(reason = root(&error), "https is off: no server could prove who it is");
            builder().tls_certs_only([]).build()
        })
        .map_err(|error| format!("the HTTP client can't be made: {}", root(&error)))
}

/// The innermost reason, without the URL (it may hold a secret).
pub(crate) fn root(error: &(dyn StdError + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

// === impl RawCall ===

impl RawCall {
    /// The one method and its URL.
    ///
    /// # Errors
    /// None, or more than one.
    pub fn method(&self) -> Result<(Method, &str), String> {
        let all = [
            (Method::GET, &self.get),
            (Method::HEAD, &self.head),
            (Method::POST, &self.post),
            (Method::PUT, &self.put),
            (Method::PATCH, &self.patch),
            (Method::DELETE, &self.delete),
        ];
        let mut given = all.into_iter().filter_map(|(method, url)| url.as_deref().map(|url| (method, url)));
        match (given.next(), given.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err("it names no URL: give one of get, head, post, put, patch, delete".to_owned()),
            (Some((one, _)), Some((two, _))) => Err(format!("it has {one} and {two}: give one method only")),
        }
    }

    pub fn timeout(&self) -> Duration {
        self.timeout.map_or(if self.stream { STREAM_TIMEOUT } else { TIMEOUT }, |span| span.0)
    }

    /// What can be checked before the templates are filled in.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    pub fn check(&self) -> Result<(), String> {
        let (method, url) = self.method()?;
        if !is_template(url) {
            parse_url(url)?;
        }
        if self.json.is_some() && matches!(method, Method::GET | Method::HEAD) {
            return Err(format!("{method} has no body: leave json out"));
        }
        let (most, range) = if self.stream { (STREAM_TIMEOUT_MAX, "1ms to 6h") } else { (TIMEOUT_MAX, "1ms to 10m") };
        if self.timeout().is_zero() || self.timeout() > most {
            return Err(format!("timeout {} is out of range: {range}", Span(self.timeout())));
        }
        self.expect.check()?;
        if method == Method::HEAD && (self.stream || !self.expect.is_empty()) {
            return Err("the answer to HEAD has no body: leave expect and stream out".to_owned());
        }
        if let Some(code) = self.status.iter().flat_map(Statuses::codes).find(|code| !(100..600).contains(code)) {
            return Err(format!("{code} is no HTTP status"));
        }
        if matches!(&self.status, Some(Statuses::Any(list)) if list.is_empty()) {
            return Err("status: the list is empty".to_owned());
        }
        self.headers().map(drop)
    }

    /// # Errors
    /// As [`RawCall::check`], after the templates are filled in.
    pub fn parse(&self) -> Result<Call, String> {
        self.check()?;
        let (method, url) = self.method()?;
        Ok(Call {
            method,
            url: parse_url(url)?,
            json: self.json.clone(),
            headers: self.headers()?,
            expected: self.status.clone(),
            expect: self.expect.parse()?,
            is_stream: self.stream,
            timeout: self.timeout(),
        })
    }

    fn headers(&self) -> Result<reqwest::header::HeaderMap, String> {
        let pairs = self.headers.iter().map(|(name, value)| {
            let name: reqwest::header::HeaderName = name.parse().map_err(|_| format!("{:?} is no header name", cut(name)))?;
            // The value may be a secret: only its name is told.
            let value = value.parse().map_err(|_| format!("the value of header {name} has characters that are not allowed"))?;
            Ok((name, value))
        });
        pairs.collect()
    }
}

/// Whether the list allows what will really be called: `http://a/x\..\y` is `http://a/y`.
fn allowed(url: &Url, allow: &AllowList) -> bool {
    let urls = allow.urls.iter().map(|entry| Url::parse(entry).map_or_else(|_| entry.clone(), String::from)).collect();
    AllowList { urls, ..AllowList::default() }.allows_url(url.as_str())
}

fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{:?} is no URL: {error}", cut(text)))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{:?}: only http and https are spoken", cut(text)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL must not hold a user or password: use headers".to_owned());
    }
    Ok(url)
}

// === impl Call ===

impl Call {
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// # Errors
    /// Which URL, and what to do.
    pub fn admit(&self, allow: &AllowList) -> Result<(), String> {
        if allowed(&self.url, allow) {
            return Ok(());
        }
        let url = cut(self.url.as_str());
        Err(format!("{url} is not on the allow-list; to let heald call it, add it under `targets: urls:` of the configuration"))
    }

    /// Asked apart from the call, because a resolver that fails says nothing about the service.
    async fn resolve(&self) -> Result<(), CallError> {
        let (Some(host), Some(port)) = (self.url.domain(), self.url.port_or_known_default()) else { return Ok(()) };
        match tokio::net::lookup_host((host, port)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(CallError::NoWay(format!("{} can't be resolved: {error}", cut(host)))),
        }
    }

    fn expects(&self, status: u16) -> bool {
        match &self.expected {
            Some(statuses) => statuses.codes().any(|code| code == status),
            None => (200..300).contains(&status),
        }
    }

    fn classify(&self, error: &reqwest::Error) -> CallError {
        if is_out_of_files(error) {
            return CallError::NoWay(format!("heald can't open a connection: {}", root(error)));
        }
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => CallError::NoConnection(format!("no connection within {}", Span(self.timeout))),
            (true, false) => CallError::NoConnection(format!("no connection: {}", root(error))),
            (false, true) => CallError::NoAnswer(format!("no answer within {}", Span(self.timeout))),
            (false, false) => CallError::NoAnswer(format!("the answer broke off: {}", root(error))),
        }
    }
}

/// This process or this machine has no descriptor left (`EMFILE`, `ENFILE`).
pub(crate) fn is_out_of_files(error: &(dyn StdError + 'static)) -> bool {
    let mut inner = Some(error);
    while let Some(error) = inner {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && matches!(rustix::io::Errno::from_io_error(io), Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
        {
            return true;
        }
        inner = error.source();
    }
    false
}

// === impl Statuses ===

impl Statuses {
    fn codes(&self) -> impl Iterator<Item = u16> {
        match self {
            Self::One(code) => std::slice::from_ref(code),
            Self::Any(codes) => codes.as_slice(),
        }
        .iter()
        .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(json: Value) -> Result<Call, String> {
        serde_json::from_value::<RawCall>(json).map_err(|error| error.to_string()).and_then(|raw| raw.parse())
    }

    #[test]
    fn one_method_and_sane_values() {
        use serde_json::json;
        for (args, part) in [
            (json!({}), "no URL"),
            (json!({"get": "http://a/", "post": "http://a/"}), "GET and POST"),
            (json!({"get": "http://a/", "json": {}}), "no body"),
            (json!({"get": "file:///etc/passwd"}), "only http"),
            (json!({"get": "http://u:p@a/"}), "user or password"),
            (json!({"get": "nonsense"}), "no URL"),
            (json!({"get": "http://a/", "status": 99}), "99 is no HTTP status"),
            (json!({"get": "http://a/", "status": []}), "empty"),
            (json!({"get": "http://a/", "status": "ok"}), "expected a status code"),
            (json!({"get": "http://a/", "timeout": "0s"}), "out of range"),
            (json!({"get": "http://a/", "retry": 3}), "unknown field `retry`"),
            (json!({"get": "http://a/", "headers": {"a b": "c"}}), "no header name"),
        ] {
            let error = call(args.clone()).unwrap_err();
            assert!(error.contains(part), "{args}: {error}");
        }
        let fine = call(json!({"post": "http://a/", "json": null, "status": [200, 204], "timeout": "2s"})).unwrap();
        assert!(fine.expects(204) && !fine.expects(201));
        assert!(call(json!({"put": "http://a/"})).unwrap().expects(201));
    }

    #[test]
    fn the_allow_list_judges_what_is_really_called() {
        use serde_json::json;
        let allow = AllowList {
            urls: ["http://A.example:80/x/".to_owned(), "http://127.0.0.1:8080".to_owned()].into(),
            ..AllowList::default()
        };
        for (url, fine) in [
            ("http://a.example/x/y", true),
            ("http://a.example:80/x/y?z=1", true),
            ("http://a.example/x/..\\y", false),
            ("http://a.example/x/\t../y", false),
            ("http://a.example/x/.%2e/y", false),
            ("http://a.example\\@evil.example/x/", false),
            ("http://127.0.0.1:8080/health", true),
            ("http://127.1:8080/health", true),
            ("http://127.0.0.1:80801/", false),
            ("http://127.0.0.1:8080.evil.example/", false),
        ] {
            let admitted = call(json!({"get": url})).is_ok_and(|call| call.admit(&allow).is_ok());
            assert_eq!(admitted, fine, "{url}");
        }
    }
}
