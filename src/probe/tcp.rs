//! `tcp: { address: "127.0.0.1:80" }`: somebody takes the connection. Failures as in `http`.

use super::{Look, ProbeKind, Verdict};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::{AllowList, cut};
use crate::domain::template::is_template;
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::http::is_out_of_files;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// Passes when somebody takes a connection at an address of the allow-list.
///
/// ```yaml
/// - tcp: { address: "127.0.0.1:6379" }
/// ```
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// `host:port`, as `targets: addresses:` has it.
    address: String,
    /// 1ms to 30s; 5s where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

#[derive(Clone, Debug)]
struct Tcp {
    address: String,
    timeout: Duration,
}

const TIMEOUT: Duration = Duration::from_secs(5);
/// A look may overrun its time by as much.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

// === impl Params ===

impl Params {
    fn check(&self) -> Result<(), String> {
        if !is_template(&self.address) {
            check_address(&self.address)?;
        }
        let limit = self.limit();
        if limit.is_zero() || limit > TIMEOUT_MAX {
            return Err(format!("timeout {} is out of range: 1ms to 30s", Span(limit)));
        }
        Ok(())
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

// === impl ProbeKind for Params ===

impl ProbeKind for Params {
    const KIND: &'static str = "tcp";

    fn form(&self) -> Result<StepObject, String> {
        self.check()?;
        Ok(StepObject::Nothing)
    }

    fn ready(self, _: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        self.check()?;
        check_address(&self.address)?;
        Ok(Box::new(Tcp { timeout: self.limit(), address: self.address }))
    }
}

// === impl Look for Tcp ===

impl Look for Tcp {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        if allow.addresses.contains(&self.address) {
            return Ok(());
        }
        let address = cut(&self.address);
        Err(format!(
            "{address} is not on the allow-list; to let heald connect to it, add it under `targets: addresses:` of the configuration"
        ))
    }

    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        self.knock(tools).boxed()
    }
}

// === impl Tcp ===

impl Tcp {
    async fn knock(&self, tools: &Tools) -> Verdict {
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
