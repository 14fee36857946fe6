//! `redis.purge_expired`: what is over is removed now, not when Redis comes by.

use super::{Act, Call, Form, Server, StepKind, check, failed, number};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::AllowList;
use crate::link::LinkError;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Looks at each key of a Redis or Valkey once (SCAN and TTL), which has it remove those whose time is over.
///
/// No key with a life left is touched, and none counts as used. Redis removes such keys by itself, but samples: with many of
/// them it lags behind, and they fill its memory. A replica does not remove keys: there it is refused. It ends after
/// `keys_max` keys or its time, and says so; what was done until then stays. Only database 0 is looked at.
/// `register:` keeps `purged`, `listed` (keys that live), `complete`, `used_memory_before`, `used_memory`.
///
/// ```yaml
/// - redis.purge_expired: { address: "127.0.0.1:6379" }
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
    /// 1 to 100000000; 1000000 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keys_max: Option<u64>,
}

#[derive(Debug)]
struct Purge {
    server: Server,
    keys_max: u64,
}

/// About two million keys on a machine of today.
const DEADLINE: Duration = Duration::from_secs(60);
/// Of it, for what is asked afterwards.
const RESERVE: Duration = Duration::from_secs(5);
const KEYS_MAX: u64 = 1_000_000;

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "redis.purge_expired";

    fn form(&self) -> Result<Form, String> {
        check(&self.address, self.password_file.as_ref())?;
        match self.keys_max {
            Some(most) if !(1..=100_000_000).contains(&most) => Err(format!("keys_max {most} is out of range: 1 to 100000000")),
            // What it removes was gone for every client already.
            _ => Ok(Form::new(StepObject::Nothing, Risk::Idempotent, DEADLINE)),
        }
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        let server = Server { address: self.address, user: self.user, password_file: self.password_file };
        Ok(Box::new(Purge { server, keys_max: self.keys_max.unwrap_or(KEYS_MAX) }))
    }
}

// === impl Act for Purge ===

impl Act for Purge {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.server.admit(allow)
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async move { self.purge(call).await.unwrap_or_else(|acted| acted) }.boxed()
    }
}

// === impl Purge ===

impl Purge {
    async fn purge(&self, call: &Call<'_>) -> Result<Acted, Acted> {
        let mut redis = self.server.connect(call, call.deadline).await?;
        let before = redis.info().await.map_err(failed)?;
        if before.get("role").is_some_and(|role| role != "master") {
            let why = format!("{}: a replica removes no keys by itself: ask its primary", self.server.address);
            return Err(Acted::new(ActOutcome::Impossible(Impossible::Refused), why));
        }
        let until = call.deadline.checked_sub(RESERVE).unwrap_or_else(Instant::now);
        let purged =
            redis.purge_expired(self.keys_max, until, |asked| call.progress.say(format!("about {asked} keys looked at"))).await;
        // Batches before the error are done: it is tried again as a whole.
        let purged = purged.map_err(LinkError::into_acted)?;
        let after = redis.info().await.map_err(failed)?;
        let count = |name| number(&after, name).unwrap_or_default();
        let expired = count("expired_keys").saturating_sub(number(&before, "expired_keys").unwrap_or_default());
        let rest = if purged.complete { "" } else { ", not all: its limit was reached" };
        let words = format!("{expired} keys were over and are gone, {} live{rest}", purged.listed);
        Ok(Acted::new(ActOutcome::Done, words).knowing(json!({
            "purged": expired,
            "listed": purged.listed,
            "complete": purged.complete,
            "used_memory_before": number(&before, "used_memory"),
            "used_memory": count("used_memory"),
        })))
    }
}
