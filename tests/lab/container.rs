//! Containers that tests break and heald repairs.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bollard::{
    models::{ContainerCreateBody, HealthConfig, HostConfig, RestartPolicy, RestartPolicyNameEnum},
    query_parameters::{
        CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder, RestartContainerOptions,
        StartContainerOptions, StopContainerOptionsBuilder,
    },
};
use serde_json::Value;

use super::{
    Context as _, Engine, Output, Result,
    engine::{LABEL, RUN_LABEL},
    wait_for,
};

pub struct Container {
    engine: Arc<Engine>,
    name: String,
}

/// A victim: the lab's image, a shell script or a program as PID 1, no network unless one is named.
#[derive(Clone, Debug)]
pub struct Victim {
    pub script: String,
    pub restart: Option<RestartPolicyNameEnum>,
    pub memory: Option<i64>,
    /// A shell command, looked at every second, unhealthy after one failure.
    pub health: Option<String>,
    pub labels: HashMap<String, String>,
    /// In place of the script.
    pub command: Vec<String>,
    /// `/here:/there:ro`
    pub binds: Vec<String>,
    /// The engine's name for it; none where nothing is said.
    pub network: Option<String>,
}

impl Default for Victim {
    /// Runs until told to end, and then ends at once with exit code 0.
    fn default() -> Self {
        Self {
            script: "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done".into(),
            restart: None,
            memory: None,
            health: None,
            labels: HashMap::new(),
            command: Vec::new(),
            binds: Vec::new(),
            network: None,
        }
    }
}

impl Victim {
    pub async fn start(self, engine: &Arc<Engine>, image: &str, name: &str) -> Result<Container> {
        let health = self.health.map(|command| HealthConfig {
            test: Some(vec!["CMD-SHELL".into(), command]),
            interval: Some(1_000_000_000),
            timeout: Some(5_000_000_000),
            retries: Some(1),
            ..Default::default()
        });
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: Some(if self.command.is_empty() { vec!["sh".into(), "-c".into(), self.script] } else { self.command }),
            labels: Some(self.labels),
            healthcheck: health,
            host_config: Some(HostConfig {
                network_mode: self.network.or_else(|| Some("none".into())),
                binds: Some(self.binds),
                memory: self.memory,
                restart_policy: self.restart.map(|name| RestartPolicy { name: Some(name), maximum_retry_count: None }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let container = Container::create(engine, name, body).await?;
        container.start().await?;
        Ok(container)
    }
}

impl Container {
    pub(super) async fn create(engine: &Arc<Engine>, name: &str, mut body: ContainerCreateBody) -> Result<Self> {
        let labels = body.labels.get_or_insert_default();
        labels.insert(LABEL.into(), "1".into());
        labels.insert(RUN_LABEL.into(), engine.run_id().to_owned());
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        let created = engine.docker().create_container(Some(options), body).await;
        created.with_context(|| format!("create container {name}"))?;
        Ok(Self { engine: engine.clone(), name: name.to_owned() })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub async fn start(&self) -> Result<()> {
        let started = self.engine.docker().start_container(&self.name, None::<StartContainerOptions>);
        started.await.with_context(|| format!("start container {}", self.name))
    }

    /// As a person does: the engine sends SIGTERM and remembers the wish.
    pub async fn stop(&self) -> Result<()> {
        let options = StopContainerOptionsBuilder::default().t(5).build();
        let stopped = self.engine.docker().stop_container(&self.name, Some(options));
        stopped.await.with_context(|| format!("stop container {}", self.name))
    }

    /// As a fault does.
    pub async fn kill(&self, signal: &str) -> Result<()> {
        let options = KillContainerOptionsBuilder::default().signal(signal).build();
        let killed = self.engine.docker().kill_container(&self.name, Some(options));
        killed.await.with_context(|| format!("send {signal} to container {}", self.name))
    }

    pub async fn restart(&self) -> Result<()> {
        let restarted = self.engine.docker().restart_container(&self.name, None::<RestartContainerOptions>);
        restarted.await.with_context(|| format!("restart container {}", self.name))
    }

    pub async fn pause(&self) -> Result<()> {
        self.engine.docker().pause_container(&self.name).await.context("pause")
    }

    pub async fn unpause(&self) -> Result<()> {
        self.engine.docker().unpause_container(&self.name).await.context("unpause")
    }

    /// All that `docker inspect` knows, e.g. `["State"]["Status"]`, `["State"]["StartedAt"]`,
    /// `["RestartCount"]`.
    pub async fn inspect(&self) -> Result<Value> {
        let seen = self.engine.docker().inspect_container(&self.name, None::<InspectContainerOptions>);
        Ok(serde_json::to_value(seen.await.with_context(|| format!("inspect {}", self.name))?)?)
    }

    /// `created`, `running`, `paused`, `restarting` or `exited`.
    pub async fn status(&self) -> Result<String> {
        Ok(self.inspect().await?["State"]["Status"].as_str().unwrap_or_default().to_owned())
    }

    pub async fn started_at(&self) -> Result<String> {
        Ok(self.inspect().await?["State"]["StartedAt"].as_str().unwrap_or_default().to_owned())
    }

    pub async fn wait_until(&self, status: &str, limit: Duration) -> Result<()> {
        wait_for(&format!("container {} {status}", self.name), limit, async || {
            let now = self.status().await?;
            if now == status { Ok(()) } else { Err(now.into()) }
        })
        .await
    }

    pub async fn exec(&self, command: &[&str]) -> Result<Output> {
        self.engine.exec(&self.name, command).await
    }

    pub async fn remove(&self) -> Result<()> {
        self.engine.remove(&self.name).await
    }
}

pub(super) fn tmpfs(points: &[&str]) -> HashMap<String, String> {
    points.iter().map(|&point| (point.to_owned(), String::new())).collect()
}
