//! What is counted and what is logged: every metric with typed labels, and the set-up of the log.
//!
//! Knows nothing of the rest of heald: callers pass words that their own types
//! print. No label of an alert ever becomes a metric label; the only free text
//! are names that the configuration bounds: of playbooks, channels, targets, services.

pub mod log;
mod metrics;
mod process;
mod recovery;
mod words;

pub use metrics::{Budget, OPENMETRICS, Telemetry};
pub use recovery::Recovered;
pub use words::{AlertResult, Stage, WebhookRefusal};
