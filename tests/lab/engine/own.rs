//! The engine the lab starts where none runs: no bridge of its own, no firewall rule, nothing of
//! the system's configuration, and gone without a trace afterwards (its images stay in
//! `target/lab`).

use std::{
    fs,
    net::Shutdown,
    os::unix::{net::UnixStream, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    super::{Context as _, Error, ProcessId, Result, process::tail, run, wait::wait_blocking},
    footprint::Footprint,
};

/// Written as soon as the process exists, so that any later run can stop it.
#[derive(Serialize, Deserialize)]
pub struct OwnEngine {
    process: String,
    socket: PathBuf,
    footprint: Footprint,
}

fn dir() -> PathBuf {
    run::base().join("engine")
}

fn record() -> PathBuf {
    run::base().join("engine.json")
}

impl OwnEngine {
    /// The engine a run on this machine has started and that still lives.
    pub fn running() -> Option<Self> {
        let engine: Self = serde_json::from_slice(&fs::read(record()).ok()?).ok()?;
        if engine.process().is_alive() {
            return Some(engine);
        }
        // Killed from outside: take away what it could not.
        engine.clean_up();
        None
    }

    pub fn start() -> Result<Self> {
        if let Some(pid) = running_dockerd() {
            return Err(Error::new(format!(
                "a Docker engine runs (dockerd, pid {pid}) but does not answer at the default socket; \
                 set DOCKER_HOST=unix://… to its socket. The lab never starts a second engine"
            )));
        }
        if !rustix::process::geteuid().is_root() {
            return Err(Error::new("no Docker engine answers, and only root can start one: start Docker, or run as root"));
        }
        let (dir, data) = (dir(), run::cache().join("engine"));
        fs::create_dir_all(&dir)?;
        fs::create_dir_all(&data)?;
        let socket = dir.join("docker.sock");
        let log = run::cache().join("engine.log");
        let footprint = Footprint::before(&[&dir, &data]);
        // Our own file, because the system's may name a data folder or hosts that clash.
        fs::write(dir.join("daemon.json"), "{}")?;
        let mut child = Command::new("dockerd")
            .arg("--config-file")
            .arg(dir.join("daemon.json"))
            .arg("--data-root")
            .arg(&data)
            .arg("--exec-root")
            .arg(dir.join("exec"))
            .arg("--pidfile")
            .arg(dir.join("pid"))
            .arg(format!("--host=unix://{}", socket.display()))
            .arg(format!("--bridge={}", bridge()))
            .args(["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"])
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log)?)
            .stderr(fs::File::options().append(true).open(&log)?)
            .process_group(0)
            .spawn()
            .context("start dockerd (tests/lab/setup.sh installs it)")?;
        let process = ProcessId::of(child.id().cast_signed()).expect("an unreaped child is in /proc");
        // It may outlive this run, so nobody else waits for it.
        std::thread::spawn(move || child.wait());
        let engine = Self { process: process.to_string(), socket, footprint };
        fs::write(record(), serde_json::to_vec_pretty(&engine)?)?;

        let ready = wait_blocking("dockerd's socket", Duration::from_secs(60), || {
            let connected = UnixStream::connect(&engine.socket).and_then(|stream| stream.shutdown(Shutdown::Both)).is_ok();
            (connected || !process.is_alive()).then_some(connected)
        });
        match ready {
            Ok(true) => Ok(engine),
            Ok(false) | Err(_) => {
                engine.stop()?;
                Err(Error::new(format!("dockerd did not come up; its log ends:\n{}", tail(&log, 15))))
            }
        }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    fn process(&self) -> ProcessId {
        self.process.parse().expect("written by ourselves")
    }

    /// By its own shutdown first: it then kills its containers and unmounts their file systems.
    pub fn stop(&self) -> Result<()> {
        let ended = self.process().end(Duration::from_secs(40));
        self.clean_up();
        ended
    }

    fn clean_up(&self) {
        let dir = dir();
        // Nothing is found here after an orderly end. containerd and its shims name our exec root
        // on their command lines; a shim's child is the first process of a container, and its
        // death is that of the whole container.
        for orphan in processes(|comm, line| comm.starts_with("containerd") && line.contains(&*dir.to_string_lossy())) {
            for child in orphan.children() {
                let _ = child.end(Duration::ZERO);
            }
            let _ = orphan.end(Duration::from_secs(5));
        }
        self.footprint.restore();
        let _ = fs::remove_dir_all(&dir);
        let _ = fs::remove_file(record());
    }
}

/// With `none` an engine deletes an existing `docker0`, which a stopped engine leaves behind and
/// a firewall may refer to; naming it instead makes ours use it as it is.
fn bridge() -> &'static str {
    if Path::new("/sys/class/net/docker0").exists() { "docker0" } else { "none" }
}

fn running_dockerd() -> Option<i32> {
    processes(|comm, _| comm == "dockerd").first().map(|process| process.pid())
}

/// By command name and command line.
fn processes(wanted: impl Fn(&str, &str) -> bool) -> Vec<ProcessId> {
    let is_wanted = |pid: i32| {
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        wanted(comm.trim_end(), &line.replace('\0', " ")).then_some(())
    };
    ProcessId::all().filter(|process| is_wanted(process.pid()).is_some()).collect()
}
