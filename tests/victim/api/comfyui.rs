//! ComfyUI (server.py of its repository): what the machine has, freeing memory, the queue.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::state::Victim;
use super::{MB, VRAM_TOTAL};

pub fn routes() -> Router<Arc<Victim>> {
    Router::new()
        .route("/system_stats", get(stats))
        .route("/free", post(free))
        .route("/queue", get(async || Json(json!({ "queue_running": [], "queue_pending": [] }))))
        .route("/prompt", post(prompt))
}

async fn stats(State(victim): State<Arc<Victim>>) -> Json<Value> {
    let count = if victim.faults.is_on("gpu") { victim.faults.number("gpu", "devices").unwrap_or(0) } else { 1 };
    let free = victim.faults.number("vram", "free_mb").map_or(VRAM_TOTAL - 1_024 * MB, |free| free * MB);
    let device = |index: u64| {
        json!({
            "name": format!("cuda:{index} NVIDIA GeForce RTX 4090 : cudaMallocAsync"), "type": "cuda", "index": index,
            "vram_total": VRAM_TOTAL, "vram_free": free, "torch_vram_total": 0, "torch_vram_free": 0,
        })
    };
    // Without a card it works on, on the processor.
    let cpu = json!({ "name": "cpu", "type": "cpu", "index": null, "vram_total": 0, "vram_free": 0,
        "torch_vram_total": 0, "torch_vram_free": 0 });
    let devices: Vec<Value> = if count == 0 { vec![cpu] } else { (0..count).map(device).collect() };
    Json(json!({
        "system": {
            "os": "posix", "ram_total": 68_719_476_736_u64, "ram_free": 34_359_738_368_u64, "comfyui_version": "0.3.66",
            "python_version": "3.12.3", "pytorch_version": "2.8.0+cu128", "embedded_python": false, "argv": ["main.py"],
        },
        "devices": devices,
    }))
}

async fn free(State(victim): State<Arc<Victim>>, body: Bytes) -> StatusCode {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let frees = asked["unload_models"] == true || asked["free_memory"] == true;
    if frees && !victim.faults.flag("vram", "keeps") {
        victim.faults.clear("vram");
    }
    StatusCode::OK
}

async fn prompt(State(victim): State<Arc<Victim>>) -> Response {
    if victim.faults.is_on("vram") {
        victim.log("ERROR torch.OutOfMemoryError: Allocation on device");
        return (StatusCode::INTERNAL_SERVER_ERROR, "torch.OutOfMemoryError").into_response();
    }
    Json(json!({ "prompt_id": "6c1ff52c-6eb1-4c4c-a1ab-cf23d4e4d2e2", "number": 1, "node_errors": {} })).into_response()
}
