//! Every metric of heald: its name, its labels, its help.

use super::drills::Drills;
use super::process::ThisProcess;
use super::recovery::Recoveries;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};
use std::sync::atomic::AtomicU64;

pub(super) type Word = &'static str;

macro_rules! labels {
    ($($name:ident { $($label:ident: $kind:ty),+ })*) => {$(
        #[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
        pub(super) struct $name { $(pub(super) $label: $kind),+ }
    )*};
}
labels! {
    ByResult { result: Word }
    ByCode { code: u16 }
    ByReason { reason: Word }
    ByPlaybook { playbook: String, outcome: Word }
    ByGuard { guard: Word }
    ByState { state: Word }
    ByOutcome { outcome: Word }
    ByStage { stage: Word }
    ByChannel { channel: String, outcome: Word }
    ByDependency { dependency: Word }
    ByBreaker { playbook: String, target: String }
    ByFrom { from: String }
    ByChat { channel: String }
    ByScope { scope: Word, window: String }
    Build { version: Word }
}

#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) registry: Registry,
    /// Names without the prefix.
    pub(super) process: Registry,
    pub(super) recoveries: Recoveries,
    pub(super) drills: Drills,
    pub(super) received: Counter,
    pub(super) alerts: Family<ByResult, Counter>,
    pub(super) webhook_requests: Family<ByCode, Counter>,
    pub(super) webhook_refused: Family<ByReason, Counter>,
    pub(super) webhook_duration: Histogram,
    pub(super) control_requests: Family<ByCode, Counter>,
    pub(super) truncated: Counter,
    pub(super) attempts: Family<ByPlaybook, Counter>,
    pub(super) refusals: Family<ByGuard, Counter>,
    pub(super) open: Family<ByState, Gauge>,
    pub(super) closed: Family<ByOutcome, Counter>,
    pub(super) stages: Family<ByStage, Histogram, fn() -> Histogram>,
    pub(super) commit: Histogram,
    pub(super) batch: Histogram,
    pub(super) notifications: Family<ByChannel, Counter>,
    pub(super) chat_refused: Family<ByChat, Counter>,
    /// Without a series until the first sign of life is due: where none is configured, nothing is wrong.
    pub(super) heartbeat: Family<[(&'static str, &'static str); 0], Gauge>,
    pub(super) dependencies: Family<ByDependency, Gauge>,
    pub(super) queue: Gauge,
    pub(super) queue_limit: Gauge,
    pub(super) waiting: Family<ByChat, Gauge>,
    pub(super) budget_left: Family<ByScope, Gauge>,
    pub(super) budget_limit: Family<ByScope, Gauge>,
    pub(super) store: Gauge,
    pub(super) store_free: Gauge,
    pub(super) blind: Gauge,
    pub(super) last_commit: Gauge<f64, AtomicU64>,
    pub(super) paused: Gauge,
    pub(super) breakers: Family<ByBreaker, Gauge>,
    pub(super) standing_back: Family<ByFrom, Gauge>,
    pub(super) approvals: Gauge,
    pub(super) reload_ok: Gauge,
    pub(super) last_reload: Gauge<f64, AtomicU64>,
}

// === impl Metrics ===

impl Metrics {
    pub(super) fn registered(version: Word) -> Self {
        // 1 ms to 35 min, doubling from 4 ms: recoveries take seconds, their stages milliseconds.
        let stages: fn() -> Histogram = || Histogram::new([0.001].into_iter().chain(exponential_buckets(0.004, 2.0, 20)));
        let mut page = Registry::with_prefix("heald");
        page.register("build", "The running version", Info::new(Build { version }));
        let mut process = Registry::default();
        process.register_collector(Box::new(ThisProcess));
        Self {
            process,
            recoveries: Recoveries::registered(&mut page),
            drills: Drills::registered(&mut page),
            received: plain(&mut page, "alerts_received", "Alerts in webhook bodies"),
            alerts: plain(&mut page, "alerts", "Alerts by what became of them"),
            webhook_requests: plain(&mut page, "webhook_requests", "Webhook requests by HTTP status"),
            webhook_refused: plain(&mut page, "webhook_refused", "Webhook requests turned away, by reason"),
            webhook_duration: seconds(
                &mut page,
                "webhook_duration",
                "Time until a webhook request was answered",
                Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            ),
            control_requests: plain(&mut page, "control_requests", "Requests to the control API over HTTP, by status"),
            truncated: plain(&mut page, "truncated_alerts", "Alerts that Alertmanager left out of its bodies"),
            attempts: plain(&mut page, "attempts", "Repair attempts by how they ended"),
            refusals: plain(&mut page, "refusals", "Attempts and steps that a guard refused"),
            open: plain(&mut page, "incidents_open", "Open incidents by state"),
            closed: plain(&mut page, "incidents_closed", "Closed incidents by outcome"),
            stages: seconds(
                &mut page,
                "stage_duration",
                "Time spent in each stage of a recovery",
                Family::new_with_constructor(stages),
            ),
            commit: seconds(
                &mut page,
                "journal_commit",
                "Time until a journal transaction was on disk",
                Histogram::new(exponential_buckets(0.000_25, 2.0, 14)),
            ),
            batch: add(
                &mut page,
                "journal_batch_records",
                "Records per journal transaction",
                Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            ),
            notifications: plain(&mut page, "notifications", "Messages to people by channel and outcome"),
            chat_refused: plain(&mut page, "chat_refused", "Orders and questions in chats that were refused"),
            heartbeat: plain(&mut page, "heartbeat_ok", "1 while signs of life are given to the outside (notify.heartbeat)"),
            dependencies: plain(&mut page, "dependency_up", "What heald stands on: 1 when it answered last"),
            queue: plain(&mut page, "queue_depth", "Requests waiting for the loop"),
            queue_limit: plain(&mut page, "queue_limit", "More requests than that wait with their senders"),
            waiting: plain(&mut page, "notices_waiting", "Messages that a channel is still to take"),
            budget_left: plain(&mut page, "budget_left", "Attempts left; of targets: of the one that has least"),
            budget_limit: plain(&mut page, "budget_limit", "Attempts allowed in any window of that length"),
            store: add(&mut page, "store_bytes", "Size of the journal", Gauge::default()),
            store_free: add(&mut page, "store_free_bytes", "Free on the journal's file system", Gauge::default()),
            blind: plain(&mut page, "detection_blind", "1 while Alertmanager's always-firing alert stays away"),
            last_commit: seconds(&mut page, "last_commit_timestamp", "When the journal was last written", Gauge::default()),
            paused: plain(&mut page, "paused", "1 while repairs are paused by a person"),
            breakers: plain(&mut page, "breaker_open", "1 while no attempt, or only one trial, is allowed; 0: closed again"),
            standing_back: plain(
                &mut page,
                "standing_back",
                "1 in a storm; of a group the number of its parts that are left alone",
            ),
            approvals: plain(&mut page, "approvals_pending", "Incidents that wait for a person's consent"),
            reload_ok: plain(&mut page, "config_last_reload_successful", "1 when the configuration was taken when last read"),
            last_reload: seconds(
                &mut page,
                "config_last_reload_success_timestamp",
                "When the configuration was last taken",
                Gauge::default(),
            ),
            registry: page,
        }
    }
}

/// Counters are registered without `_total`: the encoder adds it, as it adds the unit.
pub(super) fn plain<M: Metric + Clone + Default>(page: &mut Registry, name: &str, help: &str) -> M {
    add(page, name, help, M::default())
}

pub(super) fn add<M: Metric + Clone>(page: &mut Registry, name: &str, help: &str, metric: M) -> M {
    page.register(name, help, metric.clone());
    metric
}

pub(super) fn seconds<M: Metric + Clone>(page: &mut Registry, name: &str, help: &str, metric: M) -> M {
    page.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}
