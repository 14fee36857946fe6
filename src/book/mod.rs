//! Playbook files: Markdown for the person on call, compiled for heald.
//!
//! [`load()`] is called at start, on reload and by `heald check`; [`Edition::compile`]
//! also by a restart that finds an incident whose playbook has changed since.
//! What a file says is checked here once: after this, a [`crate::domain::playbook::Playbook`]
//! has only parts that make sense together. Nothing here runs, asks or connects.

mod checklist;
mod compile;
mod cycles;
mod fed;
mod front;
mod idle;
mod limits;
mod load;
mod markdown;
mod options;
mod place;
mod rules;
mod sections;
mod steps;
mod templates;
#[cfg(test)]
mod tests;
mod vars;
mod whole;

pub use crate::yaml::{Problem, Severity};
pub use compile::{Edition, Source};
pub use front::read_selector;
pub use limits::{Cooldown, LimitsPatch, Override, parse_budget, read_budgets};
pub use load::{Loaded, OVERRIDES, load, load_all};
pub use rules::{AlertRule, rules};
pub use vars::fill;
pub use whole::{check, warnings};
