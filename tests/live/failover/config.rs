//! What is written on the two machines, and for the witness.

use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::{Value, json};

use crate::lab::{Pace, Result, shipped_rules};

/// Started in this order: what writes, and what answers.
pub const UNITS: [&str; 2] = ["shop-db.service", "shop.service"];
pub const EXPORTER: &str = "prometheus-node-exporter.service";

const DIR: &str = "/etc/failover";
const ALERTMANAGER: &str = "http://127.0.0.1:9093";

/// Who has which address: on the network between the two, and on the second one.
pub struct Place {
    pub primary: [Ipv4Addr; 2],
    pub standby: [Ipv4Addr; 2],
    pub witness: Ipv4Addr,
    /// Of the fence, the announcements and the people.
    pub gateway: Ipv4Addr,
    pub device: u16,
}

/// The same on both, but for the name that the first one writes.
pub fn units(name: &str, shared: &str) -> [(&'static str, String); 3] {
    let pen = format!(
        "[Service]\nType=exec\nExecStart=/bin/sh -c 'while :; do read -r at rest </proc/uptime; echo \"$$at {name}\" >>{shared}/active; \
         sleep 0.1; done'\n"
    );
    let shop =
        "[Unit]\nAfter=shop-db.service\n[Service]\nType=notify\nExecStart=/usr/local/bin/heald-victim --listen 0.0.0.0:9700\n";
    let exporter = "[Service]\nExecStart=/usr/bin/prometheus-node-exporter --web.listen-address=0.0.0.0:9100 --log.level=warn \
                    --collector.disable-defaults --collector.loadavg\n";
    [(UNITS[0], pen), (UNITS[1], shop.to_owned()), (EXPORTER, exporter.to_owned())]
}

/// Those of the standby, by path.
pub fn files(place: &Place) -> Result<Vec<(String, String)>> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("alert-rules");
    // Not at once: the witness must have had the time to see it too.
    let pace = Pace { hold: "3s".into(), keep_firing: "0s".into() };
    let rules =
        shipped_rules(&rules, &pace)?.into_iter().filter(|file| ["business.yml", "host.yml"].contains(&file.name.as_str()));
    let mut files: Vec<(String, String)> = rules.map(|file| (format!("{DIR}/rules/{}", file.name), file.text)).collect();
    let unit = |command: &str, name: &str| format!("[Service]\nExecStart={command}\nStateDirectory={name}\nTimeoutStopSec=3s\n");
    let prometheus = format!(
        "/usr/bin/prometheus --config.file={DIR}/prometheus.json --storage.tsdb.path=/var/lib/prometheus \
         --web.listen-address=127.0.0.1:9090 --rules.alert.resend-delay=2s --rules.alert.for-grace-period=0s --log.level=warn"
    );
    let alertmanager = format!(
        "/usr/bin/prometheus-alertmanager --config.file={DIR}/alertmanager.json --storage.path=/var/lib/prometheus-alertmanager \
         --web.listen-address=127.0.0.1:9093 --cluster.listen-address= --log.level=warn"
    );
    files.extend([
        (format!("{DIR}/prometheus.json"), seen_from_the_standby(place).to_string()),
        (format!("{DIR}/alertmanager.json"), routes().to_string()),
        ("/etc/systemd/system/prometheus.service".into(), unit(&prometheus, "prometheus")),
        ("/etc/systemd/system/prometheus-alertmanager.service".into(), unit(&alertmanager, "prometheus-alertmanager")),
        ("/etc/heald/heald.yaml".into(), serde_json::to_string_pretty(&heald(place))?),
    ]);
    Ok(files)
}

/// As docs/failover.md says; the mode stays the shipped one.
fn heald(place: &Place) -> Value {
    let primary = format!("http://{}:9700", place.primary[0]);
    let witness = format!("http://{}:9090", place.witness);
    let device = format!("http://{}:{}", place.gateway, place.device);
    json!({
        "web": { "listen": "127.0.0.1:9595", "auth": { "bearer_file": "webhook-token" } },
        "state": "/var/lib/heald",
        "playbooks": ["/usr/local/share/heald/playbooks"],
        "host": "standby",
        "targets": { "hosts": ["primary"], "units": UNITS, "urls": [primary, witness, device, "http://127.0.0.1:9700"] },
        "alertmanager": { "url": ALERTMANAGER, "group_interval": "1s" },
        "notify": { "webhook": { "url": format!("{device}/people") } },
        "overrides": { "host-failover": { "vars": {
            "primary_url": format!("{primary}/health"),
            "witness_url": format!("{witness}/api/v1/query?query=up%7Bjob%3D%22node%22%2Chost%3D%22primary%22%7D"),
            "hooks": { "fence": format!("{device}/fence"), "announce": format!("{device}/announce") },
            "units": UNITS,
        } } },
        "log": { "format": "text", "level": "info" },
    })
}

fn seen_from_the_standby(place: &Place) -> Value {
    json!({
        "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
        "rule_files": [format!("{DIR}/rules/*.yml")],
        "scrape_configs": [node(place.primary[0], json!({ "host": "primary", "standby": "standby" }))],
        "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": ["127.0.0.1:9093"] }] }] },
    })
}

pub fn witness(place: &Place) -> Value {
    json!({
        "global": { "scrape_interval": "1s", "scrape_timeout": "1s" },
        "scrape_configs": [node(place.primary[1], json!({ "host": "primary" }))],
    })
}

pub fn witness_command() -> Vec<String> {
    ["prometheus", "--config.file=/etc/witness.json", "--storage.tsdb.path=/tmp/witness", "--web.listen-address=0.0.0.0:9090"]
        .map(str::to_owned)
        .into()
}

fn node(address: Ipv4Addr, labels: Value) -> Value {
    json!({ "job_name": "node", "static_configs": [{ "targets": [format!("{address}:9100")], "labels": labels }] })
}

fn routes() -> Value {
    json!({
        "route": { "receiver": "heald", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "30s" },
        "receivers": [{
            "name": "heald",
            "webhook_configs": [{
                "url": "http://127.0.0.1:9595/api/v1/alerts", "send_resolved": true, "max_alerts": 0,
                "http_config": { "authorization": { "credentials_file": "/etc/heald/webhook-token" } },
            }],
        }],
    })
}
