//! What heald would do: a simulated host, with the real loop, the real journal and the user's own playbooks.
//!
//! ```text
//!  Scenario ──> Host <── people, watchdogs          one Scene for each column of the report,
//!                │                                  without a clock: it says when it changes next
//!            Alerting ──> Handle ──> Driver ──> SimWorld ──> Host     (the column "heald")
//! ```
//!
//! Called by `heald simulate`, the benches and `tests/sim`. Nothing here polls: a year passes in seconds.

mod alerting;
pub mod history;
pub mod host;
mod life;
mod look;
pub mod machine;
mod people;
mod read;
pub mod report;
mod rng;
pub mod scenario;
mod scene;
pub mod timeline;
mod watchdog;
mod world;

pub use life::{Lived, START, Setup};
pub use read::read;
pub use report::{Column, Report, simulate};
pub use scenario::Scenario;
pub use timeline::Timeline;
