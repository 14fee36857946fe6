//! What breaks as a container. Their names bear the run's id, since the engine is shared; the drills are told them by
//! `drills: vars:`. They live in the machine's network, so that their ports are the machine's.

use std::collections::BTreeMap;
use std::path::Path;

use crate::lab::{Container, Host, Result, Stack, Victim};

pub struct Containers(BTreeMap<&'static str, Container>);

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
        Ok(Self(all))
    }

    pub fn named(&self, plain: &str) -> &Container {
        &self.0[plain]
    }

    /// Plain name and the lab's.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(plain, container)| (*plain, container.name()))
    }

    pub async fn start_all(&self) -> Result<()> {
        for container in self.0.values() {
            if container.status().await? == "paused" {
                container.unpause().await?;
            }
            container.start().await?;
        }
        Ok(())
    }

    pub async fn remove(&self) -> Result<()> {
        for container in self.0.values() {
            container.remove().await?;
        }
        Ok(())
    }
}
