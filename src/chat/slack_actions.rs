//! `POST /slack/actions`: presses of buttons as Slack sends them, for whoever has no Socket Mode.
//!
//! The signature is asked about before the body is understood, over its bytes as they came
//! (<https://docs.slack.dev/authentication/verifying-requests-from-slack>). Slack shows an error to whoever pressed unless
//! it is answered within three seconds: the work begins after the answer.

use super::slack::{Presses, Taken};
use crate::link::slack::Token;
use crate::run::clock::Clock;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, Mac};
use reqwest::Url;
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;

pub const PATH: &str = "/slack/actions";

struct Door {
    presses: Presses,
    mac: Hmac<Sha256>,
    clock: Clock,
}

/// What the headers say; the body is still to be asked.
struct Signed {
    timestamp: String,
    signature: [u8; 32],
}

/// A payload repeats the message, form-encoded: far below.
const BODY_MAX: usize = 512 * 1024;
/// Slack waits three seconds.
const BODY_PATIENCE: Duration = Duration::from_secs(2);
/// Either way, as Slack recommends: an older one may be somebody else's recording.
const WINDOW_SECONDS: i64 = 5 * 60;
const VERSION: &str = "v0";

/// Only this path; `app` merges it beside the webhook's.
pub fn routes(presses: Presses, signing_secret: &Token, clock: Clock) -> Router {
    // HMAC takes keys of any length.
    #[expect(clippy::expect_used, reason = "see above")]
    let mac = Hmac::new_from_slice(signing_secret.reveal().as_bytes()).expect("HMAC takes keys of any length");
    Router::new().route(PATH, post(take)).with_state(Arc::new(Door { presses, mac, clock }))
}

async fn take(State(door): State<Arc<Door>>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let Some(signed) = door.signed(&parts.headers) else { return refused("no signature, or one of another time") };
    let body = match tokio::time::timeout(BODY_PATIENCE, to_bytes(body, BODY_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return StatusCode::PAYLOAD_TOO_LARGE,
        Err(_) => return StatusCode::REQUEST_TIMEOUT,
    };
    if !door.made(&signed, &body) {
        return refused("the signature does not fit");
    }
    let Some(payload) = payload(&body) else { return StatusCode::BAD_REQUEST };
    let taken = door.presses.take(&payload);
    if let Some(retry) = parts.headers.get("x-slack-retry-num") {
        tracing::info!(?retry, ?taken, "Slack sent a press again");
    }
    match taken {
        Taken::Begun | Taken::Known | Taken::Other => StatusCode::OK,
        Taken::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Taken::Garbage => StatusCode::BAD_REQUEST,
    }
}

// === impl Door ===

impl Door {
    fn signed(&self, headers: &HeaderMap) -> Option<Signed> {
        let header = |name: &str| headers.get(name)?.to_str().ok();
        let timestamp = header("x-slack-request-timestamp")?;
        let seconds: i64 = timestamp.parse().ok()?;
        let apart = self.clock.wall().as_second().checked_sub(seconds)?;
        if apart.unsigned_abs() > WINDOW_SECONDS.unsigned_abs() {
            return None;
        }
        let hex = header("x-slack-signature")?.strip_prefix("v0=")?;
        Some(Signed { timestamp: timestamp.to_owned(), signature: bytes(hex)? })
    }

    /// In constant time.
    fn made(&self, signed: &Signed, body: &[u8]) -> bool {
        let mut mac = self.mac.clone();
        mac.update(format!("{VERSION}:{}:", signed.timestamp).as_bytes());
        mac.update(body);
        mac.verify_slice(&signed.signature).is_ok()
    }
}

fn refused(why: &str) -> StatusCode {
    tracing::warn!(why, path = PATH, "a request was refused: it is not proven to be Slack's");
    StatusCode::UNAUTHORIZED
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// `payload=…`, form-encoded.
fn payload(body: &[u8]) -> Option<String> {
    let mut form = Url::parse("form:").ok()?;
    form.set_query(Some(std::str::from_utf8(body).ok()?));
    form.query_pairs().find_map(|(key, value)| (key == "payload").then(|| value.into_owned()))
}
