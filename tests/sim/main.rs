//! heald against a simulated world: seeded, without a wall clock, replayable.
//!
//! `decide` sends the pure core every signal in any order. `day` runs the real loop and store against a `world`
//! that fails, hangs, lies and answers late, and kills heald at any moment. `sweep` kills it after every single
//! commit. `HEALD_SEED=n cargo test --test sim` runs one seed.

mod alerts;
mod books;
mod day;
mod decide;
mod invariants;
mod life;
mod rng;
mod seat;
mod sweep;
mod world;
