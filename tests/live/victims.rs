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

pub struct Counted {
    container: Container,
}

// === impl Unit ===

impl<'a> Unit<'a> {
    /// A service without `Restart=` that runs until it is killed.
    pub async fn start(host: &'a Host, name: &str) -> Result<Self> {
        let unit = Self::write(host, name, "ExecStart=/bin/sleep infinity").await?;
        host.systemctl(&["start", &unit.name]).await?;
        unit.expect_starts(1).await?;
        Ok(unit)
    }

    /// A service that never says that it is ready: every start of it fails at once.
    pub async fn start_broken(host: &'a Host, name: &str) -> Result<Self> {
        let broken = "Type=notify\nExecStart=/bin/sh -c 'exit 1'";
        let unit = Self::write(host, name, broken).await?;
        let started = host.exec(&["systemctl", "start", &unit.name]).await?;
        if started.code == 0 {
            return Err(Error::new(format!("{name} was to fail and did not")));
        }
        Ok(unit)
    }

    async fn write(host: &'a Host, name: &str, service: &str) -> Result<Self> {
        let name = format!("{name}.service");
        // Counted by its own process, with systemd's start limit out of the way.
        let text = format!(
            "[Unit]\nStartLimitIntervalSec=0\n[Service]\n\
             ExecStartPre=/bin/sh -c 'mkdir -p /run/starts; echo started >>/run/starts/%n'\n{service}\n"
        );
        host.write_unit(&name, &text).await?;
        Ok(Self { host, name })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// As a fault does: SIGKILL to the whole unit. When it happened.
    pub async fn kill(&self) -> Result<Timestamp> {
        let at = now();
        self.host.systemctl(&["kill", "--signal=SIGKILL", &self.name]).await?;
        self.host.wait_until(&self.name, "ActiveState", &["failed"], SOON).await?;
        Ok(at)
    }

    /// As a person does.
    pub async fn stop(&self) -> Result<()> {
        self.host.systemctl(&["stop", &self.name]).await.map(drop)
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
        self.host.show(&self.name, "ActiveState").await
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
