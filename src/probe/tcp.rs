//! `tcp: { address: "127.0.0.1:80" }`: somebody takes the connection. Failures as in `http`.

use super::Verdict;
use crate::domain::look::ProbeVerdict;
use crate::domain::target::{AllowList, cut};
use crate::domain::template::is_template;
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::http::is_out_of_files;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

#[derive(Clone, Debug)]
pub(super) struct Tcp {
    address: String,
    timeout: Duration,
}

const TIMEOUT: Duration = Duration::from_secs(5);
/// A look may overrun its time by as much.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

// === impl Params ===

impl Params {
    pub(super) fn check(&self) -> Result<(), String> {
        if !is_template(&self.address) {
            check_address(&self.address)?;
        }
        let limit = self.limit();
        if limit.is_zero() || limit > TIMEOUT_MAX {
            return Err(format!("timeout {} is out of range: 1ms to 30s", Span(limit)));
        }
        Ok(())
    }

    pub(super) fn parse(&self) -> Result<Tcp, String> {
        self.check()?;
        check_address(&self.address)?;
        Ok(Tcp { address: self.address.clone(), timeout: self.limit() })
    }

    fn limit(&self) -> Duration {
        self.timeout.map_or(TIMEOUT, |span| span.0)
    }
}

fn check_address(text: &str) -> Result<(), String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0) => Ok(()),
        _ => Err(format!("{:?} is no host:port", cut(text))),
    }
}

// === impl Tcp ===

impl Tcp {
    pub(super) fn admit(&self, allow: &AllowList) -> Result<(), String> {
        if allow.addresses.contains(&self.address) {
            return Ok(());
        }
        let address = cut(&self.address);
        Err(format!(
            "{address} is not on the allow-list; to let heald connect to it, add it under `targets: addresses:` of the configuration"
        ))
    }

    pub(super) async fn ask(&self, tools: &Tools) -> Verdict {
        if let Err(why) = self.admit(&tools.allow.now()) {
            return (ProbeVerdict::Unknown, why);
        }
        timeout(self.timeout, self.connect())
            .await
            .unwrap_or_else(|_| (ProbeVerdict::Fail, format!("no connection within {}", Span(self.timeout))))
    }

    async fn connect(&self) -> Verdict {
        let addresses: Vec<_> = match lookup_host(&self.address).await {
            Ok(addresses) => addresses.collect(),
            Err(error) => return (ProbeVerdict::Unknown, format!("{} can't be resolved: {error}", cut(&self.address))),
        };
        match TcpStream::connect(addresses.as_slice()).await {
            Ok(_) => (ProbeVerdict::Pass, "connected".to_owned()),
            Err(error) if is_out_of_files(&error) => (ProbeVerdict::Unknown, format!("heald can't open a connection: {error}")),
            Err(error) => (ProbeVerdict::Fail, format!("no connection: {error}")),
        }
    }
}
