//! heald against a simulated world: seeded, without a wall clock, replayable.
//!
//! `decide` sends the pure core every signal in any order. `day` runs the real loop and store against a `world`
//! that fails, hangs, lies and answers late, and kills heald at any moment. `sweep` kills it after every single
//! commit. `replay` puts each day's decisions to the same configuration again. `HEALD_SEED=n cargo test --test sim` runs one seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail loudly and print their seeds"
)]

mod account;
mod alerts;
mod books;
mod day;
mod decide;
mod experiment;
mod invariants;
mod letters;
mod life;
mod liveness;
mod mutants;
mod neighbours;
mod refusals;
mod reload;
mod replay;
mod review;
mod rng;
mod seat;
mod service;
mod simulate;
mod soak;
mod sweep;
mod world;
