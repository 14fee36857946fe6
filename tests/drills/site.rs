//! What differs by site, here: the variables that a user would write into heald.yaml for this machine.

use serde_json::{Value, json};

use super::containers::Containers;

/// Names of services that playbooks may speak of.
pub const SERVICES: &[&str] =
    &["llm", "llm-plain", "gpu-0", "comfyui", "ollama", "bot", "router", "reports", "redis", "chroma", "proxy", "victim"];

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
        "host-disk-space": {
            "outputs": ["/srv/drill/disk/out"], "archive": ["/srv/drill/disk/large", "/srv/drill/archive"], "archive_larger": "20MB",
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
        "dns-failing": { "resolver": "127.0.0.1:5300" },
        "disk-full-old-outputs": { "disk": "/srv/drill/disk", "outputs": "/srv/drill/disk/out" },
        "disk-full-archive": { "disk": "/srv/drill/disk", "archive_from": "/srv/drill/disk/large" },
        "service-container-errors": { "container": container("heald-victim") },
    })
}
