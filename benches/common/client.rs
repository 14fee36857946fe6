//! A client that sends one request after the other on each of its connections, and notes how long each answer took.
//!
//! It is written by hand because it shares the cores with what it measures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Load {
    pub connections: usize,
    pub for_: Duration,
    /// `None`: as fast as the answers come.
    pub per_second: Option<u32>,
}

#[derive(Debug, Default)]
pub struct Report {
    pub times: Vec<Duration>,
    /// Other answers than 200.
    pub refused: usize,
    pub took: Duration,
}

impl Report {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub fn per_second(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64()
    }
}

/// `body` makes the n-th body, counted over all connections.
pub fn run(address: SocketAddr, load: &Load, body: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (body, number) = (Arc::new(body), Arc::new(AtomicU64::new(0)));
        let began = Instant::now();
        let pause = load.per_second.map(|rate| Duration::from_secs(1) * u32::try_from(load.connections).unwrap_or(1) / rate);
        let tasks: Vec<_> = (0..load.connections)
            .map(|_| {
                let (body, number, until) = (Arc::clone(&body), Arc::clone(&number), began + load.for_);
                tokio::spawn(async move { converse(address, &*body, &number, until, pause).await })
            })
            .collect();
        let mut report = Report::default();
        for task in tasks {
            let (times, refused) = task.await.expect("a connection that works");
            report.times.extend(times);
            report.refused += refused;
        }
        report.took = began.elapsed();
        report
    })
}

async fn converse(
    address: SocketAddr,
    body: &(dyn Fn(u64) -> Vec<u8> + Send + Sync),
    number: &AtomicU64,
    until: Instant,
    pause: Option<Duration>,
) -> (Vec<Duration>, usize) {
    let mut line = Line::open(address).await;
    let (mut times, mut refused) = (Vec::new(), 0);
    let mut due = tokio::time::Instant::now();
    while Instant::now() < until {
        let bytes = request(&body(number.fetch_add(1, Ordering::Relaxed)));
        if let Some(pause) = pause {
            due += pause;
            tokio::time::sleep_until(due).await;
        }
        let sent = Instant::now();
        let status = line.ask(&bytes).await;
        times.push(sent.elapsed());
        refused += usize::from(status != 200);
    }
    (times, refused)
}

pub fn request(body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "POST /api/v1/alerts HTTP/1.1\r\nhost: heald\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// One connection that is kept.
pub struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::with_capacity(4_096) }
    }

    /// The status of the answer, which is read to its end.
    pub async fn ask(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).await.expect("the request is sent");
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("an answer");
            assert!(read > 0, "the connection ended before the answer");
            let Some(head) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(&self.buffer[..head]).expect("a header").to_ascii_lowercase();
            let length: usize = text
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next()?.trim().parse().ok())
                .expect("a length");
            if self.buffer.len() >= head + 4 + length {
                return text.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
            }
        }
    }
}
