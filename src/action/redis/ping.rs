//! `redis.ping`

use super::{Act, Call, Form, Server, StepKind, check, failed};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::target::AllowList;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::{Duration, Instant};

/// Pings a Redis or Valkey. It changes nothing. `register:` keeps `ms`.
///
/// ```yaml
/// - redis.ping: { address: "127.0.0.1:6379", password_file: /etc/heald/redis-password }
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
}

#[derive(Debug)]
struct Ping(Server);

const DEADLINE: Duration = Duration::from_secs(10);

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "redis.ping";

    fn form(&self) -> Result<Form, String> {
        check(&self.address, self.password_file.as_ref())?;
        Ok(Form::reads(DEADLINE))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Ping(Server { address: self.address, user: self.user, password_file: self.password_file })))
    }
}

// === impl Act for Ping ===

impl Act for Ping {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.0.admit(allow)
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async move {
            let start = Instant::now();
            let mut redis = match self.0.connect(call, call.deadline).await {
                Ok(redis) => redis,
                Err(acted) => return acted,
            };
            match redis.ping().await {
                Ok(()) => {
                    let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                    Acted::new(ActOutcome::Done, format!("PONG after {ms} ms")).knowing(json!({ "ms": ms }))
                }
                Err(error) => failed(error),
            }
        }
        .boxed()
    }
}
