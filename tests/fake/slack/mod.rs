//! A local Slack: the Web API's methods that post, incoming webhooks, Socket Mode, and people who press buttons.
//!
//! Faithful to <https://docs.slack.dev>: refusals come with 200 and `ok: false`, limits of Block Kit are enforced, a press
//! is a `block_actions` payload, sent form-encoded and signed or through the socket. `Fault`s stand for a bad day.

#![allow(dead_code, reason = "each test uses what it needs")]

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

pub mod blocks;
pub mod press;
pub mod socket;

pub const BOT: &str = "xoxb-CANARY-bot";
pub const APP: &str = "xapp-CANARY-app";
pub const SIGNING: &str = "CANARY8f742231b10e8888abcd99yyyzzz85a5";
/// The last part of the incoming webhook's address.
pub const HOOK: &str = "CANARYhook";
pub const ROOM: &str = "C024BE91L";

#[derive(Clone)]
pub struct FakeSlack {
    pub address: std::net::SocketAddr,
    pub socket: socket::Hub,
    state: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
pub struct Inner {
    /// For the next calls, first come first served; `None` in the method stands for any.
    faults: VecDeque<(Option<&'static str>, Fault)>,
    channels: BTreeMap<String, Membership>,
    pub messages: Vec<Message>,
    /// Each call's method, with its body.
    pub calls: Vec<(String, Value)>,
    clock: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub channel: String,
    pub ts: String,
    pub thread: Option<String>,
    pub text: String,
    pub blocks: Vec<Value>,
    pub edits: u32,
    /// Only this user sees it.
    pub only_for: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    Member,
    NotMember,
    Archived,
}

#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// A status, and a `Retry-After`.
    Status(u16, Option<u64>),
    /// `ok: false` with this word.
    Refuse(&'static str),
    /// `ok: false, error: ratelimited` with 429, as the Web API says it.
    Limit(u64),
    Slow(Duration),
    Garbage,
    /// It is done, and the answer gets lost.
    LostAnswer,
}

// === impl FakeSlack ===

impl FakeSlack {
    pub async fn start() -> Self {
        // A client that somebody else set up stays as it is.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let channels = [(ROOM.to_owned(), Membership::Member)].into();
        let inner = Inner { channels, clock: 1_405_895_017, ..Inner::default() };
        let fake = Self { address, socket: socket::Hub::start().await, state: Arc::new(Mutex::new(inner)) };
        let router = axum::Router::new()
            .route("/api/{method}", post(Self::api))
            .route("/services/T024BE7LD/B02/{secret}", post(Self::hook))
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    pub fn api_url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    pub fn hook_url(&self) -> String {
        format!("http://{}/services/T024BE7LD/B02/{HOOK}", self.address)
    }

    pub fn state(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap()
    }

    /// The next call fails so.
    pub fn fail(&self, fault: Fault) {
        self.state().faults.push_back((None, fault));
    }

    /// The next call of this method fails so.
    pub fn fail_on(&self, method: &'static str, fault: Fault) {
        self.state().faults.push_back((Some(method), fault));
    }

    pub fn join(&self, channel: &str, membership: Membership) {
        self.state().channels.insert(channel.to_owned(), membership);
    }

    /// Somebody deletes it.
    pub fn delete(&self, ts: &str) {
        self.state().messages.retain(|message| message.ts != ts);
    }

    /// All that is seen in a channel, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.state().messages.clone()
    }

    pub fn calls(&self, method: &str) -> usize {
        self.state().calls.iter().filter(|(called, _)| called == method).count()
    }

    /// Waits until something is there to be seen.
    pub async fn until<T>(&self, what: &str, look: impl Fn(&Inner) -> Option<T>) -> T {
        let end = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(found) = look(&self.state()) {
                return found;
            }
            assert!(tokio::time::Instant::now() < end, "not within 10 s: {what}; {:#?}", self.state().messages);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn api(State(fake): State<Self>, Path(method): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
        let json = headers.get("content-type").is_some_and(|kind| kind.to_str().unwrap().starts_with("application/json"));
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let fault = {
            let mut state = fake.state();
            state.calls.push((method.clone(), body.clone()));
            state.fault(&method)
        };
        if let Some(Fault::Slow(time)) = fault {
            tokio::time::sleep(time).await;
        }
        match fault {
            Some(Fault::LostAnswer | Fault::Slow(_)) | None => {}
            Some(fault) => return fault.answer(),
        }
        let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let expected = if method == "apps.connections.open" { APP } else { BOT };
        let answer = match bearer {
            None => Err("not_authed"),
            Some(token) if token == expected => fake.answer(&method, &body, json),
            Some(APP | BOT) => Err("not_allowed_token_type"),
            Some(_) => Err("invalid_auth"),
        };
        if matches!(fault, Some(Fault::LostAnswer)) {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        let mut answer = answer.unwrap_or_else(|error| json!({ "ok": false, "error": error }));
        if answer.get("ok").is_none() {
            answer["ok"] = true.into();
        }
        axum::Json(answer).into_response()
    }

    fn answer(&self, method: &str, body: &Value, json: bool) -> Result<Value, &'static str> {
        if !json {
            return Err("invalid_post_type");
        }
        let text = |key: &str| body[key].as_str().map(str::to_owned);
        match method {
            "auth.test" => Ok(json!({
                "url": "https://example.slack.com/", "team": "Example", "user": "heald", "team_id": "T024BE7LD",
                "user_id": "U0HEALD", "bot_id": "B0HEALD", "is_enterprise_install": false,
            })),
            "apps.connections.open" => Ok(json!({ "url": self.socket.ticket() })),
            "chat.postMessage" => {
                let message = self.state().post(body)?;
                Ok(
                    json!({ "channel": message.channel, "ts": message.ts, "message": { "type": "message", "text": message.text } }),
                )
            }
            "chat.postEphemeral" => {
                let message = self.state().post(body)?;
                if message.only_for.is_none() {
                    return Err("user_not_in_channel");
                }
                Ok(json!({ "message_ts": message.ts }))
            }
            "chat.update" => {
                let (channel, ts) = (text("channel").ok_or("channel_not_found")?, text("ts").ok_or("message_not_found")?);
                let mut state = self.state();
                state.may_write(&channel)?;
                blocks::check(body)?;
                let found = state.messages.iter_mut().find(|message| message.ts == ts && message.channel == channel);
                let message = found.ok_or("message_not_found")?;
                message.text = text("text").unwrap_or_default();
                if let Some(blocks) = body["blocks"].as_array() {
                    message.blocks = blocks.clone();
                }
                message.edits += 1;
                Ok(json!({ "channel": channel, "ts": ts, "text": message.text }))
            }
            _ => Err("unknown_method"),
        }
    }

    /// Plain words and statuses: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/>
    async fn hook(State(fake): State<Self>, Path(secret): Path<String>, body: Bytes) -> Response {
        let body: Option<Value> = serde_json::from_slice(&body).ok();
        let fault = {
            let mut state = fake.state();
            state.calls.push(("hook".to_owned(), body.clone().unwrap_or_default()));
            state.fault("hook")
        };
        if let Some(Fault::Slow(time)) = fault {
            tokio::time::sleep(time).await;
        } else if let Some(fault) = fault {
            return fault.hook_answer();
        }
        if secret != HOOK {
            return (StatusCode::FORBIDDEN, "invalid_token").into_response();
        }
        let Some(mut body) = body else { return (StatusCode::BAD_REQUEST, "invalid_payload").into_response() };
        body["channel"] = ROOM.into();
        match fake.state().post(&body) {
            Ok(_) => "ok".into_response(),
            Err("is_archived") => (StatusCode::GONE, "channel_is_archived").into_response(),
            Err(error) => (StatusCode::BAD_REQUEST, error).into_response(),
        }
    }
}

// === impl Inner ===

impl Inner {
    fn fault(&mut self, method: &str) -> Option<Fault> {
        let at = self.faults.iter().position(|(only, _)| only.is_none_or(|only| only == method))?;
        self.faults.remove(at).map(|(_, fault)| fault)
    }

    fn may_write(&self, channel: &str) -> Result<(), &'static str> {
        match self.channels.get(channel) {
            None => Err("channel_not_found"),
            Some(Membership::NotMember) => Err("not_in_channel"),
            Some(Membership::Archived) => Err("is_archived"),
            Some(Membership::Member) => Ok(()),
        }
    }

    fn post(&mut self, body: &Value) -> Result<Message, &'static str> {
        let text = |key: &str| body[key].as_str().map(str::to_owned);
        let channel = text("channel").ok_or("channel_not_found")?;
        self.may_write(&channel)?;
        blocks::check(body)?;
        let thread = text("thread_ts");
        if thread.as_ref().is_some_and(|thread| !self.messages.iter().any(|message| message.ts == *thread)) {
            return Err("thread_not_found");
        }
        self.clock += 1;
        let message = Message {
            channel,
            ts: format!("{}.{:06}", self.clock, 506),
            thread,
            text: text("text").unwrap_or_default(),
            blocks: body["blocks"].as_array().cloned().unwrap_or_default(),
            edits: 0,
            only_for: text("user"),
        };
        self.messages.push(message.clone());
        Ok(message)
    }
}

// === impl Fault ===

impl Fault {
    fn answer(self) -> Response {
        match self {
            Self::Refuse(error) => axum::Json(json!({ "ok": false, "error": error })).into_response(),
            Self::Limit(seconds) => {
                let body = axum::Json(json!({ "ok": false, "error": "ratelimited" }));
                (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())], body).into_response()
            }
            other => other.hook_answer(),
        }
    }

    fn hook_answer(self) -> Response {
        match self {
            Self::Status(status, wait) => {
                let headers: HeaderMap = wait
                    .into_iter()
                    .map(|seconds| ("retry-after".parse().unwrap(), seconds.to_string().parse().unwrap()))
                    .collect();
                (StatusCode::from_u16(status).unwrap(), headers, "<html>CANARY</html>").into_response()
            }
            Self::Limit(seconds) => {
                (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())], "rate_limited").into_response()
            }
            // Which status goes with which word.
            Self::Refuse(word) => {
                let status = match word {
                    "no_service" | "no_team" | "channel_not_found" => StatusCode::NOT_FOUND,
                    "invalid_token" | "action_prohibited" => StatusCode::FORBIDDEN,
                    "channel_is_archived" => StatusCode::GONE,
                    "rollup_error" => StatusCode::INTERNAL_SERVER_ERROR,
                    _ => StatusCode::BAD_REQUEST,
                };
                (status, word).into_response()
            }
            Self::Garbage => "<html>Slack is having a bad day</html>".into_response(),
            Self::Slow(_) | Self::LostAnswer => StatusCode::BAD_GATEWAY.into_response(),
        }
    }
}
