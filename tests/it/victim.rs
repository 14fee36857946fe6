//! The lab's victim does what its switches say, and answers as the services do whose part it plays.

use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use serde_json::{Value, json};

use crate::victim::{Args, Victim, router};

struct Running {
    url: String,
    victim: Arc<Victim>,
    http: reqwest::Client,
}

async fn running(arguments: &[&str]) -> Running {
    let victim = Arc::new(Victim::new(Args::parse_from([&["heald-victim"], arguments].concat())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = router(Arc::clone(&victim));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().unwrap();
    Running { url, victim, http }
}

impl Running {
    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn post(&self, path: &str, body: Value) -> (u16, String) {
        let answer = self.http.post(format!("{}{path}", self.url)).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn clear(&self, fault: &str) {
        self.http.delete(format!("{}/fault/{fault}", self.url)).send().await.unwrap();
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await.1).unwrap()
    }
}

#[tokio::test]
async fn answers_are_spoilt_and_healed_by_switches() {
    let victim = running(&[]).await;
    assert_eq!(victim.get("/health").await, (200, "ok".to_owned()));
    assert_eq!(victim.post("/fault/status", json!({ "code": 429, "retry_after": 7 })).await.0, 204);
    let refused = victim.http.get(format!("{}/health", victim.url)).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].as_bytes()), (429, b"7".as_slice()));
    assert!(victim.get("/metrics").await.1.contains("http_requests_total{code=\"429\"} 1"));
    assert_eq!(victim.json("/fault").await["status"]["code"], 429);
    victim.clear("status").await;
    assert_eq!(victim.get("/health").await.0, 200);

    victim.post("/fault/hang", json!({})).await;
    let hangs = victim.http.get(format!("{}/health", victim.url)).timeout(Duration::from_millis(300)).send().await;
    assert!(hangs.is_err_and(|error| error.is_timeout()), "it answers");
    assert_eq!(victim.get("/metrics").await.0, 200, "the switches answer always");
    victim.clear("hang").await;
    assert_eq!(victim.get("/health").await.0, 200);
    let (code, why) = victim.post("/fault/haste", json!({})).await;
    assert!(code == 400 && why.contains("no fault haste"), "{why}");
}

#[tokio::test]
async fn modes_and_data_faults_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let first = running(&["--state", state]).await;
    for (fault, parameters) in [("boot", json!({ "seconds": 40 })), ("slow", json!({ "ms": 1 }))] {
        first.post(&format!("/fault/{fault}"), parameters).await;
    }
    first.post("/fault/offline", json!({})).await;
    assert_eq!(first.get("/health").await.0, 503, "its upstream is gone, and it was not told");
    assert_eq!(first.post("/mode/offline", Value::Null).await.0, 204);
    assert_eq!(first.get("/health").await.0, 200, "it was told, and serves what it can");
    assert_eq!(first.post("/mode/party", Value::Null).await.0, 400);

    let second = running(&["--state", state]).await;
    assert_eq!(second.json("/fault").await, json!({ "boot": { "seconds": 40 } }), "a slow answer ends with the process");
    assert_eq!(second.json("/mode/offline").await["on"], true);
    assert!(folder.path().join("offline").exists());
    second.clear("boot").await;
    assert_eq!(running(&["--state", state]).await.json("/fault").await, json!({}));
}

#[tokio::test]
async fn ollama_lists_loads_loses_and_pulls_models() {
    let victim = running(&["--api", "ollama", "--models", "llama3.2:latest,mxbai:latest"]).await;
    let names = async || {
        let tags = victim.json("/api/tags").await;
        tags["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["llama3.2:latest", "mxbai:latest"]);
    victim.post("/fault/model_missing", json!({ "name": "mxbai:latest" })).await;
    assert_eq!(names().await, ["llama3.2:latest"]);
    assert_eq!(victim.post("/api/generate", json!({ "model": "mxbai", "prompt": "hi" })).await.0, 404);
    let (_, stream) = victim.post("/api/pull", json!({ "model": "mxbai:latest" })).await;
    let lines: Vec<Value> = stream.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[1]["completed"].as_u64() < lines[1]["total"].as_u64(), "{stream}");
    assert_eq!(lines.last().unwrap()["status"], "success");
    assert_eq!(names().await.len(), 2);

    victim.post("/fault/vram", json!({ "free_mb": 100 })).await;
    let (code, why) = victim.post("/api/generate", json!({ "model": "llama3.2", "prompt": "hi", "stream": false })).await;
    assert!(code == 500 && why.contains("out of memory"), "{why}");
    let (_, unloaded) = victim.post("/api/generate", json!({ "model": "llama3.2:latest", "keep_alive": 0 })).await;
    assert!(unloaded.contains("\"done_reason\":\"unload\""), "{unloaded}");
    assert_eq!(victim.json("/api/ps").await["models"], json!([]));
    assert_eq!(victim.post("/api/generate", json!({ "model": "llama3.2", "prompt": "hi", "stream": false })).await.0, 200);
}

#[tokio::test]
async fn the_other_services_answer_as_documented() {
    let comfy = running(&["--api", "comfyui"]).await;
    assert_eq!(comfy.json("/system_stats").await["devices"][0]["type"], "cuda");
    comfy.post("/fault/gpu", json!({ "devices": 0 })).await;
    assert_eq!(comfy.json("/system_stats").await["devices"][0]["type"], "cpu");
    comfy.clear("gpu").await;
    comfy.post("/fault/vram", json!({ "free_mb": 5 })).await;
    assert_eq!(comfy.json("/system_stats").await["devices"][0]["vram_free"], 5 * 1_024 * 1_024);
    comfy.post("/free", json!({ "unload_models": true, "free_memory": true })).await;
    assert!(comfy.json("/system_stats").await["devices"][0]["vram_free"].as_u64() > Some(1 << 30));

    let chroma = running(&["--api", "chroma"]).await;
    assert!(chroma.json("/api/v2/heartbeat").await["nanosecond heartbeat"].as_u64() > Some(0));
    let query = "/api/v2/tenants/default_tenant/databases/default_database/collections/memories/query";
    assert_eq!(chroma.post(query, json!({ "query_embeddings": [[1, 2, 3]] })).await.0, 200);
    chroma.post("/fault/corrupt", json!({})).await;
    assert_eq!(chroma.post(query, json!({ "query_embeddings": [[1, 2, 3]] })).await.0, 500);

    let gitea = running(&["--api", "gitea"]).await;
    assert_eq!(gitea.json("/api/healthz").await["status"], "pass");
    assert!(gitea.victim.counts().contains_key(&200));
}
