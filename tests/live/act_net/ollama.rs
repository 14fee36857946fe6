//! HTTP, as Ollama speaks it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};

use super::Runner;
use crate::lab::Result;
use crate::scene::{REPAIR, Scene, check, equal};

type Models = Arc<Mutex<Vec<String>>>;

pub async fn model_pull(scene: Arc<Scene>) -> Result<()> {
    let models = Models::default();
    let url = ollama(Arc::clone(&models)).await?;
    let pull = |model: &str| {
        json!([{ "http": {
        "post": format!("{url}/api/pull"), "json": { "model": model }, "stream": true, "expect": { "status": "success" }, "timeout": "30s"
    } }])
    };
    let listed = json!([{ "http": {
        "get": format!("{url}/api/tags"), "expect": { "$.models[*].name": "{{ labels.model }}" }, "latency_max": "2s"
    } }]);
    let status = json!([{ "http": { "get": format!("{url}/moved"), "status": 200 } }]);
    let unload = json!([
        { "http": { "post": format!("{url}/api/generate"), "json": { "model": "tiny", "keep_alive": 0 } }, "register": "unloaded" },
        { "http": { "get": format!("{url}/api/tags") }, "when": "steps.unloaded.json.done" },
    ]);
    let books = [
        ("pull", pull("{{ labels.model }}"), listed.clone()),
        ("unload", unload, listed.clone()),
        ("moved", status.clone(), status),
        ("outside", json!([{ "http": { "get": "http://127.0.0.1:1/metadata" } }]), listed),
    ];
    let targets = json!({ "urls": [format!("{url}/")] });
    let runner = Runner::start(&scene, &books, targets, json!({})).await?;

    let pulled = runner.healed("pull", &["model=tiny"]).await?;
    equal("lines", &pulled.steps[0]["facts"]["lines"], &json!(5))?;
    equal("last", &pulled.steps[0]["facts"]["json"], &json!({ "status": "success" }))?;
    let told = runner.journal.wait_kind("step_progressed", REPAIR).await?;
    check(told.text().contains("pulling manifest"), || told.line())?;
    runner.fails("pull", &["model=missing"], "failed", "file does not exist").await?;
    runner.fails("pull", &["model=broken"], "unknown", "broke off").await?;
    let unloaded = runner.run("unload", &["model=tiny"]).await?;
    equal("steps", unloaded.steps.len(), 2)?;
    check(unloaded.seen.contains("answered 200"), || unloaded.seen.clone())?;
    // Not followed: an open redirect must not lead heald to where it may not call.
    runner.fails("moved", &[], "failed", "answered 302").await?;
    runner.refuses("outside", &["model=tiny"], "is not on the allow-list").await
}

/// Its URL, without a slash at the end.
async fn ollama(models: Models) -> Result<String> {
    let tags = async |State(models): State<Models>| {
        let names: Vec<Value> = models.lock().expect("no holder panics").iter().map(|name| json!({ "name": name })).collect();
        Json(json!({ "models": names }))
    };
    let moved = async || (axum::http::StatusCode::FOUND, [("location", "http://127.0.0.1:1/")]);
    let generate = async || Json(json!({ "done": true, "done_reason": "unload" }));
    let app = Router::new()
        .route("/api/tags", get(tags))
        .route("/api/pull", post(pull))
        .route("/api/generate", post(generate))
        .route("/moved", get(moved))
        .with_state(models);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

/// As recorded of Ollama: 200 at once, then a line for each piece of progress; an error is a line too.
async fn pull(State(models): State<Models>, Json(body): Json<Value>) -> Body {
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    let mut lines = vec![Ok("{\"status\":\"pulling manifest\"}\n".to_owned())];
    match model.as_str() {
        "missing" => lines.push(Ok("{\"error\":\"pull model manifest: file does not exist\"}\n".to_owned())),
        "broken" => lines.push(Err(std::io::Error::other("the connection is cut"))),
        _ => {
            let part = |done: u32| {
                Ok(format!("{{\"status\":\"pulling 4f6e\",\"digest\":\"4f6e\",\"total\":200,\"completed\":{done}}}\n"))
            };
            lines.extend([part(20), part(200), Ok("{\"status\":\"verifying sha256 digest\"}\n".to_owned())]);
            lines.push(Ok("{\"status\":\"success\"}\n".to_owned()));
            models.lock().expect("no holder panics").push(model);
        }
    }
    let pieces = stream::unfold(lines.into_iter(), async |mut lines| {
        let line = lines.next()?;
        // Each in a chunk of its own.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((line.map(Bytes::from), lines))
    });
    Body::from_stream(pieces)
}
