//! What is counted and what is logged: every metric with typed labels, and the set-up of the log.
//!
//! Knows nothing of the rest of heald: callers pass words that their own types
//! print. No label of an alert ever becomes a metric label; the only free text
//! are names that the configuration bounds: of playbooks, drills, channels, targets, services.

mod drills;
pub mod log;
mod metrics;
mod process;
mod recovery;
mod verbs;
mod words;

pub use drills::DrillStanding;
pub use recovery::Recovered;
pub use verbs::{Budget, OPENMETRICS, Telemetry};
pub use words::{AlertResult, Stage, WebhookRefusal};
