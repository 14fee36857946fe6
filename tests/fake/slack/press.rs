//! A person presses a button: the `block_actions` payload, and its way by HTTP.
//! <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>,
//! <https://docs.slack.dev/authentication/verifying-requests-from-slack>

use super::{FakeSlack, SIGNING};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};

/// A request as it goes over the wire; a test may spoil it before.
#[derive(Clone, Debug)]
pub struct Request {
    pub timestamp: String,
    pub signature: String,
    pub body: String,
    /// `X-Slack-Retry-Num`
    pub retry: Option<u32>,
}

impl FakeSlack {
    /// What Slack says when `user` presses the button of this action on the message; each press has its own trigger.
    pub fn press(&self, user: &str, ts: &str, action_id: &str) -> Value {
        let mut state = self.state();
        state.clock += 1;
        let trigger = state.clock;
        let message = state.messages.iter().find(|message| message.ts == ts).expect("no such message").clone();
        let elements = message.blocks.iter().filter(|block| block["type"] == "actions").flat_map(|block| {
            block["elements"].as_array().unwrap().iter().map(|element| (block["block_id"].clone(), element.clone()))
        });
        let (block, button) = elements
            .into_iter()
            .find(|(_, element)| element["action_id"] == action_id)
            .unwrap_or_else(|| panic!("no button {action_id} on {message:#?}"));
        json!({
            "type": "block_actions",
            "user": { "id": user, "username": "ann", "name": "ann", "team_id": "T024BE7LD" },
            "api_app_id": "A0HEALD",
            "token": "9s8d9as89d8as9d8as989",
            "container": { "type": "message", "message_ts": ts, "channel_id": message.channel, "is_ephemeral": false },
            "trigger_id": format!("{trigger}.333649436676.d8c1bb837935619ccad0f624c448ffb3"),
            "team": { "id": "T024BE7LD", "domain": "example" },
            "enterprise": null,
            "is_enterprise_install": false,
            "channel": { "id": message.channel, "name": "ops" },
            "message": { "bot_id": "B0HEALD", "type": "message", "text": message.text, "user": "U0HEALD", "ts": ts,
                "blocks": message.blocks },
            "state": { "values": {} },
            "response_url": "https://hooks.slack.com/actions/T024BE7LD/1232321423432/CANARYresponse",
            "actions": [{
                "type": "button", "block_id": block, "action_id": action_id, "text": button["text"],
                "value": button["value"], "action_ts": format!("{trigger}.840180"),
            }],
        })
    }

    pub async fn deliver(&self, url: &str, request: &Request) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut post = client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("user-agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
            .header("x-slack-request-timestamp", &request.timestamp)
            .header("x-slack-signature", &request.signature)
            .body(request.body.clone());
        if let Some(retry) = request.retry {
            post = post.header("x-slack-retry-num", retry).header("x-slack-retry-reason", "http_timeout");
        }
        post.send().await.unwrap()
    }
}

impl Request {
    pub fn new(payload: &Value) -> Self {
        Self::at(payload, now())
    }

    /// Signed at this second.
    pub fn at(payload: &Value, seconds: u64) -> Self {
        let body = format!("payload={}", encoded(&payload.to_string()));
        let timestamp = seconds.to_string();
        Self { signature: sign(SIGNING, &timestamp, &body), timestamp, body, retry: None }
    }
}

pub fn sign(secret: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v0={hex}")
}

#[allow(clippy::disallowed_methods, reason = "Slack's own clock")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// As a form does.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |out, byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => out + &char::from(byte).to_string(),
        b' ' => out + "+",
        byte => out + &format!("%{byte:02X}"),
    })
}
