//! What differs by site, here: the variables that a user would write into heald.yaml for this machine.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::containers::Containers;
use crate::lab::{Context as _, Error, Result};

/// Names of services that playbooks may speak of.
pub const SERVICES: &[&str] = &[
    "llm",
    "llm-plain",
    "gpu-0",
    "comfyui",
    "ollama",
    "bot",
    "router",
    "reports",
    "redis",
    "chroma",
    "proxy",
    "victim",
    "valkey",
    "cache",
    "drill-db",
    "heald-victim",
    "heald-stubborn",
    "drill",
    "fleet",
    "supervisor",
];

/// Drills whose fault this machine has the parts for, and must not have.
pub const NOT_HERE: &[(&str, &str)] = &[
    ("memory-low-mode", "would take the memory of the whole machine that carries the lab"),
    ("router-rate-limited", "needs another limit of attempts than bot-rate-limited, which is run"),
];

/// What asks for a person's yes by itself, and is given it here: its drill is about what follows.
pub const AGREED: &[&str] = &["restore-database"];

pub const DATABASE: &str = "/srv/drill/data/victim.db";

/// `overrides: {PLAYBOOK: {vars: …}}`
pub fn vars(containers: &Containers) -> Value {
    let container = |plain: &str| containers.named(plain).name().to_owned();
    let page = |port: u16, path: &str| format!("http://127.0.0.1:{port}{path}");
    json!({
        "port-in-use": {
            "ports": { "heald-victim.service": 9700, "heald-victim-port.service": 9701, "heald-victim-moves.service": 9702 },
            "spare_ports": { "heald-victim-moves.service": [9771, 9772] },
        },
        "config-missing": {
            "files": { "heald-victim.service": { "path": "/etc/heald-victim/victim.conf", "default": "/srv/drill/defaults/victim.conf" } },
        },
        "auth-failed": {
            "services": {
                "llm": { "check": page(9704, "/v1/models"), "mark": page(9704, "/mode/degraded"), "refresh": page(9704, "/credentials/refresh") },
                "llm-plain": { "check": page(9705, "/v1/models"), "mark": page(9705, "/mode/degraded") },
            },
        },
        "rate-limited": {
            "services": {
                "bot": { "check": page(9706, "/v1/models") },
                "router": { "check": page(9704, "/v1/models"), "switch": page(9704, "/mode/backup-endpoint") },
            },
        },
        "heartbeat-missing": { "heartbeats": { "heald-victim.service": "/srv/drill/heald-victim.beat" } },
        "data-corrupt": {
            "data": {
                "heald-victim-ollama.service": {
                    "folder": "/srv/drill/vectors", "to": "/srv/drill/rescue", "url": page(11434, "/api/tags"), "says": "llama3.2:3b",
                },
            },
        },
        "database-locked": { "databases": { "heald-victim-database.service": DATABASE } },
        "sqlite-corrupt": {
            "units": { DATABASE: "heald-victim-database.service" }, "backups": { DATABASE: "/srv/drill/backup/victim.db-*.bak" },
        },
        "restore-files": {
            "restores": {
                "heald-victim.service": {
                    "folder": "/srv/drill/vectors", "archive": "/srv/drill/backup/vectors.tar.gz", "health": page(9700, "/health"),
                },
            },
        },
        "restore-database": {
            "sets": {
                DATABASE: { "unit": "heald-victim-database.service", "from": "/srv/drill/backup/victim.db-*.bak", "url": page(9705, "/health") },
            },
        },
        "sqlite-wal-grows": { "units": { DATABASE: "heald-victim-database.service" } },
        "valkey-down": {
            "addresses": { "valkey": "127.0.0.1:6379", "cache": "127.0.0.1:6380" },
            "units": { "valkey": "redis-server.service" }, "containers": { "cache": container("valkey") },
        },
        "valkey-memory-full": { "addresses": { "valkey": "127.0.0.1:6379" }, "units": { "valkey": "redis-server.service" } },
        "backup-run": { "databases": { "drill-db": { "file": DATABASE, "to": "/srv/drill/backups" } } },
        "host-cpu": { "units": ["heald-victim.service"] },
        "host-oom-kill": { "units": ["heald-victim.service"] },
        "host-zombies": { "units": ["heald-victim.service"] },
        "host-memory": { "nonessential": ["heald-victim-extra.service"] },
        "systemd-unit-slow-start": { "units": ["heald-victim.service"], "environment": { "HEALD_VICTIM_OPTIONAL": "off" } },
        "systemd-unit-stuck-stopping": { "units": ["heald-stubborn.service"] },
        "continuity-minimal": { "units": ["heald-victim.service"] },
        "continuity-reduced": { "units": ["heald-victim.service"] },
        // The engine may be this machine's own, with images that somebody wants.
        "host-disk-space": {
            "docker": false, "outputs": ["/srv/drill/disk/out"], "archive": ["/srv/drill/disk/large", "/srv/drill/archive"], "archive_larger": "20MB",
        },
        "peer-silent": { "peers": { "victim": page(9707, "/health") }, "autonomy_url": page(9700, "/mode/autonomy") },
        "sensor-failed": {
            "reading": { "victim": page(9700, "/sensors") }, "reconnect": { "victim": page(9700, "/credentials/refresh") },
        },
        "mesh-vpn-down": { "peers": { "wg-quick@wg0.service": "127.0.0.1:9708" } },
        "network-egress": { "outside": "127.0.0.1:9707", "offline_flags": ["/srv/drill/heald-victim/offline"] },
        "gpu-not-visible": {
            "services": { "comfyui": { "container": container("heald-victim-comfyui"), "url": page(8188, "") } },
        },
        "model-missing": { "models": ["llama3.2:3b"] },
        "model-server-down": { "models": ["llama3.2:3b"] },
        "service-slow": {
            "services": { "reports": { "route": page(9704, "/mode/backup-endpoint"), "check": page(9704, "/health") } },
        },
        "gitea-down": {
            "url": page(9703, "/api/healthz"), "database": "/srv/drill/data/victim.db", "repositories": "/srv/drill/data",
            "flags": [page(9706, "/mode/local-commit")],
        },
    })
}

/// `drills: {vars: …}`: where the drill files' own examples are not this machine's names.
pub fn drill_vars(containers: &Containers) -> Value {
    let container = |plain: &str| containers.named(plain).name().to_owned();
    json!({
        "data-corrupt": { "unit": "heald-victim-ollama.service", "victim": "http://127.0.0.1:11434" },
        "database-locked": { "unit": "heald-victim-database.service", "database": DATABASE },
        "sqlite-corrupt": { "database": DATABASE },
        "sqlite-wal-grows": { "database": DATABASE },
        "restore-database": { "database": DATABASE },
        "valkey-down-unit": { "unit": "redis-server.service" },
        "valkey-down-container": { "container": container("valkey") },
        "container-killed": { "container": container("heald-victim") },
        "container-unhealthy": { "container": container("heald-victim") },
        "container-restart-loop": { "container": container("heald-victim") },
        "container-oom-killed": { "container": container("heald-victim-ollama") },
        "container-network-detached": { "container": container("joined"), "network": containers.network() },
        "cpu-runaway": { "host": "drills", "threads": 4 },
        "memory-low-mode": { "host": "drills" },
        "oom-kill-unit": { "host": "drills" },
        "zombies-reminder": { "host": "drills" },
        "zombies-restart": { "host": "drills" },
        "continuity-minimal": { "host": "drills" },
        "continuity-reduced": { "host": "drills" },
        "dns-failing": { "resolver": "127.0.0.1:5300" },
        "disk-full-old-outputs": { "disk": "/srv/drill/disk", "outputs": "/srv/drill/disk/out" },
        "disk-full-archive": { "disk": "/srv/drill/disk", "archive_from": "/srv/drill/disk/large" },
        "service-container-errors": { "container": container("heald-victim") },
    })
}

/// The playbook whose incident a shipped drill is about; `none` where the drill posts its alert itself
pub fn playbook_of(drill: &str) -> Result<String> {
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks"))? {
        let all: Value = serde_saphyr::from_str(&fs::read_to_string(&file)?)
            .map_err(|error| Error::new(format!("{}: {error}", file.display())))?;
        if let Some(found) = all["drills"].as_array().into_iter().flatten().find(|one| one["drill"] == drill) {
            let name = if found["alert"].is_null() { found["playbook"].as_str() } else { None };
            return Ok(name.unwrap_or("none").to_owned());
        }
    }
    Err(Error::new(format!("no drill {drill} is shipped")))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).context(folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.to_string_lossy().ends_with(".drill.yml") {
            found.push(path);
        }
    }
    Ok(found)
}
