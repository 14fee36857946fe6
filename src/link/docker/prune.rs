//! What nobody uses goes: stopped containers, images, build cache, volumes.
//!
//! Containers and volumes are removed one by one, because the engine's own pruning counts a container's age from when it was
//! made, not from when it stopped, and knows nothing of what heald keeps and repairs. Nothing is ever forced.

use super::blueprint::{ASIDE, FROM, was_started};
use super::raw::{Ask, id, name_of};
use super::{Docker, LinkError, clock};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Which of them.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Younger ones stay.
    pub older_than: Option<Duration>,
    /// `key` or `key=value`; one must bear them all.
    pub labels: Vec<String>,
    /// Containers that are never removed, by name.
    pub containers: BTreeSet<String>,
}

/// What went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// As the engine counts them; of volumes it does not say.
    pub bytes: u64,
    /// Names, or ids where there are none.
    pub removed: Vec<String>,
    /// Names, with the reason why the engine would not.
    pub refused: Vec<String>,
    /// Those that fit and that there was no time for.
    pub left: usize,
}

/// For one removal.
const ONE_MAX: Duration = Duration::from_secs(60);

// === impl Docker ===

impl Docker {
    /// Containers that have ended, by the time since they did.
    ///
    /// # Errors
    /// Those of the way.
    pub async fn prune_containers(&self, kept: &Kept, deadline: Instant) -> Result<Pruned, LinkError> {
        // No container may be half made while it looks.
        let _alone = self.swaps.lock().await;
        let filters = json!({ "status": ["exited", "dead", "created"] }).to_string();
        let query = [("all", "true"), ("size", "true"), ("filters", filters.as_str())];
        let listed = self.send(Ask::get(&["containers", "json"]).with(&query)).await?;
        let mut pruned = Pruned::default();
        for one in listed.as_array().into_iter().flatten() {
            let Some(container) = self.find(id(one)).await? else { continue };
            if !is_over(&container, kept, clock::wall()) {
                continue;
            }
            if Instant::now() + ONE_MAX > deadline {
                pruned.left += 1;
                continue;
            }
            let name = name_of(&container).to_owned();
            match self.send(Ask::delete(&["containers", id(&container)], ONE_MAX)).await {
                Ok(_) => {
                    pruned.bytes += one["SizeRw"].as_u64().unwrap_or_default();
                    pruned.removed.push(name);
                }
                Err(LinkError::Missing(_)) => {}
                Err(error) if error.is_blind() => return Err(error),
                Err(error) => pruned.refused.push(error.to_string()),
            }
        }
        Ok(pruned)
    }

    /// Images that no container uses, running or not; only those without a name, unless `all`.
    ///
    /// # Errors
    /// Those of the way.
    pub async fn prune_images(&self, kept: &Kept, all: bool, deadline: Instant) -> Result<Pruned, LinkError> {
        let mut filters = kept.filters();
        filters.insert("dangling".to_owned(), json!([if all { "false" } else { "true" }]));
        let said = self.ask_prune(&["images", "prune"], &[("filters", &Value::Object(filters).to_string())], deadline).await?;
        let gone = said["ImagesDeleted"].as_array().into_iter().flatten();
        let removed = gone.filter_map(|image| image["Untagged"].as_str().or(image["Deleted"].as_str()).map(str::to_owned));
        Ok(Pruned { bytes: bytes(&said), removed: removed.collect(), ..Pruned::default() })
    }

    /// What builds keep.
    ///
    /// # Errors
    /// Those of the way.
    pub async fn prune_build_cache(&self, kept: &Kept, all: bool, deadline: Instant) -> Result<Pruned, LinkError> {
        // Build cache bears no labels.
        let mut filters = kept.filters();
        filters.remove("label");
        let filters = Value::Object(filters).to_string();
        let all = if all { "true" } else { "false" };
        let said = self.ask_prune(&["build", "prune"], &[("all", all), ("filters", &filters)], deadline).await?;
        let gone = said["CachesDeleted"].as_array().into_iter().flatten();
        let removed = gone.filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Pruned { bytes: bytes(&said), removed, ..Pruned::default() })
    }

    /// Volumes that no container uses, running or not, by the time since they were made.
    ///
    /// # Errors
    /// Those of the way.
    pub async fn prune_volumes(&self, kept: &Kept, deadline: Instant) -> Result<Pruned, LinkError> {
        let _alone = self.swaps.lock().await;
        let filters = json!({ "dangling": ["true"] }).to_string();
        let listed = self.send(Ask::get(&["volumes"]).with(&[("filters", &filters)])).await?;
        let mut pruned = Pruned::default();
        for volume in listed["Volumes"].as_array().into_iter().flatten() {
            let Some(name) = volume["Name"].as_str() else { continue };
            let old = kept.is_old(&volume["CreatedAt"], clock::wall());
            if !old || !kept.bears_all(&volume["Labels"]) {
                continue;
            }
            if Instant::now() + ONE_MAX > deadline {
                pruned.left += 1;
                continue;
            }
            match self.send(Ask::delete(&["volumes", name], ONE_MAX)).await {
                Ok(_) => pruned.removed.push(name.to_owned()),
                Err(LinkError::Missing(_)) => {}
                Err(error) if error.is_blind() => return Err(error),
                Err(error) => pruned.refused.push(error.to_string()),
            }
        }
        Ok(pruned)
    }

    async fn ask_prune(&self, path: &[&str], query: &[(&str, &str)], deadline: Instant) -> Result<Value, LinkError> {
        let limit = deadline.saturating_duration_since(Instant::now());
        self.send(Ask::post(path, limit).with(query)).await
    }
}

fn bytes(said: &Value) -> u64 {
    said["SpaceReclaimed"].as_u64().unwrap_or_default()
}

/// Down for long enough, and nobody's to look after.
fn is_over(container: &Value, kept: &Kept, now: Timestamp) -> bool {
    let name = name_of(container);
    let state = &container["State"];
    let since = if was_started(container) { &state["FinishedAt"] } else { &container["Created"] };
    let labels = &container["Config"]["Labels"];
    // Half of a change: the old one that heald keeps, or a new one that was not started yet.
    let half = name.ends_with(ASIDE) || !was_started(container) && !labels[FROM].is_null();
    let down = matches!(state["Status"].as_str(), Some("exited" | "dead" | "created"));
    down && !half && !kept.containers.contains(name) && kept.is_old(since, now) && kept.bears_all(labels)
}

// === impl Kept ===

impl Kept {
    fn filters(&self) -> Map<String, Value> {
        let mut filters = Map::new();
        if let Some(age) = self.older_than {
            filters.insert("until".to_owned(), json!([format!("{}s", age.as_secs())]));
        }
        if !self.labels.is_empty() {
            filters.insert("label".to_owned(), json!(self.labels));
        }
        filters
    }

    /// What has no age that could be read is young.
    fn is_old(&self, at: &Value, now: Timestamp) -> bool {
        let Some(least) = self.older_than else { return true };
        let Some(at) = at.as_str().and_then(|at| at.parse::<Timestamp>().ok()) else { return false };
        Duration::try_from(now.duration_since(at)).is_ok_and(|age| age >= least)
    }

    fn bears_all(&self, labels: &Value) -> bool {
        self.labels.iter().all(|wanted| match wanted.split_once('=') {
            Some((key, value)) => labels[key] == value,
            None => !labels[wanted.as_str()].is_null(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, status: &str, finished: &str) -> Value {
        json!({
            "Name": format!("/{name}"), "Created": "2026-11-01T00:00:00.5Z",
            "State": { "Status": status, "StartedAt": "2026-11-01T00:00:01Z", "FinishedAt": finished },
            "Config": { "Labels": { "purpose": "batch" } },
        })
    }

    #[test]
    fn only_what_is_over_and_nobodys_goes() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let kept = Kept {
            older_than: Some(Duration::from_secs(86_400)),
            labels: vec!["purpose=batch".to_owned()],
            containers: ["shop".to_owned()].into(),
        };
        let long_ago = "2026-11-20T12:00:00Z";
        assert!(is_over(&container("job", "exited", long_ago), &kept, now));
        for (one, why) in [
            (container("job", "exited", "2026-11-22T11:00:00Z"), "it ended an hour ago, whenever it was made"),
            (container("job", "running", long_ago), "it runs"),
            (container("job", "paused", long_ago), "it is paused"),
            (container("shop", "exited", long_ago), "heald repairs it"),
            (container("shop-heald-old", "exited", long_ago), "heald keeps it"),
            (container("job", "exited", "never"), "its age can't be read"),
        ] {
            assert!(!is_over(&one, &kept, now), "{why}");
        }
        let mut unborn = container("job", "created", "0001-01-01T00:00:00Z");
        unborn["State"]["StartedAt"] = json!("0001-01-01T00:00:00Z");
        assert!(is_over(&unborn, &kept, now), "made three weeks ago and never started");
        unborn["Config"]["Labels"][FROM] = json!("5f2d");
        assert!(!is_over(&unborn, &kept, now), "a new one that heald has not started yet");
        let mut other = container("job", "exited", long_ago);
        other["Config"]["Labels"]["purpose"] = json!("shop");
        assert!(!is_over(&other, &kept, now), "another label");
        let any = Kept { labels: vec!["purpose".to_owned()], ..Kept::default() };
        assert!(is_over(&other, &any, now));
    }
}
