//! Prometheus' instant queries: one number, or the reason why there is none.
//!
//! What can't be trusted is an error and never a number: nothing, several series, NaN, a warning, an old sample.

use super::LinkError;
use super::http::root;
use crate::domain::target::cut;
use crate::domain::time::Span;
pub use query::Query;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

mod query;

/// One Prometheus, or what speaks its API.
#[derive(Debug)]
pub struct Prometheus {
    http: reqwest::Client,
    /// With the path under which it serves.
    base: Url,
}

/// A query on one series takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer with one number; a query without aggregation may bring thousands of series.
const BODY_MAX: usize = 4 << 20;

#[derive(Debug, Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
    /// Something is missing in the answer, as when a remote store did not answer.
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    #[serde(default)]
    result: Value,
}

/// `[1435781451.781, "1"]`: the time that was asked for, and the value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    at: f64,
    value: f64,
    /// Whether a sample stands behind it, and not just arithmetic.
    is_sample: bool,
}

// === impl Prometheus ===

impl Prometheus {
    /// `url` as configured. Connects at the first call.
    ///
    /// # Errors
    /// No URL that can be called.
    pub fn new(http: reqwest::Client, url: &str) -> Result<Self, String> {
        let base = Url::parse(url).map_err(|error| format!("the URL of Prometheus can't be read: {error}"))?;
        if base.cannot_be_a_base() {
            return Err("the URL of Prometheus must begin with http:// or https://".to_owned());
        }
        Ok(Self { http, base })
    }

    /// Whether it answers queries.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] says why it does not.
    pub async fn reach(&self) -> Result<(), LinkError> {
        self.point("vector(1)").await.map(drop).map_err(LinkError::NotSent)
    }

    /// The one number that the query gives now, from a sample of at most `max_age`.
    ///
    /// Prometheus answers with a series' last sample for five minutes after its target is gone. How old it is, only a
    /// query that is a plain selector lets see; a function's result is as old as the query.
    ///
    /// # Errors
    /// Why it can't be told, in one line and without the URL.
    pub async fn number(&self, query: &Query, max_age: Duration) -> Result<f64, String> {
        let point = self.point(query.text()).await?;
        if !point.is_sample {
            return Ok(point.value);
        }
        let taken = self.point(&format!("timestamp({})", query.text())).await?;
        // Both are times of Prometheus: its clock need not be ours.
        let age = Duration::try_from_secs_f64((taken.at - taken.value).max(0.0)).unwrap_or(Duration::MAX);
        if age > max_age {
            let age = Duration::from_secs(age.as_secs());
            return Err(format!("its last sample is {} old, more than {}", Span(age), Span(max_age)));
        }
        Ok(point.value)
    }

    async fn point(&self, query: &str) -> Result<Point, String> {
        let whole = async {
            // A form in the body: a query may be longer than a proxy lets a URL be.
            let mut form = self.base.clone();
            form.set_query(None);
            form.query_pairs_mut().append_pair("query", query).append_pair("timeout", "5s");
            let body = form.query().unwrap_or_default().to_owned();
            let request = self.http.post(self.at(&["api", "v1", "query"]));
            let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
            let mut response = request.send().await.map_err(|error| broken(&error))?;
            let status = response.status().as_u16();
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
                if body.len() + chunk.len() > BODY_MAX {
                    return Err(format!("Prometheus' answer is larger than {} MiB", BODY_MAX >> 20));
                }
                body.extend_from_slice(&chunk);
            }
            read(status, &body)
        };
        let late = |_| Err(format!("Prometheus gave no answer within {}", Span(PATIENCE)));
        timeout(PATIENCE, whole).await.unwrap_or_else(late)
    }

    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

/// Its answers are JSON also when it says no: 400 with the reason for a query that it does not understand.
fn read(status: u16, body: &[u8]) -> Result<Point, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| format!("Prometheus answered {status}, and no JSON"))?;
    if answer.status != "success" {
        return Err(format!("Prometheus says no: {} ({})", cut(&answer.error), cut(&answer.error_type)));
    }
    if let Some(warning) = answer.warnings.first() {
        return Err(format!("Prometheus warns: {}", cut(warning)));
    }
    let data = answer.data.ok_or("Prometheus' answer holds no data")?;
    let (point, is_sample) = match (data.kind.as_str(), data.result.as_array().map(Vec::as_slice)) {
        ("scalar", Some(_)) => (&data.result, false),
        ("vector", Some([])) => return Err("no series fits".to_owned()),
        ("vector", Some([one])) => (&one["value"], true),
        ("vector", Some(several)) => {
            return Err(format!("{} series fit; make them one, as in `max(…)` or `min(…)`", several.len()));
        }
        (kind, _) => return Err(format!("the query gives a {}, not a number", cut(kind))),
    };
    let odd = || "Prometheus' answer holds no number (is it a histogram?)".to_owned();
    let at = point[0].as_f64().ok_or_else(odd)?;
    let value: f64 = point[1].as_str().and_then(|value| value.parse().ok()).ok_or_else(odd)?;
    if !value.is_finite() {
        return Err(format!("the value is {value}"));
    }
    Ok(Point { at, value, is_sample })
}

/// Without the URL: its query may hold a secret.
fn broken(error: &reqwest::Error) -> String {
    let what = if error.is_connect() { "no connection to Prometheus" } else { "Prometheus' answer broke off" };
    format!("{what}: {}", cut(&root(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_one_sound_number_is_a_number() {
        let vector = |result: Value| json!({ "status": "success", "data": { "resultType": "vector", "result": result } });
        let series = |value: &str| json!({ "metric": {}, "value": [1_435_781_451.781, value] });
        let point = Point { at: 1_435_781_451.781, value: 1.0, is_sample: true };
        assert_eq!(read(200, vector(json!([series("1")])).to_string().as_bytes()), Ok(point));
        let scalar = json!({ "status": "success", "data": { "resultType": "scalar", "result": [1.0, "2.5"] }, "infos": ["x"] });
        assert_eq!(read(200, scalar.to_string().as_bytes()), Ok(Point { at: 1.0, value: 2.5, is_sample: false }));
        let mut partial = vector(json!([series("1")]));
        partial["warnings"] = json!(["remote read failed"]);
        for (body, part) in [
            (vector(json!([])), "no series fits"),
            (vector(json!([series("1"), series("1")])), "2 series fit"),
            (vector(json!([series("NaN")])), "NaN"),
            (vector(json!([series("+Inf")])), "inf"),
            (vector(json!([{ "metric": {}, "histogram": [1.0, {}] }])), "histogram"),
            (partial, "remote read failed"),
            (json!({ "status": "success", "data": { "resultType": "matrix", "result": [] } }), "a matrix"),
            (json!({ "status": "success", "data": { "resultType": "string", "result": [1.0, "x"] } }), "a string"),
            (json!({ "status": "error", "errorType": "bad_data", "error": "parse error" }), "parse error (bad_data)"),
            (json!({ "status": "success" }), "no data"),
        ] {
            let error = read(400, body.to_string().as_bytes()).unwrap_err();
            assert!(error.contains(part), "{body}: {error}");
        }
        assert_eq!(read(503, b"<html>").unwrap_err(), "Prometheus answered 503, and no JSON");
    }
}
