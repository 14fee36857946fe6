//! The victim's parts. What it does wrong is in [`faults`] (the switches) and [`effects`] (what they do to the process); what
//! they do to its answers is in [`server`].

#![allow(dead_code, unused_imports, reason = "each crate that includes this uses its own part")]
#![allow(clippy::print_stderr, reason = "its log is its standard error")]
#![allow(clippy::disallowed_methods, reason = "not the daemon: it may ask what time it is")]

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

mod api;
mod args;
mod database;
mod effects;
mod faults;
mod life;
mod metrics;
mod modes;
mod server;
mod state;

pub use args::{Api, Args};
pub use faults::Faults;
pub use server::router;
pub use state::Victim;

/// Its whole life; the exit code. 98: the port is taken. 78: the configuration is missing or broken.
pub async fn live(args: Args) -> ExitCode {
    let victim = Arc::new(Victim::new(args));
    match life::run(victim).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => ExitCode::from(code),
    }
}

/// Listens on a loopback port until it is killed, and never answers. A port that is taken (by its own parent, say) it takes
/// over as soon as it is free.
pub fn hold(port: u16) -> ExitCode {
    let _listener = loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => break listener,
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    loop {
        std::thread::sleep(Duration::from_secs(3_600));
    }
}
