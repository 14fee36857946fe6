//! The two clocks that foreign timestamps must be compared with, and nothing else.
//!
//! heald's own time lives in `run/clock.rs`. systemd stamps its states with `CLOCK_MONOTONIC`, the
//! Docker engine with the wall clock; "how long ago" needs the same clock again. A metric that says
//! when something was seen is a foreign stamp too: Prometheus compares it with the wall clock.

#![expect(clippy::disallowed_methods, reason = "the one place at the edges where foreign stamps meet their clock")]

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// `CLOCK_MONOTONIC` in microseconds, as systemd's `…TimestampMonotonic`.
pub(super) fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000
}

/// The wall clock, as in the engine's `StartedAt`, in its events, and on metrics pages.
pub fn wall() -> jiff::Timestamp {
    let now = clock_gettime(ClockId::Realtime);
    jiff::Timestamp::new(now.tv_sec, i32::try_from(now.tv_nsec).unwrap_or(0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// How long ago a moment of the wall clock was; zero when it lies ahead.
pub(super) fn since(earlier: jiff::Timestamp) -> Duration {
    Duration::try_from(wall().duration_since(earlier)).unwrap_or(Duration::ZERO)
}
