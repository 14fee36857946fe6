//! heald: takes Alertmanager's webhook, repairs what broke inside hard limits, proves that it did.
pub mod action;
pub mod book;
pub mod config;
pub mod domain;
pub mod probe;
pub mod run;
pub mod yaml;
