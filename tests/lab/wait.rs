//! The only waiting primitive of the lab: look until it is so, or say what was seen last.
//!
//! Nothing in the lab or in a live test sleeps to let something happen.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{Error, Result};

const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What a look saw instead of what was hoped for.
#[derive(Debug)]
pub struct NotYet {
    state: String,
    hopeless: bool,
}

impl NotYet {
    /// Waiting longer can't help: a process ended, a file is refused.
    pub fn never(state: impl fmt::Display) -> Self {
        Self { state: state.to_string(), hopeless: true }
    }
}

impl<S: fmt::Display> From<S> for NotYet {
    fn from(state: S) -> Self {
        Self { state: state.to_string(), hopeless: false }
    }
}

/// Looks every 100 ms until `look` gives a value.
///
/// A look that hangs is cut off by the same deadline.
pub async fn wait_for<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Result<T, NotYet>) -> Result<T> {
    let start = Instant::now();
    let mut last = "the first look did not return".to_owned();
    loop {
        let left = limit.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, look()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(not_yet)) if not_yet.hopeless => {
                return Err(Error::new(format!("{what}: {}", not_yet.state)));
            }
            Ok(Err(not_yet)) => last = not_yet.state,
            Err(_) => return Err(gave_up(what, limit, &last)),
        }
        // A look that never waits is never cut off.
        if start.elapsed() >= limit {
            return Err(gave_up(what, limit, &last));
        }
        tokio::time::sleep(BETWEEN_LOOKS.min(left)).await;
    }
}

/// The same for teardown code, which runs in `Drop` and therefore outside the runtime.
pub fn wait_blocking<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = look() {
            return Ok(value);
        }
        if start.elapsed() >= limit {
            return Err(gave_up(what, limit, "no change"));
        }
        std::thread::sleep(BETWEEN_LOOKS / 4);
    }
}

fn gave_up(what: &str, limit: Duration, last: &str) -> Error {
    Error::new(format!("{what}: not within {limit:?}; last seen: {last}"))
}
