//! `cargo run --example lab -- up | down | status | clean | selftest`: the lab by hand.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "not the daemon: it talks to a terminal and has clocks of its own"
)]

#[path = "mod.rs"]
mod lab;
#[path = "selftest.rs"]
mod selftest;
#[path = "standing.rs"]
mod standing;

use std::process::ExitCode;

const USAGE: &str = "usage: lab COMMAND
  up        start everything and return when it is ready
  status    print ports and sockets of what `up` started
  down      stop all of it, and whatever a killed run left behind
  clean     remove the cached image and the engine's data
  selftest  start, break a unit, see the webhook arrive, stop, compare with before";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["up"] => standing::up(),
        ["serve"] => standing::serve(),
        ["status"] => standing::status(),
        ["down"] => standing::down(),
        ["clean"] => standing::clean(),
        ["selftest"] => selftest::run(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}
