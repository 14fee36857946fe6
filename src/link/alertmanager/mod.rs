//! Alertmanager's API: whether an alert still fires, and what fires at all.
//!
//! Before each effect heald asks here again, because a webhook may be older than the truth. A storm of incidents asks
//! for the same few names at once: one request runs per name, and its answer is good for a second.

use super::{LinkError, clock};
use crate::domain::alert::{Labels, ListedAlert};
use crate::domain::look::{AlertQuery, AlertSight};
use crate::domain::target::cut;
use reqwest::{StatusCode, Url};
use shared::Shared;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use wire::{Listed, Silence, Standing};

mod shared;
mod silence;
mod wire;

#[cfg(test)]
mod tests;

/// One Alertmanager.
#[derive(Debug)]
pub struct Alertmanager {
    http: reqwest::Client,
    /// With the path under which it serves, as in `http://h:9093/alertmanager`.
    base: Url,
    /// For one sight, and for one request.
    patience: Duration,
    /// By alertname; the empty name stands for all alerts.
    lists: Shared<Result<Arc<[Listed]>, String>>,
    /// By id.
    silences: Shared<Option<Arc<Silence>>>,
    /// So many bodies are held at once.
    calls: Semaphore,
}

/// Alertmanager answers from memory. A repair must not wait long for one that hangs.
const PATIENCE: Duration = Duration::from_secs(3);
/// A comment is worth less than the verdict: it may not cost it.
const COMMENT_MAX: Duration = Duration::from_millis(500);
/// An alert takes about 1.5 kB, so this is ten thousand of them.
const BODY_MAX: usize = 16 << 20;
/// Names asked for at the same time.
const CALLS_MAX: usize = 4;

// === impl Alertmanager ===

impl Alertmanager {
    /// `url` as configured. Connects at the first call.
    ///
    /// # Errors
    /// No URL that can be called.
    pub fn new(http: reqwest::Client, url: &str) -> Result<Self, String> {
        let base = Url::parse(url).map_err(|error| format!("the URL of Alertmanager can't be read: {error}"))?;
        if base.cannot_be_a_base() {
            return Err("the URL of Alertmanager must begin with http:// or https://".to_owned());
        }
        let (lists, silences, calls) = (Shared::default(), Shared::default(), Semaphore::new(CALLS_MAX));
        Ok(Self { http, base, patience: PATIENCE, lists, silences, calls })
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] says why it does not.
    pub async fn reach(&self) -> Result<(), LinkError> {
        self.get(self.at(&["-", "healthy"])).await.map(drop).map_err(LinkError::NotSent)
    }

    /// What it says of these alerts, at most 3 s after the question. Without a fingerprint there is nothing to ask.
    pub async fn sight(&self, query: &AlertQuery) -> AlertSight {
        if query.fingerprints.is_empty() {
            return AlertSight::NotAsked;
        }
        let deadline = Instant::now() + self.patience;
        match timeout_at(deadline, self.standing(query)).await {
            Ok(Ok(Standing::Firing)) => AlertSight::Firing,
            Ok(Ok(Standing::Gone)) => AlertSight::Gone,
            Ok(Ok(Standing::Suppressed { silences, inhibitors })) => {
                // Where it can't be told whose silence it is, it is somebody's plan.
                let own = self.are_own(&silences, &query.own_silence);
                if inhibitors.is_empty() && timeout_at(deadline, own).await.unwrap_or(false) {
                    AlertSight::Firing
                } else {
                    AlertSight::Suppressed { by: self.by(&silences, &inhibitors).await }
                }
            }
            Ok(Err(detail)) => AlertSight::Unreadable { detail },
            Err(_) => AlertSight::Unreadable { detail: self.no_answer() },
        }
    }

    /// Everything that fires there, silenced and inhibited ones too, whatever receiver they go to.
    ///
    /// # Errors
    /// Why it could not be read, in one line and without the URL.
    pub async fn all(&self) -> Result<Vec<ListedAlert>, String> {
        let (body, now) = self.get(self.list("")).await?;
        wire::listed_alerts(&body, now)
    }

    /// Posts an alert that fires since then, as Prometheus does; it ends by itself after `alive`, and at once where that is nothing.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn post(
        &self,
        labels: &Labels,
        annotations: &Labels,
        since: jiff::Timestamp,
        alive: Duration,
    ) -> Result<(), String> {
        let now = clock::wall();
        let ends = now.checked_add(alive).unwrap_or(now);
        let [starts, ends] = [since, ends].map(|at| format!("{at:.3}"));
        let alert = serde_json::json!([{ "labels": labels, "annotations": annotations, "startsAt": starts, "endsAt": ends }]);
        let request = self.http.post(self.at(&["api", "v2", "alerts"])).json(&alert).send();
        let answer = timeout(self.patience, request).await.map_err(|_| self.no_answer())?.map_err(|error| broken(&error))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("it answered {}", status.as_u16())),
        }
    }

    async fn standing(&self, query: &AlertQuery) -> Result<Standing, String> {
        let named = self.listed(&query.alertname).await?;
        let standing = wire::standing(&named, &query.fingerprints)?;
        // The incident may hold alerts of other names than the one that opened it; absent is said only of what was looked for.
        let lists = |fingerprint: &_| named.iter().any(|listed| listed.fingerprint == *fingerprint);
        if standing == Standing::Firing || query.alertname.is_empty() || query.fingerprints.iter().all(lists) {
            return Ok(standing);
        }
        wire::standing(&self.listed("").await?, &query.fingerprints)
    }

    async fn listed(&self, alertname: &str) -> Result<Arc<[Listed]>, String> {
        let ask = async {
            let (body, now) = self.get(self.list(alertname)).await?;
            wire::listed(&body, now).map(Arc::from)
        };
        self.lists.get(alertname, ask).await
    }

    fn list(&self, alertname: &str) -> Url {
        let mut url = self.at(&["api", "v2", "alerts"]);
        url.query_pairs_mut().extend_pairs([("active", "true"), ("silenced", "true"), ("inhibited", "true")]);
        if !alertname.is_empty() {
            url.query_pairs_mut().append_pair("filter", &format!("alertname={}", wire::quoted(alertname)));
        }
        url
    }

    /// The first silence with its comment, where that can be had; else what inhibits.
    async fn by(&self, silences: &[String], inhibitors: &[String]) -> String {
        let more = |count: usize| if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        let Some(id) = silences.first() else {
            return match inhibitors.first() {
                Some(first) => format!("inhibited by alert {}{}", cut(first), more(inhibitors.len())),
                None => "suppressed, and Alertmanager does not say by what".to_owned(),
            };
        };
        let silence = timeout(COMMENT_MAX, self.silence_of(id)).await.ok().flatten();
        let comment = silence.and_then(|silence| silence.text()).map_or_else(String::new, |comment| format!(" ({comment})"));
        format!("silence {}{comment}{}", cut(id), more(silences.len()))
    }

    /// All of them are heald's own, for one incident.
    async fn are_own(&self, silences: &[String], comment: &str) -> bool {
        for id in silences {
            if !self.silence_of(id).await.is_some_and(|silence| silence.is_own(comment)) {
                return false;
            }
        }
        !silences.is_empty()
    }

    async fn silence_of(&self, id: &str) -> Option<Arc<Silence>> {
        let ask = async {
            let (body, _) = self.get(self.at(&["api", "v2", "silence", id])).await.ok()?;
            wire::silence(&body).map(Arc::new)
        };
        self.silences.get(id, ask).await
    }

    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// The body, and what time it is there.
    async fn get(&self, url: Url) -> Result<(Vec<u8>, jiff::Timestamp), String> {
        let whole = async {
            let Ok(_turn) = self.calls.acquire().await else { return Err("heald is stopping".to_owned()) };
            let mut response = self.http.get(url).send().await.map_err(|error| broken(&error))?;
            let status = response.status();
            if status != StatusCode::OK {
                return Err(format!("it answered {}", status.as_u16()));
            }
            let date = response.headers().get(reqwest::header::DATE).and_then(|date| date.to_str().ok());
            let now = date.and_then(wire::date).unwrap_or_else(clock::wall);
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
                if body.len() + chunk.len() > BODY_MAX {
                    return Err(format!("its answer is larger than {} MiB", BODY_MAX >> 20));
                }
                body.extend_from_slice(&chunk);
            }
            Ok((body, now))
        };
        timeout(self.patience, whole).await.unwrap_or_else(|_| Err(self.no_answer()))
    }

    fn no_answer(&self) -> String {
        format!("no answer within {:?}", self.patience)
    }
}

/// Without the URL: its query may hold a secret.
fn broken(error: &reqwest::Error) -> String {
    let what = if error.is_connect() { "no connection" } else { "the answer broke off" };
    format!("{what}: {}", cut(&super::http::root(error)))
}
