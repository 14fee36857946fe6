//! Times beside their targets, and how long the symptom lasted.

use super::words::millis;
use super::{Fact, Impact, Measure};
use crate::domain::event::IncidentEvent as E;
use crate::domain::time::Time;
use jiff::Timestamp;
use std::time::Duration;

/// The moments that matter, on heald's clock.
pub(super) struct Moments {
    /// From the alert's start to the webhook; zero where the clocks differ the other way.
    pub delay: Duration,
    pub received: Time,
    pub acted: Option<Time>,
    /// The first time.
    pub verified: Option<Time>,
    /// Good again, or over; `None`: it lasts.
    pub restored: Option<(Time, Timestamp)>,
    /// The last moment that is known of.
    pub end: Time,
    pub over: bool,
    pub seen: bool,
    pub relapses: u32,
}

// === impl Moments ===

impl Moments {
    pub fn of(facts: &[Fact], detected: Timestamp, now: Time) -> Option<Self> {
        let first = facts.first()?;
        let find = |wanted: fn(&E) -> bool| facts.iter().find(|fact| wanted(&fact.event)).map(|fact| fact.at);
        let delay = first.wall.as_millisecond().saturating_sub(detected.as_millisecond());
        let closed = facts.iter().rfind(|fact| matches!(fact.event, E::Closed { .. }));
        let mut good: Option<&Fact> = None;
        let (mut seen, mut relapses) = (false, 0);
        for fact in facts {
            match &fact.event {
                // A second look at the same good state is no second recovery.
                E::Healed { .. } => good = good.or(Some(fact)),
                E::CareFailed { .. } => {
                    (good, seen) = (None, true);
                    relapses += 1;
                }
                E::AttemptStarted { seen: look, .. } => {
                    good = None;
                    seen |= !look.passed();
                }
                E::SymptomShown { .. } | E::FoundBadAfterResolve { .. } | E::Looked { passed: false, .. } => seen = true,
                _ => {}
            }
        }
        let restored = good.or(closed);
        Some(Self {
            delay: Duration::from_millis(u64::try_from(delay).unwrap_or(0)),
            received: first.at,
            acted: find(|event| matches!(event, E::AttemptStarted { .. })),
            verified: find(|event| matches!(event, E::Healed { .. })),
            restored: restored.map(|fact| (fact.at, fact.wall)),
            end: closed.map_or(now.max(first.at), |fact| fact.at),
            over: closed.is_some(),
            seen,
            relapses,
        })
    }

    pub fn impact(&self) -> Impact {
        let until = self.restored.map_or(self.end, |(at, _)| at);
        Impact {
            until: self.restored.map(|(_, wall)| wall),
            ms: millis(self.delay + until.since(self.received)),
            seen: self.seen,
            relapses: self.relapses,
        }
    }

    pub fn measures(&self, recovery_time: Option<Duration>, rto: Option<Duration>) -> Vec<Measure> {
        let after = |at: Option<Time>| at.map(|at| at.since(self.received));
        let restored = after(self.restored.map(|(at, _)| at)).map(|span| span + self.delay);
        let so_far = self.end.since(self.received);
        // Where nothing was broken, nothing could be late.
        let broken = self.seen || self.verified.is_some();
        let (recovery_time, rto) = (recovery_time.filter(|_| broken), rto.filter(|_| broken));
        vec![
            measure("detect", Some(self.delay), None, Duration::ZERO, true),
            measure("act", after(self.acted), None, so_far, self.over),
            measure("verify", after(self.verified), recovery_time, so_far, self.over),
            measure("restore", restored, rto, so_far + self.delay, self.over),
        ]
    }
}

/// `so_far`: how long it has been waited for, where it has not come to that.
fn measure(name: &'static str, took: Option<Duration>, target: Option<Duration>, so_far: Duration, over: bool) -> Measure {
    let met = target.and_then(|target| match took {
        Some(took) => Some(took <= target),
        None if over || so_far > target => Some(false),
        None => None,
    });
    Measure { name, ms: took.map(millis), target_ms: target.map(millis), met }
}
