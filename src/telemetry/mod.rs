//! What is counted and what is logged: every metric with typed labels, and the set-up of the log.
//!
//! Knows nothing of the rest of heald: callers pass words that their own types
//! print. No label of an alert ever becomes a metric label; the only free text
//! is a playbook's name, which the configuration bounds.

pub mod log;
mod metrics;
mod words;

pub use metrics::{OPENMETRICS, Telemetry};
pub use words::{AlertResult, Stage, WebhookRefusal};
