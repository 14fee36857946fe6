//! `http: { get: URL, status: 200 }`.
//!
//! A refused connection, a wrong status and no answer in time are failures: so it looks to the
//! service's users. A name that can't be resolved, and a heald without sockets, are not: repairing the
//! service would not help.

use super::Verdict;
use crate::domain::look::ProbeVerdict;
use crate::domain::target::AllowList;
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::http::{Call, CallError, RawCall, Statuses};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A probe only reads: no method that may change something.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    get: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Statuses>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

#[derive(Clone, Debug)]
pub(super) struct Http {
    /// Boxed: a call is far larger than any other kind.
    call: Box<Call>,
}

/// Shorter than an action's: a verification asks many times.
const TIMEOUT: Span = Span(Duration::from_secs(5));
/// A look may overrun its time by as much.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

// === impl Params ===

impl Params {
    pub(super) fn check(&self) -> Result<(), String> {
        match self.timeout {
            Some(limit) if limit.0 > TIMEOUT_MAX => Err(format!("timeout {limit} is out of range: 1ms to 30s")),
            _ => self.call().check(),
        }
    }

    pub(super) fn parse(&self) -> Result<Http, String> {
        self.check()?;
        Ok(Http { call: Box::new(self.call().parse()?) })
    }

    fn call(&self) -> RawCall {
        let Self { get, head, headers, status, timeout } = self.clone();
        RawCall { get, head, headers, status, timeout: timeout.or(Some(TIMEOUT)), ..RawCall::default() }
    }
}

// === impl Http ===

impl Http {
    pub(super) fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.call.admit(allow)
    }

    pub(super) async fn ask(&self, tools: &Tools) -> Verdict {
        match self.call.send(&tools.http, &tools.allow.now()).await {
            Ok(answer) if answer.expected => (ProbeVerdict::Pass, format!("answered {}", answer.status)),
            Ok(answer) => (ProbeVerdict::Fail, format!("answered {}", answer.status)),
            Err(error @ (CallError::NotAllowed(_) | CallError::NoWay(_))) => (ProbeVerdict::Unknown, error.to_string()),
            Err(error @ (CallError::NoConnection(_) | CallError::NoAnswer(_))) => (ProbeVerdict::Fail, error.to_string()),
        }
    }
}
