//! What one test has: the shared stack, and a heald, a person's inbox and victims of its own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ground::Ground;
use crate::journal::Journal;
use crate::lab::{Error, Heald, HealdOptions, Inbox, Receiver, Result, Stack, tail};
use crate::victims::{Counted, Unit};

/// Shared by all tests.
pub struct Bench {
    pub stack: Arc<Stack>,
    /// This test's own copy: a build that runs meanwhile may replace the original.
    pub program: PathBuf,
    /// Gets every alert as heald gets it: for the tests that deliver webhooks themselves.
    pub mailbox: Inbox,
    /// What can break besides units and containers.
    pub ground: Ground,
    /// Its collectors show Prometheus all containers, and the ground; it only observes.
    pub eyes: Heald,
}

pub struct Scene {
    pub bench: Arc<Bench>,
    pub name: &'static str,
    /// Where this test's heald tells people.
    pub people: Inbox,
    healds: Mutex<Vec<Arc<Heald>>>,
}

/// From a fault to a verified repair it takes about six seconds here; under load, more.
pub const REPAIR: Duration = Duration::from_secs(45);

// === impl Bench ===

impl Bench {
    pub async fn open(stack: Arc<Stack>, program: PathBuf) -> Result<Self> {
        let (mailbox, ground) = (Inbox::open().await?, Ground::prepare(stack.run()).await?);
        let mut options = HealdOptions::new("eyes", &program);
        options.docker = stack.engine().socket().to_owned();
        options.collect = ground.collect();
        let eyes = Heald::prepare(stack.run(), options)?;
        eyes.start("").await?;
        let monitoring = stack.monitoring();
        // One for all tests, since each would report every container.
        monitoring.set_scrape(eyes.scrape()).await?;
        ground.watch(monitoring).await?;
        monitoring.set_receiver(Receiver::new("mailbox", mailbox.url(), &[])).await?;
        monitoring
            .set_receiver(eyes.receiver_of(&["alertname!~\"SystemdUnit.*|ContainerDown\"", "remediate=~\"auto|ask\""]))
            .await?;
        Ok(Self { stack, program, mailbox, ground, eyes })
    }

    /// The webhook that Alertmanager sends when this target's alert fires.
    pub async fn webhook(&self, target: &str) -> Result<Value> {
        let is_it = |body: &Value| body["alerts"][0]["labels"]["target"] == target && body["status"] == "firing";
        crate::lab::wait_for(&format!("webhook for {target}"), REPAIR, async || {
            let letters = self.mailbox.all();
            let found = letters.iter().find(|(_, body)| is_it(body)).map(|(_, body)| body.clone());
            found.ok_or_else(|| format!("{} other webhooks", letters.len()).into())
        })
        .await
    }
}

// === impl Scene ===

impl Scene {
    pub async fn open(bench: Arc<Bench>, name: &'static str) -> Result<Self> {
        Ok(Self { bench, name, people: Inbox::open().await?, healds: Mutex::default() })
    }

    pub fn stack(&self) -> &Stack {
        &self.bench.stack
    }

    pub async fn unit(&self) -> Result<Unit<'_>> {
        Unit::start(self.stack().host(), self.name).await
    }

    pub async fn container(&self) -> Result<Counted> {
        Counted::start(self.stack(), self.name).await
    }

    /// A heald with the shipped playbooks raised to auto; nobody tells it of alerts yet.
    pub fn heald(&self, change: impl FnOnce(&mut HealdOptions)) -> Result<Arc<Heald>> {
        let mut options = HealdOptions::new(self.name, &self.bench.program);
        options.bus = self.stack().host().bus_address();
        options.docker = self.stack().engine().socket().to_owned();
        options.alertmanager = self.stack().monitoring().alertmanager.url();
        options.people = Some(self.people.url().to_owned());
        options.overrides = auto(json!({}));
        change(&mut options);
        let heald = Arc::new(Heald::prepare(self.stack().run(), options)?);
        self.healds.lock().expect("no holder panics").push(heald.clone());
        Ok(heald)
    }

    /// The same, running and known to Alertmanager.
    pub async fn running_heald(&self, change: impl FnOnce(&mut HealdOptions)) -> Result<Arc<Heald>> {
        let heald = self.heald(change)?;
        heald.start("").await?;
        self.stack().monitoring().set_receiver(heald.receiver()).await?;
        Ok(heald)
    }

    /// How often a person was told so, of any incident of this test.
    pub fn told(&self, kind: &str) -> usize {
        self.people.all().iter().filter(|(_, card)| card["kind"] == kind).count()
    }

    /// One block, so that tests that run at the same time don't mix.
    pub fn say(&self, text: &str) {
        println!("  {}: {text}", self.name);
    }

    /// For a test that failed: what each heald did, and the end of what it said.
    pub fn report(&self) -> String {
        let healds = self.healds.lock().expect("no holder panics");
        let each = healds.iter().map(|heald| {
            let journal = Journal::of(heald.state()).timeline();
            format!("\njournal of {}:\n{journal}its log ends:\n{}\n", heald.name(), tail(&heald.log(), 30))
        });
        each.collect()
    }
}

/// Both shipped playbooks, allowed to act, with `more` on top.
pub fn auto(more: Value) -> Value {
    let mut one = json!({ "mode": "auto", "after_care": "30s" });
    for (key, value) in more.as_object().into_iter().flatten() {
        one[key] = value.clone();
    }
    json!({ "systemd-unit-failed": one, "container-down": one })
}

pub fn journal(heald: &Heald) -> Journal {
    Journal::of(heald.state())
}

/// Looks for a while whether something stays as it is. This waits for nothing: it gives a fault the time to show.
pub async fn stays(span: Duration, mut look: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < span {
        look().await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    look().await
}

pub fn check(holds: bool, what: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::new(what())) }
}

pub fn equal<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, right: T) -> Result<()> {
    check(seen == right, || format!("{what}: {seen:?} instead of {right:?}"))
}
