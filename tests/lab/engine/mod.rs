//! The Docker engine: the one that answers, else one of our own; and what the lab does with it.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    container::LogOutput,
    exec::{CreateExecOptions, StartExecResults},
    query_parameters::RemoveContainerOptionsBuilder,
};
use futures_util::TryStreamExt as _;

use super::{Context as _, Error, Result, Run, run};

mod footprint;
mod image;
mod lease;
mod own;
mod sweep;

pub use image::Recipe;
use lease::Lease;

/// Everything the lab makes in an engine carries these two labels.
pub const LABEL: &str = "heald-lab";
pub const RUN_LABEL: &str = "heald-lab-run";

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

pub struct Engine {
    docker: Docker,
    socket: PathBuf,
    run: String,
    /// Held while we use the lab's own engine; the last holder on the machine stops it.
    lease: Mutex<Option<Lease>>,
}

/// What a command inside a container said.
#[derive(Debug)]
pub struct Output {
    pub code: i64,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Its standard output without the last newline, or an error with everything it printed.
    pub fn ok(self) -> Result<String> {
        if self.code == 0 {
            Ok(self.stdout.trim_end().to_owned())
        } else {
            Err(Error::new(format!("exit code {}: {}{}", self.code, self.stdout, self.stderr)))
        }
    }
}

impl Engine {
    /// `DOCKER_HOST`, then the default socket, then the lab's own engine, which is started if it
    /// does not run yet. An engine that runs but can't be reached is an error: a second one
    /// beside it would take its bridge away.
    pub async fn find_or_start(run: &Run) -> Result<Self> {
        let run_id = run.id().to_owned();
        if let Some(host) = std::env::var_os("DOCKER_HOST").filter(|host| !host.is_empty()) {
            let host = host.to_string_lossy().into_owned();
            let path = host
                .strip_prefix("unix://")
                .ok_or_else(|| Error::new(format!("DOCKER_HOST={host}: the lab needs an engine on this machine (unix://…)")))?;
            let docker = connect(Path::new(path))
                .await
                .context(format!("DOCKER_HOST={host} does not answer; start that engine or unset it"))?;
            return Self::at(docker, path.into(), run_id, None).await;
        }
        if let Ok(docker) = connect(Path::new(DEFAULT_SOCKET)).await {
            return Self::at(docker, DEFAULT_SOCKET.into(), run_id, None).await;
        }
        let lease = tokio::task::spawn_blocking(Lease::take).await??;
        let socket = lease.socket().to_owned();
        let docker = connect(&socket).await.context("the lab's own engine")?;
        Self::at(docker, socket, run_id, Some(lease)).await
    }

    async fn at(docker: Docker, socket: PathBuf, run: String, lease: Option<Lease>) -> Result<Self> {
        let engine = Self { docker, socket, run, lease: Mutex::new(lease) };
        engine.sweep().await?;
        Ok(engine)
    }

    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether this engine was started by the lab and will be stopped by it.
    pub fn is_own(&self) -> bool {
        self.lease.lock().expect("no holder panics").is_some()
    }

    pub fn run_id(&self) -> &str {
        &self.run
    }

    /// Runs `command` (an argument vector, no shell) in a running container.
    pub async fn exec(&self, container: &str, command: &[&str]) -> Result<Output> {
        let what = || format!("{container}: {}", command.join(" "));
        let exec = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let id = self.docker.create_exec(container, exec).await.with_context(what)?.id;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let started = self.docker.start_exec(&id, None).await.with_context(what)?;
        if let StartExecResults::Attached { mut output, .. } = started {
            while let Some(part) = output.try_next().await.with_context(what)? {
                match part {
                    LogOutput::StdErr { message } => stderr.extend_from_slice(&message),
                    other => stdout.extend_from_slice(&other.into_bytes()),
                }
            }
        }
        let code = self.docker.inspect_exec(&id).await?.exit_code;
        Ok(Output {
            code: code.ok_or_else(|| Error::new(format!("{}: no exit code", what())))?,
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }

    /// Removes every container of this run, and the images, networks and volumes that bear its label.
    pub async fn remove_all(&self) -> Result<()> {
        let run = self.run.clone();
        self.remove_where(|owner| owner == run).await
    }

    /// Removes what runs left behind whose process was killed.
    async fn sweep(&self) -> Result<()> {
        self.remove_where(|owner| !run::is_live(owner)).await
    }

    /// Kills and removes one container; one that is already gone is fine.
    pub async fn remove(&self, container: &str) -> Result<()> {
        let force = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.docker.remove_container(container, Some(force)).await {
            Ok(()) => Ok(()),
            Err(error) if is_status(&error, &[404, 409]) => Ok(()),
            Err(error) => Err(error).context(format!("remove container {container}")),
        }
    }

    /// Removes this run's containers, then lets go of the engine.
    pub async fn release(&self) -> Result<()> {
        let removed = self.remove_all().await;
        let lease = self.lease.lock().expect("no holder panics").take();
        let released = match lease {
            Some(lease) => tokio::task::spawn_blocking(move || lease.release()).await?,
            None => Ok(()),
        };
        removed.and(released)
    }
}

pub fn is_status(error: &bollard::errors::Error, codes: &[u16]) -> bool {
    matches!(error, bollard::errors::Error::DockerResponseServerError { status_code, .. }
        if codes.contains(status_code))
}

async fn connect(socket: &Path) -> Result<Docker> {
    let path = socket.to_string_lossy();
    let docker = Docker::connect_with_unix(&path, 120, API_DEFAULT_VERSION)?;
    tokio::time::timeout(Duration::from_secs(10), docker.ping())
        .await
        .map_err(|_| Error::new(format!("{path} took the connection but did not answer in 10 s")))??;
    Ok(docker)
}

/// Removes what killed runs left in the lab's own engine, and stops that engine if nobody uses
/// it; used by `lab down`. Engines that are not ours are swept when a run next uses them.
pub async fn sweep_own() -> Result<()> {
    let Some(lease) = tokio::task::spawn_blocking(Lease::take_running).await?? else {
        return Ok(());
    };
    let socket = lease.socket().to_owned();
    let docker = connect(&socket).await?;
    Engine::at(docker, socket, String::new(), Some(lease)).await?.release().await
}
