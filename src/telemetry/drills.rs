//! Drills that are run by the clock: when, how they went, when they are due.

use super::Telemetry;
use super::metrics::{plain, seconds};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByDrill {
    drill: String,
}

#[derive(Debug)]
pub(super) struct Drills {
    last_run: Family<ByDrill, Seconds>,
    last_result: Family<ByDrill, Gauge>,
    interval: Family<ByDrill, Seconds>,
    due: Family<ByDrill, Seconds>,
    recovery: Family<ByDrill, Seconds>,
}

/// How one stands. Moments are seconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct DrillStanding {
    pub drill: String,
    /// Of the last run: when it began, and whether it passed.
    pub last: Option<(f64, bool)>,
    pub recovery: Option<Duration>,
    pub interval: Duration,
    pub due: f64,
}

// === impl Drills ===

impl Drills {
    pub fn registered(page: &mut Registry) -> Self {
        Self {
            last_run: seconds(page, "drill_last_run_timestamp", "When the drill was last run", Family::default()),
            last_result: plain(page, "drill_last_result", "1 when the drill passed last, 0 when it failed"),
            interval: seconds(page, "drill_interval", "How often the drill is due", Family::default()),
            due: seconds(page, "drill_due_timestamp", "When the drill must have been run again", Family::default()),
            recovery: seconds(page, "drill_recovery", "How long the recovery took in the drill's last run", Family::default()),
        }
    }
}

impl Telemetry {
    /// All that are run by the clock here; what is not among them has no series any more.
    pub fn drills(&self, all: &[DrillStanding]) {
        let series = self.of_drills();
        series.last_run.clear();
        series.last_result.clear();
        series.interval.clear();
        series.due.clear();
        series.recovery.clear();
        for one in all {
            let drill = ByDrill { drill: one.drill.clone() };
            series.interval.get_or_create(&drill).set(one.interval.as_secs_f64());
            series.due.get_or_create(&drill).set(one.due);
            if let Some((at, passed)) = one.last {
                series.last_run.get_or_create(&drill).set(at);
                series.last_result.get_or_create(&drill).set(i64::from(passed));
            }
            if let Some(recovery) = one.recovery {
                series.recovery.get_or_create(&drill).set(recovery.as_secs_f64());
            }
        }
    }
}
