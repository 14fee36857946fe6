//! Gitea: one issue per incident, comments as it proceeds, closed when it is over.
//!
//! Before an issue is made, the repository is searched for heald's own mark of the incident, so that neither a crash nor
//! a lost answer makes a second one. What comes back again and again has one issue that stays open: each further incident
//! is a comment with the count. Within one post the comment comes last: a repetition after a failure says nothing twice.
//!
//! The API: <https://docs.gitea.com/api> (`/repos/{owner}/{repo}/issues`, `…/issues/{index}/comments`, `…/labels`).

mod api;
pub mod markdown;

use super::answer::{self, Failure, Posted};
use crate::domain::notice::{Notice, NoticeKind, Post, Standing};
use crate::domain::time::Time;
use api::{Api, Listed, NewIssue, State, Wrong};
use markdown::Mark;
use std::fmt;
use std::time::Duration;

#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Of the server, without `/api/v1`.
    pub url: String,
    /// `owner/name`
    pub repo: String,
    pub token: String,
    /// Put on every issue, besides `heald` and the severity.
    pub labels: Vec<String>,
    /// From so many incidents of the same playbook and target on, they share one issue that stays open.
    pub chronic: u32,
    /// For one request; a post is a few.
    pub timeout: Duration,
}

#[derive(Clone)]
pub struct Channel {
    api: Api,
    labels: Vec<String>,
    chronic: u32,
    /// For one post.
    patience: Duration,
}

/// The label by which people find all that heald has opened.
const OWN_LABEL: &str = "heald";
pub const CHRONIC: u32 = 3;
/// Clocks differ: an issue may seem older than the incident it is about.
const CLOCK_SLACK_MS: i64 = 24 * 3_600 * 1_000;
const REQUESTS_OF_A_POST: u32 = 3;

// === impl Settings ===

impl Settings {
    pub fn new(url: impl Into<String>, repo: impl Into<String>, token: impl Into<String>) -> Self {
        let (url, repo, token) = (url.into(), repo.into(), token.into());
        Self { url, repo, token, labels: Vec::new(), chronic: CHRONIC, timeout: answer::TIMEOUT }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gitea").field("repo", &self.repo).field("labels", &self.labels).finish_non_exhaustive()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("labels", &self.labels).finish_non_exhaustive()
    }
}

// === impl Channel ===

impl Channel {
    /// # Errors
    /// The URL, the repository or the token can't be used.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let Settings { url, repo, token, labels, chronic, timeout } = settings;
        Ok(Self { api: Api::new(&url, &repo, &token, timeout)?, labels, chronic, patience: timeout * REQUESTS_OF_A_POST })
    }

    /// # Errors
    /// Why Gitea did not take it, without the URL and the token.
    pub async fn post(&self, post: &Post) -> Result<Posted, Failure> {
        let told = async {
            if post.notice.kind.is_of_house() {
                self.of_house(&post.notice).await?;
                return Ok(Posted::default());
            }
            let number = self.of_incident(&post.notice, post.thread.as_deref()).await?;
            Ok(Posted { thread: Some(number.to_string()) })
        };
        match tokio::time::timeout(self.patience, told).await {
            Ok(told) => told.map_err(|wrong: Wrong| wrong.failure),
            Err(_) => Err(Failure::soon("no answer in time")),
        }
    }

    async fn of_incident(&self, notice: &Notice, thread: Option<&str>) -> Result<u64, Wrong> {
        if let Some(number) = thread.and_then(|thread| thread.parse().ok()) {
            match self.change(number, notice).await {
                Ok(()) => return Ok(number),
                // Deleted by a person: it is told anew.
                Err(wrong) if wrong.is_missing() => {}
                Err(wrong) => return Err(wrong),
            }
        }
        let mark = Mark::of(notice);
        let since = Time(notice.opened.0.saturating_sub(CLOCK_SLACK_MS));
        let own = self.api.find(Listed::All, Some(since), |found| found.incident == mark.incident).await?;
        if let Some((number, found)) = own {
            // The same notice: the issue was made, and the answer lost.
            if found.notice != mark.notice {
                self.change(number, notice).await?;
            }
            return Ok(number);
        }
        if self.is_chronic(notice)
            && let Some((number, _)) = self.api.find(Listed::Open, None, |found| found.problem == mark.problem).await?
        {
            self.api.comment(number, &markdown::again(notice)).await?;
            return Ok(number);
        }
        self.create(notice, notice.standing == Standing::Over && !self.is_chronic(notice)).await
    }

    /// An open issue per kind and host; what is no trouble leaves none open.
    async fn of_house(&self, notice: &Notice) -> Result<(), Wrong> {
        let is_good = matches!(notice.kind, NoticeKind::DetectionBack | NoticeKind::Test);
        let about = if notice.kind == NoticeKind::DetectionBack { NoticeKind::DetectionBlind } else { notice.kind };
        let mark = Mark::of(&Notice { kind: about, ..notice.clone() });
        let found = self.api.find(Listed::Open, None, |found| found.problem == mark.problem).await?;
        match found {
            Some((_, found)) if found.notice == Mark::of(notice).notice && !is_good => {}
            Some((number, _)) => {
                if is_good {
                    self.close(number).await?;
                }
                self.api.comment(number, &markdown::comment(notice)).await?;
            }
            None => {
                self.create(notice, is_good).await?;
            }
        }
        Ok(())
    }

    async fn change(&self, number: u64, notice: &Notice) -> Result<(), Wrong> {
        if notice.standing == Standing::Over {
            if !self.is_chronic(notice) {
                self.close(number).await?;
            }
        } else if calls_a_person(notice) {
            self.api.set(number, State::Open).await?;
        }
        self.api.comment(number, &markdown::comment(notice)).await
    }

    async fn close(&self, number: u64) -> Result<(), Wrong> {
        match self.api.set(number, State::Closed).await {
            Err(wrong) if wrong.has_dependencies() => {
                tracing::warn!(issue = number, "the issue has open dependencies, so that Gitea does not close it");
                Ok(())
            }
            other => other,
        }
    }

    async fn create(&self, notice: &Notice, closed: bool) -> Result<u64, Wrong> {
        let mut names: Vec<&str> = vec![OWN_LABEL];
        names.extend(notice.severity.map(|severity| severity.label()).filter(|_| !notice.kind.is_of_house()));
        names.extend(self.labels.iter().map(String::as_str));
        let labels = self.api.labels(&names).await;
        let (title, body) = (markdown::title(notice), markdown::body(notice));
        self.api.create(&NewIssue { title, body, labels, closed }).await
    }

    fn is_chronic(&self, notice: &Notice) -> bool {
        notice.times >= self.chronic
    }
}

/// Such a notice opens an issue again that somebody has closed; what merely proceeds does not.
fn calls_a_person(notice: &Notice) -> bool {
    notice.kind != NoticeKind::Progress && matches!(notice.standing, Standing::NeedsPerson | Standing::Asking)
}
