//! The wording, and the webhook against a receiver on loopback.

use super::*;
use crate::domain::id::{IncidentId, PlaybookId};
use crate::domain::notice::NoticeKind;
use crate::domain::playbook::Severity;
use crate::domain::time::Time;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn notice(kind: NoticeKind) -> Notice {
    Notice {
        incident: IncidentId(17),
        kind,
        playbook: PlaybookId::from("systemd-unit-failed"),
        title: "A systemd unit failed".to_owned(),
        severity: Some(Severity::P1),
        target: "unit web.service".to_owned(),
        host: "web-1".to_owned(),
        summary: "web.service entered the state failed".to_owned(),
        opened: Time(1_795_312_021_742),
        at: Time(1_795_312_744_999),
        reason: "attempts used up: 3 of 3".to_owned(),
        attempts: 3,
        manual_fix: Some("Look at the journal:\n\n    journalctl -u web.service -n 50\n".to_owned()),
        debug_prompt: Some("Why does web.service fail?".to_owned()),
        runbook_url: Some("https://runbooks.example/web".to_owned()),
    }
}

#[test]
fn an_escalation_says_all_that_a_person_needs() {
    let expected = "\
🔴 P1 unit web.service on web-1: needs a person

A systemd unit failed
\"web.service entered the state failed\"

Since     2026-11-22T01:47:01.742Z (12m3s)
Tried     3 attempts
Why       attempts used up: 3 of 3
Playbook  systemd-unit-failed
Incident  17, see: heald incidents 17
Runbook   https://runbooks.example/web

Manual fix
  Look at the journal:

      journalctl -u web.service -n 50

Debug prompt
  Why does web.service fail?
";
    assert_eq!(card::text(&notice(NoticeKind::Escalated)), expected);
}

#[test]
fn what_is_missing_leaves_no_hole() {
    let mut bare = notice(NoticeKind::Healed);
    bare.severity = None;
    bare.summary.clear();
    bare.attempts = 1;
    (bare.manual_fix, bare.debug_prompt, bare.runbook_url) = (Some(" \n".to_owned()), None, None);
    let text = card::text(&bare);
    assert!(text.starts_with("🟢 unit web.service on web-1: repaired and verified\n\nA systemd unit failed\n\nSince "), "{text}");
    assert!(text.ends_with("Tried     1 attempt\nWhy       attempts used up: 3 of 3\nPlaybook  systemd-unit-failed\nIncident  17, see: heald incidents 17\n"), "{text}");
}

#[test]
fn an_alerts_text_stays_text() {
    let mut hostile = notice(NoticeKind::Escalated);
    hostile.summary = format!("a\r\n\x1b[2J\u{202e}b\0 {}", "x".repeat(10_000));
    hostile.target = "unit a\nforged: line".to_owned();
    hostile.runbook_url = Some("javascript:alert(1)".to_owned());
    let text = card::text(&hostile);
    assert!(text.contains("\"a [2J b xxx"), "{text}");
    assert!(text.starts_with("🔴 P1 unit a forged: line on web-1"), "{text}");
    assert!(text.len() < 2_000, "{} bytes", text.len());
    let json = serde_json::to_value(card::card(&hostile)).unwrap();
    assert_eq!(json["runbook_url"], serde_json::Value::Null, "only http and https become links");
    assert_eq!(json["text"], text);
}

/// A status, and a `Retry-After`.
type Answer = (u16, Option<&'static str>);

/// A receiver that answers with the given statuses and then with 200, and keeps what it got.
#[derive(Clone, Default)]
struct Receiver {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    got: Arc<Mutex<Vec<(HeaderMap, serde_json::Value)>>>,
}

impl Receiver {
    async fn open(answers: &[Answer]) -> (Self, String) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let receiver = Self { answers: Arc::new(Mutex::new(answers.iter().copied().collect())), ..Self::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook/canary-token", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(Self::take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    async fn take(State(receiver): State<Self>, request: Request) -> (StatusCode, HeaderMap) {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        receiver.got.lock().unwrap().push((parts.headers, serde_json::from_slice(&body).unwrap()));
        let (status, retry_after) = receiver.answers.lock().unwrap().pop_front().unwrap_or((200, None));
        let mut headers = HeaderMap::new();
        if let Some(seconds) = retry_after {
            headers.insert("retry-after", seconds.parse().unwrap());
        }
        headers.insert("location", "http://127.0.0.1:1/".parse().unwrap());
        (StatusCode::from_u16(status).unwrap(), headers)
    }

    fn tries(&self) -> usize {
        self.got.lock().unwrap().len()
    }
}

fn notifier(url: &str) -> Notifier {
    let waits = vec![Duration::from_millis(1); 3];
    let webhook = Webhook { waits, ..Webhook::new(url, Some("canary-bearer".to_owned())) };
    Notifier::new(Settings { webhook: Some(webhook) }).unwrap()
}

#[tokio::test]
async fn the_webhook_carries_facts_and_text() {
    let (receiver, url) = Receiver::open(&[]).await;
    let told = notifier(&url).tell(notice(NoticeKind::Escalated)).await;
    assert_eq!(told, [Delivery { channel: "webhook".to_owned(), error: None }]);
    let (headers, json) = receiver.got.lock().unwrap().remove(0);
    assert_eq!(headers["authorization"], "Bearer canary-bearer");
    assert_eq!(headers["idempotency-key"], "web-1/17/escalated/3");
    for (field, value) in [
        ("kind", "escalated"),
        ("playbook", "systemd-unit-failed"),
        ("target", "unit web.service"),
        ("severity", "P1"),
        ("opened_at", "2026-11-22T01:47:01.742Z"),
        ("runbook_url", "https://runbooks.example/web"),
    ] {
        assert_eq!(json[field], value, "{field}");
    }
    assert_eq!((&json["version"], &json["incident"], &json["attempts"]), (&1.into(), &17.into(), &3.into()));
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let cases: [(&[Answer], usize, Option<&str>); 6] = [
        (&[(500, None), (503, None), (429, Some("0"))], 4, None),
        (&[(502, None); 9], 4, Some("the receiver answered 502 Bad Gateway (after 4 tries)")),
        (&[(404, None)], 1, Some("the receiver answered 404 Not Found")),
        (&[(401, None)], 1, Some("the receiver answered 401")),
        (&[(302, None)], 1, Some("the receiver answered 302 Found")),
        (&[(429, Some("31"))], 1, Some("the receiver answered 429 Too Many Requests, and asks to wait 31s")),
    ];
    for (answers, tries, error) in cases {
        let (receiver, url) = Receiver::open(answers).await;
        let told = notifier(&url).tell(notice(NoticeKind::Healed)).await;
        assert_eq!(receiver.tries(), tries, "{answers:?}");
        match (error, &told[0].error) {
            (None, None) => {}
            (Some(wanted), Some(got)) => assert!(got.contains(wanted), "{got}"),
            (wanted, got) => panic!("{answers:?}: {got:?} instead of {wanted:?}"),
        }
    }
}

#[tokio::test]
async fn no_secret_reaches_an_error() {
    let (_, url) = Receiver::open(&[]).await;
    let gone = url.replace("127.0.0.1", "127.0.0.2");
    let told = notifier(&gone).tell(notice(NoticeKind::Over)).await;
    let error = told[0].error.clone().unwrap();
    assert!(error.starts_with("no connection") && error.ends_with("(after 4 tries)"), "{error}");
    let bad = Notifier::new(Settings { webhook: Some(Webhook::new("ftp://canary@x/canary", None)) }).unwrap_err();
    for shown in [error, bad, format!("{:?}", notifier(&url))] {
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[tokio::test]
async fn the_log_is_a_channel_only_where_there_is_no_other() {
    let told = Notifier::new(Settings::default()).unwrap().tell(notice(NoticeKind::Escalated)).await;
    assert_eq!(told, [Delivery { channel: "log".to_owned(), error: None }]);
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_notice_is_one_line_in_the_log_whatever_it_holds() {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let mut hostile = notice(NoticeKind::Escalated);
    hostile.target = "unit a\n2026-11-22T00:00:00Z ERROR forged\u{1b}[2J".to_owned();
    tracing::subscriber::with_default(log, || log::tell(&hostile));
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("ERROR") && text.contains("needs a person incident=17 kind=\"escalated\""), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}
