//! What stands around the two hosts on the second network, as one small web server on its bridge: the power switch, the place
//! where people learn who is active, and the people.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::pair::boottime;
use crate::lab::{Error, Host, Result};

pub struct Device {
    port: u16,
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
}

struct Inner {
    primary: Arc<Host>,
    broken: AtomicBool,
    /// When it was done (CLOCK_BOOTTIME, in seconds), which door, what was sent.
    letters: Mutex<Vec<(f64, String, Value)>>,
}

/// In which a machine that is switched off is off.
const OFF: Duration = Duration::from_secs(10);

impl Device {
    /// `gateway`: the host's own address on the network.
    pub async fn open(gateway: Ipv4Addr, primary: Arc<Host>) -> Result<Self> {
        let listener = TcpListener::bind((gateway, 0)).await?;
        let port = listener.local_addr()?.port();
        let inner = Arc::new(Inner { primary, broken: AtomicBool::new(false), letters: Mutex::default() });
        let app = Router::new().route("/{door}", post(take)).with_state(Arc::clone(&inner));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { port, inner, serving })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on the fence says that it can't.
    pub fn breaks(&self, broken: bool) {
        self.inner.broken.store(broken, Ordering::Relaxed);
    }

    pub fn forget(&self) {
        self.inner.letters.lock().expect("no holder panics").clear();
    }

    pub fn bodies(&self, door: &str) -> Vec<Value> {
        let letters = self.inner.letters.lock().expect("no holder panics");
        letters.iter().filter(|(_, at, _)| at == door).map(|(_, _, body)| body.clone()).collect()
    }

    pub fn count(&self, door: &str) -> usize {
        self.bodies(door).len()
    }

    /// When it was first done.
    pub fn first(&self, door: &str) -> Result<f64> {
        let letters = self.inner.letters.lock().expect("no holder panics");
        let found = letters.iter().find(|(_, at, _)| at == door).map(|(at, _, _)| *at);
        found.ok_or_else(|| Error::new(format!("nobody came to {door}")))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(inner): State<Arc<Inner>>, Path(door): Path<String>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let came = match door.as_str() {
        "fence" if inner.broken.load(Ordering::Relaxed) => Err(Error::new("the switch does not answer")),
        "fence" => switch_off(&inner.primary).await,
        _ => Ok(()),
    };
    let at = boottime().unwrap_or(f64::NAN);
    inner.letters.lock().expect("no holder panics").push((at, door, body));
    match came {
        Ok(()) => (StatusCode::OK, Json(json!({ "done": true }))),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error.to_string() }))),
    }
}

/// Answers only when it is off. The loop is `wait_for`, whose looks can't be sent to another thread.
async fn switch_off(primary: &Host) -> Result<()> {
    if primary.container().status().await? == "running" {
        primary.container().kill("SIGKILL").await?;
    }
    let start = Instant::now();
    while primary.container().status().await? != "exited" {
        if start.elapsed() > OFF {
            return Err(Error::new("it is still on"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
