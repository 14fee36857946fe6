//! Gitea: its health document and its version.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::super::state::Victim;
use super::now;

pub fn routes() -> Router<Arc<Victim>> {
    Router::new().route("/api/healthz", get(health)).route("/api/v1/version", get(async || Json(json!({ "version": "1.24.6" }))))
}

async fn health(State(victim): State<Arc<Victim>>) -> Response {
    let fine = victim.database_ok.load(Ordering::Relaxed);
    let status = if fine { "pass" } else { "fail" };
    let body = json!({
        "status": status, "description": "Gitea: Git with a cup of tea",
        "checks": {
            "cache:ping": [{ "status": "pass", "time": now() }],
            "database:ping": [{ "status": status, "time": now() }],
        },
    });
    (if fine { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }, Json(body)).into_response()
}
