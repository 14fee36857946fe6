//! Tests of playbooks: what heald would do, proved before it is deployed. `heald test rules FILE…`
//!
//! ```text
//!  file ──read──> Test ──play──> the real loop and journal on virtual time ──> Story ──judge──> Verdict ──> report
//!                                      │ World
//!                                   Stage: a world that does what the test says
//! ```
//!
//! Called by the command line and by the tests of what is shipped. Nothing real is touched or asked: a step is known by
//! its name, its parameters are checked as in earnest, and what comes of it is the test's word. `simulate/` asks how a
//! host fares with heald; this asks whether one playbook does what its author means.

mod diff;
mod expect;
mod judge;
mod junit;
mod look;
mod people;
mod play;
mod read;
mod read_world;
mod report;
mod script;
mod stage;
mod story;
#[cfg(test)]
mod tests;
mod world;

pub use junit::junit;
pub use report::{FileReport, TestReport, find, run, text};
