//! Socket Mode: a WebSocket for each ticket, `hello`, envelopes that want to be acknowledged, requests to reconnect.
//! <https://docs.slack.dev/apis/events-api/using-socket-mode>

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// Slack asks for an answer within this time.
pub const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub struct Hub {
    port: u16,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// Given out and not used yet.
    tickets: Vec<String>,
    made: u32,
    connections: Vec<mpsc::UnboundedSender<Order>>,
    /// Connections that were ever greeted.
    greeted: u32,
    /// Envelopes whose acknowledgement is awaited.
    waiting: Vec<(String, oneshot::Sender<()>)>,
    /// What the client said and nobody expected.
    odd: Vec<String>,
}

#[derive(Debug)]
enum Order {
    Say(Value),
    /// Without a word, as a broken line.
    Drop,
    Close,
}

impl Hub {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hub = Self { port: listener.local_addr().unwrap().port(), inner: Arc::default() };
        let accepting = hub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().serve(stream));
            }
        });
        hub
    }

    /// A fresh address; it works once.
    pub fn ticket(&self) -> String {
        let mut inner = self.inner.lock().unwrap();
        inner.made += 1;
        let ticket = format!("CANARYticket{}", inner.made);
        inner.tickets.push(ticket.clone());
        format!("ws://127.0.0.1:{}/link/?ticket={ticket}&app_id=A0HEALD", self.port)
    }

    pub fn greeted(&self) -> u32 {
        self.inner.lock().unwrap().greeted
    }

    pub fn open(&self) -> usize {
        let mut inner = self.inner.lock().unwrap();
        inner.connections.retain(|connection| !connection.is_closed());
        inner.connections.len()
    }

    pub fn odd(&self) -> Vec<String> {
        self.inner.lock().unwrap().odd.clone()
    }

    /// Waits until this many connections have been greeted.
    pub async fn until_greeted(&self, count: u32) {
        let end = tokio::time::Instant::now() + Duration::from_secs(20);
        while self.greeted() < count {
            assert!(tokio::time::Instant::now() < end, "{} of {count} connections within 20 s", self.greeted());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a press to the newest connection; whether it was acknowledged in time.
    pub async fn press(&self, payload: &Value) -> bool {
        let (acknowledged, answer) = oneshot::channel();
        let id = {
            let mut inner = self.inner.lock().unwrap();
            let id = format!("dbdd0ef3-1543-4f94-bfb4-{:012}", inner.waiting.len() + 1);
            inner.waiting.push((id.clone(), acknowledged));
            id
        };
        let envelope = json!({
            "envelope_id": id, "type": "interactive", "accepts_response_payload": true, "payload": payload,
        });
        self.say(envelope);
        matches!(tokio::time::timeout(PATIENCE, answer).await, Ok(Ok(())))
    }

    /// `warning`, `refresh_requested` or `link_disabled`.
    pub fn disconnect(&self, reason: &str) {
        self.say(json!({ "type": "disconnect", "reason": reason, "debug_info": { "host": "applink-1" } }));
    }

    pub fn say(&self, what: Value) {
        self.order(Order::Say(what));
    }

    pub fn drop_line(&self) {
        self.order(Order::Drop);
    }

    pub fn close(&self) {
        self.order(Order::Close);
    }

    fn order(&self, order: Order) {
        let mut inner = self.inner.lock().unwrap();
        inner.connections.retain(|connection| !connection.is_closed());
        let newest = inner.connections.last().expect("nobody is connected");
        newest.send(order).expect("the connection is gone");
    }

    #[allow(clippy::result_large_err, reason = "the library's signature")]
    async fn serve(self, stream: TcpStream) {
        let tickets = Arc::clone(&self.inner);
        let check = move |request: &Request, response: Response| {
            let mut inner = tickets.lock().unwrap();
            let asked = request.uri().query().unwrap_or_default();
            let found = inner.tickets.iter().position(|ticket| asked.split('&').any(|part| part == format!("ticket={ticket}")));
            match found {
                Some(at) => {
                    inner.tickets.remove(at);
                    Ok(response)
                }
                None => Err(ErrorResponse::new(Some("invalid ticket".to_owned()))),
            }
        };
        let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, check).await else { return };
        let (orders, mut inbox) = mpsc::unbounded_channel();
        let hello = json!({
            "type": "hello", "connection_info": { "app_id": "A0HEALD" }, "num_connections": 1,
            "debug_info": { "host": "applink-1", "started": "2026-11-22 01:47:01.742", "build_number": 54,
                "approximate_connection_time": 18_060 },
        });
        if socket.send(Message::text(hello.to_string())).await.is_err() {
            return;
        }
        {
            let mut inner = self.inner.lock().unwrap();
            inner.connections.push(orders);
            inner.greeted += 1;
        }
        loop {
            tokio::select! {
                order = inbox.recv() => match order {
                    Some(Order::Say(what)) => drop(socket.send(Message::text(what.to_string())).await),
                    Some(Order::Close) => drop(socket.close(None).await),
                    Some(Order::Drop) | None => return,
                },
                said = socket.next() => match said {
                    Some(Ok(Message::Text(text))) => self.hear(&text),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
            }
        }
    }

    fn hear(&self, text: &str) {
        let mut inner = self.inner.lock().unwrap();
        let said: Value = serde_json::from_str(text).unwrap_or_default();
        match inner.waiting.iter().position(|(id, _)| said["envelope_id"] == **id) {
            // The place stays taken, so that no two envelopes have the same id.
            Some(at) => {
                let (done, _) = oneshot::channel();
                let waiting = std::mem::replace(&mut inner.waiting[at].1, done);
                let _ = waiting.send(());
            }
            None => inner.odd.push(text.to_owned()),
        }
    }
}
