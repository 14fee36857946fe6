//! heald as the lab runs it: its configuration, its process, its doors.
//!
//! It gets the shipped playbooks from the checkout and nothing that a user could not write into
//! the configuration file.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Context as _, Error, NotYet, Process, Receiver, Result, RunFiles, Scrape, free_port, wait_for};

/// What a heald is given. [`HealdOptions::new`] leaves out what most uses don't need.
#[derive(Clone, Debug)]
pub struct HealdOptions {
    /// Of its folder, its log and its receiver.
    pub name: String,
    pub program: PathBuf,
    pub host: String,
    pub units: Vec<String>,
    pub containers: Vec<String>,
    /// `unix:path=…`
    pub bus: String,
    pub docker: PathBuf,
    pub alertmanager: String,
    pub group_interval: String,
    /// By playbook; the shipped ones only observe without it.
    pub overrides: Value,
    /// As in the configuration; what is not written keeps its default.
    pub guards: Value,
    /// What its page of targets shows.
    pub collect: Value,
    /// Folders of playbooks, beside the shipped ones.
    pub playbooks: Vec<PathBuf>,
    /// Where people are told.
    pub people: Option<String>,
    /// Beside that: more of `notify:`, and `escalation:`.
    pub notify: Value,
    pub escalation: Value,
    /// Other keys of the configuration.
    pub more: Value,
    /// Files beside the configuration that only heald reads, with their texts.
    pub secrets: Vec<(String, String)>,
}

pub struct Heald {
    options: HealdOptions,
    port: u16,
    dir: PathBuf,
    files: RunFiles,
    process: Mutex<Option<Process>>,
    http: reqwest::Client,
    control: reqwest::Client,
}

/// A Unix socket's path has at most 107 bytes.
const SOCKET_PATH_MAX: usize = 107;

// === impl HealdOptions ===

impl HealdOptions {
    pub fn new(name: &str, program: &Path) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            host: "lab".into(),
            units: Vec::new(),
            containers: Vec::new(),
            bus: "unix:path=/nonexistent".into(),
            docker: "/nonexistent".into(),
            alertmanager: "http://127.0.0.1:9093".into(),
            group_interval: "1s".into(),
            overrides: json!({}),
            guards: json!({}),
            collect: json!({ "docker": {} }),
            playbooks: Vec::new(),
            people: None,
            notify: json!({}),
            escalation: json!({}),
            more: json!({}),
            secrets: Vec::new(),
        }
    }

    fn text(&self, dir: &Path, port: u16) -> Result<String> {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks");
        let playbooks: Vec<_> = std::iter::once(&shipped).chain(&self.playbooks).collect();
        let mut config = json!({
            "web": { "listen": format!("127.0.0.1:{port}"), "auth": { "bearer_file": dir.join("token") } },
            "state": dir.join("state"),
            "playbooks": playbooks,
            "host": self.host,
            "targets": { "units": self.units, "containers": self.containers },
            "systemd": { "bus": self.bus },
            "docker": { "host": format!("unix://{}", self.docker.display()) },
            "alertmanager": { "url": self.alertmanager, "group_interval": self.group_interval },
            "overrides": self.overrides,
            "guards": self.guards,
            "collect": self.collect,
            "log": { "format": "text", "level": "info" },
        });
        config["notify"] = self.notify.clone();
        if let Some(url) = &self.people {
            config["notify"]["webhook"] = json!({ "url": url });
        }
        config["escalation"] = self.escalation.clone();
        for (key, value) in self.more.as_object().into_iter().flatten() {
            config[key] = value.clone();
        }
        // JSON is YAML, so that no value needs quoting by hand.
        Ok(serde_json::to_string_pretty(&config)?)
    }
}

// === impl Heald ===

impl Heald {
    /// Writes its configuration; starts nothing.
    pub fn prepare(run: &RunFiles, options: HealdOptions) -> Result<Self> {
        let mut dir = run.files().join(&options.name);
        if dir.join("state/control.sock").as_os_str().len() > SOCKET_PATH_MAX {
            dir = run.dir().join(&options.name);
        }
        fs::create_dir_all(&dir)?;
        let port = free_port();
        let token = dir.join("token");
        fs::write(&token, format!("token-of-{}\n", options.name))?;
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600))?;
        for (name, text) in &options.secrets {
            fs::write(dir.join(name), text)?;
            fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o600))?;
        }
        fs::write(dir.join("heald.yaml"), options.text(&dir, port)?)?;
        // Plain HTTP only, but the clients are built without a default TLS provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = || reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10));
        Ok(Self {
            port,
            files: run.clone(),
            process: Mutex::new(None),
            http: client().build()?,
            control: client().unix_socket(dir.join("state/control.sock")).build()?,
            options,
            dir,
        })
    }

    /// Starts it and waits until it takes alerts. `failpoints`: as in `FAILPOINTS`, for a binary that has them.
    pub async fn start(&self, failpoints: &str) -> Result<()> {
        self.stop();
        let mut command = Command::new(&self.options.program);
        command.arg("serve").arg("--config.file").arg(self.config());
        command.env("FAILPOINTS", failpoints).env("NO_COLOR", "1").env_remove("NOTIFY_SOCKET");
        let process = Process::spawn(&self.files, &self.options.name, command)?;
        *self.process.lock().expect("no holder panics") = Some(process);
        wait_for(&format!("start of {}", self.options.name), Duration::from_secs(20), async || {
            if let Some(end) = self.obituary() {
                return Err(NotYet::never(end));
            }
            self.http.get(self.url("/-/ready")).send().await?.error_for_status()?;
            Ok(())
        })
        .await
    }

    /// SIGKILL: it gets no chance to write or to send anything. Returns when it is gone.
    pub fn kill(&self) -> Result<()> {
        let process = self.process.lock().expect("no holder panics").take();
        process.map_or(Ok(()), |process| process.signal(Signal::KILL))
    }

    /// SIGTERM, and SIGKILL if that does not help.
    pub fn stop(&self) {
        drop(self.process.lock().expect("no holder panics").take());
    }

    /// Why it does not run, if it has ended by itself.
    pub fn obituary(&self) -> Option<String> {
        self.process.lock().expect("no holder panics").as_ref()?.obituary()
    }

    pub fn name(&self) -> &str {
        &self.options.name
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn config(&self) -> PathBuf {
        self.dir.join("heald.yaml")
    }

    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    pub fn socket(&self) -> PathBuf {
        self.state().join("control.sock")
    }

    pub fn log(&self) -> PathBuf {
        self.files.files().join(format!("{}.log", self.options.name))
    }

    /// Alertmanager's way to it, for alerts on what it may repair.
    pub fn receiver(&self) -> Receiver {
        let names: Vec<String> = self.options.units.iter().chain(&self.options.containers).map(|name| literal(name)).collect();
        // Of one fault several rules may tell; the tests look at what is repaired by the first playbooks.
        self.receiver_of(&[&format!("target=~\"{}\"", names.join("|")), "playbook=~\"systemd-unit-failed|container-down|\""])
    }

    /// The same, for these alerts.
    pub fn receiver_of(&self, matchers: &[&str]) -> Receiver {
        let receiver = Receiver::new(&self.options.name, &self.url("/api/v1/alerts"), matchers);
        let group_interval = self.options.group_interval.clone();
        Receiver { group_interval, ..receiver.bearer_file(self.dir.join("token")) }
    }

    /// Its collectors' page.
    pub fn scrape(&self) -> Scrape {
        Scrape::new(&self.options.name, &format!("127.0.0.1:{}", self.port), "/metrics/targets")
    }

    /// Delivers a webhook's body as Alertmanager does; the status and the answer.
    pub async fn deliver(&self, body: &Value) -> Result<(u16, String)> {
        let request = self.http.post(self.url("/api/v1/alerts")).bearer_auth(format!("token-of-{}", self.options.name));
        let answer = request.json(body).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// `GET /api/v1/PATH` on the control socket.
    pub async fn ask(&self, path: &str) -> Result<Value> {
        let answer = self.control.get(format!("http://heald/api/v1/{path}")).send().await.context("ask heald")?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// `heald ARGUMENTS`, as a person types it, which must succeed; what it printed.
    pub async fn command(&self, arguments: &[&str]) -> Result<String> {
        let mut command = tokio::process::Command::new(self.program());
        command.args(arguments).arg("--socket").arg(self.socket());
        let ended = command.output().await.context("start heald")?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if ended.status.success() {
            return Ok(said(&ended.stdout));
        }
        Err(Error::new(format!("heald {}: {}", arguments.join(" "), said(&ended.stderr))))
    }

    pub fn program(&self) -> &Path {
        &self.options.program
    }
}

/// A name as a regular expression in Alertmanager's double quotes.
fn literal(name: &str) -> String {
    name.replace('.', "\\\\.")
}

/// The daemon beside a running example (`target/debug/examples/demo` → `target/debug/heald`).
pub fn beside_this_program() -> Result<PathBuf> {
    let me = env::current_exe()?;
    let folder = me.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let program = folder.join("heald");
    fs::metadata(&program).context(format!("{}: build it first (cargo build --bin heald)", program.display()))?;
    Ok(program)
}
