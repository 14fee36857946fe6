//! A dashboard's queries against a real Prometheus, as Grafana puts them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{Board, Panel, Result, Target, list, text};

/// Of Prometheus' API; without a slash at its end.
pub struct Prometheus {
    url: String,
    http: reqwest::Client,
}

/// The chosen time of a dashboard, in seconds since 1970, and what its variables become.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub start: f64,
    pub end: f64,
    /// Between two points of a line.
    pub step: f64,
    /// Of Prometheus.
    pub scrape_interval: f64,
}

pub type Labels = BTreeMap<String, String>;

#[derive(Clone, Debug)]
pub struct Sample {
    pub labels: Labels,
    pub value: f64,
}

#[derive(Clone, Debug)]
pub struct Series {
    pub labels: Labels,
    /// (seconds since 1970, value)
    pub points: Vec<(f64, f64)>,
}

#[derive(Clone, Debug)]
pub enum Answer {
    Now(Vec<Sample>),
    OverTime(Vec<Series>),
}

/// Grafana draws a line with about so many points.
const POINTS: f64 = 240.0;

// === impl Span ===

impl Span {
    /// The last `length` until now. Grafana's own rules make the step and the intervals of it.
    #[allow(clippy::disallowed_methods, reason = "a test program asks for what was just now")]
    pub fn last(length: Duration, scrape_interval: Duration) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::until(now.as_secs_f64(), length, scrape_interval)
    }

    pub fn until(end: f64, length: Duration, scrape_interval: Duration) -> Self {
        let scrape_interval = scrape_interval.as_secs_f64();
        let step = (length.as_secs_f64() / POINTS).max(scrape_interval).ceil();
        Self { start: end - length.as_secs_f64(), end, step, scrape_interval }
    }

    /// An expression with Grafana's variables filled in; job and instance are "All".
    ///
    /// # Errors
    /// Names a variable that this does not know: it would be sent as it stands.
    pub fn fill(&self, expr: &str) -> Result<String> {
        // As Grafana's Prometheus data source documents it.
        let rate_interval = (self.step + self.scrape_interval).max(4.0 * self.scrape_interval);
        let seconds = |value: f64| format!("{:.0}s", value.max(1.0));
        let filled = expr
            .replace("$__rate_interval", &seconds(rate_interval))
            .replace("$__interval", &seconds(self.step))
            .replace("$__range", &seconds(self.end - self.start))
            .replace("$job", ".+")
            .replace("$instance", ".+");
        match filled.split_once('$') {
            None => Ok(filled),
            Some((_, rest)) => Err(format!("${} is no variable that is known here", rest.split(' ').next().unwrap_or_default())),
        }
    }
}

// === impl Prometheus ===

impl Prometheus {
    /// # Errors
    /// No HTTP client can be made.
    pub fn at(url: &str) -> Result<Self> {
        // Plain HTTP only, but the client is built without a default TLS provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        Ok(Self { url: url.trim_end_matches('/').to_owned(), http: http.map_err(|error| error.to_string())? })
    }

    /// # Errors
    /// Prometheus refuses the query, or does not answer.
    pub async fn ask(&self, target: Target<'_>, span: &Span) -> Result<Answer> {
        if target.is_instant() { self.now(target.expr(), span).await } else { self.over_time(target.expr(), span).await }
    }

    /// Every query of the dashboard must be taken and give a number.
    ///
    /// # Errors
    /// One line for each that does not, with its panel.
    pub async fn check(&self, board: &Board, span: &Span) -> Result<usize> {
        let mut wrong = Vec::new();
        let mut asked = 0;
        for panel in board.panels() {
            for target in panel.targets() {
                asked += 1;
                let why = match self.ask(target, span).await {
                    Ok(answer) if answer.has_a_number() => continue,
                    Ok(_) => "nothing to show".to_owned(),
                    Err(why) => why,
                };
                wrong.push(format!(
                    "{}: panel {:?}, query {}: {why}: {}",
                    board.name,
                    panel.title(),
                    target.name(),
                    target.expr()
                ));
            }
        }
        let marks = board.repairs().unwrap_or_default();
        match self.over_time(marks, span).await {
            Ok(answer) if answer.has_a_number() => {}
            Ok(_) => wrong.push(format!("{}: no repair is marked: {marks}", board.name)),
            Err(why) => wrong.push(format!("{}: the marks of repairs: {why}", board.name)),
        }
        if wrong.is_empty() { Ok(asked) } else { Err(wrong.join("\n")) }
    }

    async fn now(&self, expr: &str, span: &Span) -> Result<Answer> {
        let data = self.get("query", &[("query", span.fill(expr)?), ("time", span.end.to_string())]).await?;
        let sample = |one: &Value| Sample { labels: labels(one), value: number(&one["value"][1]) };
        match text(&data["resultType"]) {
            "vector" => Ok(Answer::Now(list(&data["result"]).map(sample).collect())),
            other => Err(format!("it gives a {other}, not a vector")),
        }
    }

    async fn over_time(&self, expr: &str, span: &Span) -> Result<Answer> {
        let when = [("start", span.start), ("end", span.end), ("step", span.step)].map(|(key, value)| (key, value.to_string()));
        let [start, end, step] = when;
        let data = self.get("query_range", &[("query", span.fill(expr)?), start, end, step]).await?;
        let series = list(&data["result"]).map(|one| {
            let points = list(&one["values"]).map(|point| (point[0].as_f64().unwrap_or_default(), number(&point[1])));
            Series { labels: labels(one), points: points.collect() }
        });
        Ok(Answer::OverTime(series.collect()))
    }

    async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value> {
        let mut url = reqwest::Url::parse(&format!("{}/api/v1/{path}", self.url)).map_err(|error| error.to_string())?;
        url.query_pairs_mut().extend_pairs(query);
        let answer = self.http.get(url).send().await.map_err(|error| error.to_string())?;
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        if answer["status"] == "success" { Ok(answer["data"].clone()) } else { Err(text(&answer["error"]).to_owned()) }
    }
}

// === impl Answer ===

impl Answer {
    /// `NaN` is none: a panel shows nothing for it.
    pub fn has_a_number(&self) -> bool {
        match self {
            Self::Now(samples) => samples.iter().any(|sample| !sample.value.is_nan()),
            Self::OverTime(series) => series.iter().any(|one| one.points.iter().any(|point| !point.1.is_nan())),
        }
    }
}

fn labels(one: &Value) -> Labels {
    let pairs = one["metric"].as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), text(value).to_owned())).collect()
}

/// Prometheus writes numbers as text: `NaN` and `+Inf` are none in JSON.
fn number(value: &Value) -> f64 {
    text(value).parse().unwrap_or(f64::NAN)
}
