//! A Gitea that has one repository: its issues, comments and labels, as the public API describes them
//! (<https://docs.gitea.com/api>, `templates/swagger/v1_json.tmpl` and `routers/api/v1/repo` of its source).
//!
//! As there: a token that may only read gets 403 for writing, a label that is not a number 422, closing an issue with open
//! dependencies 412, unknown issues and repositories 404, and lists come in pages with `X-Total-Count`, newest first.

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The moment of `notify::sample`, in milliseconds: this server's clock stands still.
pub const NOW: i64 = 1_795_312_744_999;
pub const TOKEN: &str = "canary-gitea-token";

#[derive(Clone, Default)]
pub struct Gitea(Arc<Mutex<Board>>);

#[derive(Default)]
pub struct Board {
    pub issues: Vec<Issue>,
    /// Name by number, from 1.
    pub labels: Vec<String>,
    /// Every request: `POST /issues`.
    pub calls: Vec<String>,
    faults: Vec<(&'static str, Fault)>,
}

#[derive(Clone, Debug, Default)]
pub struct Issue {
    pub title: String,
    pub body: String,
    pub is_closed: bool,
    pub is_deleted: bool,
    pub has_open_dependencies: bool,
    pub labels: Vec<u64>,
    pub comments: Vec<String>,
    /// Milliseconds since the epoch.
    pub updated: i64,
}

/// What happens to the next request that begins so: `POST /issues`.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Status(u16),
    /// 429 with the seconds of `Retry-After`, as a proxy in front of Gitea sends it.
    Limited(u64),
    /// 200 from somebody else.
    Garbage,
    Slow(Duration),
    /// It is done, and the answer lost.
    LostAnswer,
}

type Answer = (StatusCode, HeaderMap, Json<Value>);

impl Gitea {
    /// And its URL.
    pub async fn open() -> (Self, String) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let gitea = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let repository = Router::new()
            .route("/issues", get(Self::list).post(Self::create))
            .route("/issues/{index}", patch(Self::edit))
            .route("/issues/{index}/comments", post(Self::comment))
            .route("/labels", get(Self::labels).post(Self::make_label));
        let router = Router::new()
            .nest("/api/v1/repos/ops/incidents", repository)
            .fallback(|| async { refusal(404, "not found") })
            .layer(from_fn_with_state(gitea.clone(), Self::gate))
            .with_state(gitea.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (gitea, url)
    }

    pub fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap()
    }

    pub fn fault(&self, call: &'static str, fault: Fault) {
        self.board().faults.push((call, fault));
    }

    /// Who is it, and does it go wrong?
    async fn gate(State(gitea): State<Self>, request: Request, next: Next) -> Response {
        let path = request.uri().path().trim_start_matches("/api/v1/repos/ops/incidents").to_owned();
        let call = format!("{} {path}", request.method());
        let token = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let fault = {
            let mut board = gitea.board();
            board.calls.push(call.clone());
            let at = board.faults.iter().position(|(begin, _)| call.starts_with(begin));
            at.map(|at| board.faults.remove(at).1)
        };
        match token.strip_prefix("token ") {
            Some(TOKEN) => {}
            Some("read-only") if request.method() == Method::GET => {}
            Some("read-only") => {
                return refusal(403, "token does not have at least one of required scope(s): [write:issue]").into_response();
            }
            // A server that repeats what it was sent, as the worst of them do.
            _ => return refusal(401, &format!("invalid username, password or token: {token}")).into_response(),
        }
        match fault {
            None => next.run(request).await,
            Some(Fault::Status(status)) => refusal(status, &format!("no: {token}")).into_response(),
            Some(Fault::Limited(seconds)) => {
                let mut answer = refusal(429, "too many requests").into_response();
                answer.headers_mut().insert("retry-after", seconds.into());
                answer
            }
            Some(Fault::Garbage) => (StatusCode::OK, format!("<html>captive portal for {token}</html>")).into_response(),
            Some(Fault::Slow(wait)) => {
                tokio::time::sleep(wait).await;
                next.run(request).await
            }
            Some(Fault::LostAnswer) => {
                let _ = next.run(request).await;
                refusal(502, "bad gateway").into_response()
            }
        }
    }

    async fn list(State(gitea): State<Self>, Query(query): Query<HashMap<String, String>>) -> Answer {
        let since = query.get("since").map(|since| since.parse::<jiff::Timestamp>());
        let Ok(since) = since.transpose() else { return refusal(422, "since is no time") };
        let board = gitea.board();
        let state = query.get("state").map_or("open", String::as_str);
        let fits = |issue: &Issue| {
            let is_asked_for = state == "all" || (state == "closed") == issue.is_closed;
            !issue.is_deleted && is_asked_for && since.is_none_or(|since| issue.updated >= since.as_millisecond())
        };
        let found: Vec<Value> =
            board.issues.iter().enumerate().rev().filter(|(_, issue)| fits(issue)).map(|(at, issue)| issue.json(at)).collect();
        page(found, &query)
    }

    async fn create(State(gitea): State<Self>, Json(form): Json<Value>) -> Answer {
        let mut board = gitea.board();
        let Some(title) = form["title"].as_str().filter(|title| !title.is_empty()) else {
            return refusal(422, "[Title]: Required");
        };
        let given = form["labels"].as_array().cloned().unwrap_or_default();
        let Some(labels) = given.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>() else {
            return refusal(422, "json: cannot unmarshal string into Go struct field CreateIssueOption.labels of type int64");
        };
        assert!(labels.iter().all(|label| *label >= 1 && *label <= board.labels.len() as u64), "unknown labels {labels:?}");
        let body = form["body"].as_str().unwrap_or_default().to_owned();
        let is_closed = form["closed"].as_bool().unwrap_or(false);
        board.issues.push(Issue {
            title: title.chars().take(255).collect(),
            body,
            labels,
            is_closed,
            updated: NOW,
            ..Issue::default()
        });
        let at = board.issues.len() - 1;
        answer(201, board.issues[at].json(at))
    }

    async fn edit(State(gitea): State<Self>, Path(index): Path<usize>, Json(form): Json<Value>) -> Answer {
        let mut board = gitea.board();
        let Some(issue) = board.issue(index) else { return refusal(404, "issue does not exist") };
        match form["state"].as_str() {
            Some("closed") if issue.has_open_dependencies => {
                return refusal(412, "cannot close this issue because it still has open dependencies");
            }
            Some("closed") => issue.is_closed = true,
            Some("open") => issue.is_closed = false,
            Some(_) => return refusal(422, "unknown state"),
            None => {}
        }
        answer(201, issue.json(index - 1))
    }

    async fn comment(State(gitea): State<Self>, Path(index): Path<usize>, Json(form): Json<Value>) -> Answer {
        let mut board = gitea.board();
        let Some(issue) = board.issue(index) else { return refusal(404, "issue does not exist") };
        let Some(body) = form["body"].as_str().filter(|body| !body.is_empty()) else {
            return refusal(422, "[Body]: Required");
        };
        issue.comments.push(body.to_owned());
        answer(201, json!({ "id": issue.comments.len(), "body": body }))
    }

    async fn labels(State(gitea): State<Self>, Query(query): Query<HashMap<String, String>>) -> Answer {
        let board = gitea.board();
        let label = |(at, name): (usize, &String)| json!({ "id": at + 1, "name": name, "color": "1d76db" });
        page(board.labels.iter().enumerate().map(label).collect(), &query)
    }

    async fn make_label(State(gitea): State<Self>, Json(form): Json<Value>) -> Answer {
        let mut board = gitea.board();
        let (Some(name), Some(color)) = (form["name"].as_str(), form["color"].as_str()) else {
            return refusal(422, "[Name]: Required");
        };
        assert!(color.len() == 7 && color.starts_with('#'), "{color}");
        board.labels.push(name.to_owned());
        answer(201, json!({ "id": board.labels.len(), "name": name, "color": &color[1..] }))
    }
}

impl Board {
    fn issue(&mut self, index: usize) -> Option<&mut Issue> {
        self.issues.get_mut(index.checked_sub(1)?).filter(|issue| !issue.is_deleted)
    }

    pub fn label_names(&self, issue: usize) -> Vec<&str> {
        self.issues[issue].labels.iter().map(|label| self.labels[*label as usize - 1].as_str()).collect()
    }
}

impl Issue {
    fn json(&self, at: usize) -> Value {
        let state = if self.is_closed { "closed" } else { "open" };
        json!({ "id": at + 1_000, "number": at + 1, "title": self.title, "body": self.body, "state": state })
    }
}

/// At most 20 of them: this server's `MAX_RESPONSE_ITEMS` is below what clients like to ask for.
fn page(items: Vec<Value>, query: &HashMap<String, String>) -> Answer {
    let number = |key: &str, default: usize| query.get(key).map_or(default, |value| value.parse().unwrap());
    let limit = number("limit", 20).min(20);
    let skip = (number("page", 1) - 1) * limit;
    let total = items.len();
    let mut headers = HeaderMap::new();
    headers.insert("x-total-count", total.into());
    (StatusCode::OK, headers, Json(items.into_iter().skip(skip).take(limit).collect()))
}

fn answer(status: u16, body: Value) -> Answer {
    (StatusCode::from_u16(status).unwrap(), HeaderMap::new(), Json(body))
}

fn refusal(status: u16, message: &str) -> Answer {
    answer(status, json!({ "message": message, "url": "https://docs.gitea.com/api" }))
}
