//! Work that blocks (files, mostly), off the runtime and one at a time.
//!
//! A file system that hangs keeps its thread for ever. Whoever comes next waits for that thread instead of
//! giving up one more.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// One collector's place at the blocking work.
#[derive(Clone, Debug)]
pub struct Turn(Arc<Semaphore>);

// === impl Turn ===

impl Turn {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Waits for its turn, then for the work; dropped, the work goes on and keeps the turn.
    ///
    /// # Errors
    /// The work panicked, or heald is ending.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
        let turn = Arc::clone(&self.0).acquire_owned().await.map_err(|error| error.to_string())?;
        let work = move || {
            let done = work();
            drop(turn);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
    }
}
