//! What notices: Prometheus with the shipped rules at the lab's pace, Alertmanager, and the exporters, as units of the machine.
//! Their programs are this machine's own, seen through a bind mount.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::GROUND;
use crate::lab::{Context as _, Error, Host, Pace, Result, shipped_rules, wait_for};

/// Started in this order.
pub const UNITS: &[&str] = &[
    "prometheus-node-exporter.service",
    "prometheus-blackbox-exporter.service",
    "prometheus-redis-exporter.service",
    "mtail.service",
    "prometheus-alertmanager.service",
    "prometheus.service",
];
/// Of targets that are up when all is well.
pub const JOBS_MIN: usize = 10;

const PROGRAMS: [&str; 8] = [
    "prometheus",
    "promtool",
    "amtool",
    "prometheus-alertmanager",
    "prometheus-node-exporter",
    "prometheus-blackbox-exporter",
    "prometheus-redis-exporter",
    "mtail",
];

const DIR: &str = "/etc/drill-monitoring";

/// The programs, and what Debian's Alertmanager does not start without.
pub fn binds() -> Result<Vec<String>> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut binds = vec!["/usr/share/prometheus:/usr/share/prometheus:ro".to_owned()];
    for name in PROGRAMS {
        let found = std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file());
        let found = found.ok_or_else(|| Error::new(format!("{name} is missing; run: sudo tests/lab/setup.sh")))?;
        binds.push(format!("{}:/usr/bin/{name}:ro", found.display()));
    }
    Ok(binds)
}

pub async fn write(host: &Host) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).context(path.to_owned());
    for rules in shipped_rules(&root.join("alert-rules"), &Pace::default())? {
        host.write_file(&format!("{DIR}/rules/{}", rules.name), &rules.text).await?;
    }
    for program in ["failures.mtail", "kernel.mtail"] {
        host.write_file(&format!("{DIR}/mtail/{program}"), &read(&format!("alert-rules/mtail/{program}"))?).await?;
    }
    host.write_file(&format!("{DIR}/blackbox.yml"), &read("compose/blackbox.yml")?).await?;
    host.write_file(&format!("{DIR}/prometheus.yml"), &prometheus().to_string()).await?;
    host.write_file(&format!("{DIR}/alertmanager.yml"), &alertmanager(None).to_string()).await?;
    for (name, command) in commands() {
        let text = format!("[Service]\nExecStart={command}\nStateDirectory={name}\nTimeoutStopSec=3s\n");
        host.write_file(&format!("/etc/systemd/system/{name}.service"), &text).await?;
    }
    Ok(())
}

fn commands() -> [(&'static str, String); 6] {
    let node = ["cpu", "filesystem", "loadavg", "meminfo", "processes", "stat", "vmstat", "systemd", "textfile"]
        .map(|name| format!("--collector.{name}"))
        .join(" ");
    [
        (
            "prometheus-node-exporter",
            format!(
                "/usr/bin/prometheus-node-exporter --web.listen-address=127.0.0.1:9100 --log.level=warn --collector.disable-defaults \
                 {node} --collector.textfile.directory={GROUND}/textfile --collector.systemd.enable-restarts-metrics \
                 --collector.systemd.enable-start-time-metrics"
            ),
        ),
        (
            "prometheus-blackbox-exporter",
            format!("/usr/bin/prometheus-blackbox-exporter --web.listen-address=127.0.0.1:9115 --config.file={DIR}/blackbox.yml"),
        ),
        (
            "prometheus-redis-exporter",
            "/usr/bin/prometheus-redis-exporter --web.listen-address=127.0.0.1:9121 --redis.addr=redis://127.0.0.1:6379".into(),
        ),
        (
            "mtail",
            format!(
                "/usr/bin/mtail --progs {DIR}/mtail --logs '{GROUND}/logs/*.log' --address 127.0.0.1 --port 3903 \
                 --poll_interval 250ms --logtostderr --emit_prog_label=false"
            ),
        ),
        (
            "prometheus-alertmanager",
            format!(
                "/usr/bin/prometheus-alertmanager --config.file={DIR}/alertmanager.yml --storage.path=/var/lib/prometheus-alertmanager \
                 --web.listen-address=127.0.0.1:9093 --cluster.listen-address= --log.level=warn"
            ),
        ),
        (
            "prometheus",
            format!(
                "/usr/bin/prometheus --config.file={DIR}/prometheus.yml --storage.tsdb.path=/var/lib/prometheus \
                 --web.listen-address=127.0.0.1:9090 --rules.alert.resend-delay=5s --rules.alert.for-grace-period=0s --log.level=warn"
            ),
        ),
    ]
}

/// A page that is scraped, or what an exporter is to probe: `module` and target.
struct Job {
    pool: &'static str,
    /// The label `job`, by which the rules know it.
    job: &'static str,
    address: &'static str,
    path: &'static str,
    probe: Option<(&'static str, &'static str)>,
    labels: &'static [(&'static str, &'static str)],
}

const fn page(job: &'static str, address: &'static str, path: &'static str) -> Job {
    Job { pool: job, job, address, path, probe: None, labels: &[] }
}

const fn probe(
    pool: &'static str,
    module: &'static str,
    target: &'static str,
    labels: &'static [(&'static str, &'static str)],
) -> Job {
    Job { pool, job: module, address: "127.0.0.1:9115", path: "/probe", probe: Some((module, target)), labels }
}

const JOBS: &[Job] = &[
    page("node", "127.0.0.1:9100", "/metrics"),
    page("heald", "127.0.0.1:9595", "/metrics"),
    page("heald-targets", "127.0.0.1:9595", "/metrics/targets"),
    page("alertmanager", "127.0.0.1:9093", "/metrics"),
    page("prometheus", "127.0.0.1:9090", "/metrics"),
    page("mtail", "127.0.0.1:3903", "/metrics"),
    Job { labels: &[("service", "redis")], ..page("redis", "127.0.0.1:9121", "/metrics") },
    Job { labels: &[("service", "victim")], ..page("victim", "127.0.0.1:9700", "/metrics") },
    probe("dns", "dns", "127.0.0.1:5300", &[]),
    probe("prometheus-page", "http_2xx", "http://127.0.0.1:9090/-/ready", &[("service", "prometheus-page")]),
];

fn prometheus() -> Value {
    let jobs = JOBS.iter().map(|job| {
        let mut labels = json!({ "host": "drills", "job": job.job });
        let mut params = json!({});
        if let Some((module, target)) = job.probe {
            labels["instance"] = json!(target);
            params = json!({ "module": [module], "target": [target] });
        }
        for (name, value) in job.labels {
            labels[*name] = json!(value);
        }
        json!({
            "job_name": job.pool, "metrics_path": job.path, "params": params,
            "static_configs": [{ "targets": [job.address], "labels": labels }],
        })
    });
    json!({
        "global": { "external_labels": { "source": "rule" }, "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
        "rule_files": [format!("{DIR}/rules/*.yml")],
        "scrape_configs": jobs.collect::<Vec<_>>(),
        "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": ["127.0.0.1:9093"] }] }] },
    })
}

/// In place of a playbook: heald is told of nothing.
pub const NOBODY: &str = "nobody-is-told";

/// What heald is told of while a drill runs: the alert that the drill posts, or those of its playbook's rules. Of one fault several
/// rules may tell, and heald would repair it by another playbook than the one that is drilled.
pub async fn tell_of(host: &Host, playbook: &str) -> Result<()> {
    host.write_file(&format!("{DIR}/alertmanager.yml"), &alertmanager(Some(playbook)).to_string()).await?;
    host.systemctl(&["kill", "--signal=SIGHUP", "prometheus-alertmanager.service"]).await?;
    wait_for("Alertmanager to take its routes", Duration::from_secs(10), async || {
        let status = host.exec(&["amtool", "--alertmanager.url=http://127.0.0.1:9093", "config", "show"]).await?.ok()?;
        if status.contains(&format!("\"{playbook}\"")) { Ok(()) } else { Err("it has the old ones".into()) }
    })
    .await
}

/// Alerts of rules bear the label `source`; those that a drill posts do not.
fn alertmanager(playbook: Option<&str>) -> Value {
    let route = |matcher: String| {
        json!({
            "receiver": "heald", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "30s",
            "matchers": [matcher],
        })
    };
    let of_rules = playbook.map(|name| route(format!("playbook=\"{name}\"")));
    let posted = (playbook != Some(NOBODY)).then(|| route("source=\"\"".into()));
    json!({
        "route": {
            "receiver": "nobody", "group_by": ["..."],
            "routes": posted.into_iter().chain(of_rules).collect::<Vec<_>>(),
        },
        "receivers": [{ "name": "nobody" }, {
            "name": "heald",
            "webhook_configs": [{
                "url": "http://127.0.0.1:9595/api/v1/alerts", "send_resolved": true, "max_alerts": 0,
                "http_config": { "authorization": { "credentials_file": "/etc/heald/webhook-token" } },
            }],
        }],
    })
}
