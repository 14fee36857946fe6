//! Bursts across everything, smoothed by `governor` (GCRA) on the loop's own clock and rebuilt from the journal at
//! a start. It is no hard cap: up to twice its quota fits into one window; hard caps are the guard `budget`'s.

use crate::domain::guard::Pace as Facts;
use crate::domain::policy::RatePolicy;
use crate::domain::time::Time;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug)]
pub struct Pace {
    limiter: RateLimiter<NotKeyed, InMemoryState, LoopClock, NoOpMiddleware<Nanos>>,
    clock: LoopClock,
}

/// Shows what it was last set to, in nanoseconds since `origin`.
#[derive(Clone, Debug)]
struct LoopClock {
    origin: Time,
    now: Arc<AtomicU64>,
}

impl Clock for LoopClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.now.load(Ordering::SeqCst).into()
    }
}

// === impl Pace ===

impl Pace {
    /// As if it had been asked for each of the past attempts, oldest first.
    pub fn replayed(policy: RatePolicy, past: &[Time], now: Time) -> Self {
        // What lies further back is forgotten by the limiter too: it is full again by then.
        let reach = policy.window.saturating_mul(policy.burst.max(1)) / policy.count.max(1) + policy.window;
        let recent = &past[past.partition_point(|at| now.since(*at) > reach)..];
        let origin = recent.first().copied().unwrap_or(now).min(now);
        let clock = LoopClock { origin, now: Arc::default() };
        let one = (policy.window / policy.count.max(1)).max(Duration::from_nanos(1));
        let burst = NonZeroU32::new(policy.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(one).unwrap_or(Quota::per_minute(burst)).allow_burst(burst);
        let pace = Self { limiter: RateLimiter::direct_with_clock(quota, clock.clone()), clock };
        for at in recent {
            // Said yes to once, whatever the limiter says now.
            let _ = pace.take(*at);
        }
        pace
    }
}

impl Facts for Pace {
    fn take(&self, now: Time) -> Result<(), Time> {
        let nanos = u64::try_from(now.since(self.clock.origin).as_nanos()).unwrap_or(u64::MAX);
        self.clock.now.store(nanos, Ordering::SeqCst);
        // Up to the next whole millisecond: asked a moment too early it would say no again.
        self.limiter.check().map_err(|no| now + no.wait_time_from(nanos.into()) + Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RatePolicy = RatePolicy { count: 6, window: Duration::from_secs(60), burst: 3 };

    #[test]
    fn a_burst_then_one_every_ten_seconds() {
        let pace = Pace::replayed(POLICY, &[], Time(1_000));
        let mut times = Vec::new();
        let mut now = Time(1_000);
        while times.len() < 6 {
            match pace.take(now) {
                Ok(()) => times.push(now.since(Time(1_000)).as_secs()),
                Err(until) => now = until,
            }
        }
        assert_eq!(times, [0, 0, 0, 10, 20, 30]);
    }

    #[test]
    fn a_restart_refills_nothing() {
        let past = [Time(0), Time(0), Time(0)];
        let pace = Pace::replayed(POLICY, &past, Time(2_000));
        let until = pace.take(Time(2_000)).unwrap_err();
        assert_eq!(until.0 / 1_000, 10);
        assert!(pace.take(until).is_ok());
        // Long ago is as good as never.
        let pace = Pace::replayed(POLICY, &past, Time(3_600_000));
        assert!((0..3).all(|_| pace.take(Time(3_600_000)).is_ok()) && pace.take(Time(3_600_000)).is_err());
    }
}
