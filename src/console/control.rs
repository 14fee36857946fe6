//! Paths of the control API. What can't be done is 409, what is not there 404, what passes 503.

use super::{events, peer, review};
use crate::domain::id::IncidentId;
use crate::run::handle::{Handle, OrderError, PersonOrder, Question, Unavailable};
use axum::body::Bytes;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::http::{Extensions, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use axum::{Json, Router};
use futures_util::future::BoxFuture;
use serde::Serialize;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::watch;

/// What the routes need.
#[derive(Clone)]
pub(super) struct Control {
    pub handle: Handle,
    pub reload: Reload,
    /// Whom the journal names; `None`: the peer, as the kernel knows it.
    pub by: Option<&'static str>,
    /// Ends the streams when heald stops: they would never end by themselves.
    pub stopped: watch::Receiver<bool>,
}

/// Reads the configuration again, for whom the argument names; answers with a sentence.
pub type Reload = Arc<dyn Fn(String) -> BoxFuture<'static, Result<String, ReloadError>> + Send + Sync>;

/// The configuration in force stays, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// Every mistake, one to a line: 400.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Who is at the other end, by the kernel's word.
#[derive(Clone, Debug)]
struct Peer(Option<u32>);

/// An error's JSON: one sentence.
#[derive(Debug)]
pub(super) struct ApiError(pub StatusCode, pub String);

/// The answer to an order.
#[derive(Serialize)]
struct Done {
    message: String,
}

/// Orders are a few words.
const ORDER_MAX: usize = 64 * 1_024;
/// The loop answers within milliseconds; a person at a terminal waits this long for it.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// For answers under way when heald stops.
const GOODBYE: Duration = Duration::from_secs(2);

/// Answers until `stop`.
pub async fn serve(listener: UnixListener, handle: Handle, reload: Reload, stop: impl Future<Output = ()> + Send + 'static) {
    let (stopping, stopped) = watch::channel(false);
    let service =
        router(Control { handle, reload, by: None, stopped: stopped.clone() }).into_make_service_with_connect_info::<Peer>();
    let mut told = stopped.clone();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        let _ = told.wait_for(|stop| *stop).await;
    });
    let server = tokio::spawn(async move { server.await });
    stop.await;
    stopping.send_replace(true);
    let end = server.abort_handle();
    if tokio::time::timeout(GOODBYE, server).await.is_err() {
        end.abort();
    }
}

/// The same paths without a listener, and without a word on any other path: who may use them is the caller's matter.
/// `by`: whom the journal names. Streams end when `stopped` says so.
pub fn routes(handle: Handle, reload: Reload, stopped: watch::Receiver<bool>, by: &'static str) -> Router {
    paths().layer(DefaultBodyLimit::max(ORDER_MAX)).with_state(Control { handle, reload, by: Some(by), stopped })
}

fn paths() -> Router<Control> {
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/incidents", get(incidents))
        .route("/api/v1/incidents/{id}", get(incident))
        .route("/api/v1/incidents/{id}/review", get(review::one))
        .route("/api/v1/review", get(review::since))
        .route("/api/v1/events", get(events::stream))
        .route("/api/v1/orders", post(order))
        .route("/api/v1/explain", post(explain))
        .route("/-/reload", post(reload).put(reload))
}

fn router(control: Control) -> Router {
    paths()
        .fallback(async || ApiError(StatusCode::NOT_FOUND, "there is no such path; see /api/v1/status".to_owned()))
        .method_not_allowed_fallback(async || {
            ApiError(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method".to_owned())
        })
        .layer(DefaultBodyLimit::max(ORDER_MAX))
        .with_state(control)
}

async fn status(State(control): State<Control>) -> Result<Response, ApiError> {
    Ok(json(&soon(control.handle.status()).await??))
}

async fn incidents(State(control): State<Control>) -> Result<Response, ApiError> {
    Ok(json(&soon(control.handle.incidents()).await??))
}

async fn incident(State(control): State<Control>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = number(&id)?;
    match soon(control.handle.incident(id)).await?? {
        Some(view) => Ok(json(&view)),
        None => Err(OrderError::NotFound(id).into()),
    }
}

/// An incident's name.
pub(super) fn number(id: &str) -> Result<IncidentId, ApiError> {
    id.parse().map(IncidentId).map_err(|_| {
        ApiError(StatusCode::NOT_FOUND, format!("{:?} is no incident: they are numbers", crate::domain::target::cut(id)))
    })
}

async fn order(State(control): State<Control>, peer: Extensions, body: Bytes) -> Result<Response, ApiError> {
    let order: PersonOrder = serde_json::from_slice(&body)
        .map_err(|error| ApiError(StatusCode::BAD_REQUEST, format!("the order can't be read: {error}")))?;
    let by = control.by(&peer);
    tracing::info!(by, order = ?order, "order received");
    let message = soon(control.handle.order(order, by)).await??;
    Ok(json(&Done { message }))
}

async fn explain(State(control): State<Control>, body: Bytes) -> Result<Response, ApiError> {
    let question: Question = serde_json::from_slice(&body)
        .map_err(|error| ApiError(StatusCode::BAD_REQUEST, format!("the question can't be read: {error}")))?;
    Ok(json(&soon(control.handle.explain(question)).await??))
}

/// As long as it takes: an answer that came before the end would be a guess.
async fn reload(State(control): State<Control>, peer: Extensions) -> Result<Response, ApiError> {
    let message = (control.reload)(control.by(&peer)).await?;
    Ok(json(&Done { message }))
}

/// One line: `-o json` prints it as it is.
pub(super) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(mut text) => {
            text.push('\n');
            ([("content-type", "application/json")], text).into_response()
        }
        // Views hold strings, numbers and maps with string keys.
        Err(error) => ApiError(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

pub(super) async fn soon<T>(answer: impl Future<Output = T>) -> Result<T, ApiError> {
    tokio::time::timeout(ANSWER_WITHIN, answer).await.map_err(|_| Unavailable::Full.into())
}

// === impl Control ===

impl Control {
    fn by(&self, connection: &Extensions) -> String {
        let peer = || connection.get::<ConnectInfo<Peer>>().map_or(Peer(None), |ConnectInfo(peer)| peer.clone());
        self.by.map_or_else(|| peer().name(), str::to_owned)
    }
}

// === impl Peer ===

impl Peer {
    fn name(&self) -> String {
        match self.0 {
            Some(0) => "root".to_owned(),
            Some(uid) => peer::user(uid).unwrap_or_else(|| format!("uid {uid}")),
            None => "unknown".to_owned(),
        }
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|peer| peer.uid()))
    }
}

// === impl ApiError ===

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.0, Json(serde_json::json!({ "error": self.1 }))).into_response()
    }
}

impl From<Unavailable> for ApiError {
    fn from(why: Unavailable) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, why.to_string())
    }
}

impl From<ReloadError> for ApiError {
    fn from(error: ReloadError) -> Self {
        match error {
            ReloadError::Refused(why) => Self(StatusCode::BAD_REQUEST, why),
            ReloadError::Unavailable(why) => why.into(),
        }
    }
}

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        let status = match &error {
            OrderError::Refused(_) => StatusCode::CONFLICT,
            OrderError::NotFound(_) => StatusCode::NOT_FOUND,
            OrderError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, error.to_string())
    }
}
