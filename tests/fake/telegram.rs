//! A [Bot API](https://core.telegram.org/bots/api) server: one bot, its chats, and people who write and press.
//!
//! It checks what Telegram checks: the token, the chat, the length and the entities of a text, a button's data, who else
//! polls. Texts of errors are those of the public server as clients of it know them.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;

#[path = "telegram_calls.rs"]
mod calls;
#[path = "telegram_html.rs"]
pub mod html;

pub const TOKEN: &str = "4242:AAcanary-canary-canary-canary-canar";
const BOT: u64 = 4_242;

/// Rows of label and data.
pub type Keyboard = Vec<Vec<(String, String)>>;

/// Runs as long as its runtime does.
pub struct FakeTelegram {
    /// Without a slash at its end.
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<Fake>,
    /// Counts changes.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
pub struct Fake {
    pub chats: BTreeMap<i64, Vec<Message>>,
    /// Which method was called, in order.
    pub calls: Vec<String>,
    pub answers: Vec<Answer>,
    pub commands: Vec<(String, String)>,
    /// Of the last `getUpdates`.
    pub offset: Option<i64>,
    updates: Vec<Value>,
    next_update: i64,
    next_message: i32,
    next_query: u64,
    open_queries: Vec<String>,
    /// Only the newest may wait for updates.
    poller: u64,
    faults: VecDeque<Fault>,
    always: Vec<(&'static str, Fault)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: i32,
    pub from: u64,
    /// As people see it.
    pub text: String,
    /// As it was sent, and whether as HTML.
    pub body: String,
    pub is_html: bool,
    pub keyboard: Keyboard,
    pub reply_to: Option<i32>,
    pub is_silent: bool,
    pub edits: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub query: String,
    pub text: String,
    pub alert: bool,
}

/// What the next call gets instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    TooMany(u64),
    /// Bad Request, Forbidden, Internal Server Error …: the code and the description.
    Refuses(u16, &'static str),
    /// The answer comes that much later.
    Slow(Duration),
    /// A proxy's page instead of JSON.
    Garbage,
    /// The group became a supergroup with this number.
    Migrated(i64),
}

pub const UNAUTHORIZED: Fault = Fault::Refuses(401, "Unauthorized");
pub const SERVER_ERROR: Fault = Fault::Refuses(500, "Internal Server Error");
pub const KICKED: Fault = Fault::Refuses(403, "Forbidden: bot was kicked from the supergroup chat");
pub const CANT_PARSE: Fault = Fault::Refuses(400, "Bad Request: can't parse entities: Unexpected end tag at byte offset 7");
pub const CONFLICT: Fault =
    Fault::Refuses(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running");

impl FakeTelegram {
    /// With these chats; groups have negative numbers.
    pub async fn start(chats: &[i64]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let chats = chats.iter().map(|chat| (*chat, Vec::new())).collect();
        let state = Mutex::new(Fake { chats, next_update: 1_000, next_message: 1, next_query: 1, ..Fake::default() });
        let shared = Arc::new(Shared { state, changed: watch::Sender::new(0) });
        let router = Router::new().route("/{bot}/{method}", axum::routing::any(answer)).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    pub fn state(&self) -> MutexGuard<'_, Fake> {
        self.shared.state.lock().unwrap()
    }

    pub fn messages(&self, chat: i64) -> Vec<Message> {
        self.state().chats.get(&chat).cloned().unwrap_or_default()
    }

    /// The bot's own.
    pub fn said(&self, chat: i64) -> Vec<Message> {
        self.messages(chat).into_iter().filter(|message| message.from == BOT).collect()
    }

    pub fn calls(&self, method: &str) -> usize {
        self.state().calls.iter().filter(|call| call.eq_ignore_ascii_case(method)).count()
    }

    /// The next call, whatever it is, goes wrong so; each once, in this order.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    /// From now on each call of the method goes wrong so.
    pub fn always(&self, method: &'static str, fault: Fault) {
        self.state().always.push((method, fault));
    }

    pub fn mend(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.always.clear();
    }

    pub fn delete(&self, chat: i64, message: i32) {
        self.state().chats.entry(chat).or_default().retain(|found| found.id != message);
    }

    /// Somebody writes; returns the update's number.
    pub fn write(&self, user: u64, chat: i64, text: &str) -> i64 {
        self.hear(user, chat, text, 0, json!({}))
    }

    /// As [`Self::write`], so many seconds ago.
    pub fn wrote(&self, user: u64, chat: i64, text: &str, seconds: i64) -> i64 {
        self.hear(user, chat, text, seconds, json!({}))
    }

    /// Somebody passes on what somebody else wrote.
    pub fn forward(&self, user: u64, chat: i64, text: &str) -> i64 {
        let origin = json!({"type": "user", "date": 1_795_312_000, "sender_user": person(1)});
        self.hear(user, chat, text, 0, json!({"forward_origin": origin}))
    }

    /// Somebody presses the button of that label on the bot's message.
    pub fn press(&self, user: u64, chat: i64, message: i32, label: &str) -> String {
        let found = self.messages(chat).into_iter().find(|found| found.id == message).expect("no such message");
        let data = found.keyboard.iter().flatten().find(|(found, _)| found.contains(label)).expect("no such button").1.clone();
        self.press_data(user, chat, message, &data)
    }

    /// As a client of its own could: any data, any message. Returns the query's id.
    pub fn press_data(&self, user: u64, chat: i64, message: i32, data: &str) -> String {
        let mut state = self.state();
        let query = format!("q{}", state.next_query);
        state.next_query += 1;
        state.open_queries.push(query.clone());
        let message = json!({
            "message_id": message, "date": 1_795_312_000, "chat": chat_of(chat), "from": me(), "text": "…",
        });
        state.update(json!({"callback_query": {
            "id": query, "from": person(user), "message": message, "chat_instance": "1", "data": data,
        }}));
        drop(state);
        self.shared.changed.send_modify(|changes| *changes += 1);
        query
    }

    /// Waits until the conversation is as `is` asks; ten seconds at most.
    pub async fn wait<T>(&self, what: &str, mut is: impl FnMut(&Fake) -> Option<T>) -> T {
        let mut changed = self.shared.changed.subscribe();
        let waiting = async {
            loop {
                if let Some(found) = is(&self.state()) {
                    return found;
                }
                changed.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(Duration::from_secs(10), waiting).await {
            Ok(found) => found,
            Err(_) => panic!("not within 10 s: {what}; said: {:#?}; calls: {:?}", self.state().chats, self.state().calls),
        }
    }

    fn hear(&self, user: u64, chat: i64, text: &str, age: i64, more: Value) -> i64 {
        let mut state = self.state();
        let id = state.next_message;
        state.next_message += 1;
        let message = Message {
            id,
            from: user,
            text: text.to_owned(),
            body: text.to_owned(),
            is_html: false,
            keyboard: Vec::new(),
            reply_to: None,
            is_silent: false,
            edits: 0,
        };
        state.chats.entry(chat).or_default().push(message);
        let mut message = json!({
            "message_id": id, "date": now() - age, "chat": chat_of(chat), "from": person(user), "text": text,
        });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let update = state.update(json!({"message": message}));
        drop(state);
        self.shared.changed.send_modify(|changes| *changes += 1);
        update
    }
}

impl Fake {
    fn update(&mut self, mut update: Value) -> i64 {
        let id = self.next_update;
        self.next_update += 1;
        update["update_id"] = id.into();
        self.updates.push(update);
        id
    }
}

/// `POST /bot<token>/<method>` with a JSON body; method names in any case.
async fn answer(State(shared): State<Arc<Shared>>, Path((bot, method)): Path<(String, String)>, body: String) -> Response {
    let method = method.to_lowercase();
    let Some(token) = bot.strip_prefix("bot") else { return refused(404, "Not Found", json!({})) };
    if token != TOKEN {
        return refused(401, "Unauthorized", json!({}));
    }
    let fault = {
        let mut state = shared.state.lock().unwrap();
        state.calls.push(method.clone());
        let always = state.always.iter().find(|(of, _)| of.eq_ignore_ascii_case(&method)).map(|(_, fault)| fault.clone());
        // A poll that waits must not eat what is meant for the next message.
        if method == "getupdates" { always } else { always.or_else(|| state.faults.pop_front()) }
    };
    shared.changed.send_modify(|changes| *changes += 1);
    match fault {
        None => {}
        Some(Fault::Slow(by)) => tokio::time::sleep(by).await,
        Some(Fault::Garbage) => return (StatusCode::OK, format!("<html>/bot{TOKEN}/ is not here</html>")).into_response(),
        Some(Fault::TooMany(seconds)) => {
            let text = format!("Too Many Requests: retry after {seconds}");
            return refused(429, &text, json!({"retry_after": seconds}));
        }
        Some(Fault::Refuses(code, text)) => return refused(code, text, json!({})),
        Some(Fault::Migrated(chat)) => {
            let text = "Bad Request: group chat was upgraded to a supergroup chat";
            return refused(400, text, json!({"migrate_to_chat_id": chat}));
        }
    }
    let Ok(body) = serde_json::from_str::<Value>(if body.is_empty() { "{}" } else { &body }) else {
        return refused(400, "Bad Request: object expected as JSON", json!({}));
    };
    let result = match method.as_str() {
        "getupdates" => calls::get_updates(&shared, &body).await,
        _ => calls::call(&mut shared.state.lock().unwrap(), &method, &body),
    };
    shared.changed.send_modify(|changes| *changes += 1);
    match result {
        Ok(result) => axum::Json(json!({"ok": true, "result": result})).into_response(),
        Err((code, text)) => refused(code, &text, json!({})),
    }
}

fn refused(code: u16, description: &str, parameters: Value) -> Response {
    let mut body = json!({"ok": false, "error_code": code, "description": description});
    if parameters.as_object().is_some_and(|parameters| !parameters.is_empty()) {
        body["parameters"] = parameters;
    }
    (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
}

fn me() -> Value {
    json!({
        "id": BOT, "is_bot": true, "first_name": "heald", "username": "heald_bot",
        "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": false,
        "can_connect_to_business": false, "has_main_web_app": false,
    })
}

fn person(id: u64) -> Value {
    json!({"id": id, "is_bot": false, "first_name": format!("First {id}"), "username": format!("user{id}")})
}

fn chat_of(chat: i64) -> Value {
    match chat < 0 {
        true => json!({"id": chat, "type": "supergroup", "title": "ops"}),
        false => json!({"id": chat, "type": "private", "first_name": format!("First {chat}")}),
    }
}

#[allow(clippy::disallowed_methods, reason = "the server stamps messages by its own clock")]
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
