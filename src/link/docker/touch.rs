//! The small effects: a signal, a pause, its end, a network.

use super::calls::SMALL_MAX;
use super::raw::{Ask, id};
use super::{Docker, LinkError, Status};
use serde_json::{Value, json};

// === impl Docker ===

impl Docker {
    /// `signal` as in `SIGTERM`. To the engine this is a fault, not a wish: its restart policy applies.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where it does not run.
    pub async fn signal(&self, name: &str, signal: &str) -> Result<(), LinkError> {
        let container = self.inspect(name).await.map_err(LinkError::before_sending)?.container;
        if !matches!(container.status, Status::Running | Status::Paused) {
            return Err(LinkError::Refused(format!("{name}: it does not run ({})", container.words())));
        }
        let path = ["containers", container.id.as_str(), "kill"];
        self.send(Ask::post(&path, SMALL_MAX).with(&[("signal", signal)])).await.map(drop)
    }

    /// Whether it was running until now; a pause that is there already stays whose it is.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where it does not run.
    pub async fn pause(&self, name: &str) -> Result<bool, LinkError> {
        let container = self.inspect(name).await.map_err(LinkError::before_sending)?.container;
        match container.status {
            Status::Paused => return Ok(false),
            Status::Running => {}
            _ => return Err(LinkError::Refused(format!("{name}: it does not run ({})", container.words()))),
        }
        // Before the call: who looks in between must not take it for a person's.
        self.pauses().insert(container.id.clone(), container.started_at.clone());
        let answer = self.send(Ask::post(&["containers", &container.id, "pause"], SMALL_MAX)).await.map(drop);
        if answer.as_ref().is_err_and(|error| !error.is_blind()) {
            self.pauses().remove(&container.id);
        }
        answer.map(|()| true)
    }

    /// Whether it was paused until now. The engine answers 500 for one that is not.
    ///
    /// # Errors
    /// [`LinkError::Missing`] and those of the way.
    pub async fn unpause(&self, name: &str) -> Result<bool, LinkError> {
        let container = self.inspect(name).await.map_err(LinkError::before_sending)?.container;
        if container.status != Status::Paused {
            return Ok(false);
        }
        self.send(Ask::post(&["containers", &container.id, "unpause"], SMALL_MAX)).await?;
        self.pauses().remove(&container.id);
        Ok(true)
    }

    /// Whether it was not attached until now. What it is attached to stays as it is, aliases included.
    ///
    /// # Errors
    /// [`LinkError::Missing`] where there is no such container or network.
    pub async fn attach(&self, name: &str, network: &str, aliases: &[String]) -> Result<bool, LinkError> {
        let Some(container) = self.find(name).await? else {
            return Err(LinkError::Missing(format!("{name}: no container of that name")));
        };
        if is_member(&container, network) {
            return Ok(false);
        }
        let body = json!({ "Container": id(&container), "EndpointConfig": { "Aliases": aliases } });
        self.send(Ask::post(&["networks", network, "connect"], SMALL_MAX).json(&body)).await?;
        Ok(true)
    }

    /// The names of the networks that it is attached to, sorted.
    ///
    /// # Errors
    /// [`LinkError::Missing`] and those of the way.
    pub async fn networks(&self, name: &str) -> Result<Vec<String>, LinkError> {
        let Some(container) = self.find(name).await? else {
            return Err(LinkError::Missing(format!("{name}: no container of that name")));
        };
        let networks = container["NetworkSettings"]["Networks"].as_object();
        let mut names: Vec<String> = networks.into_iter().flat_map(|all| all.keys().cloned()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Takes it out of a network.
    ///
    /// # Errors
    /// [`LinkError::Missing`] where there is no such container or network.
    pub async fn detach(&self, name: &str, network: &str) -> Result<(), LinkError> {
        let Some(container) = self.find(name).await? else {
            return Err(LinkError::Missing(format!("{name}: no container of that name")));
        };
        let body = json!({ "Container": id(&container), "Force": true });
        self.send(Ask::post(&["networks", network, "disconnect"], SMALL_MAX).json(&body)).await.map(drop)
    }

    /// Under which names it is known in a network, but those that the engine gives; `None`: it is not in it.
    ///
    /// # Errors
    /// [`LinkError::Missing`] and those of the way.
    pub async fn aliases(&self, name: &str, network: &str) -> Result<Option<Vec<String>>, LinkError> {
        let Some(container) = self.find(name).await? else {
            return Err(LinkError::Missing(format!("{name}: no container of that name")));
        };
        if !is_member(&container, network) {
            return Ok(None);
        }
        let aliases = container["NetworkSettings"]["Networks"][network]["Aliases"].as_array();
        let own = id(&container);
        let aliases = aliases.into_iter().flatten().filter_map(Value::as_str).filter(|alias| !own.starts_with(alias));
        Ok(Some(aliases.map(str::to_owned).collect()))
    }

    /// Its limits in bytes: memory, and memory with swap; 0 is none, and for swap -1.
    ///
    /// # Errors
    /// [`LinkError::Missing`] and those of the way.
    pub async fn memory(&self, name: &str) -> Result<(i64, i64), LinkError> {
        let Some(container) = self.find(name).await? else {
            return Err(LinkError::Missing(format!("{name}: no container of that name")));
        };
        let limit = |key: &str| container["HostConfig"][key].as_i64().unwrap_or(0);
        Ok((limit("Memory"), limit("MemorySwap")))
    }

    /// Changes what [`Docker::memory`] reads, of a running container too. No limit of memory and swap together is asked for
    /// as -1; the memory's own limit can't be taken away.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where the engine or the kernel says no.
    pub async fn set_memory(&self, name: &str, memory: i64, swap: i64) -> Result<(), LinkError> {
        let Some(container) = self.find(name).await? else {
            return Err(LinkError::Missing(format!("{name}: no container of that name")));
        };
        let body = json!({ "Memory": memory, "MemorySwap": if swap <= 0 { -1 } else { swap } });
        self.send(Ask::post(&["containers", id(&container), "update"], SMALL_MAX).json(&body)).await.map(drop)
    }
}

fn is_member(container: &Value, network: &str) -> bool {
    container["NetworkSettings"]["Networks"].get(network).is_some()
}
