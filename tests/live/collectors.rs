//! The page of targets, of real things: containers that loop, sicken and are killed, a supervisord with its programs, a
//! database that is overwritten, a backup that grows old, and what `promtool` says of the page.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bollard::models::RestartPolicyNameEnum;
use serde_json::json;

use crate::lab::{Context as _, Heald, Process, Result, Victim, wait_for};
use crate::scene::{Scene, check, equal};

const SOON: Duration = Duration::from_secs(40);

/// One that runs, one whose every start fails, one that ends with 3, and two processes of one program.
const PROGRAMS: &str = "
[program:web]
command=sleep 1000
startsecs=0
[program:broken]
command=/bin/false
startretries=0
[program:job]
command=sh -c 'exit 3'
startsecs=0
autorestart=false
[program:many]
command=sleep 1000
startsecs=0
numprocs=2
process_name=%(program_name)s_%(process_num)02d
";

pub async fn see_the_real_things(scene: Arc<Scene>) -> Result<()> {
    let stack = scene.stack();
    let (engine, image) = (stack.engine(), stack.image());
    let dir = stack.run().dir().join("collect");
    fs::create_dir_all(&dir)?;
    let named = |part: &str| format!("{}-{part}", scene.name.replace('_', "-"));
    let looping = Victim { script: "exit 3".into(), restart: Some(RestartPolicyNameEnum::ALWAYS), ..Victim::default() };
    let looping = looping.start(engine, image, &named("looping")).await?;
    let labels = [("com.docker.compose.service", "db")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let health = Some("test ! -e /sick".into());
    let limited = Victim { health, labels, memory: Some(64 << 20), ..Victim::default() };
    let limited = limited.start(engine, image, &named("limited")).await?;

    let supervisor = Supervisor::start(&scene, &dir)?;
    let database = dir.join("shop.db");
    let writer = rusqlite::Connection::open(&database).context("make a database")?;
    writer.execute_batch(
        "PRAGMA journal_mode=delete; CREATE TABLE t (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
         WHERE i < 2000) INSERT INTO t SELECT printf('%0200d', i) FROM n",
    )?;
    drop(writer);
    fs::write(dir.join("shop-1.tar"), [0; 2_000])?;
    fs::write(dir.join("beat"), "")?;
    let heald = scene.heald(|options| {
        options.collect = json!({
            "docker": {},
            "supervisor": { "socket": supervisor.socket },
            "sqlite": [{ "name": "shop", "path": database, "service": "shop", "every": "1m" }],
            "backups": [{ "name": "nightly", "glob": dir.join("shop-*.tar"), "service": "shop", "max_age": "26h", "min_size": "1kB" }],
            "heartbeats": [{ "name": "agent", "file": dir.join("beat"), "max_age": "30m" }],
        });
    })?;
    heald.start("").await?;

    let container = |name: &str, service: &str| format!("container=\"{name}\",service=\"{service}\"");
    let (loops, limits) = (container(looping.name(), ""), container(limited.name(), "db"));
    let lines = [
        // It loops: only between two starts it is down, and has an exit code.
        format!("heald_container_exit_code{{{loops}}} 3"),
        "heald_container_engine_up 1".to_owned(),
        format!("heald_container_state{{{limits},state=\"running\"}} 1"),
        format!("heald_container_memory_limit_bytes{{{limits}}} 67108864"),
        format!("heald_container_network_info{{{limits},network=\"none\"}} 1"),
        "heald_supervisor_up 1".to_owned(),
        "heald_supervisor_program_state{program=\"web\",state=\"RUNNING\"} 1".to_owned(),
        "heald_supervisor_program_state{program=\"broken\",state=\"FATAL\"} 1".to_owned(),
        "heald_supervisor_program_state{program=\"many:many_01\",state=\"RUNNING\"} 1".to_owned(),
        "heald_supervisor_program_exit_status{program=\"job\"} 3".to_owned(),
        "heald_sqlite_ok{database=\"shop\",service=\"shop\"} 1".to_owned(),
        "heald_backup_size_bytes{backup=\"nightly\",service=\"shop\"} 2000".to_owned(),
        "heald_heartbeat_max_age_seconds{heartbeat=\"agent\",service=\"\"} 1800".to_owned(),
        "heald_collector_up{collector=\"docker\"} 1".to_owned(),
        "heald_collector_up{collector=\"supervisor\"} 1".to_owned(),
    ];
    // Each of these things takes its own time to start.
    let missing = |text: &str| lines.iter().find(|line| !text.lines().any(|other| other == line.as_str())).cloned();
    let text = shows_all(&heald, |text| {
        let again = (restarts(text, looping.name()) < 2).then(|| "two restarts of the looping container".to_owned());
        missing(text).or(again)
    })
    .await?;
    equal("files beside the database", fs::read_dir(&dir)?.filter(|entry| is_beside(entry, "shop.db-")).count(), 0)?;
    promtool(&text)?;

    // It goes on counting, at each scrape.
    let before = restarts(&text, looping.name());
    shows(&heald, |text| restarts(text, looping.name()) > before).await?;
    limited.exec(&["touch", "/sick"]).await?.ok()?;
    shows(&heald, |text| text.contains(&format!("heald_container_health_ok{{{limits}}} 0\n"))).await?;
    limited.kill("KILL").await?;
    shows(&heald, |text| text.contains(&format!("heald_container_exit_code{{{limits}}} 137\n"))).await?;
    drop(supervisor);
    let text = shows(&heald, |text| text.contains("heald_supervisor_up 0\n")).await?;
    check(!text.contains("heald_supervisor_program_state"), || "programs of a supervisord that is gone".to_owned())?;
    check(text.contains("heald_collector_up{collector=\"supervisor\"} 0\n"), || format!("a failure is told in\n{text}"))?;
    check(text.contains("heald_collector_up{collector=\"docker\"} 1\n"), || format!("and stays alone in\n{text}"))?;
    fs::remove_file(dir.join("beat"))?;
    shows(&heald, |text| !text.contains("heald_heartbeat_timestamp_seconds{")).await?;

    // A start looks at once.
    let mut file = fs::File::options().write(true).open(&database)?;
    let middle = file.metadata()?.len() / 2 / 4096 * 4096;
    file.seek(SeekFrom::Start(middle))?;
    file.write_all(&[0xff; 4096])?;
    heald.start("").await?;
    shows(&heald, |text| text.contains("heald_sqlite_ok{database=\"shop\",service=\"shop\"} 0\n")).await?;
    looping.remove().await?;
    limited.remove().await
}

async fn shows(heald: &Heald, mut holds: impl FnMut(&str) -> bool) -> Result<String> {
    shows_all(heald, |text| (!holds(text)).then(|| "what was waited for".to_owned())).await
}

/// Waits until nothing is missing; then the page.
async fn shows_all(heald: &Heald, mut missing: impl FnMut(&str) -> Option<String>) -> Result<String> {
    wait_for("the page of targets", SOON, async || {
        let text = reqwest::get(heald.url("/metrics/targets")).await?.text().await?;
        match missing(&text) {
            None => Ok(text),
            Some(what) => Err(format!("{text}\nin which is missing: {what}").into()),
        }
    })
    .await
}

fn restarts(text: &str, container: &str) -> u64 {
    let series = format!("heald_container_restarts_total{{container=\"{container}\"");
    let line = text.lines().find(|line| line.starts_with(&series));
    line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or(0)
}

fn is_beside(entry: &std::io::Result<fs::DirEntry>, start: &str) -> bool {
    entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(start))
}

/// Its lints, as far as they fit: it reads the older text format, in which a counter's TYPE has the name with `_total`.
fn promtool(page: &str) -> Result<()> {
    let older = page.replace("heald_container_restarts counter", "heald_container_restarts_total counter");
    let older = older.replace("# HELP heald_container_restarts ", "# HELP heald_container_restarts_total ");
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start promtool")?;
    child.stdin.take().expect("it is piped").write_all(older.as_bytes())?;
    let ended = child.wait_with_output()?;
    check(ended.status.success(), || format!("promtool: {}", String::from_utf8_lossy(&ended.stderr)))
}

/// A supervisord on a socket of its own; gone with it.
struct Supervisor {
    socket: PathBuf,
    _process: Process,
}

impl Supervisor {
    fn start(scene: &Scene, dir: &Path) -> Result<Self> {
        let socket = dir.join("supervisor.sock");
        let (file, shown) = (dir.join("supervisord.conf"), dir.display());
        let text = format!(
            "[unix_http_server]\nfile={}\nchmod=0700\n[supervisord]\nlogfile={shown}/supervisord.log\npidfile={shown}/supervisord.pid\n\
             childlogdir={shown}\nnodaemon=true\n[rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n{PROGRAMS}",
            socket.display()
        );
        fs::write(&file, text)?;
        let mut command = Command::new("supervisord");
        command.arg("-c").arg(&file);
        let process = Process::spawn(scene.stack().run(), &format!("{}-supervisord", scene.name), command)?;
        Ok(Self { socket, _process: process })
    }
}
