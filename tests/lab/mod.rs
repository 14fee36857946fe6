//! The lab: real Prometheus, Alertmanager, node_exporter, a systemd as PID 1 and a Docker engine,
//! started from nothing, torn down to nothing. The live tests and `make demo` share it.
//!
//! [`session::run`] brings a [`Stack`] up, hands it to a closure, and takes it down whatever
//! happens: success, error, panic or Ctrl-C. Everything listens on loopback or on Unix sockets.
//! Only processes the lab started are ever signalled.

#![allow(dead_code, unused_imports, reason = "each crate that includes this uses its own part")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "not the daemon: it talks to a terminal and has clocks of its own"
)]

mod compose;
mod container;
mod engine;
mod error;
mod forwarder;
mod heald;
mod host;
mod inbox;
mod monitoring;
mod mounts;
mod port;
mod preflight;
mod process;
pub mod residue;
mod run;
pub mod session;
mod stack;
mod wait;

pub use compose::Project;
pub use container::{Container, Victim};
pub use engine::{Engine, LABEL, Output, RUN_LABEL, Recipe, sweep_own};
pub use error::{Context, Error, Result};
pub use forwarder::Forwarder;
pub use heald::{Heald, HealdOptions, beside_this_program};
pub use host::{Host, Machine};
pub use inbox::Inbox;
pub use monitoring::{Monitoring, MonitoringOptions, Pace, Receiver, RuleFile, Scrape, Service, shipped_rules};
pub use port::free_port;
pub use preflight::{can_run, program};
pub use process::{Process, ProcessId, tail};
pub use run::{Run, RunFiles, base, cache, sweep};
pub use stack::{Stack, StackOptions};
pub use wait::{NotYet, wait_for};
