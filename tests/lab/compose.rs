//! The shipped stack (`compose/compose.yml`), started by Compose from images that are made of this machine's own
//! programs, since no registry may be needed.
//!
//! What is replaced: the images, the ports, the labels, the secrets, the pace of scrapes and rules; heald may act on one
//! container. Everything else is as shipped: the walls, the proxy in front of the engine, all configuration.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use bollard::{
    models::ContainerInspectResponse,
    query_parameters::{
        InspectContainerOptions, ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    },
};
use serde_json::{Value, json};

use super::{
    Context as _, Engine, Error, Pace, Result, Stack,
    engine::{LABEL, RUN_LABEL},
    free_port, shipped_rules,
};

/// One run of the stack, under a project name of its own.
pub struct Project {
    engine: Arc<Engine>,
    /// `docker-compose`, or `docker compose`.
    program: &'static [&'static str],
    name: String,
    dir: PathBuf,
    environment: BTreeMap<&'static str, String>,
    pub prometheus: String,
    pub alertmanager: String,
    pub heald: String,
    pub http: reqwest::Client,
}

/// By service: what the official image would start; the program's name is another in Debian's packages.
const ENTRYPOINTS: [(&str, Option<&str>); 6] = [
    ("prometheus", Some("prometheus")),
    ("alertmanager", Some("prometheus-alertmanager")),
    ("node-exporter", Some("prometheus-node-exporter")),
    ("blackbox", Some("prometheus-blackbox-exporter")),
    ("engine-proxy", None),
    ("demo", None),
];

/// All services but heald have one image here. Copies of busybox do what their name says.
const TOOLS: [&str; 13] = [
    "prometheus",
    "promtool",
    "prometheus-alertmanager",
    "amtool",
    "prometheus-node-exporter",
    "prometheus-blackbox-exporter",
    "haproxy",
    "/bin/busybox=/usr/bin/wget",
    "/bin/busybox=/usr/bin/httpd",
    // Debian's Alertmanager does not start without its templates.
    "/usr/share/prometheus=/usr/share/prometheus",
    "65534@/prometheus",
    "65534@/alertmanager",
    "65534@/pushgateway",
];

const STOP: Duration = Duration::from_secs(60);

impl Project {
    /// Writes its files and makes its images; starts nothing. `heald` is the daemon's program.
    pub async fn prepare(stack: &Stack, heald: &Path) -> Result<Self> {
        let (engine, run) = (stack.engine().clone(), stack.run());
        let dir = run.files().join("compose");
        let name = format!("healdlab{}", run.id().replace(['-', '.'], ""));
        let demo = format!("heald-live-stack-{}", run.id());
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = compose().await?;

        fs::create_dir_all(dir.join("rules"))?;
        fs::set_permissions(dir.join("rules"), fs::Permissions::from_mode(0o755))?;
        for rules in shipped_rules(&repository.join("alert-rules"), &Pace::default())? {
            readable(&dir.join("rules").join(&rules.name), &rules.text)?;
        }
        let shipped = |file: &str| fs::read_to_string(repository.join("compose").join(file)).context(file.to_owned());
        let mut prometheus = shipped("prometheus.yml")?;
        replace(&mut prometheus, "scrape_interval: 15s", "scrape_interval: 5s")?;
        replace(&mut prometheus, "scrape_timeout: 10s", "scrape_timeout: 5s")?;
        replace(&mut prometheus, "evaluation_interval: 15s", "evaluation_interval: 1s")?;
        readable(&dir.join("prometheus.yml"), &prometheus)?;
        let mut config = shipped("heald.yaml")?;
        replace(&mut config, "[heald-demo]", &format!("[{demo}]"))?;
        replace(&mut config, "# overrides:\n#   container-down:", "overrides:\n  container-down:")?;
        readable(&dir.join("heald.yaml"), &config)?;
        for secret in ["heald-token", "grafana-password"] {
            readable(&dir.join(secret), &format!("{secret} of {name}\n"))?;
        }

        let settings = settings(&fs::read_to_string(repository.join("Dockerfile"))?);
        // A program keeps its name, and this one is called heald.
        let program_file = std::path::absolute(heald)?.display().to_string();
        let parts = [program_file.as_str(), "playbooks=/usr/share/heald/playbooks", "65532@/var/lib/heald"];
        let heald = engine.tree("stack-heald", &parts, &settings).await.context("heald's image")?;
        let tools = engine.tree("stack-tools", &TOOLS, &[]).await.context("an image of Debian's programs")?;
        let labels = json!({ LABEL: "1", RUN_LABEL: run.id() });
        readable(&dir.join("override.yml"), &serde_json::to_string_pretty(&overrides(&dir, &heald, &tools, &labels))?)?;

        let ports = [free_port(), free_port(), free_port()];
        let environment = BTreeMap::from([
            ("DOCKER_HOST", format!("unix://{}", engine.socket().display())),
            ("ENGINE_SOCKET", engine.socket().display().to_string()),
            ("COMPOSE_PROJECT_NAME", name.clone()),
            ("SECRETS", dir.display().to_string()),
            ("DEMO_NAME", demo),
            ("PROMETHEUS_PORT", ports[0].to_string()),
            ("ALERTMANAGER_PORT", ports[1].to_string()),
            ("HEALD_PORT", ports[2].to_string()),
        ]);
        let [prometheus, alertmanager, heald] = ports.map(|port| format!("http://127.0.0.1:{port}"));
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { engine, program, name, dir, environment, prometheus, alertmanager, heald, http })
    }

    /// `docker-compose up -d`, with the container that is there to be broken.
    pub async fn up(&self) -> Result<()> {
        self.compose(&["--profile", "demo", "up", "-d", "--no-build"]).await.map(drop)
    }

    /// The end of what every service said.
    pub async fn logs(&self) -> String {
        let logs = self.compose(&["--profile", "demo", "logs", "--no-color", "--tail", "15"]).await;
        logs.unwrap_or_else(|error| error.to_string())
    }

    /// Takes it down, volumes included, and says what is left of it all the same.
    pub async fn down(&self) -> Result<()> {
        self.compose(&["--profile", "demo", "down", "--volumes", "--timeout", "3"]).await?;
        let docker = self.engine.docker();
        let (containers, filters) = (self.containers().await?, self.filters(&[]));
        let networks = docker.list_networks(Some(ListNetworksOptionsBuilder::default().filters(&filters).build())).await?;
        let volumes = docker.list_volumes(Some(ListVolumesOptionsBuilder::default().filters(&filters).build())).await?;
        let volumes = volumes.volumes.unwrap_or_default();
        if containers.is_empty() && networks.is_empty() && volumes.is_empty() {
            return Ok(());
        }
        Err(Error::new(format!("left behind: {containers:?} {networks:?} {volumes:?}")))
    }

    /// The name of the container that is there to be broken.
    pub fn demo(&self) -> &str {
        &self.environment["DEMO_NAME"]
    }

    /// The host's path of the socket that heald asks.
    pub async fn engine_socket(&self) -> Result<PathBuf> {
        let volume = self.engine.docker().inspect_volume(&format!("{}_engine", self.name)).await?;
        Ok(Path::new(&volume.mountpoint).join("docker.sock"))
    }

    /// By service.
    pub async fn containers(&self) -> Result<BTreeMap<String, ContainerInspectResponse>> {
        let list = ListContainersOptionsBuilder::default().all(true).filters(&self.filters(&[])).build();
        let mut found = BTreeMap::new();
        for container in self.engine.docker().list_containers(Some(list)).await? {
            let service = container.labels.unwrap_or_default().remove("com.docker.compose.service").unwrap_or_default();
            let id = container.id.unwrap_or_default();
            let inspected = self.engine.docker().inspect_container(&id, None::<InspectContainerOptions>).await?;
            found.insert(service, inspected);
        }
        Ok(found)
    }

    /// `heald ARGUMENTS` inside its container.
    pub async fn heald(&self, arguments: &[&str]) -> Result<String> {
        let list = ListContainersOptionsBuilder::default().filters(&self.filters(&["heald"])).build();
        let found = self.engine.docker().list_containers(Some(list)).await?;
        let id = found.into_iter().next().and_then(|container| container.id).ok_or_else(|| Error::new("heald does not run"))?;
        let command: Vec<&str> = std::iter::once("/usr/bin/heald").chain(arguments.iter().copied()).collect();
        self.engine.exec(&id, &command).await?.ok()
    }

    fn filters(&self, service: &[&str]) -> std::collections::HashMap<String, Vec<String>> {
        let project = format!("com.docker.compose.project={}", self.name);
        let services = service.iter().map(|service| format!("com.docker.compose.service={service}"));
        [("label".to_owned(), std::iter::once(project).chain(services).collect())].into()
    }

    async fn compose(&self, arguments: &[&str]) -> Result<String> {
        let mut command = tokio::process::Command::new(self.program[0]);
        command.args(&self.program[1..]);
        command.arg("--file").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("compose/compose.yml"));
        command.arg("--file").arg(self.dir.join("override.yml")).args(arguments);
        command.envs(&self.environment).stdin(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(STOP, command.output()).await;
        let ended = ended.map_err(|_| Error::new(format!("compose {arguments:?}: not within {STOP:?}")))??;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if ended.status.success() {
            return Ok(said(&ended.stdout));
        }
        Err(Error::new(format!("compose {arguments:?}: {}", said(&ended.stderr))))
    }
}

/// Debian 12's own, else the plugin.
async fn compose() -> Result<&'static [&'static str]> {
    const PROGRAMS: [&[&str]; 2] = [&["docker-compose"], &["docker", "compose"]];
    for program in PROGRAMS {
        let version = tokio::process::Command::new(program[0]).args(&program[1..]).arg("version").output().await;
        if version.is_ok_and(|output| output.status.success()) {
            return Ok(program);
        }
    }
    Err(Error::new("docker-compose is missing; run: sudo tests/lab/setup.sh"))
}

fn overrides(dir: &Path, heald: &str, tools: &str, labels: &Value) -> Value {
    let mut services = serde_json::Map::new();
    for (service, program) in ENTRYPOINTS {
        services.insert(service.into(), json!({ "image": tools, "labels": labels }));
        if let Some(program) = program {
            services[service]["entrypoint"] = json!([format!("/usr/bin/{program}")]);
        }
    }
    let mount = |file: &str, target: &str| format!("{}:{target}:ro", dir.join(file).display());
    services["prometheus"]["volumes"] =
        json!([mount("prometheus.yml", "/etc/prometheus/compose/prometheus.yml"), mount("rules", "/etc/prometheus/alert-rules")]);
    // The host's root is not everywhere a shared mount.
    services["node-exporter"]["volumes"] = json!(["/:/host:ro"]);
    let config = json!([mount("heald.yaml", "/etc/heald/heald.yaml")]);
    services.insert("heald".into(), json!({ "image": heald, "labels": labels, "volumes": config }));
    let volumes = ["prometheus", "alertmanager", "heald", "engine", "pushgateway", "grafana"];
    let volumes: serde_json::Map<_, _> =
        volumes.into_iter().map(|volume| (volume.to_owned(), json!({ "labels": labels }))).collect();
    json!({ "services": services, "volumes": volumes, "networks": { "default": { "labels": labels } } })
}

/// What the Dockerfile's last stage sets, as lines that an import takes.
fn settings(dockerfile: &str) -> Vec<String> {
    const TAKEN: [&str; 5] = ["USER ", "VOLUME ", "EXPOSE ", "ENTRYPOINT ", "CMD "];
    let last = dockerfile.rsplit("\nFROM ").next().unwrap_or_default();
    last.lines().filter(|line| TAKEN.iter().any(|word| line.starts_with(word))).map(str::to_owned).collect()
}

/// The services run as users of their own.
fn readable(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o644))?)
}

fn replace(text: &mut String, shipped: &str, changed: &str) -> Result<()> {
    if text.matches(shipped).count() != 1 {
        return Err(Error::new(format!("{shipped:?} is not exactly once in\n{text}")));
    }
    *text = text.replace(shipped, changed);
    Ok(())
}
