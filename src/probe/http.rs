//! `http: { get: URL, status: 200 }`.
//!
//! A refused connection, a wrong status and no answer in time are failures: so it looks to the
//! service's users. A name that can't be resolved, and a heald without sockets, are not: repairing the
//! service would not help.

use super::{Look, ProbeKind, Verdict};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::AllowList;
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::http::{Call, CallError, RawCall, Statuses};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Passes when a URL of the allow-list answers with the expected status. Redirects are not followed.
///
/// Nobody listening, or no answer in time, is a failure; a name that can't be resolved is unknown.
///
/// ```yaml
/// - http: { get: "http://127.0.0.1:8080/health", status: 200 }
/// ```
// A probe only reads: no method that may change something.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    get: Option<String>,
    /// The URL; its body is not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    /// Request headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    /// The expected answers; any 2xx where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Statuses>,
    /// For the whole call: 1ms to 30s; 5s where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

#[derive(Clone, Debug)]
struct Http {
    /// Boxed: a call is far larger than any other kind.
    call: Box<Call>,
}

/// Shorter than an action's: a verification asks many times.
const TIMEOUT: Span = Span(Duration::from_secs(5));
/// A look may overrun its time by as much.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

// === impl Params ===

impl Params {
    fn check(&self) -> Result<(), String> {
        match self.timeout {
            Some(limit) if limit.0 > TIMEOUT_MAX => Err(format!("timeout {limit} is out of range: 1ms to 30s")),
            _ => self.call().check(),
        }
    }

    fn call(&self) -> RawCall {
        let Self { get, head, headers, status, timeout } = self.clone();
        RawCall { get, head, headers, status, timeout: timeout.or(Some(TIMEOUT)), ..RawCall::default() }
    }
}

// === impl ProbeKind for Params ===

impl ProbeKind for Params {
    const KIND: &'static str = "http";

    fn form(&self) -> Result<StepObject, String> {
        self.check()?;
        Ok(StepObject::Nothing)
    }

    fn ready(self, _: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        self.check()?;
        Ok(Box::new(Http { call: Box::new(self.call().parse()?) }))
    }
}

// === impl Look for Http ===

impl Look for Http {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.call.admit(allow)
    }

    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        self.call(tools).boxed()
    }
}

// === impl Http ===

impl Http {
    async fn call(&self, tools: &Tools) -> Verdict {
        match self.call.send(&tools.http, &tools.allow.now()).await {
            Ok(answer) if answer.expected => (ProbeVerdict::Pass, format!("answered {}", answer.status)),
            Ok(answer) => (ProbeVerdict::Fail, format!("answered {}", answer.status)),
            Err(error @ (CallError::NotAllowed(_) | CallError::NoWay(_))) => (ProbeVerdict::Unknown, error.to_string()),
            Err(error @ (CallError::NoConnection(_) | CallError::NoAnswer(_))) => (ProbeVerdict::Fail, error.to_string()),
        }
    }
}
