//! One message a second in each channel, which is what Slack allows; more may be lost without a word.

use super::Error;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When each channel's next turn is.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<Box<str>, Instant>>);

const EVERY: Duration = Duration::from_secs(1);
/// Whoever would wait longer is sent away with the time to come again: a channel's queue is not kept here.
const PATIENCE: Duration = Duration::from_secs(2);

// === impl Pace ===

impl Pace {
    /// # Errors
    /// Too many wait already.
    pub(super) async fn turn(&self, channel: &str) -> Result<(), Error> {
        let turn = self.take(channel, Instant::now())?;
        tokio::time::sleep_until(turn).await;
        Ok(())
    }

    fn take(&self, channel: &str, now: Instant) -> Result<Instant, Error> {
        // Whoever panicked in between left at most a turn unused.
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, next| *next > now);
        let turn = turns.get(channel).copied().unwrap_or(now).max(now);
        let wait = turn.saturating_duration_since(now);
        if wait > PATIENCE {
            return Err(Error::too_fast(wait));
        }
        turns.insert(channel.into(), turn + EVERY);
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::notice::Again;

    #[tokio::test(start_paused = true)]
    async fn a_channel_gets_one_message_a_second_and_no_queue() {
        let pace = Pace::default();
        let start = Instant::now();
        for second in 0..3 {
            assert_eq!(pace.take("C1", start).unwrap() - start, Duration::from_secs(second));
        }
        let error = pace.take("C1", start).unwrap_err();
        assert_eq!(error.again, Again::After(Duration::from_secs(3)));
        assert_eq!(pace.take("C2", start).unwrap(), start, "another channel has its own pace");
        pace.turn("C2").await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(1), "it waited for its turn");
        let later = start + Duration::from_secs(60);
        assert_eq!(pace.take("C1", later).unwrap(), later);
        assert_eq!(pace.0.lock().unwrap().len(), 1, "turns that have passed are forgotten");
    }
}
