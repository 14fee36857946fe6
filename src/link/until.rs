//! Work that blocks (files, SQLite), off the runtime, and until when.
//!
//! A thread that a file system holds can't be ended. Its caller is: at the deadline it gets its answer, and the thread
//! finds the work called off as soon as it wakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Asked between two pieces of work.
#[derive(Clone, Debug)]
pub struct Until {
    deadline: Instant,
    called_off: Arc<AtomicBool>,
}

/// Ends the work when nobody waits for it any more.
struct CallOff(Arc<AtomicBool>);

/// Kept back of the time, for telling what was done.
const TO_TELL: Duration = Duration::from_millis(500);

// === impl Until ===

impl Until {
    pub fn new(deadline: Instant) -> Self {
        Self { deadline, called_off: Arc::default() }
    }

    /// No further piece of work may begin.
    pub fn is_over(&self) -> bool {
        self.called_off.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Set once nobody waits any more.
    pub fn called_off(&self) -> &Arc<AtomicBool> {
        &self.called_off
    }
}

impl Drop for CallOff {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The work's result; `None` when it had none by the deadline, and nobody knows how far it got.
///
/// The work itself has a little less time, so that it can say what it did. Dropped, the work ends at its next piece.
///
/// # Errors
/// The work panicked, or heald is ending.
pub async fn off_runtime<T: Send + 'static>(
    deadline: Instant,
    work: impl FnOnce(&Until) -> T + Send + 'static,
) -> Result<Option<T>, String> {
    let left = deadline.saturating_duration_since(Instant::now());
    let until = Until::new(deadline - TO_TELL.min(left / 5));
    let _call_off = CallOff(Arc::clone(&until.called_off));
    let running = tokio::task::spawn_blocking(move || work(&until));
    match timeout_at(deadline, running).await {
        Ok(ended) => ended.map(Some).map_err(|error| error.to_string()),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_caller_has_its_answer_and_the_work_its_end() {
        let soon = || Instant::now() + Duration::from_millis(50);
        let (said, heard) = std::sync::mpsc::channel();
        let deaf = off_runtime(soon(), move |until| {
            while !until.called_off.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            said.send(until.is_over()).unwrap();
        });
        assert_eq!(deaf.await, Ok(None));
        assert_eq!(heard.recv_timeout(Duration::from_secs(10)), Ok(true));
        let polite = off_runtime(soon(), |until| {
            while !until.is_over() {
                std::thread::yield_now();
            }
            "stopped in time"
        });
        assert_eq!(polite.await, Ok(Some("stopped in time")));
    }
}
