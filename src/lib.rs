//! heald: takes Alertmanager's webhook, repairs what broke inside hard limits, proves that it did.
pub mod cli;
pub mod console;
pub mod domain;
pub mod ingest;
pub mod notify;
pub mod run;
pub mod telemetry;
