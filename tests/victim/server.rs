//! Its answers, and what the switches do to them. The switches themselves, the modes and the metrics answer always.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::args::Api;
use super::state::Victim;
use super::{api, metrics};

const LOOK: Duration = Duration::from_millis(100);

/// Serves until the process ends; `refuse` closes the door and opens it again.
pub async fn serve(victim: Arc<Victim>, first: TcpListener) {
    let app = router(Arc::clone(&victim));
    if let Some(address) = victim.args.control {
        match TcpListener::bind(address).await {
            Ok(listener) => drop(tokio::spawn(axum::serve(listener, switches().with_state(Arc::clone(&victim))).into_future())),
            Err(error) => victim.log(&format!("ERROR listen on {address}: {error}")),
        }
    }
    let address = first.local_addr().unwrap_or(victim.args.listen);
    let mut listener = Some(first);
    loop {
        let bound = match listener.take() {
            Some(bound) => bound,
            None => match TcpListener::bind(address).await {
                Ok(bound) => bound,
                Err(_) => {
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
            },
        };
        let (close, closed) = oneshot::channel::<()>();
        // Idle connections end with it: a client that kept one would go on being served.
        let serving = axum::serve(bound, app.clone()).with_graceful_shutdown(async { drop(closed.await) });
        tokio::spawn(serving.into_future());
        until(&victim, true).await;
        let _ = close.send(());
        until(&victim, false).await;
    }
}

async fn until(victim: &Victim, refuses: bool) {
    while victim.faults.is_on("refuse") != refuses {
        tokio::time::sleep(LOOK).await;
    }
}

/// Everything on one router.
pub fn router(victim: Arc<Victim>) -> Router {
    let served = Router::new()
        .route("/", get(health))
        .route("/health", get(health))
        .route("/caches/drop", post(drop_caches))
        .merge(api::routes(victim.args.api))
        .fallback(elsewhere)
        .layer(from_fn_with_state(Arc::clone(&victim), broken));
    Router::new().merge(served).merge(switches()).with_state(victim)
}

fn switches() -> Router<Arc<Victim>> {
    Router::new()
        .route("/metrics", get(async |State(victim): State<Arc<Victim>>| metrics::page(&victim)))
        .route("/fault", get(async |State(victim): State<Arc<Victim>>| axum::Json(victim.faults.all())).delete(clear_all))
        .route("/credentials/refresh", post(refresh_credentials))
        .route("/fault/{name}", post(set).put(set).delete(clear))
        .route("/mode/{flag}", get(mode).post(mode_on).put(mode_on).delete(mode_off))
}

/// The faults of answers, in the order in which a broken service shows them.
async fn broken(State(victim): State<Arc<Victim>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let hit = |name: &str| {
        let fault = victim.faults.get(name)?;
        let elsewhere = fault["path"].as_str().is_some_and(|wanted| wanted != path);
        let routed_around = fault["upstream"] != false && victim.modes.is_on("backup-endpoint");
        (!elsewhere && !routed_around).then_some(fault)
    };
    while hit("hang").is_some() {
        tokio::time::sleep(LOOK).await;
    }
    if let Some(fault) = hit("slow") {
        tokio::time::sleep(Duration::from_millis(fault["ms"].as_u64().unwrap_or(1_000))).await;
    }
    let response = match hit("status") {
        Some(fault) => refused(&victim, &fault),
        None => next.run(request).await,
    };
    victim.count(response.status().as_u16());
    response
}

fn refused(victim: &Victim, fault: &Value) -> Response {
    let code = fault["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let code = code.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    victim.log(&format!("WARN upstream answered {} {}", code.as_u16(), code.canonical_reason().unwrap_or_default()));
    let mut response = (code, format!("{code}\n")).into_response();
    if let Some(after) = fault["retry_after"].as_u64() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after));
    }
    response
}

async fn health(State(victim): State<Arc<Victim>>) -> Response {
    match victim.complaint() {
        None => "ok".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why).into_response(),
    }
}

/// What a cache holds is given back; a leak that `keeps` is none.
async fn drop_caches(State(victim): State<Arc<Victim>>) -> StatusCode {
    if !victim.faults.flag("leak", "keeps") {
        victim.faults.clear("leak");
    }
    StatusCode::NO_CONTENT
}

/// A page of no API: a plain service has any, so that a drill may ask for `/v1/models`.
async fn elsewhere(State(victim): State<Arc<Victim>>) -> Response {
    match victim.args.api {
        Api::Plain | Api::Worker => health(State(victim)).await,
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Credentials that `keeps` being rejected can't be renewed.
async fn refresh_credentials(State(victim): State<Arc<Victim>>) -> StatusCode {
    let code = victim.faults.number("status", "code");
    if matches!(code, Some(401 | 403)) && !victim.faults.flag("status", "keeps") {
        victim.faults.clear("status");
    }
    StatusCode::NO_CONTENT
}

async fn set(State(victim): State<Arc<Victim>>, Path(name): Path<String>, body: Bytes) -> Response {
    let parameters = match body.is_empty() {
        true => Ok(Value::Null),
        false => serde_json::from_slice(&body).map_err(|error| error.to_string()),
    };
    match parameters.and_then(|parameters| victim.faults.set(&name, parameters)) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
    }
}

async fn clear(State(victim): State<Arc<Victim>>, Path(name): Path<String>) -> StatusCode {
    victim.faults.clear(&name);
    StatusCode::NO_CONTENT
}

async fn clear_all(State(victim): State<Arc<Victim>>) -> StatusCode {
    victim.faults.clear_all();
    StatusCode::NO_CONTENT
}

async fn mode(State(victim): State<Arc<Victim>>, Path(flag): Path<String>) -> axum::Json<Value> {
    axum::Json(json!({ "flag": flag, "on": victim.modes.is_on(&flag) }))
}

async fn mode_on(State(victim): State<Arc<Victim>>, Path(flag): Path<String>) -> Response {
    switched(&victim, &flag, true)
}

async fn mode_off(State(victim): State<Arc<Victim>>, Path(flag): Path<String>) -> Response {
    switched(&victim, &flag, false)
}

fn switched(victim: &Victim, flag: &str, on: bool) -> Response {
    match victim.modes.set(flag, on) {
        Ok(()) => {
            victim.log(&format!("INFO mode {flag} {}", if on { "on" } else { "off" }));
            StatusCode::NO_CONTENT.into_response()
        }
        Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
    }
}
