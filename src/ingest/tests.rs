//! On real sockets: good bodies, bad ones, and peers that mean harm.

use super::*;
use crate::domain::alert::AlertStatus;
use crate::run::handle::Unavailable;
use crate::run::handle::fake::FakeLoop;
use crate::telemetry::Telemetry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

struct Site {
    address: SocketAddr,
    heald: FakeLoop,
    telemetry: Telemetry,
    stop: tokio::sync::oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

/// Short enough for a test, long enough for a loaded machine to answer good requests.
const HEADER_WITHIN: Duration = Duration::from_secs(1);
const BODY_WITHIN: Duration = Duration::from_secs(1);
/// A hang is a failure long before the test runner gives up.
const PATIENCE: Duration = Duration::from_secs(20);

impl Site {
    async fn open() -> Self {
        Self::with(Auth::Open, Limits::default()).await
    }

    async fn strict(limits: Limits) -> Self {
        Self::with(Auth::Open, Limits { header_within: HEADER_WITHIN, body_within: BODY_WITHIN, ..limits }).await
    }

    async fn with(auth: Auth, limits: Limits) -> Self {
        let heald = FakeLoop::start();
        let telemetry = Telemetry::new("0");
        let server = Server::bind(([127, 0, 0, 1], 0).into(), limits).await.unwrap();
        let address = server.address().unwrap();
        let pages = Pages { targets: Arc::new(|| Box::pin(async { "targets\n# EOF\n".to_owned() })) };
        let web = Web { handle: heald.handle.clone(), telemetry: telemetry.clone(), auth, limits, pages };
        let (stop, stop_asked) = tokio::sync::oneshot::channel();
        let served = tokio::spawn(server.serve(router(web), async {
            let _ = stop_asked.await;
        }));
        Self { address, heald, telemetry, stop, served }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `request` as it is and reads until the server closes.
    async fn raw(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // The server may close before it has read everything.
        let _ = stream.write_all(request).await;
        read_all(stream).await
    }

    async fn post(&self, headers: &str, body: &[u8]) -> String {
        let mut request = format!(
            "POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.raw(&request).await
    }

    async fn get(&self, path: &str) -> String {
        self.raw(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await
    }

    fn counted(&self, line: &str) {
        let page = self.telemetry.page();
        assert!(page.contains(line), "no {line:?} in\n{page}");
    }
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is the server's right.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server closes the connection");
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {answer:?}")).parse().unwrap()
}

fn capture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/payloads/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

const GOOD: &str =
    r#"{"version":"4","alerts":[{"status":"firing","startsAt":"2026-11-22T01:47:01Z","labels":{"alertname":"A"}}]}"#;

#[tokio::test]
async fn every_captured_body_is_taken() {
    let site = Site::open().await;
    let mut count = 0;
    for entry in std::fs::read_dir(format!("{}/tests/payloads", env!("CARGO_MANIFEST_DIR"))).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let answer = site.post("content-type: application/json\r\n", &capture(&name)).await;
        assert_eq!(status(&answer), 200, "{name}: {answer}");
        assert!(answer.contains("\"refused\":[]"), "{name}: {answer}");
        count += 1;
    }
    assert!(count >= 15, "{count} captures");
    site.counted("heald_webhook_requests_total{code=\"200\"} ");
    site.counted("heald_alerts_total{result=\"refused\"} 0");
}

#[tokio::test]
async fn the_alerts_own_status_counts_and_truncation_is_told() {
    let site = Site::open().await;
    site.post("", &capture("am025-grouped-mixed.json")).await;
    let states: Vec<AlertStatus> = site.heald.state().delivered.iter().map(|alert| alert.status).collect();
    assert_eq!(states, [AlertStatus::Resolved, AlertStatus::Firing, AlertStatus::Firing]);
    let answer = site.post("", &capture("am025-truncated.json")).await;
    assert!(answer.contains("\"truncated\":3"), "{answer}");
    site.counted("heald_truncated_alerts_total 3");
    assert!(site.heald.state().lost[0].contains("left 3 alerts out"), "people are told");
    site.counted("heald_alerts_received_total 5");
    site.counted("heald_alerts_total{result=\"opened\"} 5");
}

#[tokio::test]
async fn a_bad_alert_among_good_ones_is_200_and_alone_it_is_400() {
    let site = Site::open().await;
    let two = GOOD.replace("\"alerts\":[", "\"alerts\":[{\"status\":\"FIRING\"},");
    let answer = site.post("", two.as_bytes()).await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.contains("\"opened\":1") && answer.contains("{\"index\":0,\"reason\":\"status \\\"FIRING\\\""), "{answer}");
    let answer = site.post("", GOOD.replace("firing", "pending").as_bytes()).await;
    assert_eq!(status(&answer), 400, "{answer}");
    assert!(answer.contains("none of 1 alerts can be used; alert 0: status"), "{answer}");
    assert_eq!(status(&site.post("", b"{\"alerts\":[]}").await), 200);
    site.counted("heald_alerts_total{result=\"refused\"} 2");
}

#[tokio::test]
async fn methods_paths_and_pages() {
    let site = Site::open().await;
    let put =
        format!("PUT /api/v1/alerts HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{GOOD}", GOOD.len());
    assert_eq!(status(&site.raw(put.as_bytes()).await), 200);
    let answer = site.get("/api/v1/alerts").await;
    assert_eq!(status(&answer), 405);
    assert!(answer.to_lowercase().contains("allow: post, put"), "{answer}");
    site.counted("heald_webhook_requests_total{code=\"405\"} 1");
    for path in ["/", "/api/v1/alerts/../x", "/%00", "/-/reload"] {
        assert_eq!(status(&site.get(path).await), 404, "{path}");
    }
    assert_eq!(status(&site.get("/-/healthy").await), 200);
    assert_eq!(status(&site.get("/-/ready").await), 200);
    let metrics = site.get("/metrics").await.to_lowercase();
    assert!(
        metrics.contains("content-type: application/openmetrics-text; version=1.0.0") && metrics.contains("# eof"),
        "{metrics}"
    );
    assert!(site.get("/metrics/targets").await.contains("targets\n# EOF"));
}

#[tokio::test]
async fn what_the_loop_cannot_take_now_is_503() {
    let site = Site::open().await;
    for why in [
        Unavailable::Stopping,
        Unavailable::Full,
        Unavailable::Store("disk full".to_owned()),
        Unavailable::EscalateOnly("the store is lost".to_owned()),
    ] {
        site.heald.state().unavailable = Some(why.clone());
        let answer = site.post("", GOOD.as_bytes()).await;
        assert_eq!(status(&answer), 503, "{answer}");
        assert!(answer.contains(&format!("{{\"error\":\"{why}\"}}")), "{answer}");
        assert_eq!(status(&site.get("/-/ready").await), 503);
        assert_eq!(status(&site.get("/-/healthy").await), 200);
    }
    site.counted("heald_webhook_refused_total{reason=\"unavailable\"} 4");
    assert_eq!(site.heald.state().delivered, []);
}

#[tokio::test]
async fn credentials_are_asked_for_before_the_body() {
    let site = Site::with(Auth::Bearer(Secrets::parse("old\nnew").unwrap()), Limits::default()).await;
    assert_eq!(status(&site.post("authorization: Bearer new\r\n", GOOD.as_bytes()).await), 200);
    for header in ["", "authorization: Bearer nope\r\n", "authorization: Basic b2xkOm5ldw==\r\n"] {
        // The body is announced and never sent: the answer must not wait for it.
        let head = format!("POST /api/v1/alerts?token=old HTTP/1.1\r\nhost: x\r\n{header}content-length: 50000\r\n\r\n");
        let begun = Instant::now();
        let answer = site.raw(head.as_bytes()).await;
        assert_eq!(status(&answer), 401, "{answer}");
        assert!(answer.to_lowercase().contains("www-authenticate: bearer"), "{answer}");
        assert!(begun.elapsed() < Limits::default().header_within, "401 waited for the body");
    }
    site.counted("heald_webhook_refused_total{reason=\"auth\"} 3");
    site.counted("heald_webhook_requests_total{code=\"401\"} 3");
    assert_eq!(status(&site.get("/metrics").await), 200);
}

#[tokio::test]
async fn huge_and_compressed_bodies_are_refused() {
    let site = Site::open().await;
    let huge = vec![b' '; 17 * 1_024 * 1_024];
    let answer = site.post("", &huge).await;
    assert_eq!(status(&answer), 413, "{answer}");
    assert!(answer.contains("at most 16777216 are taken"), "{answer}");
    let mut chunked =
        b"POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in huge.chunks(1 << 20) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(status(&site.raw(&chunked).await), 413, "without a length told");
    let waits = "POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n";
    let answer = site.raw(waits.as_bytes()).await;
    assert!(status(&answer) == 413, "not asked to go on: {answer}");
    site.counted("heald_webhook_refused_total{reason=\"too_large\"} 3");
    // The question goes the same way, behind the three reports.
    assert_eq!(status(&site.get("/-/ready").await), 200);
    assert_eq!(site.heald.state().lost.len(), 3, "people are told");
    let header = format!("GET /metrics HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let answer = site.raw(header.as_bytes()).await;
    assert!(answer.is_empty() || status(&answer) == 431, "{answer}");
    for coding in ["gzip", "deflate", "br", "gzip, gzip"] {
        let answer = site.post(&format!("content-encoding: {coding}\r\n"), b"\x1f\x8b\x08").await;
        assert_eq!(status(&answer), 415, "{answer}");
    }
    assert_eq!(status(&site.post("content-encoding: identity\r\n", GOOD.as_bytes()).await), 200);
}

#[tokio::test]
async fn lengths_that_lie_and_garbage_close_the_connection() {
    let site = Site::strict(Limits::default()).await;
    // Too long: the rest is no request.
    let answer = site
        .raw(
            format!("POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{GOOD}junk\r\n\r\n", GOOD.len())
                .as_bytes(),
        )
        .await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.contains("HTTP/1.1 400"), "{answer}");
    // Too short: what is missing never comes.
    let answer =
        site.raw(format!("POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\n{GOOD}").as_bytes()).await;
    assert_eq!(status(&answer), 408, "{answer}");
    for request in [
        "\x16\x03\x01 this is TLS\r\n\r\n",
        "POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let answer = site.raw(request.as_bytes()).await;
        assert!(answer.is_empty() || status(&answer) == 400, "{request:?}: {answer}");
    }
    for body in ["", "{", "[]", "alerts"] {
        let answer = site.post("", body.as_bytes()).await;
        assert_eq!(status(&answer), 400, "{body:?}: {answer}");
        assert!(answer.contains("{\"error\":\""), "{answer}");
    }
    assert_eq!(site.heald.state().delivered.len(), 1, "only the good one");
}

#[tokio::test]
async fn silent_and_slow_peers_are_cut_off_at_their_deadline() {
    let site = Site::strict(Limits::default()).await;
    let silent = async { read_all(site.connect().await).await };
    let slow_header = async {
        let mut stream = site.connect().await;
        drip(&mut stream, b"POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\nx-long: ", b'a').await;
        read_all(stream).await
    };
    let slow_body = async {
        let mut stream = site.connect().await;
        drip(&mut stream, b"POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n", b' ').await;
        read_all(stream).await
    };
    let begun = Instant::now();
    let (silent, slow_header, slow_body) = tokio::join!(silent, slow_header, slow_body);
    assert!(begun.elapsed() < Duration::from_secs(10), "took {:?}", begun.elapsed());
    assert_eq!(silent, "");
    assert!(slow_header.is_empty() || status(&slow_header) == 408, "{slow_header}");
    // The peer was still writing when it was cut off: the answer may be lost on it.
    assert!(slow_body.is_empty() || status(&slow_body) == 408, "{slow_body}");
    site.counted("heald_webhook_requests_total{code=\"408\"} 1");
    assert_eq!(site.heald.state().delivered, []);
}

/// A byte every 20 ms until the server has had enough.
async fn drip(stream: &mut TcpStream, head: &[u8], byte: u8) {
    stream.write_all(head).await.unwrap();
    let mut every = tokio::time::interval(Duration::from_millis(20));
    let mut sink = [0; 512];
    loop {
        tokio::select! {
            _ = every.tick() => if stream.write_all(&[byte]).await.is_err() { return },
            () = async { stream.readable().await.unwrap(); } => match stream.try_read(&mut sink) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                _ => return,
            },
        }
    }
}

#[tokio::test]
async fn silent_sockets_hold_no_slot_for_good() {
    let site = Site::strict(Limits { connections_max: 4, ..Limits::default() }).await;
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.push(site.connect().await);
    }
    let answer = site.post("", GOOD.as_bytes()).await;
    assert_eq!(status(&answer), 200, "{answer}");
    drop(silent);
}

#[tokio::test]
async fn many_large_bodies_take_turns() {
    let site = Site::open().await;
    let pad = format!("{{\"pad\":\"{}\",{}", "x".repeat(12 << 20), &GOOD[1..]);
    let answers = futures_util::future::join_all((0..6).map(|_| site.post("", pad.as_bytes()))).await;
    for answer in answers {
        assert_eq!(status(&answer), 200, "{answer}");
    }
}

#[tokio::test]
async fn one_connection_carries_many_requests_and_ends_when_heald_stops() {
    let site = Site::open().await;
    let mut stream = site.connect().await;
    let request = format!("POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{GOOD}", GOOD.len());
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4_096];
        let length = timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
        assert_eq!(status(std::str::from_utf8(&answer[..length]).unwrap()), 200);
    }
    let Site { stop, served, .. } = site;
    stop.send(()).unwrap();
    assert_eq!(read_all(stream).await, "");
    timeout(PATIENCE, served).await.unwrap().unwrap();
}
