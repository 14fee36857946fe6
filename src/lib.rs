//! heald: takes Alertmanager's webhook, repairs what broke inside hard limits, proves that it did.
pub mod action;
pub mod app;
pub mod book;
pub mod chat;
pub mod cli;
pub mod collect;
pub mod config;
pub mod console;
pub mod domain;
pub mod drill;
pub mod ingest;
pub mod inventory;
pub mod link;
pub mod notify;
pub mod probe;
pub mod real_world;
pub mod rehearse;
pub mod review;
pub mod run;
pub mod schema;
pub mod simulate;
pub mod starter;
pub mod store;
pub mod telemetry;
pub mod yaml;

/// The local servers of `tests/`, for the unit tests of those who talk to them.
#[cfg(test)]
#[path = "../tests/fake/mod.rs"]
mod fake;
