//! `port.hold`: a stranger on a port.

use super::{FaultKind, Held, Mark, Undo, said};
use crate::link::Tools;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The drill itself listens on the port, so that whoever owns it finds it taken by a stranger.
///
/// It waits up to 10 s for the port to be free: kill its owner before. Undone by letting it go, also when the drill dies.
///
/// ```yaml
/// - systemd.kill: { unit: web.service }
/// - port.hold: { address: "127.0.0.1:8080" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// An address of this host and a port.
    address: String,
}

const FREE_MAX: Duration = Duration::from_secs(10);
const TRY_EVERY: Duration = Duration::from_millis(50);

impl Hold {
    fn address(&self) -> Result<SocketAddr, String> {
        match self.address.parse::<SocketAddr>() {
            Ok(address) if address.port() > 0 => Ok(address),
            _ => Err(format!("{:?} is no address of this host: write 127.0.0.1:8080", crate::domain::target::cut(&self.address))),
        }
    }
}

impl FaultKind for Hold {
    const KIND: &'static str = "port.hold";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        self.address()?;
        Ok(vec![Mark::Address(self.address.clone())])
    }

    fn prepare<'a>(&'a self, _: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move { Ok(Undo::Nothing) }.boxed()
    }

    fn inject<'a>(&'a self, _: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let (address, until) = (self.address()?, Instant::now() + FREE_MAX);
            loop {
                match TcpListener::bind(address) {
                    Ok(listener) => return Ok(Some(Box::new(listener) as Box<dyn std::any::Any + Send>)),
                    Err(error) if Instant::now() >= until => return Err(format!("{address}: {}", said(error))),
                    Err(_) => sleep(TRY_EVERY).await,
                }
            }
        }
        .boxed()
    }
}
