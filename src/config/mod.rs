//! The configuration file: one YAML file in, typed [`Settings`] out, every mistake reported at once.
//!
//! Called at start, on reload and by `heald check`. It reads the file and the
//! secrets that it names, and nothing else: it connects to nobody, and whether
//! the named playbooks make sense is asked of `book/`. There are no defaults for a
//! file that is missing or empty: "no policy" must be written down to be meant.

mod collect;
mod drills;
mod escalation;
mod guards;
mod intervals;
mod notify;
mod objectives;
mod pieces;
mod read;
mod secret;
mod settings;
mod targets;

pub use crate::yaml::Problem;
pub use pieces::{Pieces, pieces, plain as plain_policy};
pub use read::load;
pub use secret::Secret;
pub use settings::{Alertmanager, Auth, Level, Log, LogFormat, Prometheus, Settings, Tls, Web};

#[cfg(test)]
mod tests;
