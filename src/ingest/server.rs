//! Connections: each ends at its deadline, and only so many are open at once.
//!
//! axum's own server keeps a silent socket open for ever, and hyper's automatic
//! HTTP/1-or-2 builder does so until the first byte; 64 such sockets shut out
//! everybody else. Here HTTP/1 only, with a timer on every stage.

use super::tls::Tls;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

/// How much, how many, how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// 16 MiB: about 20,000 alerts.
    pub body_max: usize,
    /// One more waits in the kernel's queue until another ends.
    pub connections_max: usize,
    /// For the whole header; it also ends a connection that idles between requests.
    pub header_within: Duration,
    /// For the whole body, from the end of the header.
    pub body_within: Duration,
    /// For the loop's answer; then 503, and the repeat is recognised.
    pub answer_within: Duration,
    /// However busy: ends peers that never read their answers.
    pub connection_within: Duration,
}

/// Bound, but not yet answering.
pub struct Server {
    listener: TcpListener,
    limits: Limits,
    tls: Option<Tls>,
}

/// Of a header at most; beyond it 431. hyper's own limit, 400 KiB, is too much for 512 connections.
const BUFFER_MAX: usize = 64 * 1_024;
/// After an error of `accept`, which is mostly "too many open files".
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            body_max: 16 * 1_024 * 1_024,
            connections_max: 512,
            header_within: secs(5),
            body_within: secs(10),
            answer_within: secs(5),
            connection_within: secs(60),
        }
    }
}

// === impl Server ===

impl Server {
    /// # Errors
    /// The address can't be had.
    pub async fn bind(listen: SocketAddr, limits: Limits) -> Result<Self, String> {
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| format!("can't listen on {listen}: {error} (set web.listen to a free address)"))?;
        Ok(Self { listener, limits, tls: None })
    }

    /// Whoever connects must speak TLS.
    #[must_use]
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// # Errors
    /// The kernel does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Until `stop`; then requests under way are answered, for as long as one may take.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()>) {
        let Self { listener, limits, tls } = self;
        let slots = Arc::new(Semaphore::new(limits.connections_max));
        let (stopping, stopped) = watch::channel(());
        let mut stop = pin!(stop);
        loop {
            let accepted = async {
                // The semaphore is never closed.
                let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
                Some((slot, listener.accept().await))
            };
            let (slot, stream) = tokio::select! {
                () = &mut stop => break,
                accepted = accepted => match accepted {
                    Some((slot, Ok((stream, _)))) => (slot, stream),
                    Some((_, Err(error))) => {
                        tracing::warn!(%error, "a connection can't be accepted");
                        sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                    None => break,
                },
            };
            let (router, stopped) = (router.clone(), stopped.clone());
            let acceptor = tls.as_ref().map(Tls::acceptor);
            tokio::spawn(async move {
                // Answers are small; without this each could wait for the peer's acknowledgement.
                let _ = stream.set_nodelay(true);
                match acceptor {
                    None => converse(stream, router, limits, stopped).await,
                    Some(acceptor) => match timeout(limits.header_within, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => converse(stream, router, limits, stopped).await,
                        // Port scans and TCP probes among them. Alertmanager says itself, and counts, what it can't deliver.
                        Ok(Err(error)) => tracing::debug!(%error, "no TLS with a caller"),
                        Err(_) => tracing::debug!("a caller did not finish its TLS handshake"),
                    },
                }
                drop(slot);
            });
        }
        drop(listener);
        drop(stopping);
        let all = u32::try_from(limits.connections_max).unwrap_or(u32::MAX);
        if timeout(limits.request_within(), slots.acquire_many(all)).await.is_err() {
            tracing::warn!("stopped with requests unanswered; their senders will repeat them");
        }
    }
}

impl Limits {
    /// A request takes no longer than this, whatever the peer does.
    fn request_within(&self) -> Duration {
        self.header_within + self.body_within + self.answer_within
    }
}

/// One connection, up to its end.
async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router, limits: Limits, mut stopped: watch::Receiver<()>) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_within)
        .max_buf_size(BUFFER_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            }
            return;
        }
        // The sender is only ever dropped.
        _ = stopped.changed() => {}
        () = sleep(limits.connection_within) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(limits.request_within(), connection).await;
}
