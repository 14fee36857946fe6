//! `command`: a program of this host that breaks something, and one that mends it.

use super::{FaultKind, Held, Mark, Undo};
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::command::{check_no_code, check_program};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Runs a program, without a shell. It must end with 0. Undone by the program under `undo`.
///
/// ```yaml
/// - command:
///     argv: [/usr/sbin/ip, link, set, dummy0, down]
///     undo: [/usr/sbin/ip, link, set, dummy0, up]
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The first is an absolute path, under `drills: allowed: commands:`.
    argv: Vec<String>,
    /// What undoes it. Left out where there is nothing to undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo: Option<Vec<String>>,
    /// For each of them: 30s where it is left out, 10m at most.
    #[serde(default = "timeout")]
    timeout: Span,
}

const TIMEOUT_MAX: Duration = Duration::from_secs(600);

fn timeout() -> Span {
    Span(Duration::from_secs(30))
}

fn mark(argv: &[String]) -> Result<Mark, String> {
    let program = argv.first().ok_or("argv is empty: name a program")?;
    check_program(program)?;
    check_no_code(argv)?;
    Ok(Mark::Command(program.clone()))
}

impl FaultKind for Run {
    const KIND: &'static str = "command";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        if self.timeout.0.is_zero() || self.timeout.0 > TIMEOUT_MAX {
            return Err(format!("timeout {} is out of range: 1ms to 10m", self.timeout));
        }
        let undo = self.undo.as_ref().map(|argv| mark(argv).map_err(|why| format!("undo: {why}"))).transpose()?;
        Ok([mark(&self.argv)?].into_iter().chain(undo).collect())
    }

    fn prepare<'a>(&'a self, _: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        let undo = self.undo.clone().map_or(Undo::Nothing, |argv| Undo::Run { argv, timeout: self.timeout });
        async move { Ok(undo) }.boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move { super::undo::run(tools, &self.argv, self.timeout.0).await.map(|_| None) }.boxed()
    }
}
