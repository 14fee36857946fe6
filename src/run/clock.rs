//! heald's own time, and the only file that reads a clock.
//!
//! It goes on from the stored mark by `CLOCK_BOOTTIME`, so no step of the wall clock
//! reaches a budget or a cooldown. Only a reboot, which ends that count, lets the wall
//! clock in, and only forwards.

#![expect(clippy::disallowed_methods, reason = "this is the one place that asks")]

use crate::domain::time::Time;
use crate::store::Mark;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Cheap to clone; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    /// heald's time when the clock was made, and the reading then.
    start: Time,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    System {
        boottime_ms: u64,
        boot_id: Arc<str>,
    },
    /// tokio's clock, which tests may pause. `wall_off`: how many milliseconds the wall clock is off heald's time.
    Tokio {
        origin: tokio::time::Instant,
        wall_off: Arc<AtomicI64>,
    },
}

/// What the machine's clocks say at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Runs on while the machine sleeps; never set.
    pub boottime_ms: u64,
    /// Empty where the kernel has none: then every start counts as a reboot.
    pub boot_id: String,
    pub wall: Timestamp,
}

/// heald's time at a reading: never before the mark, whatever the clocks say.
pub fn at(mark: Option<&Mark>, reading: &Reading) -> Time {
    let wall = Time(reading.wall.as_millisecond());
    match mark {
        None => wall,
        Some(mark) if mark.boot_id == reading.boot_id && !mark.boot_id.is_empty() => {
            // A count below the mark's (a restored snapshot of the machine) adds nothing.
            mark.at + Duration::from_millis(reading.boottime_ms.saturating_sub(mark.boottime_ms))
        }
        Some(mark) => mark.at.max(wall),
    }
}

// === impl Clock ===

impl Clock {
    /// Goes on from what the store remembers.
    pub fn system(mark: Option<&Mark>) -> Self {
        let reading = read();
        Self {
            start: at(mark, &reading),
            source: Source::System { boottime_ms: reading.boottime_ms, boot_id: reading.boot_id.into() },
        }
    }

    /// For simulations: `start`, and then as tokio's clock goes.
    pub fn tokio(start: Time) -> Self {
        Self { start, source: Source::Tokio { origin: tokio::time::Instant::now(), wall_off: Arc::default() } }
    }

    /// In a simulation: somebody sets the wall clock. A real one is set by others.
    pub fn step_wall(&self, millis: i64) {
        if let Source::Tokio { wall_off, .. } = &self.source {
            wall_off.fetch_add(millis, Ordering::Relaxed);
        }
    }

    pub fn now(&self) -> Time {
        self.start + self.elapsed()
    }

    /// For people, for the age of alerts and for calendars; it may jump.
    pub fn wall(&self) -> Timestamp {
        match &self.source {
            Source::System { .. } => Timestamp::now(),
            Source::Tokio { wall_off, .. } => {
                let wall = self.now().0.saturating_add(wall_off.load(Ordering::Relaxed));
                Timestamp::from_millisecond(wall).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Goes into every commit.
    pub fn mark(&self) -> Mark {
        let elapsed = self.elapsed();
        let (began, boot_id) = match &self.source {
            Source::System { boottime_ms, boot_id } => (*boottime_ms, &**boot_id),
            Source::Tokio { .. } => (0, "simulated"),
        };
        Mark { at: self.start + elapsed, boottime_ms: began + millis(elapsed), boot_id: boot_id.to_owned() }
    }

    /// Zero when it has passed. Timers stop while the machine sleeps and this clock does not: sleep in bounded pieces.
    pub fn until(&self, deadline: Time) -> Duration {
        deadline.since(self.now())
    }

    /// In whole milliseconds, so that `now` and `mark` agree.
    fn elapsed(&self) -> Duration {
        match &self.source {
            Source::System { boottime_ms, .. } => Duration::from_millis(boottime().saturating_sub(*boottime_ms)),
            Source::Tokio { origin, .. } => Duration::from_millis(millis(origin.elapsed())),
        }
    }
}

fn read() -> Reading {
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Reading { boottime_ms: boottime(), boot_id: boot_id.trim().to_owned(), wall: Timestamp::now() }
}

fn boottime() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(now).map_or(0, millis)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at: i64, boottime_ms: u64) -> Mark {
        Mark { at: Time(at), boottime_ms, boot_id: "first".to_owned() }
    }

    fn reading(boot_id: &str, boottime_ms: u64, wall: i64) -> Reading {
        Reading { boottime_ms, boot_id: boot_id.to_owned(), wall: Timestamp::from_millisecond(wall).unwrap() }
    }

    #[test]
    fn within_a_boot_only_the_boot_clock_counts() {
        // heald stopped at 10:00 by its own time, 60 s ago; the wall clock was set by a day, either way, or not.
        for wall in [0, 1_000_000, 86_400_000_000] {
            assert_eq!(at(Some(&mark(1_000_000, 5_000)), &reading("first", 65_000, wall)), Time(1_060_000));
        }
    }

    #[test]
    fn after_a_reboot_the_wall_clock_counts_but_never_backwards() {
        let mark = mark(1_000_000, 500_000);
        assert_eq!(at(Some(&mark), &reading("second", 7, 1_300_000)), Time(1_300_000));
        // No battery: the machine believes it is 1970.
        assert_eq!(at(Some(&mark), &reading("second", 7, 0)), Time(1_000_000));
        assert_eq!(at(Some(&mark), &reading("second", 700_000, 0)), Time(1_000_000));
    }

    #[test]
    fn a_first_start_takes_the_wall_clock() {
        assert_eq!(at(None, &reading("first", 7, 1_300_000)), Time(1_300_000));
    }

    #[test]
    fn a_boot_count_that_went_back_adds_nothing() {
        assert_eq!(at(Some(&mark(1_000_000, 500_000)), &reading("first", 7, 9_000_000)), Time(1_000_000));
    }

    #[test]
    fn without_a_boot_id_every_start_is_a_reboot() {
        let mark = Mark { boot_id: String::new(), ..mark(1_000_000, 5_000) };
        assert_eq!(at(Some(&mark), &reading("", 999_999, 1_000_500)), Time(1_000_500));
    }

    #[test]
    fn restarts_add_up_to_the_time_that_passed() {
        let first = Clock::system(None);
        let (began, origin) = (first.mark(), std::time::Instant::now());
        let mut clock = first;
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(2));
            let (mark, now) = (clock.mark(), clock.now());
            assert!(mark.at <= now);
            clock = Clock::system(Some(&mark));
            assert!(clock.now() >= now && clock.mark().boottime_ms >= mark.boottime_ms);
        }
        let (passed, real) = (clock.now().since(began.at), origin.elapsed());
        assert!(passed.abs_diff(real) < Duration::from_millis(20), "{passed:?} instead of {real:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn tokios_clock_drives_a_simulation() {
        let clock = Clock::tokio(Time(1_000));
        let deadline = Time(1_000) + Duration::from_secs(3_600);
        assert_eq!(clock.until(deadline), Duration::from_secs(3_600));
        tokio::time::sleep(clock.until(deadline)).await;
        assert_eq!((clock.now(), clock.until(deadline)), (deadline, Duration::ZERO));
        assert_eq!((clock.wall().as_millisecond(), clock.mark().at), (deadline.0, deadline));
        assert_eq!(clock.clone().now(), clock.now());
        clock.step_wall(-86_400_000);
        assert_eq!((clock.now(), clock.wall().as_millisecond()), (deadline, deadline.0 - 86_400_000));
    }
}
