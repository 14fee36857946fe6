//! What heald runs with, checked and complete.

use super::secret::Secret;
use crate::book::Override;
use crate::chat::People;
use crate::collect;
use crate::domain::policy::Policy;
use crate::domain::target::AllowList;
use crate::drill;
use crate::notify;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The file that this was read from; reload reads it again.
    pub file: PathBuf,
    pub web: Web,
    /// The folder of the database and the control socket.
    pub state: PathBuf,
    /// Folders and files, in the order of the configuration.
    pub playbooks: Vec<PathBuf>,
    /// Whose alerts are ours: compared with the label [`Settings::host_label`].
    pub host: String,
    pub host_label: String,
    pub targets: AllowList,
    /// A D-Bus address.
    pub systemd_bus: String,
    /// The engine's socket, as Docker writes it: `unix:///var/run/docker.sock`.
    pub docker_host: String,
    pub alertmanager: Option<Alertmanager>,
    pub prometheus: Option<Prometheus>,
    /// supervisord's socket.
    pub supervisor: Option<PathBuf>,
    pub vars: BTreeMap<String, Value>,
    /// By playbook.
    pub overrides: BTreeMap<String, Override>,
    /// `guards:` and `time_intervals:`.
    pub guards: Policy,
    pub notify: notify::Settings,
    /// Who may give orders in a chat.
    pub people: People,
    /// `collect:`
    pub collect: collect::Settings,
    /// `drills:`
    pub drills: drill::Settings,
    pub log: Log,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    pub listen: SocketAddr,
    /// Metrics and health apart from the webhook.
    pub metrics_listen: Option<SocketAddr>,
    /// HTTPS on `listen`; `metrics_listen` stays as it is.
    pub tls: Option<Tls>,
    /// Who may call the webhook; None is everybody who reaches the port.
    pub auth: Option<Auth>,
    /// The token of the HTTP control API and console; None turns them off.
    pub admin: Option<Secret>,
    pub max_connections: u32,
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Callers must show a certificate that one of these has signed.
    pub client_ca: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    Bearer(Secret),
    Basic { user: String, password: Secret },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alertmanager {
    pub url: Option<String>,
    /// What Alertmanager's own configuration says: after-care lasts at least that long past the resolve.
    pub group_interval: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prometheus {
    pub url: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: Level,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

// === impl Level ===

impl Level {
    pub fn label(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
