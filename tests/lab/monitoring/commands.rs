//! The command lines of the three programs.

use std::{path::Path, process::Command};

use super::{MonitoringOptions, service::Recipe};

pub(super) fn node(dir: &Path, port: u16, options: &MonitoringOptions) -> Recipe {
    let collectors = ["cpu", "filesystem", "loadavg", "meminfo", "processes", "stat", "textfile", "vmstat"];
    let mut arguments = vec![
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--log.level=warn".into(),
        "--collector.disable-defaults".into(),
        format!("--collector.textfile.directory={}", dir.join("textfile").display()),
    ];
    arguments.extend(collectors.map(|name| format!("--collector.{name}")));
    let mut environment = Vec::new();
    if !options.bus_address.is_empty() {
        arguments.extend(
            ["", ".enable-restarts-metrics", ".enable-start-time-metrics"].map(|suffix| format!("--collector.systemd{suffix}")),
        );
        environment.push(("DBUS_SYSTEM_BUS_ADDRESS", options.bus_address.clone()));
    }
    Recipe { name: "node_exporter", program: "prometheus-node-exporter", arguments, environment }
}

pub(super) fn alertmanager(dir: &Path, port: u16) -> Recipe {
    let arguments = vec![
        format!("--config.file={}", dir.join("alertmanager.yml").display()),
        format!("--storage.path={}", dir.join("alertmanager").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        // Alone: without this it looks for a private address to gossip on, and fails on a host without one.
        "--cluster.listen-address=".into(),
        "--log.level=warn".into(),
    ];
    Recipe { name: "alertmanager", program: "prometheus-alertmanager", arguments, environment: Vec::new() }
}

pub(super) fn prometheus(dir: &Path, port: u16) -> Recipe {
    let mut arguments = vec![
        format!("--config.file={}", dir.join("prometheus.yml").display()),
        format!("--storage.tsdb.path={}", dir.join("prometheus").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--web.enable-lifecycle".into(),
        // One missed delivery must not cost a minute, nor a dead Prometheus four.
        "--rules.alert.resend-delay=5s".into(),
        "--rules.alert.for-grace-period=0s".into(),
        "--log.level=warn".into(),
    ];
    // Hidden from --help; halves the wait for a new target where this version has it.
    let hidden = "--scrape.discovery-reload-interval=1s";
    let known = Command::new("prometheus").args([hidden, "--version"]).output();
    if known.is_ok_and(|output| output.status.success()) {
        arguments.push(hidden.into());
    }
    Recipe { name: "prometheus", program: "prometheus", arguments, environment: Vec::new() }
}
