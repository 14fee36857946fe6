//! The page `/metrics/targets`: what no exporter shows. Read by Prometheus, never by heald's decisions.
//!
//! Nothing is collected unless it is configured, and only while somebody scrapes. All collectors look at the
//! same time, each until its deadline; one that fails takes only its own series away. A new one is a file of
//! its own, a field of [`Settings`] and a line in [`Collectors::new`], which the compiler asks for.

pub mod backup;
mod blocking;
pub mod docker;
pub mod gpu;
pub mod heartbeat;
mod page;
pub mod sqlite;
pub mod supervisor;

use crate::link::docker::Docker;
use futures_util::future::{BoxFuture, join_all};
use page::{Family, page};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What the page must be sent as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// For one collector, within one scrape. Prometheus itself gives up after 10 s by default.
const DEADLINE: Duration = Duration::from_secs(5);

/// `collect:`. What is empty, false or `None` is off.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub docker: bool,
    /// supervisord's socket.
    pub supervisor: Option<PathBuf>,
    pub sqlite: Vec<sqlite::Database>,
    pub backups: Vec<backup::Backup>,
    pub heartbeats: Vec<heartbeat::Heartbeat>,
    /// The program to ask: `nvidia-smi`.
    pub gpu: Option<PathBuf>,
}

/// Those that are configured.
pub struct Collectors {
    all: Vec<Box<dyn Collect>>,
    /// Why each of those that fail now does, so that the log tells each change once.
    failing: Mutex<BTreeMap<&'static str, String>>,
}

/// One source of series.
trait Collect: Send + Sync {
    /// As in the label `collector`.
    fn name(&self) -> &'static str;

    /// Looks. Whoever scrapes may hang up: the future may be dropped at each await.
    fn collect(&self) -> BoxFuture<'_, Seen>;

    /// What can be said when [`Collect::collect`] has not ended in time.
    fn blind(&self) -> Vec<Family>;
}

/// What one look gave.
struct Seen {
    families: Vec<Family>,
    /// Why some of it, or all, is missing.
    failed: Option<String>,
}

// === impl Collectors ===

impl Collectors {
    /// # Errors
    /// A client's own reason why it can't be made.
    pub fn new(settings: &Settings, engine: &Arc<Docker>) -> Result<Self, String> {
        let Settings { docker, supervisor, sqlite, backups, heartbeats, gpu } = settings.clone();
        let mut all: Vec<Box<dyn Collect>> = Vec::new();
        if docker {
            all.push(Box::new(docker::Containers::new(Arc::clone(engine))));
        }
        if let Some(socket) = supervisor {
            all.push(Box::new(supervisor::Programs::new(&socket)?));
        }
        if !sqlite.is_empty() {
            all.push(Box::new(sqlite::Databases::new(sqlite)));
        }
        if !backups.is_empty() {
            all.push(Box::new(backup::Backups::new(backups)));
        }
        if !heartbeats.is_empty() {
            all.push(Box::new(heartbeat::Heartbeats::new(heartbeats)));
        }
        if let Some(program) = gpu {
            all.push(Box::new(gpu::Gpus::new(program)));
        }
        Ok(Self { all, failing: Mutex::default() })
    }

    /// The whole page, as [`CONTENT_TYPE`].
    pub async fn page(&self) -> String {
        let mut families = Vec::new();
        let mut up = Family::gauge("heald_collector_up", "Whether a collector could see all that it is to look at");
        let mut duration = Family::gauge("heald_collector_duration_seconds", "How long a collector's look took");
        for (name, seen, took) in join_all(self.all.iter().map(|one| look(&**one))).await {
            families.extend(seen.families);
            up.add(vec![("collector", name.to_owned())], f64::from(u8::from(seen.failed.is_none())));
            duration.add(vec![("collector", name.to_owned())], took.as_secs_f64());
            self.note(name, seen.failed);
        }
        families.extend([up, duration]);
        page(families)
    }

    fn note(&self, collector: &'static str, failed: Option<String>) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match &failed {
            Some(why) => failing.insert(collector, why.clone()),
            None => failing.remove(collector),
        };
        match (before, failed) {
            (None, Some(why)) => tracing::warn!(collector, why, "a collector fails"),
            (Some(_), None) => tracing::info!(collector, "a collector is well again"),
            _ => {}
        }
    }
}

async fn look(collector: &dyn Collect) -> (&'static str, Seen, Duration) {
    let start = Instant::now();
    let seen = timeout(DEADLINE, collector.collect())
        .await
        .unwrap_or_else(|_| Seen { families: collector.blind(), failed: Some(format!("it has not ended within {DEADLINE:?}")) });
    (collector.name(), seen, start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers, fails, or never ends.
    struct Fake(&'static str, Option<Result<(), &'static str>>);

    impl Collect for Fake {
        fn name(&self) -> &'static str {
            self.0
        }

        fn collect(&self) -> BoxFuture<'_, Seen> {
            Box::pin(async move {
                let Some(answer) = self.1 else { return std::future::pending().await };
                let families = vec![Family::single(self.0, "Seen", 1.0)];
                Seen { families, failed: answer.err().map(str::to_owned) }
            })
        }

        fn blind(&self) -> Vec<Family> {
            vec![Family::single(self.0, "Seen", 0.0)]
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_or_fails_takes_only_its_own_away() {
        let fakes = [Fake("well", Some(Ok(()))), Fake("hung", None), Fake("sick", Some(Err("why")))];
        let all = fakes.map(|fake| Box::new(fake) as Box<dyn Collect>).into();
        let collectors = Collectors { all, failing: Mutex::default() };
        let start = Instant::now();
        let page = collectors.page().await;
        assert_eq!(start.elapsed().as_secs(), DEADLINE.as_secs(), "they look at the same time");
        for line in [
            "well 1",
            "hung 0",
            "sick 1",
            "heald_collector_up{collector=\"well\"} 1",
            "heald_collector_up{collector=\"hung\"} 0",
            "heald_collector_up{collector=\"sick\"} 0",
        ] {
            assert!(page.lines().any(|other| other == line), "{line} is missing in\n{page}");
        }
        let failing: Vec<&str> = collectors.failing.lock().unwrap().keys().copied().collect();
        assert_eq!(failing, ["hung", "sick"]);
    }

    #[tokio::test]
    async fn nothing_is_collected_unless_it_is_configured() {
        let engine = Arc::new(Docker::new("/nonexistent"));
        let collectors = Collectors::new(&Settings::default(), &engine).unwrap();
        assert_eq!(collectors.page().await, "# EOF\n");
    }
}
