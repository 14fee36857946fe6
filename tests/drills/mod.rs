//! The machine on which drills are run: a systemd container with heald as `make install` lays it out, and everything that a
//! drill breaks or that notices: victims as units, as containers and under supervisord; Redis, a resolver, databases, a small
//! file system; Prometheus with the shipped rules, Alertmanager and the exporters. It has a loopback of its own, so that the
//! ports are those which the drill files name as examples.
//!
//! The live tests run some of the drills in it, `make drills` all of them.

#![allow(dead_code, unused_imports, reason = "each crate that includes this uses its own part")]

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Container, Context as _, Forwarder, Host, Machine, Output, Result, Stack, wait_for};

mod came;
mod config;
mod containers;
mod monitoring;
mod site;
mod units;

pub use came::Came;
pub use monitoring::binds as programs;

/// Why a drill is not run: it names what this machine has not.
pub const LACKS: &str = "the lab's machine lacks its parts";
pub const HEALD: &str = "heald.service";
/// What may be broken and what repairs write to, but the containers.
pub const GROUND: &str = "/srv/drill";
/// Of the small file system.
const DISK: &str = "/srv/drill/disk";
const DISK_SIZE: &str = "64m";

/// Of one drill, in seconds: whatever takes longer is told to end, and mends what it broke. The longest wait is five minutes.
const LIMIT: &str = "400";
const READY: Duration = Duration::from_secs(60);

pub struct Drills {
    host: Host,
    containers: containers::Containers,
    _engine: Forwarder,
}

impl Drills {
    /// Everything runs and is well; heald is ready, and told of what breaks.
    pub async fn open(stack: &Stack, heald: &Path, victim: &Path) -> Result<Self> {
        let (run, engine) = (stack.run(), stack.engine());
        // Several tests have one each.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let own = format!("{}-{}", run.id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let name = format!("heald-lab-drills-{own}");
        // Its own copy, beside which the container's engine will find it.
        let program = run.dir().join("heald-victim");
        if !program.exists() {
            std::fs::copy(victim, &program).context(format!("copy {} (cargo build --example heald-victim)", victim.display()))?;
        }
        let mut binds = monitoring::binds()?;
        binds.push(format!("{}:/usr/local/bin/heald-victim:ro", program.display()));
        let machine = Machine {
            capabilities: ["SYS_PTRACE", "KILL", "NET_RAW"].map(str::to_owned).into(),
            binds,
            tmpfs: vec![(DISK.into(), format!("size={DISK_SIZE}"))],
            ..Machine::default()
        };
        let host = Host::start_as(engine, run, stack.image(), &name, machine).await?;
        let docker = Forwarder::open(host.bus_socket().with_file_name("docker.sock"), engine.socket()).await?;
        let containers = containers::Containers::start(stack, &host, &program, &own).await?;
        let this = Self { host, containers, _engine: docker };
        this.prepare(heald).await.context("the machine of the drills")?;
        Ok(this)
    }

    async fn prepare(&self, heald: &Path) -> Result<()> {
        let host = &self.host;
        host.install(heald).await?;
        units::write(host).await?;
        monitoring::write(host).await?;
        config::write(host, &self.containers).await?;
        // systemd does this when it boots a host, and in a container it does not: `LoadCredential=` then leaves an empty folder.
        host.exec(&["mount", "--make-rshared", "/"]).await?.ok()?;
        host.systemctl(&["daemon-reload"]).await?;
        host.exec(&["heald", "check"]).await?.ok().context("heald check")?;
        host.systemctl(&[&["start"], units::ALL, monitoring::UNITS, &[HEALD]].concat()).await?;
        self.wait_ready().await
    }

    /// What Prometheus scrapes is up.
    async fn wait_ready(&self) -> Result<()> {
        wait_for("the first scrape of all jobs", READY, async || {
            let down = self.query("up == 0").await?;
            let up = self.query("up == 1").await?;
            let probes = self.query("probe_success == 0").await?;
            if up.len() >= monitoring::JOBS_MIN && down.is_empty() && probes.is_empty() {
                return Ok(());
            }
            let names = |found: &[Value]| found.iter().map(|one| one["metric"].to_string()).collect::<Vec<_>>().join(" ");
            Err(format!("{} up; down: {} {}", up.len(), names(&down), names(&probes)).into())
        })
        .await
    }

    /// An instant query of the machine's Prometheus.
    pub async fn query(&self, promql: &str) -> Result<Vec<Value>> {
        let text = self.run(&["promtool", "query", "instant", "--format=json", "http://127.0.0.1:9090", promql]).await?;
        Ok(serde_json::from_str(&text)?)
    }

    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The lab's name of a container that the drills call by a plain one.
    pub fn container(&self, name: &str) -> &Container {
        self.containers.named(name)
    }

    /// A command in the machine, which must succeed.
    pub async fn run(&self, command: &[&str]) -> Result<String> {
        self.exec(command).await?.ok().with_context(|| command.join(" "))
    }

    pub async fn exec(&self, command: &[&str]) -> Result<Output> {
        self.host.exec(command).await
    }

    /// The drills that this machine can run; then the others, and why not.
    pub async fn names(&self) -> Result<(Vec<String>, Vec<(String, String)>)> {
        let list: Vec<Value> = serde_json::from_str(&self.run(&["heald", "drill", "list", "-o", "json"]).await?)?;
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for drill in list {
            let name = drill["drill"].as_str().unwrap_or_default().to_owned();
            let why = site::NOT_HERE.iter().find(|(other, _)| *other == name).map(|(_, why)| (*why).to_owned());
            match why.or_else(|| (drill["marked"] != true).then(|| LACKS.to_owned())) {
                Some(why) => elsewhere.push((name, why)),
                None => here.push(name),
            }
        }
        Ok((here, elsewhere))
    }

    /// One drill, on a machine that is well.
    pub async fn one(&self, name: &str) -> Result<Came> {
        self.settle().await?;
        monitoring::tell_of(&self.host, &site::playbook_of(name)?).await?;
        let ran = self.exec(&["timeout", "--signal=INT", LIMIT, "heald", "drill", "run", name, "-o", "json"]).await?;
        Ok(Came::of(&ran))
    }

    /// What the last drill broke and heald did not heal is made whole by hand, and heald begins with an empty journal: budgets,
    /// cooldowns and repeated incidents of the last drill are none of the next one's.
    pub async fn settle(&self) -> Result<()> {
        self.exec(&["systemctl", "stop", HEALD]).await?;
        self.exec(&["systemctl", "reset-failed"]).await?;
        self.exec(&[&["systemctl", "start"], units::ALL, monitoring::UNITS].concat()).await?;
        self.containers.start_all().await?;
        self.run(&["find", "/var/lib/heald", "-mindepth", "1", "-delete"]).await?;
        self.run(&["systemctl", "start", HEALD]).await.map(drop)
    }

    /// Until the next drill by [`Drills::one`] heald hears of no alert, so that it mends nothing.
    pub async fn tell_nobody(&self) -> Result<()> {
        monitoring::tell_of(&self.host, monitoring::NOBODY).await
    }

    /// For a report of what went wrong.
    pub async fn account(&self) -> String {
        self.host.journal(Some(HEALD)).await.unwrap_or_else(|error| error.to_string())
    }

    pub async fn close(self) -> Result<()> {
        self.containers.remove().await?;
        self.host.remove().await
    }
}
