//! The few calls of Gitea's API that an issue tracker of incidents needs.

use super::markdown::Mark;
use crate::domain::notice::Again;
use crate::domain::time::Time;
use crate::notify::answer::{self, Failure};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

#[derive(Clone)]
pub struct Api {
    client: Client,
    /// Ends in `/api/v1/repos/OWNER/NAME/`.
    base: Url,
    authorization: HeaderValue,
}

/// Why a call has failed, and with which status if it was answered.
#[derive(Debug)]
pub struct Wrong {
    pub failure: Failure,
    status: Option<StatusCode>,
}

/// `CreateIssueOption`
#[derive(Debug, Serialize)]
pub struct NewIssue {
    pub title: String,
    pub body: String,
    /// Numbers, not names. Ignored where the token may not write to the repository.
    pub labels: Vec<u64>,
    pub closed: bool,
}

/// Which issues are listed.
#[derive(Clone, Copy, Debug)]
pub enum Listed {
    Open,
    All,
}

#[derive(Clone, Copy, Debug)]
pub enum State {
    Open,
    Closed,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
struct Label {
    id: u64,
    name: String,
}

/// Gitea's own maximum for a page, unless its administrator set another.
const PAGE: usize = 50;
/// The newest 500 issues; a board with more open ones is not read by anybody.
const PAGES_MAX: usize = 10;
/// 50 issues of the largest size that heald writes are below 2 MB.
const ANSWER_MAX: usize = 16 << 20;

// === impl Wrong ===

impl Wrong {
    pub fn is_missing(&self) -> bool {
        self.status == Some(StatusCode::NOT_FOUND)
    }

    /// An issue with open dependencies can't be closed.
    pub fn has_dependencies(&self) -> bool {
        self.status == Some(StatusCode::PRECONDITION_FAILED)
    }
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        Self { failure, status: None }
    }
}

// === impl Api ===

impl Api {
    /// # Errors
    /// The URL, the repository or the token can't be used; the text repeats neither URL nor token.
    pub fn new(url: &str, repo: &str, token: &str, timeout: Duration) -> Result<Self, String> {
        let (client, base) = answer::client(url, timeout)?;
        let base = Url::parse(&format!("{}/api/v1/repos/{repo}/", base.as_str().trim_end_matches('/')))
            .map_err(|error| format!("the repository can't be used: {error}"))?;
        let mut authorization =
            HeaderValue::from_str(&format!("token {token}")).map_err(|_| "the token holds what a header can't".to_owned())?;
        authorization.set_sensitive(true);
        Ok(Self { client, base, authorization })
    }

    /// The newest issue with a mark that fits. The list is read, not Gitea's index, which may lag behind.
    pub async fn find(
        &self,
        which: Listed,
        since: Option<Time>,
        fits: impl Fn(&Mark) -> bool,
    ) -> Result<Option<(u64, Mark)>, Wrong> {
        let mut seen = 0;
        for page in 1..=PAGES_MAX {
            let mut query = vec![
                ("type", "issues".to_owned()),
                ("state", if matches!(which, Listed::Open) { "open" } else { "all" }.to_owned()),
                ("page", page.to_string()),
                ("limit", PAGE.to_string()),
            ];
            query.extend(since.map(|since| ("since", since.to_string())));
            let (issues, total) = self.page::<Issue>("issues", &query).await?;
            for issue in &issues {
                if let Some(mark) = Mark::read(&issue.body).filter(|mark| fits(mark)) {
                    return Ok(Some((issue.number, mark)));
                }
            }
            seen += issues.len();
            if issues.is_empty() || total.is_some_and(|total| seen >= total) {
                break;
            }
        }
        Ok(None)
    }

    /// # Errors
    /// It was not made, or the answer was lost.
    pub async fn create(&self, issue: &NewIssue) -> Result<u64, Wrong> {
        let made: Issue = self.answer(self.request(Method::POST, "issues")?.json(issue)).await?.0;
        Ok(made.number)
    }

    pub async fn comment(&self, number: u64, body: &str) -> Result<(), Wrong> {
        let request = self.request(Method::POST, &format!("issues/{number}/comments"))?;
        self.done(request.json(&json!({ "body": body }))).await
    }

    pub async fn set(&self, number: u64, state: State) -> Result<(), Wrong> {
        let state = if matches!(state, State::Open) { "open" } else { "closed" };
        let request = self.request(Method::PATCH, &format!("issues/{number}"))?;
        self.done(request.json(&json!({ "state": state }))).await
    }

    /// The numbers of labels, which are made where they are missing. An issue without a label is better than none: what
    /// fails here is only logged.
    pub async fn labels(&self, names: &[&str]) -> Vec<u64> {
        let known = match self.known_labels().await {
            Ok(known) => known,
            Err(wrong) => {
                tracing::warn!(error = wrong.failure.why.as_str(), "the labels can't be read: the issue gets none");
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for name in names {
            let id = match known.iter().find(|label| label.name == *name) {
                Some(label) => Ok(label.id),
                None => self.make_label(name).await,
            };
            match id {
                Ok(id) if found.contains(&id) => {}
                Ok(id) => found.push(id),
                Err(wrong) => tracing::warn!(label = name, error = wrong.failure.why.as_str(), "the label is left out"),
            }
        }
        found
    }

    async fn known_labels(&self) -> Result<Vec<Label>, Wrong> {
        let mut known: Vec<Label> = Vec::new();
        for page in 1..=PAGES_MAX {
            let query = [("page", page.to_string()), ("limit", PAGE.to_string())];
            let (labels, total) = self.page("labels", &query).await?;
            let ends = labels.is_empty();
            known.extend(labels);
            if ends || total.is_some_and(|total| known.len() >= total) {
                break;
            }
        }
        Ok(known)
    }

    async fn make_label(&self, name: &str) -> Result<u64, Wrong> {
        let color = match name {
            "P0" => "#b60205",
            "P1" => "#d93f0b",
            "P2" => "#fbca04",
            "P3" => "#0e8a16",
            _ => "#1d76db",
        };
        let label = json!({ "name": name, "color": color, "description": "made by heald" });
        let made: Label = self.answer(self.request(Method::POST, "labels")?.json(&label)).await?.0;
        Ok(made.id)
    }

    /// One page of a list, and how many there are in all.
    async fn page<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<(Vec<T>, Option<usize>), Wrong> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().extend_pairs(query);
        let (items, headers) = self.answer(self.with(Method::GET, url)).await?;
        let total = headers.get("x-total-count").and_then(|value| value.to_str().ok()?.parse().ok());
        Ok((items, total))
    }

    fn url(&self, path: &str) -> Result<Url, Failure> {
        self.base.join(path).map_err(|error| Failure::never(format!("the address can't be made: {error}")))
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        Ok(self.with(method, self.url(path)?))
    }

    fn with(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url).header(AUTHORIZATION, self.authorization.clone())
    }

    async fn done(&self, request: RequestBuilder) -> Result<(), Wrong> {
        let response = answer::sent(request.send().await)?;
        let status = response.status();
        answer::accepted(status, response.headers()).map_err(|failure| Wrong { failure, status: Some(status) })
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<(T, HeaderMap), Wrong> {
        let mut response = answer::sent(request.send().await)?;
        let status = response.status();
        answer::accepted(status, response.headers()).map_err(|failure| Wrong { failure, status: Some(status) })?;
        let headers = response.headers().clone();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| Failure::soon(answer::reason(error)))? {
            body.extend_from_slice(&part);
            if body.len() > ANSWER_MAX {
                return Err(Failure::soon("the answer is too long").into());
            }
        }
        // The parser's own words could repeat what a broken proxy sent.
        let read = serde_json::from_slice(&body);
        Ok((read.map_err(|_| Failure { why: "the answer is not Gitea's".to_owned(), again: Again::Soon })?, headers))
    }
}
