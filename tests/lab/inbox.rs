//! A webhook receiver that keeps what it gets: a stand-in for heald and for people's pagers.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{Result, wait_for};

type Letters = Arc<Mutex<Vec<(Instant, Value)>>>;

pub struct Inbox {
    url: String,
    letters: Letters,
    serving: JoinHandle<()>,
}

impl Inbox {
    pub async fn open() -> Result<Self> {
        let letters = Letters::default();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let app = Router::new().route("/", post(keep)).with_state(letters.clone());
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { url, letters, serving })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn all(&self) -> Vec<(Instant, Value)> {
        self.letters.lock().expect("no holder panics").clone()
    }

    /// The first alert (not envelope) so far or to come that `matches`.
    pub async fn alert(&self, what: &str, limit: Duration, matches: impl Fn(&Value) -> bool) -> Result<(Instant, Value)> {
        wait_for(what, limit, async || {
            let letters = self.all();
            let found = letters.iter().find_map(|(at, body)| {
                let alerts = body["alerts"].as_array()?;
                Some((*at, alerts.iter().find(|alert| matches(alert))?.clone()))
            });
            found.ok_or_else(|| format!("{} other webhooks", letters.len()).into())
        })
        .await
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn keep(State(letters): State<Letters>, Json(body): Json<Value>) {
    letters.lock().expect("no holder panics").push((Instant::now(), body));
}
