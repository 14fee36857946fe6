//! What the tests break: a unit and a container that count their own starts, so that "exactly one
//! restart" is seen from the outside and not taken from heald's word.

use std::time::Duration;

use jiff::Timestamp;

use crate::lab::{Container, Error, Host, Result, Stack, Victim};

const SOON: Duration = Duration::from_secs(20);

pub struct Unit<'a> {
    host: &'a Host,
    name: String,
}

/// A unit's file, apart from the line that counts its starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines<'a> {
    /// Of `[Unit]`. Default: systemd's start limit is out of the way.
    pub unit: &'a str,
    /// Of `[Service]`.
    pub service: &'a str,
    /// Another name that systemd knows it by.
    pub alias: Option<&'a str>,
}

pub struct Counted {
    container: Container,
}

/// Runs until it is killed.
pub const FOREVER: &str = "ExecStart=/bin/sleep infinity";
/// Never says that it is ready.
const BROKEN: &str = "Type=notify\nExecStart=/bin/sh -c 'exit 1'";

// === impl Unit ===

impl<'a> Unit<'a> {
    /// A service without `Restart=` that runs until it is killed.
    pub async fn start(host: &'a Host, name: &str) -> Result<Self> {
        Self::start_with(host, name, &Lines { service: FOREVER, ..Lines::default() }).await
    }

    /// Returns when its start is over.
    pub async fn start_with(host: &'a Host, name: &str, lines: &Lines<'_>) -> Result<Self> {
        let unit = Self::write(host, name, lines).await?;
        host.systemctl(&["start", &unit.name]).await?;
        unit.expect_starts(1).await?;
        Ok(unit)
    }

    /// A service that never says that it is ready: every start of it fails at once.
    pub async fn start_broken(host: &'a Host, name: &str, lines: &Lines<'_>) -> Result<Self> {
        let unit = Self::write(host, name, &Lines { service: BROKEN, ..*lines }).await?;
        unit.start_in_vain().await?;
        Ok(unit)
    }

    /// Writes its file, and starts nothing.
    pub async fn write(host: &'a Host, name: &str, lines: &Lines<'_>) -> Result<Self> {
        let name = format!("{name}.service");
        let unit = if lines.unit.is_empty() { "StartLimitIntervalSec=0" } else { lines.unit };
        let service = lines.service;
        let install = lines.alias.map_or_else(String::new, |alias| format!("[Install]\nAlias={alias}\n"));
        // Counted by its own process.
        let text = format!(
            "[Unit]\n{unit}\n[Service]\n\
             ExecStartPre=/bin/sh -c 'mkdir -p /run/starts; echo started >>/run/starts/%n'\n{service}\n{install}"
        );
        host.write_unit(&name, &text).await?;
        if lines.alias.is_some() {
            host.systemctl(&["enable", &name]).await?;
        }
        Ok(Self { host, name })
    }

    /// Returns when it is down again.
    pub async fn start_for_a_moment(&self) -> Result<()> {
        self.host.systemctl(&["start", &self.name]).await?;
        self.wait_failed().await
    }

    /// As a person does, and it does not come up.
    pub async fn start_in_vain(&self) -> Result<()> {
        let started = self.host.exec(&["systemctl", "start", &self.name]).await?;
        if started.code == 0 {
            return Err(Error::new(format!("{} was to fail and did not", self.name)));
        }
        Ok(())
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// As a fault does: SIGKILL to the whole unit. When it happened.
    pub async fn kill(&self) -> Result<Timestamp> {
        let at = now();
        self.host.systemctl(&["kill", "--signal=SIGKILL", &self.name]).await?;
        self.wait_failed().await?;
        Ok(at)
    }

    /// As a person does.
    pub async fn stop(&self) -> Result<()> {
        self.host.systemctl(&["stop", &self.name]).await.map(drop)
    }

    /// As a person does who has mended it.
    pub async fn start_again(&self) -> Result<()> {
        self.host.systemctl(&["start", &self.name]).await.map(drop)
    }

    pub async fn starts(&self) -> Result<usize> {
        let counted = self.host.exec(&["cat", &format!("/run/starts/{}", self.name)]).await?.ok()?;
        Ok(counted.lines().count())
    }

    pub async fn expect_starts(&self, wanted: usize) -> Result<()> {
        same(&self.name, self.starts().await?, wanted)
    }

    /// Changes with every start.
    pub async fn invocation(&self) -> Result<String> {
        self.host.show(&self.name, "InvocationID").await
    }

    pub async fn state(&self) -> Result<String> {
        self.show("ActiveState").await
    }

    /// One property of it.
    pub async fn show(&self, property: &str) -> Result<String> {
        self.host.show(&self.name, property).await
    }

    pub async fn wait_failed(&self) -> Result<()> {
        self.host.wait_until(&self.name, "ActiveState", &["failed"], SOON).await.map(drop)
    }

    pub async fn wait_active(&self) -> Result<()> {
        self.host.wait_until(&self.name, "ActiveState", &["active"], SOON).await.map(drop)
    }
}

// === impl Counted ===

impl Counted {
    pub async fn start(stack: &Stack, name: &str) -> Result<Self> {
        let script = "echo started >>/starts; trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done";
        let victim = Victim { script: script.into(), ..Victim::default() };
        // Other runs may use the same engine.
        let name = format!("heald-live-{name}-{}", std::process::id());
        Ok(Self { container: victim.start(stack.engine(), stack.image(), &name).await? })
    }

    pub fn name(&self) -> &str {
        self.container.name()
    }

    /// As a fault does: `docker kill`. When it happened.
    pub async fn kill(&self) -> Result<Timestamp> {
        let at = now();
        self.container.kill("SIGKILL").await?;
        self.container.wait_until("exited", SOON).await?;
        Ok(at)
    }

    pub async fn started_at(&self) -> Result<String> {
        self.container.started_at().await
    }

    pub async fn status(&self) -> Result<String> {
        self.container.status().await
    }

    /// It must be running to be asked.
    pub async fn expect_starts(&self, wanted: usize) -> Result<()> {
        let counted = self.container.exec(&["cat", "/starts"]).await?.ok()?;
        same(self.name(), counted.lines().count(), wanted)
    }
}

fn same(name: &str, starts: usize, wanted: usize) -> Result<()> {
    if starts == wanted {
        return Ok(());
    }
    Err(Error::new(format!("{name} was started {starts} times in all, and {wanted} were right")))
}

pub fn now() -> Timestamp {
    Timestamp::now()
}
