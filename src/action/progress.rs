//! What a long step says while it runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Lines for the timeline, thinned out: each one is committed to the journal.
#[derive(Clone)]
pub struct Progress {
    to: Arc<dyn Fn(String) + Send + Sync>,
    last: Arc<Mutex<Option<(Instant, u32)>>>,
}

const EVERY: Duration = Duration::from_secs(5);
/// For one step.
const LINES_MAX: u32 = 50;

// === impl Progress ===

impl Progress {
    pub fn new(to: Arc<dyn Fn(String) + Send + Sync>) -> Self {
        Self { to, last: Arc::default() }
    }

    /// Nobody listens.
    pub fn none() -> Self {
        Self::new(Arc::new(drop))
    }

    /// Kept when the last line is 5 s old; at most 50 lines of one step are.
    pub fn say(&self, text: impl Into<String>) {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = last.map_or(0, |(_, lines)| lines);
        if lines >= LINES_MAX || last.is_some_and(|(at, _)| now.duration_since(at) < EVERY) {
            return;
        }
        *last = Some((now, lines + 1));
        drop(last);
        (self.to)(text.into());
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_chatty_step_is_thinned_out() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&said);
        let progress = Progress::new(Arc::new(move |line| keep.lock().unwrap().push(line)));
        for second in 0..600 {
            progress.say(format!("{second} s"));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let said = said.lock().unwrap();
        assert_eq!(said[..3], ["0 s", "5 s", "10 s"]);
        assert_eq!(said.len(), 50);
    }
}
