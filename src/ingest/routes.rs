//! Paths and status codes. 4xx only for what can never succeed; what passes by is 503.

use super::Auth;
use super::server::Limits;
use super::wire::{Batch, Refused, read};
use crate::run::handle::{Handle, Receipt, Unavailable};
use crate::telemetry::{AlertResult, OPENMETRICS, Telemetry, WebhookRefusal};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What the routes need.
#[derive(Clone)]
pub struct Web {
    pub handle: Handle,
    pub telemetry: Telemetry,
    pub auth: Auth,
    pub limits: Limits,
    pub pages: Pages,
}

/// Pages that somebody else writes.
#[derive(Clone)]
pub struct Pages {
    /// `/metrics/targets`: what heald's own collectors see. `OpenMetrics` text.
    pub targets: Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>,
}

/// What all requests share.
struct Shared {
    web: Web,
    /// KiB of bodies and their alerts that may be in memory at once.
    room: Semaphore,
}

/// A request that is turned away.
struct Refusal {
    status: StatusCode,
    reason: WebhookRefusal,
    text: String,
}

/// The answer to a body with at least one usable alert.
#[derive(Debug, Serialize)]
struct Answer {
    receipt: Receipt,
    refused: Vec<Refused>,
    /// Alerts that came twice in the body; the later one counted.
    repeated: usize,
    truncated: u64,
}

/// In KiB: four of the largest bodies, or thousands of ordinary ones. More wait, and then get 503.
const ROOM: usize = 64 * 1_024;
/// Read and thrown away after a 413, so that the sender gets to see the answer.
const DRAIN_MAX: usize = 64 * 1_024 * 1_024;
/// The loop answers within milliseconds; a probe of a load balancer waits about a second.
const READY_WITHIN: Duration = Duration::from_secs(2);
const WEBHOOK: &str = "/api/v1/alerts";

/// Everything on one listener.
pub fn router(web: Web) -> Router {
    finish(with_pages(with_webhook(Router::new())), web)
}

/// What `web.metrics_listen` splits off.
pub fn pages_router(web: Web) -> Router {
    finish(with_pages(Router::new()), web)
}

/// What is left then.
pub fn webhook_router(web: Web) -> Router {
    finish(with_webhook(Router::new()), web)
}

fn with_webhook(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    router.route(WEBHOOK, post(webhook).put(webhook).fallback(wrong_method))
}

fn with_pages(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    router
        .route("/-/healthy", get(async || "heald is healthy\n"))
        .route("/-/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/metrics/targets", get(targets))
}

fn finish(router: Router<Arc<Shared>>, web: Web) -> Router {
    router
        .fallback(async || (StatusCode::NOT_FOUND, format!("nothing here; the webhook is POST {WEBHOOK}\n")))
        .with_state(Arc::new(Shared { web, room: Semaphore::new(ROOM) }))
}

async fn webhook(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let web = &shared.web;
    let started = tokio::time::Instant::now();
    let response = match take(web, &shared.room, request).await {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) => {
            web.telemetry.webhook_refused(refusal.reason);
            if refusal.status == StatusCode::PAYLOAD_TOO_LARGE {
                web.handle.alerts_lost(refusal.text.clone());
            }
            tracing::warn!(status = refusal.status.as_u16(), reason = refusal.text.as_str(), "webhook request refused");
            refusal.response(&web.auth)
        }
    };
    web.telemetry.webhook(response.status().as_u16(), started.elapsed());
    response
}

async fn take(web: &Web, room: &Semaphore, request: Request) -> Result<Answer, Refusal> {
    let (parts, body) = request.into_parts();
    if !web.auth.admits(&parts.headers) {
        return Err(Refusal::unauthorized());
    }
    let told = check_headers(&parts.headers, web.limits.body_max)?;
    // Held until the loop has answered: the alerts take memory as the body does.
    let share = u32::try_from(told.unwrap_or(web.limits.body_max).min(web.limits.body_max) / 1_024 + 1).unwrap_or(u32::MAX);
    let _share = tokio::time::timeout(web.limits.answer_within, room.acquire_many(share))
        .await
        .map_err(|_| Refusal::unavailable(&Unavailable::Full))?;
    let body = tokio::time::timeout(web.limits.body_within, read_body(told.unwrap_or(0), body, web.limits.body_max))
        .await
        .map_err(|_| {
            let text = format!("the body did not arrive within {:?}", web.limits.body_within);
            Refusal::new(StatusCode::REQUEST_TIMEOUT, WebhookRefusal::Malformed, text)
        })??;
    let batch = read(&body).map_err(Refusal::malformed)?;
    drop(body);
    deliver(web, batch).await
}

async fn deliver(web: &Web, batch: Batch) -> Result<Answer, Refusal> {
    let Batch { alerts, refused, repeated, truncated } = batch;
    web.telemetry.received(alerts.len() + refused.len() + repeated);
    web.telemetry.alert(AlertResult::Refused, refused.len());
    for one in &refused {
        tracing::warn!(index = one.index, reason = one.reason.as_str(), "alert refused");
    }
    if truncated > 0 {
        web.telemetry.truncated(truncated);
        let why =
            format!("the sender left {truncated} alerts out of its body: set max_alerts to 0 in Alertmanager's webhook_config");
        tracing::warn!("{why}");
        web.handle.alerts_lost(why);
    }
    if alerts.is_empty() {
        return match refused.first() {
            Some(first) => Err(Refusal::malformed(format!(
                "none of {} alerts can be used; alert {}: {}",
                refused.len(),
                first.index,
                first.reason
            ))),
            None => Ok(Answer { receipt: Receipt::default(), refused, repeated, truncated }),
        };
    }
    let receipt = match tokio::time::timeout(web.limits.answer_within, web.handle.deliver(alerts)).await {
        Ok(answer) => answer.map_err(|why| Refusal::unavailable(&why))?,
        Err(_) => return Err(Refusal::unavailable(&Unavailable::Full)),
    };
    count(&web.telemetry, &receipt);
    Ok(Answer { receipt, refused, repeated, truncated })
}

/// Before anything is read. Gives the length that the sender told.
fn check_headers(headers: &HeaderMap, max: usize) -> Result<Option<usize>, Refusal> {
    if let Some(coding) = headers.get(CONTENT_ENCODING).filter(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let text = format!("content-encoding {coding:?}: bodies are taken as they are, not compressed");
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, WebhookRefusal::Malformed, text));
    }
    if headers.contains_key(CONTENT_LENGTH) && headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refusal::malformed("content-length and transfer-encoding contradict each other: send one"));
    }
    let told = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    match told {
        // The sender waits for a word before it sends; any other is drained first.
        Some(told) if told > max && headers.contains_key(EXPECT) => Err(Refusal::too_large(told, max)),
        told => Ok(told),
    }
}

async fn read_body(told: usize, body: Body, max: usize) -> Result<Vec<u8>, Refusal> {
    // A promise is not believed beyond what costs nothing.
    let mut bytes = Vec::with_capacity(told.min(256 * 1_024));
    let mut length = 0_usize;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Refusal::malformed(format!("the body broke off: {error}")))?;
        length += chunk.len();
        if length.max(told) <= max {
            bytes.extend_from_slice(&chunk);
        } else {
            bytes = Vec::new();
            if length > DRAIN_MAX {
                break;
            }
        }
    }
    if length.max(told) > max {
        return Err(Refusal::too_large(length.max(told), max));
    }
    Ok(bytes)
}

/// The receipt's fields are the metric's words.
fn count(telemetry: &Telemetry, receipt: &Receipt) {
    let Receipt { opened, attached, duplicate, resolved, unmatched, other_host } = *receipt;
    for (result, alerts) in [
        (AlertResult::Opened, opened),
        (AlertResult::Attached, attached),
        (AlertResult::Duplicate, duplicate),
        (AlertResult::Resolved, resolved),
        (AlertResult::Unmatched, unmatched),
        (AlertResult::OtherHost, other_host),
    ] {
        telemetry.alert(result, alerts);
    }
}

async fn wrong_method(State(shared): State<Arc<Shared>>) -> Response {
    shared.web.telemetry.webhook(StatusCode::METHOD_NOT_ALLOWED.as_u16(), Duration::ZERO);
    let error = ApiError { error: "alerts are delivered by POST".to_owned() };
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST, PUT")], Json(error)).into_response()
}

/// Whether alerts would be taken now.
async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let why_not = match tokio::time::timeout(READY_WITHIN, shared.web.handle.status()).await {
        Ok(Ok(status)) if status.state == "ok" => return "heald is ready\n".into_response(),
        Ok(Ok(status)) => status.state,
        Ok(Err(why)) => why.to_string(),
        Err(_) => format!("the loop did not answer within {READY_WITHIN:?}"),
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("heald is not ready: {why_not}\n")).into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    ([(CONTENT_TYPE, OPENMETRICS)], shared.web.telemetry.page()).into_response()
}

async fn targets(State(shared): State<Arc<Shared>>) -> Response {
    ([(CONTENT_TYPE, OPENMETRICS)], (shared.web.pages.targets)().await).into_response()
}

/// The webhook's own 401.
pub(super) fn unauthorized(auth: &Auth) -> Response {
    Refusal::unauthorized().response(auth)
}

#[derive(Serialize)]
struct ApiError {
    error: String,
}

// === impl Refusal ===

impl Refusal {
    fn new(status: StatusCode, reason: WebhookRefusal, text: impl Into<String>) -> Self {
        Self { status, reason, text: text.into() }
    }

    fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, WebhookRefusal::Auth, "credentials are missing or wrong")
    }

    fn malformed(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, WebhookRefusal::Malformed, text)
    }

    fn too_large(length: usize, max: usize) -> Self {
        let text = format!("the body has {length} bytes or more: at most {max} are taken; group the alerts by more labels");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, WebhookRefusal::TooLarge, text)
    }

    fn unavailable(why: &Unavailable) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, WebhookRefusal::Unavailable, why.to_string())
    }

    fn response(self, auth: &Auth) -> Response {
        let mut response = (self.status, Json(ApiError { error: self.text })).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(auth.challenge()));
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            // What follows on the connection can't be trusted to be a request.
            StatusCode::REQUEST_TIMEOUT | StatusCode::BAD_REQUEST => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}
