//! What breaks as a unit of the machine: the victim in its parts, Redis, a resolver, supervisord.

use super::site::DATABASE;
use super::{DISK, GROUND};
use crate::lab::{Host, Result};

/// Started in this order.
pub const ALL: &[&str] = &[
    "heald-victim.service",
    "heald-victim-port.service",
    "heald-victim-moves.service",
    "heald-victim-gitea.service",
    "heald-victim-reports.service",
    "heald-victim-ollama.service",
    "heald-victim-database.service",
    "heald-victim-worker.service",
    "heald-victim-extra.service",
    "heald-stubborn.service",
    "wg-quick@wg0.service",
    "redis-server.service",
    "systemd-resolved.service",
    "supervisor.service",
];

/// Of the victims; on 9709 is the one under supervisord.
pub const PORTS: &[u16] = &[9700, 9701, 9702, 9703, 9704, 9705, 9706, 9707, 9708, 9709, 11434];

/// Name, port, arguments, more lines of its unit.
const VICTIMS: [(&str, u16, &str, &str); 9] = [
    (
        "heald-victim",
        9700,
        "--config /etc/heald-victim/victim.conf --heartbeat /srv/drill/heald-victim.beat --pidfile /srv/drill/heald-victim.pid",
        "MemoryMax=256M\n",
    ),
    ("heald-victim-port", 9701, "", "KillMode=process\n"),
    ("heald-victim-moves", 9702, "", "Environment=PORT=9702\n"),
    ("heald-victim-gitea", 9703, "--api gitea", ""),
    ("heald-victim-reports", 9704, "", ""),
    ("heald-victim-ollama", 11434, "--api ollama --models llama3.2:3b,llama3:latest", ""),
    ("heald-victim-database", 9705, "--database /srv/drill/data/victim.db", ""),
    ("heald-victim-worker", 9706, "--api worker", ""),
    ("heald-victim-extra", 9707, "", ""),
];

pub async fn write(host: &Host) -> Result<()> {
    let folders = format!(
        "mkdir -p {GROUND}/logs {GROUND}/data {GROUND}/textfile {GROUND}/backup {GROUND}/backups {GROUND}/vectors {GROUND}/rescue {GROUND}/archive {DISK}/out {DISK}/large /etc/heald-victim"
    );
    host.exec(&["sh", "-c", &folders]).await?.ok()?;
    for (name, port, arguments, lines) in VICTIMS {
        let port = if name == "heald-victim-moves" { "${PORT}".to_owned() } else { port.to_string() };
        // mtail begins at the end of a file.
        host.exec(&["sh", "-c", &format!(": >{GROUND}/logs/{name}.log")]).await?.ok()?;
        let text = format!(
            "[Unit]\nDescription=A victim\n[Service]\nType=notify\nTimeoutStopSec=5s\n\
             ExecStart=/usr/local/bin/heald-victim --listen 127.0.0.1:{port} --state {GROUND}/{name} {arguments}\n\
             StandardError=append:{GROUND}/logs/{name}.log\n{lines}[Install]\nWantedBy=multi-user.target\n"
        );
        host.write_file(&format!("/etc/systemd/system/{name}.service"), &text).await?;
    }
    for file in ["/etc/heald-victim/victim.conf", "/etc/heald-victim/victim.conf.bak", "/srv/drill/defaults/victim.conf"] {
        host.write_file(file, "# The victim's.\nlevel = info\n").await?;
    }
    database(host, DATABASE).await?;
    host.write_file(&format!("{GROUND}/vectors/records.lance"), "alpha").await?;
    for copy in ["backup/victim.db-20261101T030000Z.bak", "backups/victim.db-newest.bak"] {
        host.exec(&["sqlite3", DATABASE, &format!("VACUUM INTO '{GROUND}/{copy}'")]).await?.ok()?;
    }
    // A unit that carries a path to others: the victim stands for wg-quick.
    host.write_file(
        "/etc/systemd/system/wg-quick@wg0.service",
        &format!("[Service]\nType=notify\nExecStart=/usr/local/bin/heald-victim --listen 127.0.0.1:9708 --state {GROUND}/wg0\n"),
    )
    .await?;
    // One that takes no notice of SIGTERM.
    host.write_file(
        "/etc/systemd/system/heald-stubborn.service",
        "[Service]\nExecStart=/bin/sh -c 'trap \"\" TERM; while :; do sleep 1; done'\nTimeoutStopSec=5min\n",
    )
    .await?;
    // Debian's unit, with memory that can be filled.
    host.write_file(
        "/etc/systemd/system/redis-server.service.d/10-drill.conf",
        "[Service]\nExecStart=\nExecStart=/usr/bin/redis-server /etc/redis/redis.conf --supervised systemd --daemonize no \
         --maxmemory 24mb --maxmemory-policy volatile-lru --save \"\"\nRestart=no\n",
    )
    .await?;
    // A resolver under the name of the one that the shipped rule restarts. The image masks the real one.
    host.exec(&["rm", "-f", "/etc/systemd/system/systemd-resolved.service"]).await?.ok()?;
    host.write_file(
        "/etc/systemd/system/systemd-resolved.service",
        "[Service]\nExecStart=/usr/sbin/dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
         --bind-interfaces --listen-address=127.0.0.1 --port=5300 --address=/example.org/192.0.2.1 --pid-file= --user=root\n",
    )
    .await?;
    // Its ExecStop= asks supervisord itself, which may hang; and Debian leaves it a minute and a half.
    host.write_file("/etc/systemd/system/supervisor.service.d/10-drill.conf", "[Service]\nTimeoutStopSec=8s\n").await?;
    let program = format!(
        "[program:drill-worker]\ncommand=/usr/local/bin/heald-victim --listen 127.0.0.1:9709 --state {GROUND}/drill-worker \
         --pidfile {GROUND}/drill-worker.pid\nautorestart=false\nstartsecs=1\n"
    );
    host.write_file("/etc/supervisor/conf.d/drill.conf", &program).await
}

/// Some hundred pages, so that it has a middle; with a write-ahead log, as applications have it.
async fn database(host: &Host, path: &str) -> Result<()> {
    let sql = "PRAGMA journal_mode=WAL; CREATE TABLE notes (text); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
               WHERE i < 4000) INSERT INTO notes SELECT printf('%0200d', i) FROM n";
    host.exec(&["sqlite3", path, sql]).await?.ok().map(drop)
}
