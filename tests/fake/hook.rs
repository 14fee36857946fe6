//! Whoever receives a webhook: keeps what it got, and answers as it is told.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Got {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

#[derive(Clone, Default)]
pub struct Hook {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    got: Arc<Mutex<Vec<Got>>>,
}

/// To one request; 200 when there is none left.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Status(u16, &'static str),
    /// With the seconds of `Retry-After`.
    Limited(u64),
    /// Not before that.
    Slow(Duration),
}

impl Hook {
    /// Its base URL: `http://127.0.0.1:PORT`.
    pub async fn open(answers: &[Answer]) -> (Self, String) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let hook = Self { answers: Arc::new(Mutex::new(answers.iter().copied().collect())), ..Self::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(Self::take).with_state(hook.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (hook, url)
    }

    async fn take(State(hook): State<Self>, request: Request) -> (StatusCode, HeaderMap, &'static str) {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let got = Got { path: parts.uri.to_string(), headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() };
        hook.got.lock().unwrap().push(got);
        let answer = hook.answers.lock().unwrap().pop_front();
        let mut headers = HeaderMap::new();
        match answer {
            None => (StatusCode::OK, headers, ""),
            Some(Answer::Status(status, text)) => (StatusCode::from_u16(status).unwrap(), headers, text),
            Some(Answer::Limited(seconds)) => {
                headers.insert("retry-after", seconds.into());
                (StatusCode::TOO_MANY_REQUESTS, headers, "")
            }
            Some(Answer::Slow(wait)) => {
                tokio::time::sleep(wait).await;
                (StatusCode::OK, headers, "")
            }
        }
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}
