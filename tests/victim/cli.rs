//! The lab's victim: one small program with fault switches, that drills break and heald repairs. Never shipped.
//!
//! `heald-victim --listen 127.0.0.1:9700 --api ollama`, then `curl -X POST :9700/fault/slow -d '{"ms": 40000}'`.

#![allow(clippy::print_stderr, reason = "its log is its standard error")]

use std::process::ExitCode;

#[path = "mod.rs"]
mod victim;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        // Children of its faults: one that ends at once, one that holds a port.
        Some("end") => return ExitCode::SUCCESS,
        Some("hold") => return victim::hold(words.next().and_then(|port| port.parse().ok()).unwrap_or(0)),
        _ => {}
    }
    let args = <victim::Args as clap::Parser>::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("heald-victim: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(victim::live(args));
    // What hangs is not waited for.
    runtime.shutdown_background();
    code
}
