//! How a fault is taken back: a record that is written down before the fault is injected, and that anybody can carry out later.
//!
//! Each is safe to carry out twice, and leaves alone what somebody has repaired meanwhile.

use super::{deadline, said};
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::beneath::Ground;
use crate::link::command::{Command, End};
use crate::link::docker::{Status, Verb as DockerVerb};
use crate::link::http::RawCall;
use crate::link::process::signal::signal;
use crate::link::redis::Redis;
use crate::link::systemd::{Verb, Whom};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "undo", rename_all = "snake_case")]
pub enum Undo {
    /// It ends with the process that holds it, or nothing is left of it.
    Nothing,
    /// It ran before; what is stopped or frozen runs again.
    StartUnit {
        unit: String,
        frozen: bool,
    },
    StartContainer {
        container: String,
    },
    Unpause {
        container: String,
    },
    /// Bytes; of memory and swap together 0 or -1 is no limit.
    Memory {
        container: String,
        memory: i64,
        swap: i64,
    },
    Attach {
        container: String,
        network: String,
        aliases: Vec<String>,
    },
    StartProgram {
        program: String,
    },
    Continue {
        pidfile: String,
    },
    /// Files that the drill made.
    Remove {
        paths: Vec<String>,
    },
    /// `keep` is the original; `spoilt` tells what the drill wrote from what somebody repaired.
    PutBack {
        path: String,
        keep: String,
        spoilt: super::keep::Spoilt,
        mode: u32,
        user: u32,
        group: u32,
    },
    RenameBack {
        path: String,
        aside: String,
    },
    /// When it was last changed: seconds since 1970 and nanoseconds. `to`: what the drill made of it.
    Modified {
        path: String,
        seconds: i64,
        nanos: i64,
        to: i64,
    },
    DropKeys {
        address: String,
    },
    Http {
        call: Box<super::http::Answering>,
    },
    Run {
        argv: Vec<String>,
        timeout: Span,
    },
}

const START_GRACE: Duration = Duration::from_secs(10);

// === impl Undo ===

impl Undo {
    /// Carries it out; what was done, in words.
    ///
    /// # Errors
    /// Why it is not undone.
    pub async fn run(&self, tools: &Tools) -> Result<String, String> {
        match self {
            Self::Nothing => Ok("nothing was left of it".to_owned()),
            Self::StartUnit { unit, frozen } => start_unit(tools, unit, *frozen).await,
            Self::StartContainer { container } => start_container(tools, container).await,
            Self::Unpause { container } => match tools.docker.unpause(container).await.map_err(said)? {
                true => Ok(format!("{container} goes on")),
                false => Ok(format!("{container} was not paused any more")),
            },
            Self::Memory { container, memory, swap } => {
                tools.docker.set_memory(container, *memory, *swap).await.map_err(said)?;
                Ok(format!("{container} has its memory limit again"))
            }
            Self::Attach { container, network, aliases } => {
                let aliases: Vec<String> = aliases.clone();
                match tools.docker.attach(container, network, &aliases).await.map_err(said)? {
                    true => Ok(format!("{container} is in {network} again")),
                    false => Ok(format!("{container} was in {network} already")),
                }
            }
            Self::StartProgram { program } => {
                let Some(supervisor) = &tools.supervisor else { return Err("no supervisord is configured".to_owned()) };
                supervisor.begin(program, deadline()).await.map_err(said)?;
                Ok(format!("{program} is started"))
            }
            Self::Continue { pidfile } => {
                super::process::send(tools, pidfile, signal("SIGCONT")?)?;
                Ok(format!("the process of {pidfile} goes on"))
            }
            Self::Remove { paths } => remove(tools, paths),
            Self::PutBack { .. } => super::keep::put_back(tools, self),
            Self::RenameBack { path, aside } => super::keep::rename_back(tools, path, aside),
            Self::Modified { path, seconds, nanos, to } => super::keep::modified_back(tools, path, (*seconds, *nanos), *to),
            Self::DropKeys { address } => {
                let mut redis = Redis::connect(address, None, deadline()).await.map_err(said)?;
                let gone = redis.drop_keys(super::redis::PREFIX).await.map_err(said)?;
                Ok(format!("{gone} keys of the drill are gone"))
            }
            Self::Http { call } => call.send(tools).await,
            Self::Run { argv, timeout } => run(tools, argv, timeout.0).await,
        }
    }
}

async fn start_unit(tools: &Tools, unit: &str, frozen: bool) -> Result<String, String> {
    if frozen {
        tools.systemd.kill(unit, Whom::All, signal("SIGCONT")?, deadline()).await.map_err(said)?;
    }
    let now = tools.systemd.unit(unit).await.map_err(said)?;
    // Somebody is at it already.
    if now.is_up() || matches!(now.active.as_str(), "activating" | "reloading") {
        return Ok(format!("{unit} is {}", now.words()));
    }
    drop(tools.systemd.reset_failed(&now.id, deadline()).await);
    let ended = tools.systemd.job(Verb::Start, &now.id, deadline()).await.map_err(said)?;
    Ok(format!("{unit} was started by the drill: {ended:?}"))
}

async fn start_container(tools: &Tools, container: &str) -> Result<String, String> {
    let now = tools.docker.container(container).await.map_err(said)?;
    match now.status {
        Status::Running | Status::Restarting => Ok(format!("{container} runs")),
        Status::Paused => {
            tools.docker.unpause(container).await.map_err(said)?;
            Ok(format!("{container} goes on"))
        }
        _ => {
            tools.docker.act(DockerVerb::Start, container, deadline() + START_GRACE).await.map_err(said)?;
            Ok(format!("{container} was started by the drill"))
        }
    }
}

fn remove(tools: &Tools, paths: &[String]) -> Result<String, String> {
    let ground = Ground::with_databases(tools.allow.now());
    let mut gone = 0;
    for path in paths {
        gone += usize::from(ground.place(path).and_then(|place| place.remove_if_there()).map_err(said)?);
    }
    Ok(format!("{gone} of {} files of the drill were still there and are gone", paths.len()))
}

/// Runs a program to its end.
pub(super) async fn run(tools: &Tools, argv: &[String], timeout: Duration) -> Result<String, String> {
    crate::link::admit_command(argv, &tools.allow.now())?;
    let command = Command { argv: argv.to_vec(), user: None, env: std::collections::BTreeMap::new(), output_max: 4_096 };
    let ended = command.run(tokio::time::Instant::now() + timeout).await.map_err(said)?;
    match ended.how {
        End::Exit(0) => Ok(format!("{} ended well", argv.join(" "))),
        how => Err(format!("{} ended with {how:?}: {}", argv.join(" "), said(ended.output))),
    }
}

/// The call of an undo.
pub(super) async fn call(tools: &Tools, raw: &RawCall) -> Result<String, String> {
    let call = raw.parse()?;
    let answer = call.send(&tools.http, &tools.allow.now(), true, &|_| {}).await.map_err(said)?;
    if answer.is_expected() { Ok(answer.words()) } else { Err(answer.words()) }
}
