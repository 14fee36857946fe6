//! Waiting for a condition, with a deadline.

#![expect(clippy::disallowed_methods, reason = "the outside has clocks of its own")]

use std::time::{Duration, Instant};

/// Far longer than anything here takes, also beside a build.
pub const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Looks until there is something. `Err` says what is seen instead, for the day it never comes.
#[track_caller]
pub fn wait<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(instead) => assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}; last seen: {instead}"),
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// The same for what is just true or not.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    wait(what, || holds().then_some(()).ok_or_else(|| "no change".to_owned()));
}
