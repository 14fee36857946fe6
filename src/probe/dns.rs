//! `dns`: a name resolves.

use super::{Look, ProbeKind, Verdict};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::{AllowList, cut};
use crate::domain::template::is_template;
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::admit_address;
use crate::link::dns::{self, DnsError};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// Passes when a name has an address, or the one that is given.
///
/// Without `server` it is resolved as the host does it; a `server` must stand under `targets: addresses:`. No answer, an answer
/// of the server's own failure and an unknown name are failures.
///
/// ```yaml
/// - dns: { name: example.org }
/// - dns: { name: nas.lan, server: "127.0.0.1:53", address: 192.0.2.7 }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// A host's name.
    name: String,
    /// `host:port`, as `targets: addresses:` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    /// One of the addresses that must come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// 1ms to 30s; 5s where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

#[derive(Debug)]
struct Dns {
    name: String,
    server: Option<String>,
    address: Option<IpAddr>,
    patience: Duration,
}

/// A probe's own patience: it is asked often, and a look may overrun its time by as much.
pub(super) fn patience(timeout: Option<Span>) -> Result<Duration, String> {
    match timeout {
        None => Ok(Duration::from_secs(5)),
        Some(Span(limit)) if !limit.is_zero() && limit <= Duration::from_secs(30) => Ok(limit),
        Some(limit) => Err(format!("timeout {limit} is out of range: 1ms to 30s")),
    }
}

// === impl Params ===

impl Params {
    fn address(&self) -> Result<Option<IpAddr>, String> {
        let read = |text: &String| text.parse().map_err(|_| format!("{:?} is no IP address", cut(text)));
        self.address.as_ref().map(read).transpose()
    }
}

// === impl ProbeKind for Params ===

impl ProbeKind for Params {
    const KIND: &'static str = "dns";

    fn form(&self) -> Result<StepObject, String> {
        if !is_template(&self.name) {
            dns::check_name(&self.name)?;
        }
        if !self.address.as_deref().is_some_and(is_template) {
            self.address()?;
        }
        patience(self.timeout)?;
        Ok(StepObject::Nothing)
    }

    fn ready(self, _: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        dns::check_name(&self.name)?;
        let (address, patience) = (self.address()?, patience(self.timeout)?);
        Ok(Box::new(Dns { name: self.name, server: self.server, address, patience }))
    }
}

// === impl Look for Dns ===

impl Look for Dns {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.server.as_ref().map_or(Ok(()), |server| admit_address(server, allow))
    }

    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        self.resolve(tools).boxed()
    }
}

// === impl Dns ===

impl Dns {
    async fn resolve(&self, tools: &Tools) -> Verdict {
        if let Err(why) = self.admit(&tools.allow.now()) {
            return (ProbeVerdict::Unknown, why);
        }
        match dns::lookup(&self.name, self.server.as_deref(), self.patience).await {
            Ok(found) => {
                let fits = self.address.is_none_or(|wanted| found.contains(&wanted));
                let shown: Vec<String> = found.iter().take(5).map(ToString::to_string).collect();
                let verdict = if fits { ProbeVerdict::Pass } else { ProbeVerdict::Fail };
                (verdict, format!("{} is {}", self.name, shown.join(", ")))
            }
            Err(error @ DnsError::NotAsked(_)) => (ProbeVerdict::Unknown, error.to_string()),
            Err(error) => (ProbeVerdict::Fail, error.to_string()),
        }
    }
}
