//! heald against a simulated world: seeded, without a wall clock, replayable.
//!
//! `decide` sends the pure core every signal in any order. `HEALD_SEED=n cargo test --test sim` runs one seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail loudly and print their seeds"
)]

mod books;
mod decide;
mod rng;
