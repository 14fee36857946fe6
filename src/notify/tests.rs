//! The wording, and the webhook against a receiver on loopback.

use super::*;
use crate::domain::notice::{Notice, NoticeKind};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn notice(kind: NoticeKind) -> Notice {
    sample::notice(kind)
}

#[test]
fn an_escalation_says_all_that_a_person_needs() {
    let expected = "\
🔴 P1 SystemdUnitFailed unit web.service on web-1: needs a person

A systemd unit failed
\"web.service entered the state failed\"

Since     2026-11-22T01:47:01.742Z (12m3s)
Did       3 attempts
Why       attempts used up: 3 of 3
Verified  http get http://127.0.0.1:8080/: status 502
Budget    2 of 5 per 10m left
Respond   by 2026-11-22T02:02:01.742Z
Next      level 3 is told at 2026-11-22T02:09:04.999Z unless somebody acknowledges
Times     4 in 30 days
Playbook  systemd-unit-failed
Incident  17, see: heald incidents 17
Runbook   https://runbooks.example/web
Rule      http://prometheus.example:9090/graph?g0.expr=up&g0.tab=1
Silence   http://alertmanager.example:9093/#/silences/new?filter=%7Balertname%3D%22SystemdUnitFailed%22%7D
Dashboard https://grafana.example/d/heald?var-incident=17

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
    let house = Notice::of_house(NoticeKind::Healed, "web-1", "", "all probes pass", notice(NoticeKind::Healed).at);
    let manual_fix = Some(" \n".to_owned());
    let bare = Notice { severity: None, target: "unit web.service".to_owned(), attempts: 1, manual_fix, ..house };
    let expected = "\
🟢 unit web.service on web-1: repaired and verified

heald itself

Since     2026-11-22T01:59:04.999Z (0s)
Did       1 attempt
Why       all probes pass
Playbook  heald
Incident  0, see: heald incidents 0
";
    assert_eq!(card::text(&bare), expected);
}

#[test]
fn an_alerts_text_stays_text() {
    let mut hostile = notice(NoticeKind::Escalated);
    hostile.summary = format!("a\r\n\x1b[2J\u{202e}b\0 {}", "x".repeat(10_000));
    hostile.target = "unit a\nforged: line".to_owned();
    hostile.runbook_url = Some("javascript:alert(1)".to_owned());
    let text = card::text(&hostile);
    assert!(text.contains("\"a [2J b xxx"), "{text}");
    assert!(text.starts_with("🔴 P1 SystemdUnitFailed unit a forged: line on web-1"), "{text}");
    assert!(text.len() < 2_500, "{} bytes", text.len());
    let json = serde_json::to_value(document::of(&hostile)).unwrap();
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
    let webhook = Kind::Webhook(webhook::Settings::new(url, Some("canary-bearer".to_owned())));
    Notifier::new(Settings { channels: [("hook".to_owned(), webhook)].into(), ..Settings::default() }).unwrap()
}

async fn post(notifier: &Notifier, kind: NoticeKind) -> Delivery {
    notifier.post(Post { channel: "hook".to_owned(), notice: notice(kind), thread: None }).await
}

#[tokio::test]
async fn the_webhook_carries_facts_and_text() {
    let (receiver, url) = Receiver::open(&[]).await;
    assert_eq!(post(&notifier(&url), NoticeKind::Escalated).await, Delivery::taken("hook"));
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
async fn an_answer_says_whether_another_try_may_do_better() {
    let cases: [(Answer, &str, Again); 7] = [
        ((500, None), "500 Internal Server Error", Again::Soon),
        ((503, Some("7")), "503 Service Unavailable", Again::After(Duration::from_secs(7))),
        ((429, Some("31")), "429 Too Many Requests", Again::After(Duration::from_secs(31))),
        ((408, None), "408 Request Timeout", Again::Soon),
        ((404, None), "404 Not Found", Again::Never),
        ((401, Some("1")), "401 Unauthorized", Again::Never),
        ((302, None), "302 Found", Again::Never),
    ];
    for (answer, why, again) in cases {
        let (receiver, url) = Receiver::open(&[answer]).await;
        let told = post(&notifier(&url), NoticeKind::Healed).await;
        assert_eq!(told, Delivery::failed("hook", format!("the receiver answered {why}"), again));
        assert_eq!(receiver.tries(), 1, "the next try is the outbox's matter");
    }
}

#[tokio::test]
async fn no_secret_reaches_an_error() {
    let (_, url) = Receiver::open(&[]).await;
    let gone = url.replace("127.0.0.1", "127.0.0.2");
    let error = post(&notifier(&gone), NoticeKind::Over).await.error.unwrap();
    assert!(error.starts_with("no connection"), "{error}");
    let bad = Kind::Webhook(webhook::Settings::new("ftp://canary@x/canary", None));
    let bad = Notifier::new(Settings { channels: [("hook".to_owned(), bad)].into(), ..Settings::default() }).unwrap_err();
    assert!(bad.starts_with("channel hook: "), "{bad}");
    for shown in [error, bad, format!("{:?}", notifier(&url))] {
        assert!(!shown.contains("canary"), "{shown}");
    }
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
