//! Containers, for `alert-rules/container.yml`.
//!
//! One call lists them all; what only an inspection tells comes from [`cache`], which asks as little as it
//! can without showing what is over. When the engine does not answer there is no container series at all: an
//! engine out of reach is not a list of dead containers.

mod cache;
mod text;

use super::page::{Family, Labels, value};
use super::{Collect, Seen};
use crate::link::LinkError;
use crate::link::docker::{Detail, Docker, Health, Listed, Status};
use cache::Cache;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub struct Containers {
    docker: Arc<Docker>,
    cache: Mutex<Cache>,
}

/// Inspections at a time: enough to hide the engine's waiting, not enough to crowd others out.
const AT_ONCE: usize = 16;
/// For all inspections of a scrape; what was not reached then is asked at the next one.
const INSPECTING_MAX: Duration = Duration::from_secs(2);

// === impl Containers ===

impl Containers {
    pub fn new(docker: Arc<Docker>) -> Self {
        Self { docker, cache: Mutex::default() }
    }

    /// By id, and how many containers have none although they are there.
    async fn details(&self, containers: &[Listed]) -> (HashMap<String, Detail>, usize) {
        let now = Instant::now();
        let wanted = self.cache().plan(containers, now);
        let ask = |id: String| async move { (self.docker.detail(&id).await, id) };
        let asked = stream::iter(wanted).map(ask).buffer_unordered(AT_ONCE).take_until(sleep(INSPECTING_MAX));
        let answers = asked.collect::<Vec<_>>().await;
        let listed: HashMap<&str, &Listed> = containers.iter().map(|one| (one.id.as_str(), one)).collect();
        let (mut details, mut gone) = (HashMap::new(), 0);
        let mut cache = self.cache();
        for (answer, id) in answers {
            match (answer, listed.get(id.as_str())) {
                (Ok(detail), Some(container)) => {
                    cache.learn(container, detail.clone(), now);
                    details.insert(id, detail);
                }
                // It went away between the two calls.
                (Err(LinkError::Missing(_)), _) => gone += 1,
                _ => {}
            }
        }
        for container in containers {
            if let Some(detail) = cache.settled(container).filter(|_| !details.contains_key(&container.id)) {
                details.insert(container.id.clone(), detail.clone());
            }
        }
        let lacking = containers.len().saturating_sub(details.len() + gone);
        (details, lacking)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collect for Containers {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn collect(&self) -> BoxFuture<'_, Seen> {
        Box::pin(async move {
            match self.docker.list().await {
                Ok(mut containers) => {
                    containers.sort_unstable_by(|one, other| one.name.cmp(&other.name));
                    containers.dedup_by(|one, other| one.name == other.name);
                    let (details, lacking) = self.details(&containers).await;
                    let failed = (lacking > 0).then(|| format!("{lacking} containers could not be inspected"));
                    Seen { families: families(&containers, &details), failed }
                }
                Err(error) => Seen { families: self.blind(), failed: Some(error.to_string()) },
            }
        })
    }

    fn blind(&self) -> Vec<Family> {
        vec![up(false)]
    }
}

fn up(answers: bool) -> Family {
    Family::single("heald_container_engine_up", "Whether the Docker engine answers", one(answers))
}

fn one(is: bool) -> f64 {
    f64::from(u8::from(is))
}

#[expect(clippy::cast_precision_loss, reason = "counts, bytes and milliseconds, all far below 2^53")]
fn families(containers: &[Listed], details: &HashMap<String, Detail>) -> Vec<Family> {
    let mut states = Family::gauge("heald_container_state", "1 for the state that the container is in, 0 for the others");
    let mut health =
        Family::gauge("heald_container_health_ok", "0 when the container's health check fails; none without a check");
    let mut networks = Family::gauge("heald_container_network_info", "1 for each network that the container is attached to");
    let mut info = Family::gauge("heald_container_info", "1; the image, and the engine's reason why the last start failed");
    let mut codes = Family::gauge("heald_container_exit_code", "Exit code of a container that is down");
    let mut oom = Family::gauge("heald_container_oom_killed", "1 when the engine saw the kernel kill it for memory");
    let mut restarts = Family::counter("heald_container_restarts", "Restarts by the engine's restart policy");
    let mut started =
        Family::gauge("heald_container_started_timestamp_seconds", "When the container was last started; none if never");
    let mut streak = Family::gauge("heald_container_health_failing_streak", "Health checks that failed in a row");
    let mut memory = Family::gauge("heald_container_memory_limit_bytes", "The container's memory limit; 0 is none");
    for container in containers {
        let (name, service) = (value(&container.name), value(&container.service));
        let labels = || -> Labels { vec![("container", name.clone()), ("service", service.clone())] };
        let more = |label, text: &str| -> Labels { labels().into_iter().chain([(label, value(text))]).collect() };
        for state in Status::ALL {
            states.add(more("state", state.label()), one(container.status == state));
        }
        for network in &container.networks {
            networks.add(more("network", network), 1.0);
        }
        if let Some(seen) = container.health() {
            // While it starts, a check that fails does not count for the engine either.
            health.add(labels(), one(seen != Health::Unhealthy));
        }
        let detail = details.get(&container.id);
        let mut about = more("image", &container.image);
        about.push(("error", detail.map(|detail| value(&detail.error)).unwrap_or_default()));
        info.add(about, 1.0);
        let Some(detail) = detail else { continue };
        if matches!(container.status, Status::Exited | Status::Dead | Status::Restarting) {
            codes.add(labels(), detail.exit_code as f64);
        }
        oom.add(labels(), one(detail.oom_killed));
        restarts.add(labels(), detail.restarts as f64);
        if let Some(at) = detail.started {
            started.add(labels(), at.as_millisecond() as f64 / 1e3);
        }
        if detail.health.is_some() {
            streak.add(labels(), detail.failing_streak as f64);
        }
        memory.add(labels(), detail.memory_limit as f64);
    }
    vec![up(true), states, health, networks, info, codes, oom, restarts, started, streak, memory]
}

#[cfg(test)]
mod tests;
