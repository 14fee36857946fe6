//! heald against a simulated world: seeded, without a wall clock, replayable.
//!
//! `decide` sends the pure core every signal in any order. `HEALD_SEED=n cargo test --test sim` runs one seed.

mod books;
mod decide;
mod rng;
