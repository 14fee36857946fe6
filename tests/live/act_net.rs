//! Steps and probes that speak to services and programs: each one with a success, a failure and a refusal, in playbooks of the
//! test's own that a person runs by hand.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};

use crate::journal::{Journal, Record};
use crate::lab::{Context as _, Heald, Process, Result, free_port, wait_for};
use crate::scene::{REPAIR, Scene, check, equal, journal};

/// A heald with playbooks of this test.
struct Runner {
    heald: Arc<Heald>,
    journal: Journal,
    /// Each run has a target of its own, so that none meets another's open incident.
    runs: AtomicUsize,
}

/// Runs of one playbook.
const RUNS_MAX: usize = 20;

/// What became of one run.
struct Ran {
    incident: i64,
    /// `healed` or `escalated`.
    end: Record,
    /// `acted` of each step that was carried out.
    steps: Vec<Value>,
    /// What the probes saw after them.
    seen: String,
}

// === impl Runner ===

impl Runner {
    /// `books`: name, steps, probes. Each works on a service of its own name.
    async fn start(scene: &Scene, books: &[(&str, Value, Value)], targets: Value, more: Value) -> Result<Self> {
        let folder = scene.stack().run().dir().join(format!("{}-books", scene.name));
        fs::create_dir_all(&folder)?;
        for (name, steps, probes) in books {
            fs::write(folder.join(format!("{name}.md")), book(name, "service", steps, probes))?;
        }
        Self::with(scene, &folder, books.iter().map(|(name, ..)| *name).collect(), targets, more).await
    }

    async fn with(scene: &Scene, folder: &Path, services: Vec<&str>, targets: Value, more: Value) -> Result<Self> {
        let services: Vec<String> =
            services.iter().flat_map(|name| (0..RUNS_MAX).map(move |number| format!("{name}-{number}"))).collect();
        let mut all = json!({ "services": services });
        for (key, value) in targets.as_object().into_iter().flatten() {
            all[key] = value.clone();
        }
        let mut more = more;
        more["targets"] = all;
        let heald = scene.heald(|options| {
            options.playbooks = vec![folder.to_owned()];
            options.more = more;
        })?;
        heald.start("").await?;
        Ok(Self { journal: journal(&heald), heald, runs: AtomicUsize::default() })
    }

    /// Runs the playbook and waits for its end. `labels`: beside the target, or with it.
    async fn run(&self, playbook: &str, labels: &[&str]) -> Result<Ran> {
        let last = self.journal.records()?.last().map_or(0, |record| record.seq);
        let target = format!("target={playbook}-{}", self.runs.fetch_add(1, Ordering::Relaxed));
        let own = labels.iter().any(|label| label.starts_with("target="));
        let mut words = vec!["run", playbook];
        words.extend((!own).then_some(target.as_str()));
        words.extend(labels);
        self.heald.command(&words).await?;
        // Others may end meanwhile: those that are still watched, of things that this test breaks later.
        let is_ours = |record: &Record| record.seq > last && record.kind == "opened";
        let opened = self.journal.wait(&format!("the incident of {playbook}"), REPAIR, is_ours).await?;
        let incident = opened.incident.unwrap_or_default();
        let is_end =
            |record: &Record| record.incident == Some(incident) && ["healed", "escalated"].contains(&record.kind.as_str());
        let end = self.journal.wait(&format!("the end of {playbook}"), REPAIR, is_end).await?;
        let of_it = |record: &&Record| record.incident == Some(incident) && record.kind == "step_ended";
        let records = self.journal.records()?;
        let steps = records.iter().filter(of_it).map(|record| record.body["acted"].clone()).collect();
        let ended = records.iter().find(|record| record.incident == Some(incident) && record.kind == "attempt_ended");
        Ok(Ran { incident, seen: ended.map(Record::text).unwrap_or_default(), end, steps })
    }

    /// The same, and its last step is done. A rung that only looks heals nothing, so the incident may end either way.
    async fn done(&self, playbook: &str, labels: &[&str]) -> Result<Value> {
        let ran = self.run(playbook, labels).await?;
        let step = ran.steps.last().cloned().unwrap_or_default();
        check(step["outcome"] == "done", || format!("{playbook}: {step}, {}", ran.end.line()))?;
        Ok(step)
    }

    /// The same, and it is healed.
    async fn healed(&self, playbook: &str, labels: &[&str]) -> Result<Ran> {
        let ran = self.run(playbook, labels).await?;
        check(ran.end.kind == "healed", || format!("{playbook}: {}, {:?}", ran.end.line(), ran.steps))?;
        Ok(ran)
    }

    /// Its only step ended so, and what it said has this part.
    async fn fails(&self, playbook: &str, labels: &[&str], outcome: &str, part: &str) -> Result<Value> {
        let ran = self.run(playbook, labels).await?;
        equal(&format!("end of {playbook} ({})", ran.end.text()), ran.end.kind.as_str(), "escalated")?;
        let step = ran.steps.last().cloned().unwrap_or_default();
        check(step["outcome"].to_string().contains(outcome), || format!("{playbook}: {step}"))?;
        check(step["detail"].as_str().is_some_and(|detail| detail.contains(part)), || format!("{playbook}: {step}"))?;
        Ok(step)
    }

    /// Nothing was done, and a person is told why: whoever runs it, or by the incident.
    async fn refuses(&self, playbook: &str, labels: &[&str], part: &str) -> Result<()> {
        let ran = match self.run(playbook, labels).await {
            Ok(ran) => ran,
            Err(error) => return check(error.to_string().contains(part), || format!("{playbook}: {error}")),
        };
        check(ran.steps.is_empty(), || format!("{playbook} was carried out: {:?}", ran.steps))?;
        let told = self.journal.records()?.into_iter().filter(|record| record.incident == Some(ran.incident));
        let texts: Vec<String> = told.map(|record| record.text()).collect();
        check(texts.iter().any(|text| text.contains(part)), || format!("{playbook}: no {part:?} in {texts:#?}"))
    }
}

/// Acts also when the probes pass: many of these steps only look.
fn book(name: &str, kind: &str, steps: &Value, probes: &Value) -> String {
    format!(
        "---\nplaybook: {name}\nmatch: ['alertname=\"{name}\"']\ntarget: {{ {kind}: \"{{{{ labels.target }}}}\" }}\nmode: auto\n\
         act_on: alert\nirreversible: accepted\nlimits: {{ attempts: 1, within: 60s, budget: [50 per 10m], cooldown: 1s }}\n---\n\
         # {name}\n\n## Auto-recovery\n\n```yaml\n- try: it\n  do: {steps}\n```\n\n\
         ## Verify\n\n```yaml\nwithin: 3s\nstable: 200ms\nall: {probes}\n```\n"
    )
}

// --- Redis, a resolver, Prometheus, the local network --------------------------------------------------------------------------

pub async fn services(scene: Arc<Scene>) -> Result<()> {
    let dir = scene.stack().run().dir().join("act-services");
    fs::create_dir_all(&dir)?;
    let [redis_port, locked_port, dns_port] = [(); 3].map(|()| free_port());
    let local = |port: u16| format!("127.0.0.1:{port}");
    let (redis, locked, dns) = (local(redis_port), local(locked_port), local(dns_port));
    // It would remove what is over by itself ten times a second.
    let debug: &[&str] = &["--enable-debug-command", "yes"];
    let server = redis_server(&scene, "redis", redis_port, debug)?;
    let _locked = redis_server(&scene, "locked", locked_port, &["--requirepass", "s3cret"])?;
    let mut dnsmasq = Command::new("dnsmasq");
    dnsmasq.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"]).args([
        "--listen-address=127.0.0.1",
        &format!("--port={dns_port}"),
        "--address=/example.org/192.0.2.1",
        "--pid-file=",
        "--user=root",
    ]);
    let _resolver = Process::spawn(scene.stack().run(), &format!("{}-dnsmasq", scene.name), dnsmasq)?;
    let password = dir.join("password");
    fs::write(&password, "s3cret\n")?;
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
    let lan = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
    let lan_port = lan.local_addr()?.port();

    let alive = json!([{ "redis": { "address": redis, "used_max": 99, "write": true } }]);
    let up = |job: &str| json!([{ "promql": { "query": "max(up{$labels})", "labels": { "job": job }, "is": 1 } }]);
    let resolves = json!([{ "dns": { "name": "a.example.org", "server": dns, "address": "192.0.2.1" } }]);
    let locked_probe = json!([{ "redis": { "address": locked, "password_file": password } }]);
    let books = [
        ("info", json!([{ "redis.info": { "address": redis } }]), alive.clone()),
        ("ping", json!([{ "redis.ping": { "address": locked, "password_file": password } }]), locked_probe.clone()),
        (
            "ping-unknown",
            json!([{ "redis.ping": { "address": locked } }]),
            json!([{ "dns": { "name": "a.example.net", "server": dns } }]),
        ),
        ("purge", json!([{ "redis.purge_expired": { "address": redis } }]), alive.clone()),
        ("elsewhere", json!([{ "redis.ping": { "address": "127.0.0.1:1" } }]), alive.clone()),
        ("lookup", json!([{ "network.dns_lookup": { "name": "a.example.org", "server": dns } }]), resolves.clone()),
        (
            "no-name",
            json!([{ "network.dns_lookup": { "name": "a.example.net", "server": dns } }]),
            json!([{ "dns": { "name": "a.example.net", "server": dns } }]),
        ),
        (
            "no-resolver",
            json!([{ "network.dns_lookup": { "name": "a.example.org", "server": "127.0.0.1:1" } }]),
            resolves.clone(),
        ),
        ("promql", json!([{ "wait": "10ms" }]), up("node")),
        ("promql-none", json!([{ "wait": "10ms" }]), up("no\"} or vector(1) #")),
        (
            "wake",
            json!([{ "network.wake_on_lan": { "mac": "02:00:00:00:00:07", "broadcast": format!("127.0.0.1:{lan_port}") } }]),
            alive.clone(),
        ),
        ("wake-other", json!([{ "network.wake_on_lan": { "mac": "02:00:00:00:00:08" } }]), alive.clone()),
        ("firewall", json!([{ "network.firewall_rules": { "tool": "nft" } }]), alive.clone()),
    ];
    let targets = json!({ "addresses": [redis, locked, dns], "macs": ["02:00:00:00:00:07"] });
    let prometheus = json!({ "prometheus": { "url": scene.stack().monitoring().prometheus.url() } });
    let runner = Runner::start(&scene, &books, targets, prometheus).await?;

    let info = runner.run("info", &[]).await?;
    equal("role", &info.steps[0]["facts"]["role"], &json!("master"))?;
    check(info.seen.contains("without a limit, took a write"), || info.seen.clone())?;
    let ping = runner.done("ping", &[]).await?;
    check(ping["facts"]["ms"].is_u64(), || ping.to_string())?;
    let denied = runner.fails("ping-unknown", &[], "access_denied", "NOAUTH").await?;
    check(!denied.to_string().contains("s3cret"), || denied.to_string())?;

    // Three thousand keys whose time is over and that Redis has not come by, beside one that lives.
    let cli = |words: &[&str]| redis_cli(redis_port, words);
    cli(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"])?;
    let script =
        "for i = 1, 3000 do redis.call('SET', 'k' .. i, string.rep('x', 100), 'PX', 1) end; redis.call('SET', 'kept', '1')";
    cli(&["EVAL", script, "0"])?;
    wait_for("keys that are over", Duration::from_secs(5), async || {
        let size = cli(&["DBSIZE"])?;
        // The probe's own key may be among them.
        let all = size.trim().parse::<u32>().is_ok_and(|size| size > 3_000);
        if all { Ok(()) } else { Err(size.into()) }
    })
    .await?;
    let purge = runner.healed("purge", &[]).await?;
    let facts = &purge.steps[0]["facts"];
    equal("complete", &facts["complete"], &json!(true))?;
    check(facts["purged"].as_u64().is_some_and(|purged| purged >= 3_000), || facts.to_string())?;
    equal("what is left", cli(&["GET", "kept"])?.trim(), "1")?;
    runner.refuses("elsewhere", &[], "127.0.0.1:1 is not on the allow-list").await?;

    let lookup = runner.run("lookup", &[]).await?;
    equal("addresses", &lookup.steps[0]["facts"]["addresses"], &json!(["192.0.2.1"]))?;
    check(lookup.seen.contains("a.example.org is 192.0.2.1"), || lookup.seen.clone())?;
    runner.fails("no-name", &[], "failed", "a.example.net").await?;
    runner.refuses("no-resolver", &[], "127.0.0.1:1 is not on the allow-list").await?;

    let promql = runner.run("promql", &[]).await?;
    check(promql.seen.contains("it is 1"), || promql.seen.clone())?;
    // A label that tries to rewrite the query fits no series; that is unknown, and heald waits instead of acting blindly.
    runner.heald.command(&["run", "promql-none", "target=promql-none-0"]).await?;
    let held = |record: &Record| record.kind == "held" && record.text().contains("no series fits");
    runner.journal.wait("an attempt that is held", REPAIR, held).await?;

    let mut buffer = [0; 200];
    runner.healed("wake", &[]).await?;
    for _ in 0..3 {
        let got = tokio::time::timeout(Duration::from_secs(2), lan.recv(&mut buffer)).await.context("a magic packet")??;
        equal("size", got, 102)?;
        check(buffer[..6] == [0xff; 6] && buffer[96..102] == [2, 0, 0, 0, 0, 7], || format!("{buffer:?}"))?;
    }
    runner.refuses("wake-other", &[], "02:00:00:00:00:08 is not on the allow-list").await?;
    let firewall = runner.run("firewall", &[]).await?;
    let step = firewall.steps.last().cloned().unwrap_or_default();
    match Path::new("/usr/sbin/nft").exists() {
        true => check(step["facts"]["tool"] == "nft" || step["detail"].to_string().contains("exit"), || step.to_string())?,
        false => check(step["detail"] == "nft is not installed", || step.to_string())?,
    }

    drop(server);
    runner.fails("info", &[], "not_sent", "no connection").await.map(drop)
}

fn redis_server(scene: &Scene, name: &str, port: u16, more: &[&str]) -> Result<Process> {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir", "/"]).args(more);
    Process::spawn(scene.stack().run(), &format!("{}-{name}", scene.name), command)
}

fn redis_cli(port: u16, words: &[&str]) -> Result<String> {
    let said = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output().context("start redis-cli")?;
    Ok(String::from_utf8_lossy(&said.stdout).into_owned())
}

// --- supervisord and commands ----------------------------------------------------------------------------------------------------

const PROGRAMS: &str = "
[program:worker]
command=sleep 1000
startsecs=1
autorestart=false
[program:broken]
command=/bin/false
startretries=0
";

pub async fn programs(scene: Arc<Scene>) -> Result<()> {
    let dir = scene.stack().run().dir().join("act-programs");
    let books_dir = dir.join("books");
    fs::create_dir_all(&books_dir)?;
    let socket = dir.join("s.sock");
    let _supervisord = supervisord(&scene, &dir, &socket)?;
    let tool = |name: &str, text: &str, mode: u32| -> Result<PathBuf> {
        let path = dir.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(path)
    };
    let greet =
        tool("greet", "#!/bin/sh\necho \"hello $1 from $HEALD_TARGET\" && id -un && test -z \"$TOKEN\" && exit $2\n", 0o755)?;
    let note = dir.join("pids");
    let slow_text =
        format!("#!/bin/sh\nsleep 100 & echo $! > {0}\nsetsid sh -c 'sleep 101 & echo $! >> {0}' &\nsleep 102\n", note.display());
    let slow = tool("slow", &slow_text, 0o755)?;
    let open = tool("open", "#!/bin/sh\ntrue\n", 0o777)?;

    let argv =
        |words: &[&str]| json!([{ "command": { "argv": words, "env": { "HEALD_TARGET": "{{ target }}" }, "timeout": "2s" } }]);
    let path = |path: &Path| path.display().to_string();
    let (greet, slow, open) = (path(&greet), path(&slow), path(&open));
    let fine = json!([{ "command": { "argv": ["/bin/true"] } }]);
    let bad = json!([{ "command": { "argv": ["/bin/false"] } }]);
    let commands = [
        ("greet", argv(&[&greet, "{{ labels.who }}", "0"]), fine.clone()),
        ("greet-bad", argv(&[&greet, "x", "3"]), bad.clone()),
        ("slow", argv(&[&slow]), bad.clone()),
        ("open", argv(&[&open]), bad.clone()),
        ("unlisted", argv(&["/bin/rm", "-rf", "/nonexistent"]), fine.clone()),
        ("nobody", json!([{ "command": { "argv": ["/usr/bin/id", "-un"], "user": "nobody" } }]), fine.clone()),
    ];
    for (name, steps, probes) in &commands {
        fs::write(books_dir.join(format!("{name}.md")), book(name, "service", steps, probes))?;
    }
    let restart = json!([{ "supervisor.restart": {} }]);
    fs::write(books_dir.join("restart.md"), book("restart", "program", &restart, &json!([{ "supervisor.running": {} }])))?;
    let services = commands.iter().map(|(name, ..)| *name).collect();
    let targets = json!({
        "commands": [greet, slow, open, "/bin/true", "/bin/false", "/usr/bin/id"],
        "programs": ["worker", "broken", "gone"],
    });
    let runner = Runner::with(&scene, &books_dir, services, targets, json!({ "supervisor": { "socket": socket } })).await?;

    let first = supervisor_pid(&dir, "worker").await?;
    // It dies, and nobody starts it again.
    supervisorctl(&dir, &["signal", "KILL", "worker"])?;
    let restarted = runner.healed("restart", &["target=worker"]).await?;
    let facts = &restarted.steps[0]["facts"];
    equal("state", &facts["state"], &json!("RUNNING"))?;
    check(facts["pid"].as_u64().is_some_and(|pid| pid != first), || format!("{facts}, before {first}"))?;
    check(restarted.steps[0]["evidence"].is_string(), || restarted.steps[0].to_string())?;
    runner.fails("restart", &["target=broken"], "failed", "now FATAL").await?;
    runner.refuses("restart", &["target=other"], "not on the allow-list").await?;

    let hello = runner.healed("greet", &["who=a b; rm -rf /"]).await?;
    let user = fs::read_to_string("/proc/self/status")?.contains("Uid:\t0\t").then_some("root\n").unwrap_or_default();
    let output = hello.steps[0]["facts"]["output"].as_str().unwrap_or_default().to_owned();
    check(output.starts_with("hello a b; rm -rf / from greet-") && output.ends_with(user), || output.clone())?;
    runner.refuses("greet", &["who=--all"], "taken for an option").await?;
    runner.fails("greet-bad", &[], "failed", "exit 3").await?;
    let killed = runner.fails("slow", &[], "failed", "killed at its deadline").await?;
    for pid in fs::read_to_string(&note)?.lines() {
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        check(state.is_empty() || state.contains(") Z"), || format!("{pid} lives after {killed}: {state}"))?;
    }
    runner.fails("open", &[], "refused", "writable by others").await?;
    runner.refuses("unlisted", &[], "/bin/rm is not on the allow-list").await?;
    let nobody = runner.healed("nobody", &[]).await?;
    equal("user", nobody.steps[0]["facts"]["output"].as_str(), Some("nobody\n"))
}

fn supervisord(scene: &Scene, dir: &Path, socket: &Path) -> Result<Process> {
    let (file, shown) = (dir.join("supervisord.conf"), dir.display());
    let text = format!(
        "[unix_http_server]\nfile={}\nchmod=0700\n[supervisord]\nlogfile={shown}/supervisord.log\npidfile={shown}/supervisord.pid\n\
         childlogdir={shown}\nnodaemon=true\n[rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
         [supervisorctl]\nserverurl=unix://{}\n{PROGRAMS}",
        socket.display(),
        socket.display()
    );
    fs::write(&file, text)?;
    let mut command = Command::new("supervisord");
    command.arg("-c").arg(&file);
    Process::spawn(scene.stack().run(), &format!("{}-supervisord", scene.name), command)
}

/// Once it runs, and is not only starting.
async fn supervisor_pid(dir: &Path, program: &str) -> Result<u64> {
    wait_for(&format!("{program} under supervisord"), Duration::from_secs(20), async || {
        let text = supervisorctl(dir, &["status", program])?;
        // `worker    RUNNING   pid 4711, uptime 0:00:02`
        let running = text.split_once("RUNNING").and_then(|(_, rest)| rest.split_once("pid "));
        let pid = running.and_then(|(_, rest)| rest.split_once(',')?.0.parse().ok());
        pid.ok_or_else(|| text.into())
    })
    .await
}

fn supervisorctl(dir: &Path, words: &[&str]) -> Result<String> {
    let said = Command::new("supervisorctl").arg("-c").arg(dir.join("supervisord.conf")).args(words).output();
    Ok(String::from_utf8_lossy(&said.context("start supervisorctl")?.stdout).trim().to_owned())
}

// --- HTTP, as Ollama speaks it --------------------------------------------------------------------------------------------------

type Models = Arc<Mutex<Vec<String>>>;

pub async fn model_pull(scene: Arc<Scene>) -> Result<()> {
    let models = Models::default();
    let url = ollama(Arc::clone(&models)).await?;
    let pull = |model: &str| {
        json!([{ "http": {
        "post": format!("{url}/api/pull"), "json": { "model": model }, "stream": true, "expect": { "status": "success" }, "timeout": "30s"
    } }])
    };
    let listed = json!([{ "http": {
        "get": format!("{url}/api/tags"), "expect": { "$.models[*].name": "{{ labels.model }}" }, "latency_max": "2s"
    } }]);
    let status = json!([{ "http": { "get": format!("{url}/moved"), "status": 200 } }]);
    let unload = json!([
        { "http": { "post": format!("{url}/api/generate"), "json": { "model": "tiny", "keep_alive": 0 } }, "register": "unloaded" },
        { "http": { "get": format!("{url}/api/tags") }, "when": "steps.unloaded.json.done" },
    ]);
    let books = [
        ("pull", pull("{{ labels.model }}"), listed.clone()),
        ("unload", unload, listed.clone()),
        ("moved", status.clone(), status),
        ("outside", json!([{ "http": { "get": "http://127.0.0.1:1/metadata" } }]), listed),
    ];
    let targets = json!({ "urls": [format!("{url}/")] });
    let runner = Runner::start(&scene, &books, targets, json!({})).await?;

    let pulled = runner.healed("pull", &["model=tiny"]).await?;
    equal("lines", &pulled.steps[0]["facts"]["lines"], &json!(5))?;
    equal("last", &pulled.steps[0]["facts"]["json"], &json!({ "status": "success" }))?;
    let told = runner.journal.wait_kind("step_progressed", REPAIR).await?;
    check(told.text().contains("pulling manifest"), || told.line())?;
    runner.fails("pull", &["model=missing"], "failed", "file does not exist").await?;
    runner.fails("pull", &["model=broken"], "unknown", "broke off").await?;
    let unloaded = runner.run("unload", &["model=tiny"]).await?;
    equal("steps", unloaded.steps.len(), 2)?;
    check(unloaded.seen.contains("answered 200"), || unloaded.seen.clone())?;
    // Not followed: an open redirect must not lead heald to where it may not call.
    runner.fails("moved", &[], "failed", "answered 302").await?;
    runner.refuses("outside", &["model=tiny"], "is not on the allow-list").await
}

/// Its URL, without a slash at the end.
async fn ollama(models: Models) -> Result<String> {
    let tags = async |State(models): State<Models>| {
        let names: Vec<Value> = models.lock().expect("no holder panics").iter().map(|name| json!({ "name": name })).collect();
        Json(json!({ "models": names }))
    };
    let moved = async || (axum::http::StatusCode::FOUND, [("location", "http://127.0.0.1:1/")]);
    let generate = async || Json(json!({ "done": true, "done_reason": "unload" }));
    let app = Router::new()
        .route("/api/tags", get(tags))
        .route("/api/pull", post(pull))
        .route("/api/generate", post(generate))
        .route("/moved", get(moved))
        .with_state(models);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

/// As recorded of Ollama: 200 at once, then a line for each piece of progress; an error is a line too.
async fn pull(State(models): State<Models>, Json(body): Json<Value>) -> Body {
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    let mut lines = vec![Ok("{\"status\":\"pulling manifest\"}\n".to_owned())];
    match model.as_str() {
        "missing" => lines.push(Ok("{\"error\":\"pull model manifest: file does not exist\"}\n".to_owned())),
        "broken" => lines.push(Err(std::io::Error::other("the connection is cut"))),
        _ => {
            let part = |done: u32| {
                Ok(format!("{{\"status\":\"pulling 4f6e\",\"digest\":\"4f6e\",\"total\":200,\"completed\":{done}}}\n"))
            };
            lines.extend([part(20), part(200), Ok("{\"status\":\"verifying sha256 digest\"}\n".to_owned())]);
            lines.push(Ok("{\"status\":\"success\"}\n".to_owned()));
            models.lock().expect("no holder panics").push(model);
        }
    }
    let pieces = stream::unfold(lines.into_iter(), async |mut lines| {
        let line = lines.next()?;
        // Each in a chunk of its own.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((line.map(Bytes::from), lines))
    });
    Body::from_stream(pieces)
}
