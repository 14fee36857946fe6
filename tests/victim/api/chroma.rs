//! Chroma's version 2 API: heartbeat, collections, queries.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::state::Victim;

const COLLECTION: &str = "/api/v2/tenants/{tenant}/databases/{database}/collections";
const ID: &str = "4d5f0a5b-29d2-4a2f-8d5b-1f6f0a7a3c11";

pub fn routes() -> Router<Arc<Victim>> {
    Router::new()
        .route("/api/v2/heartbeat", get(heartbeat))
        .route("/api/v2/version", get(async || Json("1.0.0")))
        .route(COLLECTION, get(async || Json(json!([collection()]))))
        .route(&format!("{COLLECTION}/{{id}}"), get(async || Json(collection())))
        .route(&format!("{COLLECTION}/{{id}}/count"), get(count))
        .route(&format!("{COLLECTION}/{{id}}/query"), post(query))
        .route(&format!("{COLLECTION}/{{id}}/get"), post(query))
}

async fn heartbeat() -> Json<Value> {
    let now = u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(0);
    Json(json!({ "nanosecond heartbeat": now }))
}

fn collection() -> Value {
    json!({ "id": ID, "name": "memories", "metadata": null, "dimension": 3, "tenant": "default_tenant", "database": "default_database" })
}

async fn count(State(victim): State<Arc<Victim>>) -> Response {
    broken(&victim).unwrap_or_else(|| Json(json!(2)).into_response())
}

async fn query(State(victim): State<Arc<Victim>>, Path(_ids): Path<(String, String, String)>) -> Response {
    broken(&victim).unwrap_or_else(|| {
        Json(json!({
            "ids": [["one", "two"]], "documents": [["the first record", "the second"]], "distances": [[0.1, 0.4]],
            "metadatas": [[null, null]], "embeddings": null, "uris": null, "include": ["documents", "distances"],
        }))
        .into_response()
    })
}

fn broken(victim: &Victim) -> Option<Response> {
    victim.faults.is_on("corrupt").then(|| {
        victim.log("ERROR lance error: table memories is corrupt: encountered corrupt file data/0.lance");
        let body = json!({
            "error": "InternalError",
            "message": "Error executing plan: Internal error: Error creating hnsw segment reader: Nothing found on disk",
        });
        (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
    })
}
