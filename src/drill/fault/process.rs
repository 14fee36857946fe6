//! `systemd.kill`, `supervisor.stop`, `process.kill`.

use super::{FaultKind, Held, Mark, Undo, deadline, said};
use crate::domain::target::TargetKind;
use crate::link::Tools;
use crate::link::beneath::Ground;
use crate::link::process::Id;
use crate::link::process::send as processes;
use crate::link::process::signal::{asks_to_end, signal};
use crate::link::systemd::Whom;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rustix::process::Signal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::Read as _;

/// Sends a signal to all processes of a unit, as `systemctl kill` does.
///
/// Undone by a start of the unit where it ran before and does not run again; after SIGSTOP by SIGCONT.
///
/// ```yaml
/// - systemd.kill: { unit: web.service }
/// - systemd.kill: { unit: web.service, signal: SIGSTOP }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemdKill {
    unit: String,
    /// By name; SIGKILL where it is left out.
    #[serde(default = "kill")]
    signal: String,
}

/// Stops a program of supervisord, as `supervisorctl stop` does. Undone by its start.
///
/// supervisord can't say who stopped a program, so heald leaves one that is STOPPED to people: expect `refused`.
///
/// ```yaml
/// - supervisor.stop: { program: worker }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SupervisorStop {
    program: String,
}

/// Sends a signal to the process whose pid a file holds. Undone after SIGSTOP by SIGCONT; a process that ended is for heald, or
/// for whoever supervises it, to start again.
///
/// ```yaml
/// - process.kill: { pidfile: /run/worker/worker.pid, signal: SIGKILL }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessKill {
    /// Below a folder under `drills: allowed: paths:`.
    pidfile: String,
    /// By name; SIGKILL where it is left out.
    #[serde(default = "kill")]
    signal: String,
}

/// A pid is a few digits.
const PIDFILE_MAX: u64 = 64;

fn kill() -> String {
    "SIGKILL".to_owned()
}

impl FaultKind for SystemdKill {
    const KIND: &'static str = "systemd.kill";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        signal(&self.signal)?;
        Ok(vec![Mark::of(TargetKind::Unit, &self.unit)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            let now = tools.systemd.unit(&self.unit).await.map_err(said)?;
            if !now.is_up() {
                return Err(format!("{} is {}: there is nothing to kill", self.unit, now.words()));
            }
            Ok(Undo::StartUnit { unit: self.unit.clone(), frozen: signal(&self.signal)? == Signal::STOP })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let id = tools.systemd.unit(&self.unit).await.map_err(said)?.id;
            tools.systemd.kill(&id, Whom::All, signal(&self.signal)?, deadline()).await.map_err(said)?;
            Ok(None)
        }
        .boxed()
    }
}

impl FaultKind for SupervisorStop {
    const KIND: &'static str = "supervisor.stop";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        Ok(vec![Mark::of(TargetKind::Program, &self.program)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            let Some(supervisor) = &tools.supervisor else { return Err("no supervisord is configured".to_owned()) };
            let now = supervisor.program(&self.program).await.map_err(said)?;
            if now.pid == 0 {
                return Err(format!("{} is {}: there is nothing to stop", self.program, now.words()));
            }
            Ok(Undo::StartProgram { program: self.program.clone() })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let Some(supervisor) = &tools.supervisor else { return Err("no supervisord is configured".to_owned()) };
            supervisor.stop(&self.program, deadline()).await.map_err(said)?;
            Ok(None)
        }
        .boxed()
    }
}

impl FaultKind for ProcessKill {
    const KIND: &'static str = "process.kill";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        signal(&self.signal)?;
        Ok(vec![Mark::of(TargetKind::Path, &self.pidfile)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            find(tools, &self.pidfile)?;
            let signal = signal(&self.signal)?;
            Ok(match signal {
                Signal::STOP => Undo::Continue { pidfile: self.pidfile.clone() },
                _ => Undo::Nothing,
            })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let signal = signal(&self.signal)?;
            match send(tools, &self.pidfile, signal)? {
                false if asks_to_end(signal) => Err("it had ended before".to_owned()),
                _ => Ok(None),
            }
        }
        .boxed()
    }
}

/// The process that the file names now.
fn find(tools: &Tools, pidfile: &str) -> Result<Id, String> {
    let place = Ground::new(tools.allow.now()).place(pidfile).map_err(said)?;
    let seen = place.present().map_err(said)?;
    let mut text = String::new();
    place.open(&seen).map_err(said)?.take(PIDFILE_MAX).read_to_string(&mut text).map_err(said)?;
    let pid: i32 = text.trim().parse().map_err(|_| format!("{pidfile} holds no pid"))?;
    let stat = procfs::process::Process::new(pid).and_then(|process| process.stat());
    let stat = stat.map_err(|error| format!("pid {pid} of {pidfile} can't be looked at: {error}"))?;
    Ok(Id { pid, started: stat.starttime })
}

/// Whether there was one to send it to.
pub(super) fn send(tools: &Tools, pidfile: &str, signal: Signal) -> Result<bool, String> {
    let id = find(tools, pidfile)?;
    processes::send(id, signal).map(|sent| sent.is_some()).map_err(said)
}
