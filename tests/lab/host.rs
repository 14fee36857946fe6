//! A machine under test: a systemd that is PID 1 of a container, with its real system bus
//! visible on this host.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum};
use tokio::net::UnixStream;

use super::{Container, Context as _, Engine, Error, NotYet, Output, Result, Run, container, mounts, wait_for};

pub struct Host {
    container: Container,
    bus: PathBuf,
}

/// What sets one machine apart from another.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// What its root may do beside what the engine lets others: `SYS_PTRACE`.
    pub capabilities: Vec<String>,
    /// The engine's name for it: `none` where nothing is said, `host` for the loopback of the lab itself.
    pub network: Option<String>,
    /// `/here:/there`, with `:ro` at its end or without.
    pub binds: Vec<String>,
    /// Mount point and options.
    pub tmpfs: Vec<(String, String)>,
}

impl Host {
    /// Starts it and waits until its boot is over and its bus takes connections.
    pub async fn start(engine: &Arc<Engine>, run: &Run, image: &str, name: &str) -> Result<Self> {
        Self::start_with(engine, run, image, name, &[]).await
    }

    /// One whose root may do more than the engine lets others: `capabilities`, as in `SYS_PTRACE`.
    pub async fn start_with(engine: &Arc<Engine>, run: &Run, image: &str, name: &str, capabilities: &[&str]) -> Result<Self> {
        let capabilities = capabilities.iter().map(|&name| name.to_owned()).collect();
        Self::start_as(engine, run, image, name, Machine { capabilities, ..Machine::default() }).await
    }

    pub async fn start_as(engine: &Arc<Engine>, run: &Run, image: &str, name: &str, machine: Machine) -> Result<Self> {
        let bus_dir = run.dir().join(format!("{name}.bus"));
        fs::create_dir_all(&bus_dir)?;
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: Some(init_command()),
            env: Some(vec!["container=docker".into()]),
            host_config: Some(host_config(&bus_dir, machine)),
            ..Default::default()
        };
        let container = Container::create(engine, name, body).await?;
        container.start().await?;
        let host = Self { container, bus: bus_dir.join("system_bus_socket") };
        wait_for(&format!("boot of {name}"), Duration::from_secs(60), async || host.has_booted().await).await?;
        Ok(host)
    }

    async fn has_booted(&self) -> Result<(), NotYet> {
        let state = self.exec(&["systemctl", "is-system-running"]).await?;
        match state.stdout.trim() {
            "running" | "degraded" => {}
            other => return Err(format!("{other:?} {}", state.stderr.trim()).into()),
        }
        UnixStream::connect(&self.bus).await?;
        Ok(())
    }

    pub fn name(&self) -> &str {
        self.container.name()
    }

    pub fn container(&self) -> &Container {
        &self.container
    }

    pub fn bus_socket(&self) -> &Path {
        &self.bus
    }

    /// For `DBUS_SYSTEM_BUS_ADDRESS` and zbus.
    pub fn bus_address(&self) -> String {
        format!("unix:path={}", self.bus.display())
    }

    pub async fn exec(&self, command: &[&str]) -> Result<Output> {
        self.container.exec(command).await
    }

    /// heald as `make install` lays it out, with the Makefile itself, into a folder that the machine sees; root there owns
    /// the copy.
    pub async fn install(&self, heald: &Path) -> Result<()> {
        let program = std::path::absolute(heald)?;
        let tree = self.bus.with_file_name("install");
        let mut make = Command::new("make");
        make.arg("--directory").arg(env!("CARGO_MANIFEST_DIR")).args(["install", "PREFIX=/usr/local"]);
        make.arg(format!("BINARY={}", program.display())).arg(format!("DESTDIR={}", tree.display()));
        // What was given to a `make test` around us is not meant.
        let made = make.env_remove("MAKEFLAGS").env_remove("MAKEOVERRIDES").output().context("start make")?;
        if !made.status.success() {
            return Err(Error::new(format!("make install: {}", String::from_utf8_lossy(&made.stderr))));
        }
        self.exec(&["cp", "-r", "--preserve=mode", "/run/dbus/install/.", "/"]).await?.ok()?;
        fs::remove_dir_all(tree).context("remove the copy of the installation")
    }

    /// `systemctl ARGUMENTS`, which must succeed; its output.
    pub async fn systemctl(&self, arguments: &[&str]) -> Result<String> {
        let command = [&["systemctl"], arguments].concat();
        self.exec(&command).await?.ok().with_context(|| command.join(" "))
    }

    /// Writes `/etc/systemd/system/NAME` and has it loaded. A drop-in is `x.service.d/y.conf`.
    pub async fn write_unit(&self, name: &str, text: &str) -> Result<()> {
        self.write_file(&format!("/etc/systemd/system/{name}"), text).await?;
        self.systemctl(&["daemon-reload"]).await.map(drop)
    }

    pub async fn write_file(&self, path: &str, text: &str) -> Result<()> {
        let script = r#"mkdir -p "${1%/*}" && printf %s "$2" > "$1""#;
        let written = self.exec(&["sh", "-c", script, "sh", path, text]).await?;
        written.ok().with_context(|| format!("write {path}")).map(drop)
    }

    /// One property of a unit, as `systemctl show` prints it.
    pub async fn show(&self, unit: &str, property: &str) -> Result<String> {
        self.systemctl(&["show", unit, "--value", "--property", property]).await
    }

    /// Waits until `property` of `unit` is one of `values`; the value.
    pub async fn wait_until(&self, unit: &str, property: &str, values: &[&str], limit: Duration) -> Result<String> {
        wait_for(&format!("{unit}: {property} in {values:?}"), limit, async || {
            let now = self.show(unit, property).await?;
            if values.contains(&now.as_str()) { Ok(now) } else { Err(now.into()) }
        })
        .await
    }

    /// The last lines of the journal, of one unit or of all.
    pub async fn journal(&self, unit: Option<&str>) -> Result<String> {
        let mut command = vec!["journalctl", "--no-pager", "--lines=50"];
        command.extend(unit.map(|_| "--unit"));
        command.extend(unit);
        self.exec(&command).await?.ok()
    }

    /// Takes the system bus away: every connection breaks, and the socket is gone. systemd lives
    /// on, reached through its private socket.
    pub async fn stop_bus(&self) -> Result<()> {
        self.systemctl(&["stop", "dbus.socket", "dbus.service"]).await?;
        // The socket unit leaves the file behind.
        self.exec(&["rm", "-f", "/run/dbus/system_bus_socket"]).await?.ok()?;
        match UnixStream::connect(&self.bus).await {
            Ok(_) => Err(Error::new("the bus still takes connections")),
            Err(_) => Ok(()),
        }
    }

    /// Brings it back and waits until systemd answers on it.
    pub async fn start_bus(&self) -> Result<()> {
        self.systemctl(&["start", "dbus.socket", "dbus.service"]).await?;
        let ask = [
            "busctl",
            "--timeout=2",
            "get-property",
            "org.freedesktop.systemd1",
            "/org/freedesktop/systemd1",
            "org.freedesktop.systemd1.Manager",
            "Version",
        ];
        wait_for("systemd on the bus", Duration::from_secs(20), async || {
            self.exec(&ask).await?.ok()?;
            UnixStream::connect(&self.bus).await?;
            Ok(())
        })
        .await
    }

    /// A bus that takes connections and never answers: everything in the container stands still.
    pub async fn freeze(&self) -> Result<()> {
        self.container.pause().await
    }

    pub async fn thaw(&self) -> Result<()> {
        self.container.unpause().await
    }

    pub async fn remove(&self) -> Result<()> {
        self.container.remove().await
    }
}

fn is_unified() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

/// In a private cgroup namespace of version 2 the engine mounts the hierarchy read-only for a
/// container without `--privileged`; SYS_ADMIN may change that before systemd looks.
fn init_command() -> Vec<String> {
    let init = "/lib/systemd/systemd".to_owned();
    if is_unified() {
        let script = format!("mount -o remount,bind,rw /sys/fs/cgroup; exec {init}");
        vec!["sh".into(), "-c".into(), script]
    } else {
        vec![init]
    }
}

fn host_config(bus_dir: &Path, machine: Machine) -> HostConfig {
    let mut tmpfs = container::tmpfs(&["/run", "/run/lock", "/tmp"]);
    let mut binds = vec![format!("{}:/run/dbus", bus_dir.display())];
    let cgroups = if is_unified() {
        HostConfigCgroupnsModeEnum::PRIVATE
    } else {
        // Each hierarchy of its own, on a folder of the container's: given `/sys/fs/cgroup` as a
        // whole, this systemd would remount the host's tmpfs read-only and add folders to it.
        tmpfs.insert("/sys/fs/cgroup".into(), "mode=755".into());
        let hierarchies = mounts::below(Path::new("/sys/fs/cgroup"));
        binds.extend(hierarchies.iter().map(|path| format!("{0}:{0}", path.display())));
        HostConfigCgroupnsModeEnum::HOST
    };
    binds.extend(machine.binds);
    tmpfs.extend(machine.tmpfs);
    HostConfig {
        network_mode: machine.network.or_else(|| Some("none".into())),
        cap_add: Some(std::iter::once("SYS_ADMIN".to_owned()).chain(machine.capabilities).collect()),
        security_opt: Some(vec!["seccomp=unconfined".into(), "apparmor=unconfined".into()]),
        cgroupns_mode: Some(cgroups),
        tmpfs: Some(tmpfs),
        binds: Some(binds),
        ..Default::default()
    }
}
