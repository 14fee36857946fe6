//! `docker.kill`, `docker.pause`, `docker.memory`, `docker.detach`.

use super::{FaultKind, Held, Mark, Undo, said};
use crate::domain::size::Size;
use crate::domain::target::TargetKind;
use crate::link::Tools;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sends a signal to a container's first process. To the engine that is a fault, not a wish. Undone by its start.
///
/// ```yaml
/// - docker.kill: { container: shop }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    container: String,
    /// By name; SIGKILL where it is left out.
    #[serde(default = "kill")]
    signal: String,
}

/// Freezes all processes of a container. Undone by its going on.
///
/// heald takes a pause that is not its own for a person's, and leaves it to people: expect `refused` or `escalated`.
///
/// ```yaml
/// - docker.pause: { container: shop }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    container: String,
}

/// Gives a running container another memory limit, without swap beside it; the kernel ends it where it already uses more.
/// Undone by the limit that it had; one that has none is refused, because the engine can't take a limit away.
///
/// ```yaml
/// - docker.memory: { container: shop, limit: 16MiB }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    container: String,
    /// 6 MiB at least, as the engine has it.
    limit: Size,
}

/// Takes a container out of a network. Undone by attaching it again, under its aliases.
///
/// ```yaml
/// - docker.detach: { container: shop, network: backend }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Detach {
    container: String,
    /// Also under `drills: allowed: networks:`.
    network: String,
}

const MEMORY_MIN: u64 = 6 << 20;

fn kill() -> String {
    "SIGKILL".to_owned()
}

fn mark(container: &str) -> Result<Mark, String> {
    Mark::of(TargetKind::Container, container)
}

async fn must_run(tools: &Tools, container: &str) -> Result<(), String> {
    let now = tools.docker.container(container).await.map_err(said)?;
    if now.is_up() { Ok(()) } else { Err(format!("{container} is {}: there is nothing to break", now.words())) }
}

impl FaultKind for Kill {
    const KIND: &'static str = "docker.kill";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        crate::link::process::signal::signal(&self.signal)?;
        Ok(vec![mark(&self.container)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            must_run(tools, &self.container).await?;
            Ok(Undo::StartContainer { container: self.container.clone() })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move { tools.docker.signal(&self.container, &self.signal).await.map(|()| None).map_err(said) }.boxed()
    }
}

impl FaultKind for Pause {
    const KIND: &'static str = "docker.pause";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        Ok(vec![mark(&self.container)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            must_run(tools, &self.container).await?;
            Ok(Undo::Unpause { container: self.container.clone() })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            match tools.docker.pause(&self.container).await.map_err(said)? {
                true => Ok(None),
                false => Err("it was paused already".to_owned()),
            }
        }
        .boxed()
    }
}

impl FaultKind for Memory {
    const KIND: &'static str = "docker.memory";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        if self.limit.0 < MEMORY_MIN {
            return Err(format!("limit {} is out of range: 6MiB at least", self.limit));
        }
        Ok(vec![mark(&self.container)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            must_run(tools, &self.container).await?;
            let (memory, swap) = tools.docker.memory(&self.container).await.map_err(said)?;
            if memory <= 0 {
                let what = "it has no memory limit, and the engine can't take one away again: give it one of its own first";
                return Err(format!("{}: {what}", self.container));
            }
            Ok(Undo::Memory { container: self.container.clone(), memory, swap })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let limit = i64::try_from(self.limit.0).map_err(said)?;
            tools.docker.set_memory(&self.container, limit, limit).await.map(|()| None).map_err(said)
        }
        .boxed()
    }
}

impl FaultKind for Detach {
    const KIND: &'static str = "docker.detach";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        Ok(vec![mark(&self.container)?, Mark::Network(self.network.clone())])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            let Some(aliases) = tools.docker.aliases(&self.container, &self.network).await.map_err(said)? else {
                return Err(format!("{} is not in {}", self.container, self.network));
            };
            Ok(Undo::Attach { container: self.container.clone(), network: self.network.clone(), aliases })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move { tools.docker.detach(&self.container, &self.network).await.map(|()| None).map_err(said) }.boxed()
    }
}
