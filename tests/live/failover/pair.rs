//! The two machines, their networks and their witness; what is cut, and what was written meanwhile.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::config::{self, Place};
use super::device::Device;
use crate::act_docker::network;
use crate::drilled::victim;
use crate::drills;
use crate::lab::{Container, Context as _, Engine, Error, Host, Machine, Result, Victim, wait_for};
use crate::scene::{Scene, equal};

pub struct Pair {
    engine: Arc<Engine>,
    primary: Arc<Host>,
    standby: Host,
    witness: Container,
    device: Device,
    /// Between the two; and the one on which the witness is, too.
    nets: [String; 2],
    place: Place,
    marks: PathBuf,
}

/// Who was active when, as both wrote it: seconds of CLOCK_BOOTTIME and name.
pub struct Marks(Vec<(f64, String)>);

const UP: Duration = Duration::from_secs(30);
/// Seen by both machines, at the same place.
const SHARED: &str = "/srv/shared";

impl Pair {
    /// All is well: the primary works, the witness and the standby see it. `thirds`: of the networks' addresses.
    pub async fn open(scene: &Scene, thirds: [u8; 2]) -> Result<Self> {
        let stack = scene.stack();
        let (engine, run) = (stack.engine(), stack.run());
        let own = |part: &str| format!("heald-live-{part}-{}-{}", thirds[0], run.id());
        let nets = [own("failover-a"), own("failover-b")];
        for (net, third) in nets.iter().zip(thirds) {
            network(scene, net, third).await?;
        }
        let shared = run.dir().join(format!("failover-{}", thirds[0]));
        fs::create_dir_all(&shared)?;
        let program = shared.join("heald-victim");
        fs::copy(victim()?, &program)?;
        let mut binds = drills::programs()?;
        binds.push(format!("{}:/usr/local/bin/heald-victim:ro", program.display()));
        binds.push(format!("{}:{SHARED}", shared.display()));
        let machine = || Machine { network: Some(nets[0].clone()), binds: binds.clone(), ..Machine::default() };
        let start = async |name: &str| Host::start_as(engine, run, stack.image(), &own(name), machine()).await;
        let (primary, standby) = tokio::try_join!(start("primary"), start("standby"))?;
        let primary = Arc::new(primary);

        let address = |net: usize, last: u8| Ipv4Addr::new(10, 213, thirds[net], last);
        let device = Device::open(address(1, 1), Arc::clone(&primary)).await.context("listen on the second network")?;
        let place = Place {
            primary: [address(0, 12), address(1, 12)],
            standby: [address(0, 13), address(1, 13)],
            witness: address(1, 14),
            gateway: address(1, 1),
            device: device.port(),
        };
        let file = shared.join("witness.json");
        fs::write(&file, config::witness(&place).to_string())?;
        binds.push(format!("{}:/etc/witness.json:ro", file.display()));
        let watching = Victim { command: config::witness_command(), binds, network: Some(nets[1].clone()), ..Victim::default() };
        let witness = watching.start(engine, stack.image(), &own("witness")).await?;
        let marks = shared.join("active");
        let this = Self { engine: Arc::clone(engine), primary, standby, witness, device, nets, place, marks };
        this.place_all().await?;
        this.prepare(scene).await?;
        Ok(this)
    }

    /// Fixed addresses, which they find again.
    async fn place_all(&self) -> Result<()> {
        let Self { primary, standby, witness, nets: [near, far], place, .. } = self;
        for (name, net, address) in [
            (primary.name(), near, place.primary[0]),
            (standby.name(), near, place.standby[0]),
            (witness.name(), far, place.witness),
        ] {
            self.detach(name, net).await?;
            self.attach(name, net, address).await?;
        }
        self.attach(primary.name(), far, place.primary[1]).await?;
        self.attach(standby.name(), far, place.standby[1]).await
    }

    async fn prepare(&self, scene: &Scene) -> Result<()> {
        for (host, name) in [(&*self.primary, "primary"), (&self.standby, "standby")] {
            for (unit, text) in config::units(name, SHARED) {
                host.write_file(&format!("/etc/systemd/system/{unit}"), &text).await?;
            }
            host.systemctl(&["daemon-reload"]).await?;
        }
        self.primary.systemctl(&["start", config::EXPORTER, config::UNITS[0], config::UNITS[1]]).await?;
        self.standby.install(&scene.bench.program).await?;
        for (path, text) in config::files(&self.place)? {
            self.standby.write_file(&path, &text).await?;
        }
        // systemd does this when it boots a host, and in a container it does not: `LoadCredential=` then leaves an empty folder.
        self.standby.exec(&["mount", "--make-rshared", "/"]).await?.ok()?;
        self.standby.systemctl(&["daemon-reload"]).await?;
        self.standby.exec(&["heald", "check"]).await?.ok().context("heald check")?;
        self.standby.systemctl(&["start", "prometheus.service", "prometheus-alertmanager.service", drills::HEALD]).await?;
        self.wait_seen().await
    }

    pub fn primary(&self) -> &Host {
        &self.primary
    }

    pub fn standby(&self) -> &Host {
        &self.standby
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    // --- the networks

    /// The witness still sees it.
    pub async fn cut_from_the_standby(&self) -> Result<()> {
        self.detach(self.primary.name(), &self.nets[0]).await
    }

    pub async fn cut_from_all(&self) -> Result<()> {
        self.detach(self.primary.name(), &self.nets[0]).await?;
        self.detach(self.primary.name(), &self.nets[1]).await
    }

    /// As before the cut, and seen by both.
    pub async fn join(&self) -> Result<()> {
        let there = self.primary.container().inspect().await?;
        for (net, address) in self.nets.iter().zip(self.place.primary) {
            if there["NetworkSettings"]["Networks"].get(net).is_none() {
                self.attach(self.primary.name(), net, address).await?;
            }
        }
        self.wait_seen().await
    }

    async fn attach(&self, container: &str, net: &str, address: Ipv4Addr) -> Result<()> {
        let request = json!({ "Container": container, "EndpointConfig": { "IPAMConfig": { "IPv4Address": address } } });
        let joined = self.engine.docker().connect_network(net, serde_json::from_value(request)?);
        joined.await.with_context(|| format!("connect {container} to {net}"))
    }

    async fn detach(&self, container: &str, net: &str) -> Result<()> {
        let left = self.engine.docker().disconnect_network(net, serde_json::from_value(json!({ "Container": container }))?);
        left.await.with_context(|| format!("disconnect {container} from {net}"))
    }

    /// The standby's Prometheus and the witness see the primary, and no alert is left.
    async fn wait_seen(&self) -> Result<()> {
        let witness = format!("http://{}:9090", self.place.witness);
        wait_for("the primary to be seen", UP, async || {
            for url in ["http://127.0.0.1:9090", &witness] {
                let ask = ["promtool", "query", "instant", "--format=json", url, "up{job=\"node\",host=\"primary\"}"];
                let found: Vec<Value> = serde_json::from_str(&self.standby.exec(&ask).await?.ok()?)?;
                if found.first().is_none_or(|one| one["value"][1] != "1") {
                    return Err(format!("{url}: {found:?}").into());
                }
            }
            let ask = [
                "amtool",
                "--alertmanager.url=http://127.0.0.1:9093",
                "alert",
                "query",
                "--output=json",
                "alertname=PrimaryHostDown",
            ];
            let alerts: Vec<Value> = serde_json::from_str(&self.standby.exec(&ask).await?.ok()?)?;
            if alerts.is_empty() { Ok(()) } else { Err("the alert is still there".into()) }
        })
        .await
    }

    // --- heald

    /// The person on call says yes as soon as heald asks. The incident's number.
    pub async fn approve(&self, limit: Duration) -> Result<u64> {
        wait_for("heald to ask", limit, async || {
            let incident = self.incident().await?.ok_or_else(|| Error::new("no incident"))?;
            let id = incident["id"].as_u64().ok_or_else(|| Error::new(format!("no number in {incident}")))?;
            // It is refused while nothing was asked.
            self.standby.exec(&["heald", "approve", &id.to_string()]).await?.ok()?;
            Ok(id)
        })
        .await
    }

    /// The incident when it is healed or escalated.
    pub async fn end(&self, id: u64, limit: Duration) -> Result<Value> {
        wait_for("the end of it", limit, async || {
            let incident = self.incident().await?.ok_or_else(|| Error::new("no incident"))?;
            let state = incident["state"].as_str().unwrap_or_default().to_owned();
            if incident["id"] == id && ["healed", "escalated", "closed"].contains(&state.as_str()) {
                return Ok(incident);
            }
            Err(state.into())
        })
        .await
    }

    async fn incident(&self) -> Result<Option<Value>> {
        let text = self.standby.exec(&["heald", "incidents", "--output", "json"]).await?.ok()?;
        let all: Vec<Value> = serde_json::from_str(&text)?;
        let ours: Vec<Value> = all.into_iter().filter(|one| one["playbook"] == "host-failover").collect();
        equal("incidents of the failover", ours.len().min(2), ours.len())?;
        Ok(ours.into_iter().next())
    }

    /// A fresh journal, without the budget that was spent, and fresh books of the device.
    pub async fn forget(&self) -> Result<()> {
        self.standby.systemctl(&["stop", drills::HEALD]).await?;
        self.standby.exec(&["find", "/var/lib/heald", "-mindepth", "1", "-delete"]).await?.ok()?;
        self.device.forget();
        self.standby.systemctl(&["start", drills::HEALD]).await.map(drop)
    }

    pub async fn account(&self) -> String {
        self.standby.journal(Some(drills::HEALD)).await.unwrap_or_else(|error| error.to_string())
    }

    // --- what was written

    pub fn marks(&self) -> Result<Marks> {
        let text = fs::read_to_string(&self.marks).context("what both wrote")?;
        let read = |line: &str| line.split_once(' ').and_then(|(at, who)| Some((at.parse().ok()?, who.to_owned())));
        text.lines()
            .map(|line| read(line).ok_or_else(|| Error::new(format!("a mark {line:?}"))))
            .collect::<Result<_>>()
            .map(Marks)
    }

    pub async fn close(self) -> Result<()> {
        self.witness.remove().await?;
        self.standby.remove().await?;
        self.primary.remove().await?;
        for net in &self.nets {
            self.engine.docker().remove_network(net).await.with_context(|| format!("remove {net}"))?;
        }
        Ok(())
    }
}

// === impl Marks ===

impl Marks {
    fn of<'a>(&'a self, who: &'a str) -> impl DoubleEndedIterator<Item = f64> + 'a {
        self.0.iter().filter(move |(_, name)| name == who).map(|(at, _)| *at)
    }

    pub fn count_of(&self, who: &str) -> usize {
        self.of(who).count()
    }

    pub fn first_of(&self, who: &str) -> Result<f64> {
        self.of(who).next().ok_or_else(|| Error::new(format!("{who} never wrote")))
    }

    pub fn last_of(&self, who: &str) -> Result<f64> {
        self.of(who).next_back().ok_or_else(|| Error::new(format!("{who} never wrote")))
    }

    /// The longest time without a mark, in seconds.
    pub fn widest_of(&self, who: &str) -> f64 {
        let all: Vec<f64> = self.of(who).collect();
        all.windows(2).map(|two| two[1] - two[0]).fold(0.0, f64::max)
    }
}

/// CLOCK_BOOTTIME, in seconds: one clock for all machines of the lab.
pub fn boottime() -> Result<f64> {
    let text = fs::read_to_string("/proc/uptime")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}
