//! All parts together: engine, one systemd host, monitoring.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use super::{
    Context as _, Engine, Error, Host, Monitoring, MonitoringOptions, Recipe, Result, RuleFile, Run, Scrape, monitoring::Receiver,
};

#[derive(Clone, Debug)]
pub struct StackOptions {
    /// The target label `host`, and what heald's `host:` must say.
    pub host: String,
    pub recipe: Recipe,
    pub rules: Vec<RuleFile>,
    pub scrapes: Vec<Scrape>,
    pub receivers: Vec<Receiver>,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self { host: "lab".into(), recipe: Recipe::default(), rules: Vec::new(), scrapes: Vec::new(), receivers: Vec::new() }
    }
}

/// Parts are filled in as they come up, so that a stack that is cut short can still be taken
/// down.
pub struct Stack {
    // Order of the fields is order of the drops, the last resort when `down` was never reached.
    monitoring: OnceLock<Monitoring>,
    host: OnceLock<Host>,
    engine: OnceLock<Arc<Engine>>,
    image: OnceLock<String>,
    run: Run,
}

impl Stack {
    pub(super) fn begin() -> Result<Self> {
        Ok(Self {
            monitoring: OnceLock::new(),
            host: OnceLock::new(),
            engine: OnceLock::new(),
            image: OnceLock::new(),
            run: Run::begin()?,
        })
    }

    pub(super) async fn bring_up(&self, options: StackOptions) -> Result<()> {
        let start = Instant::now();
        let engine = Arc::new(Engine::find_or_start(&self.run).await?);
        let engine = self.engine.get_or_init(|| engine).clone();
        let own = if engine.is_own() { "our own" } else { "found" };
        say(start, &format!("engine ({own}) at {}", engine.socket().display()));

        let image = engine.image(&options.recipe).await?;
        let image = self.image.get_or_init(|| image);
        say(start, &format!("image {image}"));

        let name = format!("heald-lab-{}", self.run.id());
        let host = Host::start(&engine, &self.run, image, &name).await?;
        let host = self.host.get_or_init(|| host);
        say(start, &format!("systemd as PID 1, bus at {}", host.bus_socket().display()));

        let monitoring = MonitoringOptions {
            host: options.host,
            bus_address: host.bus_address(),
            rules: options.rules,
            scrapes: options.scrapes,
            receivers: options.receivers,
        };
        let monitoring = Monitoring::start(&self.run, monitoring).await?;
        let monitoring = self.monitoring.get_or_init(|| monitoring);
        say(
            start,
            &format!(
                "Prometheus {}, Alertmanager {}, node_exporter {}",
                monitoring.prometheus.url(),
                monitoring.alertmanager.url(),
                monitoring.node.url()
            ),
        );
        Ok(())
    }

    pub fn run(&self) -> &Run {
        &self.run
    }

    pub fn engine(&self) -> &Arc<Engine> {
        self.engine.get().expect("closures get a stack that is up")
    }

    /// The name of the lab's image, for [`Victim`](super::Victim)s.
    pub fn image(&self) -> &str {
        self.image.get().expect("closures get a stack that is up")
    }

    pub fn host(&self) -> &Host {
        self.host.get().expect("closures get a stack that is up")
    }

    pub fn monitoring(&self) -> &Monitoring {
        self.monitoring.get().expect("closures get a stack that is up")
    }

    /// Takes everything down that came up. Every part is tried, whatever happened to the others.
    pub(super) async fn down(&self) -> Result<()> {
        let start = Instant::now();
        if let Some(monitoring) = self.monitoring.get() {
            monitoring.stop();
        }
        let closed = self.run.close();
        let mut released = Ok(());
        if let Some(engine) = self.engine.get() {
            released = engine.release().await.context("give up the engine");
        }
        self.run.remove();
        say(start, "down");
        released.and(closed)
    }
}

pub(super) fn say(start: Instant, what: &str) {
    println!("lab: {:5.1} s  {what}", start.elapsed().as_secs_f64());
}
