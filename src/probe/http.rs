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
use crate::link::expect::Expectations;
use crate::link::http::{Call, CallError, RawCall, Statuses};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Passes when a URL of the allow-list answers with the expected status. Redirects are not followed.
///
/// `expect` is asked of the answer as JSON, read up to 1 MiB: what does not hold is a failure, and so is an answer that took
/// longer than `latency_max`.
///
/// Nobody listening, or no answer in time, is a failure; a name that can't be resolved is unknown.
///
/// ```yaml
/// - http: { get: "http://127.0.0.1:8080/health", status: 200, latency_max: 2s }
/// - http: { get: "http://127.0.0.1:11434/api/tags", expect: { "$.models[*].name": "{{ vars.model }}" } }
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
    /// What the answer, read as JSON, must hold: JSONPath (RFC 9535) → value or condition. `"$.models[*].name": qwen3` holds
    /// when some selected value is that; conditions are `is`, `is_not`, `at_least`, `at_most`, `matches`, `exists`.
    #[serde(default, alias = "json", skip_serializing_if = "Expectations::is_empty")]
    expect: Expectations,
    /// An answer that takes longer is a failure: below `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency_max: Option<Span>,
    /// For the whole call: 1ms to 30s; 5s where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

#[derive(Clone, Debug)]
struct Http {
    /// Boxed: a call is far larger than any other kind.
    call: Box<Call>,
    latency_max: Option<Span>,
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
            limit if self.latency_max.is_some_and(|most| most.0.is_zero() || most.0 >= limit.unwrap_or(TIMEOUT).0) => {
                Err(format!("latency_max must be above 0s and below the timeout of {}", limit.unwrap_or(TIMEOUT)))
            }
            _ => self.call().check(),
        }
    }

    fn call(&self) -> RawCall {
        let Self { get, head, headers, status, expect, latency_max: _, timeout } = self.clone();
        RawCall { get, head, headers, status, expect, timeout: timeout.or(Some(TIMEOUT)), ..RawCall::default() }
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
        Ok(Box::new(Http { call: Box::new(self.call().parse()?), latency_max: self.latency_max }))
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
        match self.call.send(&tools.http, &tools.allow.now(), false, &drop).await {
            Ok(answer) => match self.latency_max {
                Some(most) if answer.is_expected() && answer.took > most.0 => {
                    (ProbeVerdict::Fail, format!("{} after {} ms, more than {most}", answer.words(), answer.took.as_millis()))
                }
                _ if answer.is_expected() => (ProbeVerdict::Pass, answer.words()),
                _ => (ProbeVerdict::Fail, answer.words()),
            },
            Err(error @ (CallError::NotAllowed(_) | CallError::NoWay(_))) => (ProbeVerdict::Unknown, error.to_string()),
            Err(error @ (CallError::NoConnection(_) | CallError::NoAnswer(_))) => (ProbeVerdict::Fail, error.to_string()),
        }
    }
}
