//! The configuration file: what `config/` reads by hand.

#![allow(dead_code, reason = "shapes only: nobody makes one")]

mod collect;
mod drills;
mod escalation;
mod guards;
mod notify;

use super::playbook::{Limits, Mode};
use super::words::{Any, Anything, OneOrMany};
use crate::domain::time::Span;
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// heald's configuration. Durations: `500ms`, `30s`, `5m`, `1h30m`, `1d`. Relative paths are relative to the file's folder.
/// Secrets stand in files of their own; a relative name is looked for among systemd's credentials first.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Config {
    web: Option<Web>,
    /// The folder of the journal and the control socket. Default: `/var/lib/heald`. Needs a restart.
    state: Option<String>,
    /// Folders (every `*.md` in them and below) and files.
    playbooks: OneOrMany<String>,
    /// This host's name. Alerts whose label names another host are counted and left alone. Default: the host name.
    host: Option<String>,
    /// That label's name. Default: `host`.
    host_label: Option<String>,
    targets: Option<Targets>,
    systemd: Option<Systemd>,
    docker: Option<Docker>,
    alertmanager: Option<Alertmanager>,
    prometheus: Option<Prometheus>,
    supervisor: Option<Supervisor>,
    /// Values for templates, as `{{ vars.name }}`, under those of a playbook's override.
    vars: Option<BTreeMap<String, Anything>>,
    /// By playbook: what is changed of a shipped playbook without editing it.
    overrides: Option<BTreeMap<String, Override>>,
    /// Named times, as in Alertmanager's file.
    time_intervals: Option<Any<guards::NamedInterval>>,
    guards: Option<guards::Guards>,
    notify: Option<notify::Notify>,
    escalation: Option<escalation::Escalation>,
    /// A file of what must be there on all hosts; its `rto` and `rpo` become recovery objectives.
    inventory: Option<String>,
    /// By a target's name or the alert's label `service`: what reviews measure against.
    recovery_objectives: Option<BTreeMap<String, Objective>>,
    collect: Option<collect::Collect>,
    drills: Option<drills::Drills>,
    log: Option<Log>,
}

/// The webhook and the pages. Needs a restart.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Web {
    /// Webhook, `/metrics`, `/metrics/targets`, `/-/healthy`, `/-/ready`. Default: `127.0.0.1:9595`.
    listen: Option<String>,
    /// Splits the pages off to a listener of their own.
    metrics_listen: Option<String>,
    tls: Option<Tls>,
    /// Who may call the webhook. This or `tls.client_ca_file` is required unless `listen` is on loopback.
    auth: Option<Auth>,
    /// Opens the control API on `listen`.
    admin: Option<Admin>,
    /// At once; more wait in the kernel's queue. 1 to 65535, default 512.
    #[schemars(range(min = 1, max = 65535))]
    max_connections: Option<u32>,
}

/// HTTPS on `listen`, for certificates in PEM form. Renewed files are taken within a minute.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, with its chain.
    cert_file: String,
    /// Its key.
    key_file: String,
    /// Callers must show a certificate that one of these has signed.
    client_ca_file: Option<String>,
}

/// One of the two.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Auth {
    /// The token, as the file's first line; a second line is taken too, for a change of tokens.
    bearer_file: Option<String>,
    basic: Option<Basic>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Basic {
    /// The name that Alertmanager sends.
    user: String,
    /// The password's file.
    password_file: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Admin {
    /// The token. Worth as much as root's shell on what heald may touch.
    bearer_file: String,
}

/// The allow-list: exact names, no wildcards. What is not named here is never touched.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Targets {
    /// systemd units with their endings.
    units: Option<Any<String>>,
    /// Docker containers by name.
    containers: Option<Any<String>>,
    /// Each allows the URLs that begin with it, up to a `/` or `?`.
    urls: Option<Any<String>>,
    /// `host:port`, for `tcp` and `redis`.
    addresses: Option<Any<String>>,
    /// Programs of supervisord: `group:name` or `name`.
    programs: Option<Any<String>>,
    /// Absolute folders and files; a folder allows what lies beneath.
    paths: Option<Any<String>>,
    /// Absolute SQLite files.
    databases: Option<Any<String>>,
    /// Absolute executables.
    commands: Option<Any<String>>,
    /// Docker networks.
    networks: Option<Any<String>>,
    /// Hosts, for playbooks whose target is one.
    hosts: Option<Any<String>>,
    /// Services, for playbooks whose target is one.
    services: Option<Any<String>>,
    /// Hardware addresses that may be woken: `aa:bb:cc:dd:ee:ff`.
    macs: Option<Any<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Systemd {
    /// A D-Bus address. Default: `unix:path=/run/dbus/system_bus_socket`. Needs a restart.
    bus: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Docker {
    /// The engine's socket. Default: `unix:///var/run/docker.sock`. Needs a restart.
    host: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Alertmanager {
    /// The Alertmanager that sends the webhooks: before each effect heald asks it whether the alert still fires.
    url: Option<String>,
    /// As in its route: after-care lasts at least that long past the resolve. `1s` to 1d, default 5m.
    group_interval: Option<Span>,
    watchdog: Option<Watchdog>,
    /// While heald repairs, it silences that very alert for so long. `1m` to 1h; left out: off. Needs `url`.
    silence_while_repairing: Option<Span>,
}

/// Its always-firing alert: when it stays away, detection is blind, and people are told.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Watchdog {
    /// Default: `Watchdog`.
    alertname: Option<String>,
    /// The `repeat_interval` of its route. `1s` to 1d.
    every: Span,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Prometheus {
    /// Where `promql` probes ask.
    url: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "SupervisorLink")]
pub struct Supervisor {
    /// supervisord's socket, for `supervisor.restart` and `supervisor.running`. Default: `/run/supervisor.sock`.
    socket: Option<String>,
}

/// What is changed of one playbook.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Override {
    /// Replaces the file's, upwards too.
    mode: Option<Mode>,
    limits: Option<Limits>,
    /// How long what was healed stays watched, at least. `0s` to 366 days.
    after_care: Option<Span>,
    /// Go before the file's and the configuration's.
    vars: Option<BTreeMap<String, Anything>>,
}

/// At least one of both.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Objective {
    /// How soon it must be back. `1s` to 366 days.
    rto: Option<Span>,
    /// How much data may be lost. `0s` to 366 days.
    rpo: Option<Span>,
}

/// Needs a restart.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Log {
    /// Default: `text`.
    format: Option<LogFormat>,
    /// Default: `info`.
    level: Option<Level>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}
