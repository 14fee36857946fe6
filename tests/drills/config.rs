//! heald.yaml of the machine: all of it may be repaired, all playbooks may act, and what only makes people wait is short.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::containers::{self, Containers};
use super::{DISK, GROUND, HEALD, site, units};
use crate::lab::{Context as _, Error, Host, Result};

pub async fn write(host: &Host, running: &Containers) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names: Vec<&str> = running.names().map(|(_, name)| name).collect();
    let targets = json!({
        "units": units::ALL.iter().copied().chain(["prometheus.service"]).collect::<Vec<_>>(),
        "containers": names,
        "programs": ["drill-worker"],
        "urls": units::PORTS.iter().chain(containers::PORTS).chain(&[9090]).map(|port| format!("http://127.0.0.1:{port}")).collect::<Vec<_>>(),
        "addresses": ["127.0.0.1:6379", "127.0.0.1:6380", "127.0.0.1:9700", "127.0.0.1:9701", "127.0.0.1:9702", "127.0.0.1:5300", "127.0.0.1:8000", "127.0.0.1:9707", "127.0.0.1:9708"],
        "paths": [GROUND, DISK, "/etc/heald-victim", "/etc/heald-victim/victim.conf", format!("{GROUND}/archive")],
        "databases": [site::DATABASE],
        "networks": [running.network()],
        "hosts": ["drills"],
        "services": site::SERVICES,
        "commands": ["/usr/bin/test", "/usr/bin/sleep", "/usr/bin/tar", "/usr/bin/mkdir", "/usr/bin/mv", "/usr/bin/systemctl", "/usr/bin/systemd-run"],
    });
    let config = json!({
        "web": { "listen": "127.0.0.1:9595", "auth": { "bearer_file": "webhook-token" } },
        "state": "/var/lib/heald",
        "playbooks": ["/usr/local/share/heald/playbooks"],
        "host": "drills",
        "targets": targets.clone(),
        "docker": { "host": "unix:///run/dbus/docker.sock" },
        "supervisor": {},
        "collect": {
            "docker": {}, "supervisor": {},
            "sqlite": [{ "name": "victim", "path": site::DATABASE, "service": "heald-victim-database", "every": "1m" }],
            "backups": [{ "name": "drill-db", "glob": format!("{GROUND}/backups/*.bak"), "service": "drill-db", "max_age": "26h", "min_size": "1kB" }],
        },
        "alertmanager": { "url": "http://127.0.0.1:9093", "group_interval": "1s" },
        "prometheus": { "url": "http://127.0.0.1:9090" },
        // All of it is there to be broken.
        "drills": { "lab": true, "reports": format!("{GROUND}/reports"), "allowed": targets, "vars": site::drill_vars(running) },
        "overrides": overrides(&root.join("playbooks"), &site::vars(running))?,
        "guards": { "budget": { "host": ["1000 per 1h"] } },
        "log": { "format": "text", "level": "info" },
    });
    host.write_file("/etc/heald/heald.yaml", &serde_json::to_string_pretty(&config)?).await?;
    let docs = drop_in_of_the_docs()?;
    host.write_file(&format!("/etc/systemd/system/{HEALD}.d/10-repairs.conf"), &docs).await?;
    let more = format!("[Service]\nReadWritePaths={GROUND} /etc/heald-victim\n");
    host.write_file(&format!("/etc/systemd/system/{HEALD}.d/20-drills.conf"), &more).await
}

/// Every shipped playbook may act. Many drills break the same target within minutes: budgets and the grace of a start are not asked.
fn overrides(folder: &Path, vars: &Value) -> Result<Value> {
    let mut all = Map::new();
    for page in pages(folder)? {
        let text = fs::read_to_string(&page)?;
        let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let name = field("playbook:").ok_or_else(|| Error::new(format!("{}: no playbook", page.display())))?;
        let mut one = json!({ "after_care": "1s", "limits": { "budget": ["1000 per 10m"], "grace": "2s" } });
        // What needs a person's yes is drilled for asking.
        if field("mode:") == Some("observe") || site::AGREED.contains(&name) {
            one["mode"] = json!("auto");
        }
        if let Some(vars) = vars.get(name) {
            one["vars"] = vars.clone();
        }
        all.insert(name.to_owned(), one);
    }
    Ok(Value::Object(all))
}

fn pages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).context(folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(pages(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The first block of docs/least-privilege.md that is a drop-in for these steps, as a user copies it.
fn drop_in_of_the_docs() -> Result<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/least-privilege.md"))?;
    let block = page.split("```").find(|block| block.starts_with("ini\n") && block.contains("10-repairs.conf"));
    block.map(|block| block.trim_start_matches("ini\n").to_owned()).ok_or_else(|| Error::new("the page has no such block"))
}
