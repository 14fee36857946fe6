//! Socket Mode: heald calls Slack, and hears of presses through a WebSocket; no port is open to the outside.
//! <https://docs.slack.dev/apis/events-api/using-socket-mode>
//!
//! Slack renews its connections every few hours and says so before: the next one is opened while the last one is still
//! listened to. What is heard twice is done once ([`super::slack::Presses`]).

use super::slack::{Presses, Taken};
use crate::domain::notice::Again;
use crate::link::slack::Token;
use crate::telemetry::Telemetry;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Listens until it is told to stop.
pub struct Listener {
    presses: Presses,
    telemetry: Telemetry,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[derive(Debug, Deserialize)]
struct Heard<'a> {
    #[serde(rename = "type")]
    kind: String,
    envelope_id: Option<String>,
    reason: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// Why a connection was not made, or ended.
#[derive(Debug)]
struct Lost {
    why: String,
    /// Nothing will change until a person does something.
    is_permanent: bool,
}

/// How a connection went.
struct End {
    lost: Lost,
    /// Slack had said hello.
    was_good: bool,
}

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Slack itself pings more often than this.
const QUIET: Duration = Duration::from_secs(30);
/// An acknowledgement that does not leave in this time comes too late.
const SEND_PATIENCE: Duration = Duration::from_secs(3);
/// How long a connection that Slack wants renewed is listened to beside its successor.
const DRAIN: Duration = Duration::from_secs(30);
const MESSAGE_MAX: usize = 1 << 20;
const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Where the token is wrong or Socket Mode is switched off.
const WAIT_PERMANENT: Duration = Duration::from_secs(300);
/// A connection that did not last this long was not worth one: the next has to wait a moment.
const LASTED: Duration = Duration::from_secs(10);
const DEPENDENCY: &str = "slack";

// === impl Listener ===

impl Listener {
    pub fn new(presses: Presses, telemetry: Telemetry) -> Self {
        Self { presses, telemetry }
    }

    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut draining = JoinSet::new();
        let mut failures = 0;
        while !*stopping.borrow() {
            let began = Instant::now();
            let wait = tokio::select! {
                _ = stopping.changed() => continue,
                wait = self.once(&mut draining, &mut failures, began) => wait,
            };
            while draining.try_join_next().is_some() {}
            tokio::select! {
                _ = stopping.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One connection, until its successor is due; how long to wait for that.
    async fn once(&self, draining: &mut JoinSet<()>, failures: &mut u32, began: Instant) -> Duration {
        let end = match self.connect().await {
            Ok(socket) => {
                let (due, renewal) = oneshot::channel();
                let (ended, end) = oneshot::channel();
                let connection = Connection { presses: self.presses.clone(), telemetry: self.telemetry.clone(), socket };
                // Its own task: it goes on beside its successor.
                draining.spawn(async move { drop(ended.send(connection.listen(due).await)) });
                tokio::select! {
                    biased;
                    Ok(()) = renewal => {
                        *failures = 0;
                        return if began.elapsed() < LASTED { WAIT_FIRST } else { Duration::ZERO };
                    }
                    end = end => end.unwrap_or_else(|_| End { lost: Lost::soon("the connection's task died"), was_good: false }),
                }
            }
            Err(lost) => End { lost, was_good: false },
        };
        self.telemetry.dependency(DEPENDENCY, false);
        *failures = if end.was_good { 1 } else { failures.saturating_add(1) };
        let wait = if end.lost.is_permanent { WAIT_PERMANENT } else { back_off(*failures) };
        tracing::warn!(error = end.lost.why, again_in = ?wait, "Slack's Socket Mode is not connected: no press is heard");
        wait
    }

    async fn connect(&self) -> Result<Socket, Lost> {
        let slack = self.presses.slack();
        let address =
            slack.open_connection().await.map_err(|error| Lost { is_permanent: error.again == Again::Never, why: error.why })?;
        allowed(&address, slack.is_https())?;
        let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_MAX)).max_frame_size(Some(MESSAGE_MAX));
        let connecting = tokio_tungstenite::connect_async_with_config(address.reveal(), Some(config), true);
        match timeout(CONNECT_PATIENCE, connecting).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(error)) => Err(Lost::soon(&reason(&error))),
            Err(_) => Err(Lost::soon("no WebSocket in time")),
        }
    }
}

struct Connection {
    presses: Presses,
    telemetry: Telemetry,
    socket: Socket,
}

// === impl Connection ===

impl Connection {
    /// Until it is closed, or has gone quiet; `due` is told when Slack wants a new one.
    async fn listen(mut self, due: oneshot::Sender<()>) -> End {
        let mut due = Some(due);
        let mut drained = None;
        let mut was_good = false;
        let mut pinged = false;
        let lost = loop {
            let patience = drained.map_or(QUIET, |end: Instant| end.saturating_duration_since(Instant::now()));
            let heard = match timeout(patience, self.socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => text,
                Ok(Some(Ok(Message::Close(_))) | None) => break Lost::soon("Slack closed the connection"),
                Ok(Some(Ok(_))) => {
                    pinged = false;
                    continue;
                }
                Ok(Some(Err(error))) => break Lost::soon(&reason(&error)),
                Err(_) if drained.is_some() => break Lost::soon("its successor is there"),
                Err(_) if pinged => break Lost::soon("the connection has gone quiet"),
                Err(_) => {
                    pinged = true;
                    match self.send(Message::Ping(tungstenite::Bytes::new())).await {
                        Ok(()) => continue,
                        Err(lost) => break lost,
                    }
                }
            };
            pinged = false;
            let Ok(heard) = serde_json::from_str::<Heard<'_>>(&heard) else {
                tracing::warn!("Slack said something through Socket Mode that can't be read");
                continue;
            };
            // At once, whatever it is: Slack waits three seconds and then shows an error to whoever pressed.
            if let Some(id) = &heard.envelope_id
                && let Err(lost) = self.send(Message::text(serde_json::json!({ "envelope_id": id }).to_string())).await
            {
                break lost;
            }
            match heard.kind.as_str() {
                "hello" => {
                    was_good = true;
                    self.telemetry.dependency(DEPENDENCY, true);
                    tracing::info!("Slack's Socket Mode is connected");
                }
                "disconnect" if heard.reason.as_deref() == Some("link_disabled") => {
                    break Lost { why: "Socket Mode is switched off in the app's settings".to_owned(), is_permanent: true };
                }
                "disconnect" => {
                    drained.get_or_insert(Instant::now() + DRAIN);
                    // Nobody waits for it after the first time.
                    let _ = due.take().map(|due| due.send(()));
                }
                "interactive" => {
                    let taken = heard.payload.map_or(Taken::Garbage, |payload| self.presses.take(payload.get()));
                    if matches!(taken, Taken::Garbage | Taken::Busy) {
                        tracing::warn!(?taken, "a press in Slack came to nothing");
                    }
                }
                _ => {}
            }
        };
        End { lost, was_good }
    }

    async fn send(&mut self, message: Message) -> Result<(), Lost> {
        match timeout(SEND_PATIENCE, self.socket.send(message)).await {
            Ok(sent) => sent.map_err(|error| Lost::soon(&reason(&error))),
            Err(_) => Err(Lost::soon("the connection takes nothing any more")),
        }
    }
}

// === impl Lost ===

impl Lost {
    fn soon(why: &str) -> Self {
        Self { why: why.to_owned(), is_permanent: false }
    }
}

/// Plain only where the API itself is: for a Slack on the same machine, as tests have one.
fn allowed(address: &Token, is_https: bool) -> Result<(), Lost> {
    match address.reveal() {
        address if address.starts_with("wss://") => Ok(()),
        address if address.starts_with("ws://") && !is_https => Ok(()),
        _ => Err(Lost::soon("Slack's answer names an address without TLS: not connected")),
    }
}

/// Without the address, which is a secret.
fn reason(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Io(error) => format!("the connection broke: {error}"),
        tungstenite::Error::Tls(error) => format!("TLS: {error}"),
        tungstenite::Error::Http(response) => format!("no WebSocket: Slack answered {}", response.status()),
        tungstenite::Error::Protocol(error) => format!("the connection broke: {error}"),
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => "Slack closed the connection".to_owned(),
        _ => "the connection broke".to_owned(),
    }
}

/// 1, 2, 4 … 60 s, and up to a quarter more, so that many do not come back at once.
fn back_off(failures: u32) -> Duration {
    let wait = WAIT_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(WAIT_MAX);
    // Seeded anew each time: chance enough.
    let chance = u32::try_from(RandomState::new().hash_one(failures) % 256).unwrap_or(0);
    wait + wait * chance / 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_fails_waits_longer_each_time_within_bounds() {
        for (failures, seconds) in [(1, 1), (2, 2), (5, 16), (7, 60), (1_000, 60)] {
            let (wait, expected) = (back_off(failures), Duration::from_secs(seconds));
            assert!(wait >= expected && wait <= expected * 5 / 4, "{failures}: {wait:?}");
        }
    }

    #[test]
    fn a_connection_is_no_less_safe_than_the_api() {
        let to = |address: &str, is_https| allowed(&Token::new(address), is_https).is_ok();
        assert!(to("wss://wss-primary.slack.com/link/?ticket=CANARY", true));
        assert!(to("ws://127.0.0.1:1/link/", false));
        assert!(!to("ws://127.0.0.1:1/link/", true));
        assert!(!to("http://127.0.0.1:1/link/", false));
        let lost = allowed(&Token::new("ws://CANARY"), true).unwrap_err();
        assert!(!format!("{lost:?}").contains("CANARY"));
    }
}
