//! Ollama (docs/api.md of its repository): list, load and unload, generate, pull, and what is loaded.

use std::sync::{Arc, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::state::Victim;
use super::{MB, now};

const DIGEST: &str = "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72";
const SIZE: u64 = 2_019_393_189;

pub fn routes() -> Router<Arc<Victim>> {
    Router::new()
        .route("/api/version", get(async || Json(json!({ "version": "0.12.6" }))))
        .route("/api/tags", get(tags))
        .route("/api/ps", get(ps))
        .route("/api/generate", post(generate))
        .route("/api/pull", post(pull))
}

fn has(victim: &Victim, name: &str) -> bool {
    let full = |name: &str| if name.contains(':') { name.to_owned() } else { format!("{name}:latest") };
    models(victim).iter().any(|model| full(model) == full(name))
}

fn models(victim: &Victim) -> Vec<String> {
    let missing = victim.faults.get("model_missing");
    let missing = missing.as_ref().and_then(|fault| fault["name"].as_str());
    victim.args.models.iter().filter(|model| Some(model.as_str()) != missing).cloned().collect()
}

async fn tags(State(victim): State<Arc<Victim>>) -> Json<Value> {
    let list: Vec<Value> = models(&victim).iter().map(|name| model(name)).collect();
    Json(json!({ "models": list }))
}

async fn ps(State(victim): State<Arc<Victim>>) -> Json<Value> {
    let loaded = victim.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let list: Vec<Value> = loaded
        .iter()
        .map(|name| {
            let mut one = model(name);
            one["expires_at"] = json!(now());
            one["size_vram"] = json!(SIZE);
            one
        })
        .collect();
    Json(json!({ "models": list }))
}

fn model(name: &str) -> Value {
    json!({
        "name": name, "model": name, "modified_at": "2026-05-04T17:37:44.706015396-07:00", "size": SIZE, "digest": DIGEST,
        "details": {
            "parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "3.2B",
            "quantization_level": "Q4_K_M",
        },
    })
}

async fn generate(State(victim): State<Arc<Victim>>, body: Bytes) -> Response {
    let Ok(asked) = serde_json::from_slice::<Value>(&body) else {
        return problem(StatusCode::BAD_REQUEST, "invalid request");
    };
    let name = asked["model"].as_str().unwrap_or_default();
    if !has(&victim, name) {
        victim.log(&format!("WARN model '{name}' not found"));
        return problem(StatusCode::NOT_FOUND, &format!("model '{name}' not found"));
    }
    let prompt = asked["prompt"].as_str().unwrap_or_default();
    let mut loaded = victim.loaded.lock().unwrap_or_else(PoisonError::into_inner);
    // Nothing to say, and to be kept for no time: unload.
    if prompt.is_empty() && matches!(asked["keep_alive"].to_string().trim_matches('"'), "0" | "0s" | "0m") {
        loaded.retain(|one| one != name);
        drop(loaded);
        unloaded(&victim);
        return Json(answer(name, "", "unload")).into_response();
    }
    if victim.faults.number("vram", "free_mb").is_some_and(|free| free * MB < SIZE) {
        victim.log("ERROR CUDA error: out of memory");
        return problem(StatusCode::INTERNAL_SERVER_ERROR, "CUDA error: out of memory");
    }
    if !loaded.iter().any(|one| one == name) {
        loaded.push(name.to_owned());
    }
    drop(loaded);
    if prompt.is_empty() {
        return Json(answer(name, "", "load")).into_response();
    }
    let last = answer(name, if asked["stream"] == false { "Because of Rayleigh scattering." } else { "" }, "stop");
    if asked["stream"] == false {
        return Json(last).into_response();
    }
    let word = json!({ "model": name, "created_at": now(), "response": "Because", "done": false });
    lines(&[word, last])
}

fn answer(name: &str, text: &str, reason: &str) -> Value {
    json!({ "model": name, "created_at": now(), "response": text, "done": true, "done_reason": reason })
}

/// What a model held is free again, and what it was stuck at is over.
fn unloaded(victim: &Victim) {
    for fault in ["vram", "slow", "hang"] {
        let of_models = fault == "vram" || victim.faults.get(fault).is_some_and(|fault| fault["path"] == "/api/generate");
        if of_models && !victim.faults.flag(fault, "keeps") {
            victim.faults.clear(fault);
        }
    }
}

async fn pull(State(victim): State<Arc<Victim>>, body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let name = asked["model"].as_str().or(asked["name"].as_str()).unwrap_or_default().to_owned();
    if name.is_empty() {
        return problem(StatusCode::BAD_REQUEST, "invalid model name");
    }
    if !victim.args.models.contains(&name) {
        return lines(&[json!({ "status": "pulling manifest" }), json!({ "error": "pull model manifest: file does not exist" })]);
    }
    victim.faults.clear("model_missing");
    let layer = |completed: u64| json!({ "status": format!("pulling {}", &DIGEST[..12]), "digest": format!("sha256:{DIGEST}"), "total": SIZE, "completed": completed });
    let status = |text: &str| json!({ "status": text });
    if asked["stream"] == false {
        return Json(status("success")).into_response();
    }
    lines(&[
        status("pulling manifest"),
        layer(SIZE / 3),
        layer(SIZE),
        status("verifying sha256 digest"),
        status("writing manifest"),
        status("success"),
    ])
}

fn problem(code: StatusCode, text: &str) -> Response {
    (code, Json(json!({ "error": text }))).into_response()
}

fn lines(all: &[Value]) -> Response {
    let body: String = all.iter().map(|line| format!("{line}\n")).collect();
    ([("content-type", "application/x-ndjson")], body).into_response()
}
