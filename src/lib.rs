//! heald: takes Alertmanager's webhook, repairs what broke inside hard limits, proves that it did.
pub mod action;
pub mod app;
pub mod book;
pub mod cli;
pub mod collect;
pub mod config;
pub mod console;
pub mod domain;
pub mod ingest;
pub mod link;
pub mod notify;
pub mod probe;
pub mod real_world;
pub mod run;
pub mod store;
pub mod telemetry;
pub mod yaml;
