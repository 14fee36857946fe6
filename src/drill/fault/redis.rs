//! `redis.fill`: a Redis whose memory is full.

use super::{FaultKind, Held, Mark, Undo, deadline, said};
use crate::link::Tools;
use crate::link::redis::Redis;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes keys `heald-drill:*` until Redis uses its `maxmemory`. Undone by removing them.
///
/// A Redis without `maxmemory` is refused: it would take the host's. Keys are those of the first database, and no password is
/// given.
///
/// ```yaml
/// - redis.fill: { address: "127.0.0.1:6379" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fill {
    address: String,
}

pub(super) const PREFIX: &str = "heald-drill:";
/// More is no drill.
const MEMORY_MAX: u64 = 4 << 30;

impl FaultKind for Fill {
    const KIND: &'static str = "redis.fill";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        Ok(vec![Mark::Address(self.address.clone())])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        let _ = tools;
        async move {
            let mut redis = Redis::connect(&self.address, None, deadline()).await.map_err(said)?;
            let limit = redis.info().await.map_err(said)?.get("maxmemory").and_then(|text| text.parse::<u64>().ok());
            match limit {
                Some(1..=MEMORY_MAX) => Ok(Undo::DropKeys { address: self.address.clone() }),
                Some(0) | None => Err("it has no maxmemory: filling it would fill the host".to_owned()),
                Some(_) => Err("its maxmemory is larger than 4 GiB: too much for a drill".to_owned()),
            }
        }
        .boxed()
    }

    fn inject<'a>(&'a self, _: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let mut redis = Redis::connect(&self.address, None, deadline()).await.map_err(said)?;
            redis.fill(PREFIX, MEMORY_MAX).await.map(|_| None).map_err(said)
        }
        .boxed()
    }
}
