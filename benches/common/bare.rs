//! The references: a bare hyper server that keeps what it is sent, and the disk alone.
//!
//! The server does what no honest receiver of alerts can do without: it takes the
//! body, appends it to a file, and answers when the file is synced. One thread syncs
//! for all that waits. It does not look at what it takes.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Set for the process that is the server.
const ROLE: &str = "HEALD_BENCH_BARE";

type Job = (Bytes, oneshot::Sender<()>);

/// A process of its own, as heald is.
pub struct Bare {
    child: Child,
    pub address: SocketAddr,
}

impl Bare {
    pub fn start(folder: &Path) -> Self {
        let address = super::daemon::free_address();
        let child = Command::new(std::env::current_exe().expect("this bench"))
            .env(ROLE, format!("{address} {}", folder.join("bodies").display()))
            .stdin(Stdio::null())
            .spawn()
            .expect("the bare server starts");
        while std::net::TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Self { child, address }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// To be called first in `main`: in the server's process it does not return.
pub fn be_server_if_asked() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (address, file) = role.split_once(' ').expect("an address and a file");
    let mut file = File::options().create(true).append(true).open(file).expect("the file");
    let (sender, mut jobs) = mpsc::channel::<Job>(1_024);
    std::thread::spawn(move || {
        while let Some(first) = jobs.blocking_recv() {
            let mut round = vec![first];
            while let Ok(job) = jobs.try_recv() {
                round.push(job);
            }
            let bytes: Vec<u8> = round.iter().flat_map(|(body, _)| body.iter().copied()).collect();
            file.write_all(&bytes).expect("room on the disk");
            file.sync_data().expect("a disk");
            for (_, reply) in round {
                // The client has gone.
                let _ = reply.send(());
            }
        }
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(listen(address.parse().expect("an address"), sender));
}

async fn listen(address: SocketAddr, jobs: mpsc::Sender<Job>) {
    let listener = tokio::net::TcpListener::bind(address).await.expect("the port");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let jobs = jobs.clone();
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let jobs = jobs.clone();
                async move {
                    let body = request.into_body().collect().await?.to_bytes();
                    let (reply, done) = oneshot::channel();
                    drop(jobs.send((body, reply)).await);
                    drop(done.await);
                    Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from_static(b"{}"))))
                }
            });
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// One write of `bytes` and one `fdatasync` after the other; each one's time.
pub fn disk(folder: &Path, bytes: usize, for_: Duration) -> Vec<Duration> {
    let mut file = File::create(folder.join("disk")).expect("a file");
    let (block, until) = (vec![b'x'; bytes], Instant::now() + for_);
    let mut times = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        file.write_all(&block).expect("room on the disk");
        file.sync_data().expect("a disk");
        times.push(began.elapsed());
    }
    times
}
