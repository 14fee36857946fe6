//! A Unix-socket forwarder: heald talks to the engine through it, so a test can cut heald off
//! while the engine goes on carrying the rest of the lab.

use std::path::{Path, PathBuf};

use tokio::{
    net::{UnixListener, UnixStream},
    sync::{Mutex, oneshot},
    task::{JoinHandle, JoinSet},
};

use super::{Context as _, Result};

pub struct Forwarder {
    socket: PathBuf,
    upstream: PathBuf,
    open: Mutex<Option<Open>>,
}

struct Open {
    close: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Forwarder {
    pub async fn open(socket: impl Into<PathBuf>, upstream: impl Into<PathBuf>) -> Result<Self> {
        let this = Self { socket: socket.into(), upstream: upstream.into(), open: Mutex::new(None) };
        this.restore().await?;
        Ok(this)
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Removes the socket and breaks every live connection; returns when all of them are closed.
    pub async fn cut(&self) {
        if let Some(open) = self.open.lock().await.take() {
            let _ = open.close.send(());
            let _ = open.serving.await;
        }
    }

    pub async fn restore(&self) -> Result<()> {
        let mut open = self.open.lock().await;
        if open.is_some() {
            return Ok(());
        }
        let listener = UnixListener::bind(&self.socket).context(format!("listen on {}", self.socket.display()))?;
        let (close, closed) = oneshot::channel();
        let serving = tokio::spawn(serve(listener, self.socket.clone(), self.upstream.clone(), closed));
        *open = Some(Open { close, serving });
        Ok(())
    }
}

async fn serve(listener: UnixListener, socket: PathBuf, upstream: PathBuf, mut closed: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Also when the `Forwarder` is dropped.
            _ = &mut closed => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((mut client, _)) = accepted else { continue };
                let upstream = upstream.clone();
                connections.spawn(async move {
                    if let Ok(mut engine) = UnixStream::connect(&upstream).await {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
                    }
                });
            }
        }
    }
    let _ = std::fs::remove_file(&socket);
    drop(listener);
    connections.shutdown().await;
}
