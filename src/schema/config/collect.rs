//! `collect:`

use crate::domain::time::Span;
use schemars::JsonSchema;

/// What `/metrics/targets` shows; left out: nothing. Needs a restart.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Collect {
    docker: Option<Empty>,
    supervisor: Option<Supervisor>,
    sqlite: Option<Vec<Database>>,
    backups: Option<Vec<Backup>>,
    heartbeats: Option<Vec<HeartbeatFile>>,
    gpu: Option<Gpu>,
}

/// Written to turn it on: `{}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Empty {}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Supervisor {
    /// Default: `/run/supervisor.sock`.
    socket: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Database {
    /// The series' label.
    name: String,
    /// Absolute.
    path: String,
    /// The label `service`.
    service: Option<String>,
    /// How often it is checked. `1m` to 30d, default 1h.
    every: Option<Span>,
    /// Default: `quick`.
    check: Option<Depth>,
    /// A check takes no longer. `1s` to 1d, default 10m.
    deadline: Option<Span>,
    expect: Option<Expect>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Depth {
    Quick,
    Integrity,
}

/// An integrity check alone misses flipped bytes.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Expect {
    /// One number.
    query: String,
    /// It is at least this.
    min: f64,
}

/// One of `path` and `glob`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Backup {
    /// The series' label.
    name: String,
    /// One file that is replaced.
    path: Option<String>,
    /// Files of which the newest counts.
    glob: Option<String>,
    /// The label `service`.
    service: Option<String>,
    /// How old it may become. `1s` to 3660d.
    max_age: Span,
    /// What is smaller is none: `10MB`.
    min_size: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct HeartbeatFile {
    /// The series' label.
    name: String,
    /// Touched again and again by what it is about. Absolute.
    file: String,
    /// The label `service`.
    service: Option<String>,
    /// How old it may become. `1s` to 3660d.
    max_age: Span,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Gpu {
    /// Default: `nvidia-smi`.
    program: Option<String>,
}
