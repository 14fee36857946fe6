//! What can break besides units and containers, each a real program under a real exporter: a file system, a page, a
//! resolver, Redis, a supervisord, logs under mtail, a backup, a heartbeat, a database.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use crate::lab::{Context as _, Monitoring, Process, Result, Run, Scrape, free_port, wait_for};

pub struct Ground {
    dir: PathBuf,
    /// A small file system. Not below /run, which Debian's node exporter leaves out.
    disk: PathBuf,
    /// What the page answers.
    status: Arc<AtomicU16>,
    redis: Mutex<Option<Process>>,
    resolver: Mutex<Option<Process>>,
    supervisor: PathBuf,
    scrapes: Vec<Scrape>,
    /// Until the end of the run.
    _exporters: Vec<Process>,
}

/// Megabytes of the file system that is filled.
const DISK_MB: usize = 8;
/// What mtail counts as damage of a SQLite file.
const DAMAGE: &str = "2026-11-22 10:00:00 ERROR query failed: database disk image is malformed\n";

// === impl Ground ===

impl Ground {
    /// Everything runs and is well.
    pub async fn prepare(run: &Run) -> Result<Self> {
        let dir = run.dir().join("ground");
        for folder in ["logs", "backup", "redis"] {
            fs::create_dir_all(dir.join(folder))?;
        }
        let disk = run.files().join("ground-disk");
        fs::create_dir_all(&disk)?;
        let size = format!("size={DISK_MB}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "heald-lab"]).arg(&disk);
        let mounted = mount.status().context("mount a tmpfs")?;
        if !mounted.success() {
            return Err(crate::lab::Error::new(format!("mount of a tmpfs: {mounted}; the live tests need root")));
        }
        fs::write(dir.join("logs/shop.log"), "2026-11-22 09:59:00 INFO ready\n")?;
        fs::write(dir.join("backup/shop-1.tar"), [0; 4_096])?;
        fs::write(dir.join("beat"), "")?;
        database(&dir.join("shop.db"))?;

        let status = Arc::new(AtomicU16::new(200));
        let page = page(Arc::clone(&status)).await?;
        let [redis_port, dns_port, blackbox, redis_exporter, mtail] = [(); 5].map(|()| free_port());
        let redis = spawn(
            run,
            "redis",
            "redis-server",
            &["--port", &redis_port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir", &shown(&dir.join("redis"))],
        )?;
        let resolver = spawn(
            run,
            "resolver",
            "dnsmasq",
            &[
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--no-resolv",
                "--no-hosts",
                "--bind-interfaces",
                "--listen-address=127.0.0.1",
                &format!("--port={dns_port}"),
                "--address=/example.org/192.0.2.1",
                "--pid-file=",
                "--user=root",
            ],
        )?;
        let supervisor = supervisord(run, &dir)?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let exporters = vec![
            supervisor,
            spawn(
                run,
                "blackbox",
                "prometheus-blackbox-exporter",
                &[
                    &format!("--config.file={}", shown(&root.join("compose/blackbox.yml"))),
                    &format!("--web.listen-address=127.0.0.1:{blackbox}"),
                ],
            )?,
            spawn(
                run,
                "redis_exporter",
                "prometheus-redis-exporter",
                &[
                    &format!("--redis.addr=redis://127.0.0.1:{redis_port}"),
                    &format!("--web.listen-address=127.0.0.1:{redis_exporter}"),
                ],
            )?,
            spawn(
                run,
                "mtail",
                "mtail",
                &[
                    "--progs",
                    &shown(&root.join("alert-rules/mtail")),
                    "--logs",
                    &shown(&dir.join("logs/*.log")),
                    "--address",
                    "127.0.0.1",
                    "--port",
                    &mtail.to_string(),
                    "--poll_interval",
                    "250ms",
                    "--logtostderr",
                    "--emit_prog_label=false",
                ],
            )?,
        ];
        let local = |port: u16| format!("127.0.0.1:{port}");
        let probe = |job: &str, module: &str, target: &str, service: &str| {
            let labels = [("instance", target), ("service", service)].map(|(name, value)| (name.to_owned(), value.to_owned()));
            let params = [("module", module), ("target", target)].map(|(name, value)| (name.to_owned(), value.to_owned()));
            Scrape { labels: labels.into(), params: params.into(), ..Scrape::new(job, &local(blackbox), "/probe") }
        };
        let scrapes = vec![
            probe("http_2xx", "http_2xx", &page, "ground-page"),
            probe("dns", "dns", &local(dns_port), "ground-resolver"),
            Scrape {
                labels: vec![("service".into(), "ground-redis".into())],
                ..Scrape::new("redis", &local(redis_exporter), "/metrics")
            },
            Scrape::new("mtail", &local(mtail), "/metrics"),
        ];
        Ok(Self {
            supervisor: dir.join("supervisor.sock"),
            dir,
            disk,
            status,
            redis: Mutex::new(Some(redis)),
            resolver: Mutex::new(Some(resolver)),
            scrapes,
            _exporters: exporters,
        })
    }

    /// `collect:` of the heald that looks at it.
    pub fn collect(&self) -> Value {
        json!({
            "docker": {},
            "supervisor": { "socket": self.supervisor },
            "sqlite": [{ "name": "ground", "path": self.dir.join("shop.db"), "service": "ground-database", "every": "1m" }],
            "backups": [{ "name": "ground", "glob": self.dir.join("backup/shop-*.tar"), "max_age": "26h", "min_size": "1kB" }],
            "heartbeats": [{ "name": "ground", "file": self.dir.join("beat"), "service": "ground-agent", "max_age": "30m" }],
        })
    }

    /// Prometheus sees all of it, and all of it is well: what fires later was broken later.
    pub async fn watch(&self, monitoring: &Monitoring) -> Result<()> {
        monitoring.set_scrapes(self.scrapes.clone()).await?;
        for good in [
            "probe_success{job=\"http_2xx\"} == 1",
            "probe_success{job=\"dns\"} == 1",
            "redis_up == 1",
            "heald_supervisor_program_state{program=\"worker\",state=\"RUNNING\"} == 1",
            "heald_sqlite_ok == 1",
            "heald_backup_last_success_timestamp_seconds > 0",
            "heald_heartbeat_timestamp_seconds > 0",
            "up{job=\"mtail\"} == 1",
        ] {
            wait_for(good, Duration::from_secs(30), async || {
                if monitoring.query(good).await?.is_empty() { Err("it is not so".into()) } else { Ok(()) }
            })
            .await?;
        }
        Ok(())
    }

    pub fn fill_disk(&self) -> Result<()> {
        // 92 %: for people and heald, and no emergency.
        fs::write(self.disk.join("log"), vec![1; DISK_MB * 1_024 * 1_024 * 92 / 100]).context("fill the disk")
    }

    pub fn break_page(&self) {
        self.status.store(503, Ordering::SeqCst);
    }

    pub fn end_redis(&self) {
        drop(self.redis.lock().expect("no holder panics").take());
    }

    pub fn end_resolver(&self) {
        drop(self.resolver.lock().expect("no holder panics").take());
    }

    /// Its program ends by itself as soon as this file is there.
    pub fn end_worker(&self) -> Result<()> {
        fs::write(self.dir.join("end-worker"), "").context("end the worker")
    }

    pub fn log_damage(&self) -> Result<()> {
        let mut log = fs::File::options().append(true).open(self.dir.join("logs/shop.log"))?;
        log.write_all(DAMAGE.as_bytes()).context("write a log")
    }

    pub fn age_backup(&self) -> Result<()> {
        age(&self.dir.join("backup/shop-1.tar"), Duration::from_secs(27 * 3_600))
    }

    pub fn age_heartbeat(&self) -> Result<()> {
        age(&self.dir.join("beat"), Duration::from_secs(31 * 60))
    }

    /// Its middle pages; bytes behind its end would go unnoticed.
    pub fn damage_database(&self) -> Result<()> {
        let mut file = fs::File::options().write(true).open(self.dir.join("shop.db"))?;
        let middle = file.metadata()?.len() / 2 / 4_096 * 4_096;
        file.seek(SeekFrom::Start(middle))?;
        file.write_all(&[0xff; 8_192]).context("damage the database")
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn spawn(run: &Run, name: &str, program: &str, arguments: &[&str]) -> Result<Process> {
    let mut command = Command::new(program);
    command.args(arguments);
    Process::spawn(run, name, command)
}

fn age(path: &Path, by: Duration) -> Result<()> {
    let file = fs::File::options().append(true).open(path)?;
    file.set_modified(SystemTime::now() - by).context("set a file's time")
}

fn database(path: &Path) -> Result<()> {
    let made = rusqlite::Connection::open(path).context("make a database")?;
    made.execute_batch(
        "CREATE TABLE t (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
         INSERT INTO t SELECT printf('%0200d', i) FROM n",
    )
    .context("fill a database")
}

/// Its address.
async fn page(status: Arc<AtomicU16>) -> Result<String> {
    let answer = move || async move { StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap_or_default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(answer))).await });
    Ok(url)
}

fn supervisord(run: &Run, dir: &Path) -> Result<Process> {
    let shown = dir.display();
    let text = format!(
        "[unix_http_server]\nfile={shown}/supervisor.sock\n\
         [supervisord]\nlogfile={shown}/supervisord.log\npidfile={shown}/supervisord.pid\nchildlogdir={shown}\nnodaemon=true\n\
         [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
         [program:worker]\ncommand=sh -c 'until test -e {shown}/end-worker; do sleep 0.2; done'\nstartsecs=0\nautorestart=false\n"
    );
    fs::write(dir.join("supervisord.conf"), text)?;
    spawn(run, "supervisord", "supervisord", &["-c", &format!("{shown}/supervisord.conf")])
}
