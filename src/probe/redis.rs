//! `redis`: it answers, and takes writes where that is asked.

use super::dns::patience;
use super::{Look, ProbeKind, Verdict};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::AllowList;
use crate::domain::time::Span;
use crate::link::redis::{Login, Redis};
use crate::link::{LinkError, Tools, admit_address, secret};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

/// Passes when a Redis or Valkey answers PING with PONG, has room, and takes a write, as far as that is asked for.
///
/// Nobody listening, no answer in time, and an answer such as LOADING are failures. A password that is not taken, and a name
/// that can't be resolved, are unknown: a restart would not help.
///
/// ```yaml
/// - redis: { address: "127.0.0.1:6379" }
/// - redis: { address: "127.0.0.1:6379", used_max: 90, write: true }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// `host:port`, as `targets: addresses:` has it.
    address: String,
    /// Of its access list; `default` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// An absolute path; the file must not be readable by everybody. No template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_file: Option<String>,
    /// More of its `maxmemory` in use is a failure: percent, 1 to 100. Without a `maxmemory` there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_max: Option<u8>,
    /// It must also take a write: the key `heald:probe` in database 0, which lives for a second.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    write: bool,
    /// 1ms to 30s; 5s where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

#[derive(Debug)]
struct Ping {
    params: Params,
    patience: Duration,
}

// === impl ProbeKind for Params ===

impl ProbeKind for Params {
    const KIND: &'static str = "redis";

    fn form(&self) -> Result<StepObject, String> {
        patience(self.timeout)?;
        self.password_file.as_deref().map_or(Ok(()), secret::check)?;
        match self.used_max {
            Some(most) if !(1..=100).contains(&most) => Err(format!("used_max {most} is out of range: 1 to 100 percent")),
            _ => Ok(StepObject::Nothing),
        }
    }

    fn ready(self, _: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        self.form()?;
        Ok(Box::new(Ping { patience: patience(self.timeout)?, params: self }))
    }
}

// === impl Look for Ping ===

impl Look for Ping {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        admit_address(&self.params.address, allow)
    }

    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        async move {
            if let Err(why) = self.admit(&tools.allow.now()) {
                return (ProbeVerdict::Unknown, why);
            }
            match self.ping().await {
                Ok(verdict) => verdict,
                Err(error @ (LinkError::Denied(_) | LinkError::Unknown(_))) => (ProbeVerdict::Unknown, error.to_string()),
                Err(error) => (ProbeVerdict::Fail, error.to_string()),
            }
        }
        .boxed()
    }
}

// === impl Ping ===

impl Ping {
    async fn ping(&self) -> Result<Verdict, LinkError> {
        let Params { address, user, password_file, used_max, write, .. } = &self.params;
        let password = password_file.as_deref().map(secret::read).transpose().map_err(LinkError::Denied)?;
        let login = password.as_deref().map(|password| Login { user: user.as_deref(), password });
        let mut redis = Redis::connect(address, login, Instant::now() + self.patience).await?;
        redis.ping().await?;
        let mut words = "PONG".to_owned();
        if let Some(most) = used_max {
            let info = redis.info().await?;
            let number = |name| info.get(name).and_then(|value| value.parse::<u64>().ok());
            let (Some(used), Some(limit)) = (number("used_memory"), number("maxmemory")) else {
                return Ok((ProbeVerdict::Unknown, "INFO does not tell how much memory is used".to_owned()));
            };
            let percent = used.saturating_mul(100).checked_div(limit);
            words = percent.map_or(format!("PONG, used {used} bytes without a limit"), |percent| {
                format!("PONG, used {percent} % of {limit} bytes")
            });
            if percent.is_some_and(|percent| percent > u64::from(*most)) {
                return Ok((ProbeVerdict::Fail, words));
            }
        }
        if *write {
            redis.write().await?;
            words += ", took a write";
        }
        Ok((ProbeVerdict::Pass, words))
    }
}
