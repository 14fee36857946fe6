//! What breaks as a container. Their names bear the run's id, since the engine is shared; the drills are told them by
//! `drills: vars:`. They live in the machine's network, so that their ports are the machine's.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use bollard::models::NetworkCreateRequest;

use crate::lab::{Container, Context as _, Host, LABEL, RUN_LABEL, Result, Stack, Victim};

pub struct Containers {
    all: BTreeMap<&'static str, Container>,
    network: String,
}

pub const PORTS: &[u16] = &[9710, 11435, 8000, 8188];

/// Plain name, command, limit of memory in MB.
const VICTIMS: [(&str, &str, i64); 5] = [
    ("valkey", "redis-server --port 6380 --bind 127.0.0.1", 128),
    ("heald-victim", "heald-victim --listen 127.0.0.1:9710", 128),
    ("heald-victim-ollama", "heald-victim --listen 127.0.0.1:11435 --api ollama --models llama3.2:3b,llama3:latest", 128),
    ("heald-victim-chroma", "heald-victim --listen 127.0.0.1:8000 --api chroma", 128),
    ("heald-victim-comfyui", "heald-victim --listen 127.0.0.1:8188 --api comfyui", 128),
];

impl Containers {
    pub async fn start(stack: &Stack, host: &Host, program: &Path, own: &str) -> Result<Self> {
        let mut all = BTreeMap::new();
        for (plain, command, memory) in VICTIMS {
            let victim = Victim {
                command: command.split(' ').map(str::to_owned).collect(),
                binds: vec![format!("{}:/usr/local/bin/heald-victim:ro", program.display())],
                network: Some(format!("container:{}", host.name())),
                memory: Some(memory << 20),
                ..Victim::default()
            };
            let name = format!("{plain}-{own}");
            all.insert(plain, victim.start(stack.engine(), stack.image(), &name).await?);
        }
        // One with a network to lose. The engine's sweep takes the network away with the run.
        let network = format!("heald-drill-{own}");
        let labels = HashMap::from([(LABEL.to_owned(), "1".to_owned()), (RUN_LABEL.to_owned(), stack.run().id().to_owned())]);
        let request = NetworkCreateRequest { name: network.clone(), labels: Some(labels), ..Default::default() };
        stack.engine().docker().create_network(request).await.with_context(|| format!("make network {network}"))?;
        let joined = Victim { network: Some(network.clone()), ..Victim::default() };
        all.insert("joined", joined.start(stack.engine(), stack.image(), &format!("heald-joined-{own}")).await?);
        Ok(Self { all, network })
    }

    pub fn named(&self, plain: &str) -> &Container {
        &self.all[plain]
    }

    pub fn network(&self) -> &str {
        &self.network
    }

    /// Plain name and the lab's.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.all.iter().map(|(plain, container)| (*plain, container.name()))
    }

    pub async fn start_all(&self) -> Result<()> {
        for container in self.all.values() {
            if container.status().await? == "paused" {
                container.unpause().await?;
            }
            container.start().await?;
        }
        Ok(())
    }

    pub async fn remove(&self) -> Result<()> {
        for container in self.all.values() {
            container.remove().await?;
        }
        Ok(())
    }
}
