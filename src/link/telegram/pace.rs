//! How fast a bot may speak: Telegram's [limits](https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this)
//! are about 1 message a second in a chat, 20 a minute in a group and 30 a second over all, and what it says with a 429.

use super::TelegramError;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

pub struct Pace {
    all: RateLimiter<NotKeyed, InMemoryState, DefaultClock>,
    chats: RateLimiter<i64, HashMapStateStore<i64>, DefaultClock>,
    groups: RateLimiter<i64, HashMapStateStore<i64>, DefaultClock>,
    /// Telegram said: not before that.
    hold: Mutex<Option<Instant>>,
}

/// A shorter wait is waited for; a longer one is the outbox's matter, which survives a restart.
const PATIENCE: Duration = Duration::from_secs(3);
/// A burst of 5 and one each 4 s: never more than 20 in any minute.
const GROUP_BURST: u32 = 5;
const GROUP_EACH: Duration = Duration::from_secs(4);
const ALL_PER_SECOND: u32 = 30;
/// Chats that are remembered before those that keep still are forgotten.
const KEYS_MAX: usize = 1_000;

// === impl Pace ===

impl Pace {
    pub fn new() -> Self {
        let quota = |each: Duration, burst: u32| {
            let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
            Quota::with_period(each).unwrap_or(Quota::per_second(burst)).allow_burst(burst)
        };
        Self {
            all: RateLimiter::direct(quota(Duration::from_secs(1) / ALL_PER_SECOND, 1)),
            chats: RateLimiter::hashmap(quota(Duration::from_secs(1), 1)),
            groups: RateLimiter::hashmap(quota(GROUP_EACH, GROUP_BURST)),
            hold: Mutex::default(),
        }
    }

    /// Nothing is sent before `wait` is over.
    pub fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        *hold = Some(hold.map_or(until, |held| held.max(until)));
    }

    /// Returns when it is this message's turn. `chat`: `None` for what does not appear in one.
    ///
    /// # Errors
    /// [`TelegramError::Wait`] where that would take long.
    pub async fn turn(&self, chat: Option<i64>) -> Result<(), TelegramError> {
        let held = *self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        let left = held.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        if !left.is_zero() {
            return Err(TelegramError::Wait(left));
        }
        let clock = DefaultClock::default();
        if let Some(chat) = chat {
            // Strangers come from chats that are never heard of again.
            if self.chats.len() > KEYS_MAX {
                self.chats.retain_recent();
                self.groups.retain_recent();
            }
            // Groups have negative numbers.
            if chat < 0 {
                wait(|| self.groups.check_key(&chat).map_err(|no| no.wait_time_from(clock.now()))).await?;
            }
            wait(|| self.chats.check_key(&chat).map_err(|no| no.wait_time_from(clock.now()))).await?;
        }
        wait(|| self.all.check().map_err(|no| no.wait_time_from(clock.now()))).await
    }
}

async fn wait(check: impl Fn() -> Result<(), Duration>) -> Result<(), TelegramError> {
    let patience = Instant::now() + PATIENCE;
    while let Err(wait) = check() {
        if Instant::now() + wait > patience {
            return Err(TelegramError::Wait(wait));
        }
        tokio::time::sleep(wait).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_group_hears_a_burst_and_then_has_to_wait() {
        let pace = Pace::new();
        let begin = Instant::now();
        for _ in 0..3 {
            pace.turn(Some(-100)).await.unwrap();
        }
        assert!(begin.elapsed() >= Duration::from_millis(1_900), "one a second: {:?}", begin.elapsed());
        while pace.groups.check_key(&-200).is_ok() {}
        let Err(TelegramError::Wait(wait)) = pace.turn(Some(-200)).await else { panic!("the group is not spared") };
        assert!(wait > PATIENCE && wait <= GROUP_EACH, "{wait:?}");
        pace.turn(Some(4_711)).await.unwrap();
        pace.turn(None).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_telegram_asks_for_holds_for_the_whole_bot() {
        let pace = Pace::new();
        pace.hold(Duration::from_secs(31));
        pace.hold(Duration::from_secs(2));
        for chat in [Some(-100), Some(4_711), None] {
            assert_eq!(pace.turn(chat).await, Err(TelegramError::Wait(Duration::from_secs(31))));
        }
        tokio::time::advance(Duration::from_secs(31)).await;
        pace.turn(Some(-100)).await.unwrap();
    }
}
