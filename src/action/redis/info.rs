//! `redis.info`: how full it is, and who it is.

use super::{Act, Call, Form, Server, StepKind, check, failed, number, used_percent};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::target::AllowList;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Reads `INFO` of a Redis or Valkey. It changes nothing.
///
/// `register:` keeps `used_memory`, `maxmemory`, `used_percent` (where there is a limit), `maxmemory_policy`, `keys`, `expired_keys`,
/// `evicted_keys`, `connected_clients`, `role`, `uptime_in_seconds`, `redis_version`.
///
/// ```yaml
/// - redis.info: { address: "127.0.0.1:6379" }
///   register: redis
/// - redis.purge_expired: { address: "127.0.0.1:6379" }
///   when: steps.redis.used_percent > 90
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
struct Info(Server);

const DEADLINE: Duration = Duration::from_secs(10);

/// What is told by number.
const NUMBERS: [&str; 6] = ["used_memory", "maxmemory", "expired_keys", "evicted_keys", "connected_clients", "uptime_in_seconds"];
const WORDS: [&str; 3] = ["maxmemory_policy", "role", "redis_version"];

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "redis.info";

    fn form(&self) -> Result<Form, String> {
        check(&self.address, self.password_file.as_ref())?;
        Ok(Form::reads(DEADLINE))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.form()?;
        Ok(Box::new(Info(Server { address: self.address, user: self.user, password_file: self.password_file })))
    }
}

// === impl Act for Info ===

impl Act for Info {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.0.admit(allow)
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async move {
            let mut redis = match self.0.connect(call, call.deadline).await {
                Ok(redis) => redis,
                Err(acted) => return acted,
            };
            match redis.info().await {
                Ok(info) => Acted::new(ActOutcome::Done, words(&info)).knowing(facts(&info)),
                Err(error) => failed(error),
            }
        }
        .boxed()
    }
}

/// `used 95 % of 1048576 bytes, noeviction, 812 keys`
fn words(info: &BTreeMap<String, String>) -> String {
    let used = match (used_percent(info), number(info, "maxmemory"), number(info, "used_memory")) {
        (Some(percent), Some(most), _) => format!("used {percent} % of {most} bytes"),
        (_, _, used) => format!("used {} bytes, no limit", used.unwrap_or_default()),
    };
    let policy = info.get("maxmemory_policy").map_or("", String::as_str);
    format!("{used}, {policy}, {} keys", keys(info))
}

fn facts(info: &BTreeMap<String, String>) -> Value {
    let mut facts = Map::new();
    for name in NUMBERS {
        facts.extend(number(info, name).map(|value| (name.to_owned(), value.into())));
    }
    for name in WORDS {
        facts.extend(info.get(name).map(|value| (name.to_owned(), value.as_str().into())));
    }
    facts.extend(used_percent(info).map(|percent| ("used_percent".to_owned(), percent.into())));
    facts.insert("keys".to_owned(), keys(info).into());
    Value::Object(facts)
}

/// Of all its databases: `db0:keys=1,expires=0,avg_ttl=0`.
fn keys(info: &BTreeMap<String, String>) -> u64 {
    let databases = info.iter().filter(|(name, _)| name.strip_prefix("db").is_some_and(|rest| rest.parse::<u32>().is_ok()));
    let count = |text: &str| text.split(',').find_map(|pair| pair.strip_prefix("keys=")?.parse::<u64>().ok());
    databases.filter_map(|(_, text)| count(text)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_told() {
        let pairs = [
            ("used_memory", "950"),
            ("maxmemory", "1000"),
            ("maxmemory_policy", "noeviction"),
            ("role", "master"),
            ("db0", "keys=7,expires=2,avg_ttl=0"),
            ("db12", "keys=5,expires=0,avg_ttl=0"),
            ("dbsize_x", "keys=1"),
        ];
        let mut info: BTreeMap<String, String> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(words(&info), "used 95 % of 1000 bytes, noeviction, 12 keys");
        assert_eq!(facts(&info)["used_percent"], 95);
        assert_eq!(facts(&info)["role"], "master");
        info.insert("maxmemory".to_owned(), "0".to_owned());
        assert_eq!(words(&info), "used 950 bytes, no limit, noeviction, 12 keys");
        assert!(facts(&info).get("used_percent").is_none());
    }
}
