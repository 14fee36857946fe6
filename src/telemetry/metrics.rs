//! Every metric of heald, and the verbs that move them.

use super::process::ThisProcess;
use super::recovery::Recoveries;
use super::words::{AlertResult, Stage, WebhookRefusal};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Cheap to clone; one verb per thing that happens.
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<Metrics>);

/// The content type of [`Telemetry::page`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) type Word = &'static str;

macro_rules! labels {
    ($($name:ident { $($label:ident: $kind:ty),+ })*) => {$(
        #[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
        struct $name { $($label: $kind),+ }
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
    registry: Registry,
    /// Names without the prefix.
    process: Registry,
    recoveries: Recoveries,
    received: Counter,
    alerts: Family<ByResult, Counter>,
    webhook_requests: Family<ByCode, Counter>,
    webhook_refused: Family<ByReason, Counter>,
    webhook_duration: Histogram,
    control_requests: Family<ByCode, Counter>,
    truncated: Counter,
    attempts: Family<ByPlaybook, Counter>,
    refusals: Family<ByGuard, Counter>,
    open: Family<ByState, Gauge>,
    closed: Family<ByOutcome, Counter>,
    stages: Family<ByStage, Histogram, fn() -> Histogram>,
    commit: Histogram,
    batch: Histogram,
    notifications: Family<ByChannel, Counter>,
    chat_refused: Family<ByChat, Counter>,
    heartbeat: Gauge,
    dependencies: Family<ByDependency, Gauge>,
    queue: Gauge,
    queue_limit: Gauge,
    waiting: Family<ByChat, Gauge>,
    budget_left: Family<ByScope, Gauge>,
    budget_limit: Family<ByScope, Gauge>,
    store: Gauge,
    store_free: Gauge,
    blind: Gauge,
    last_commit: Gauge<f64, AtomicU64>,
    paused: Gauge,
    breakers: Family<ByBreaker, Gauge>,
    standing_back: Family<ByFrom, Gauge>,
    approvals: Gauge,
    reload_ok: Gauge,
    last_reload: Gauge<f64, AtomicU64>,
}

/// What is left of a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// `host`, or `target`: then the target that has least left.
    pub scope: Word,
    /// As it is written: `10m`.
    pub window: String,
    pub left: u32,
    pub limit: u32,
}

// === impl Telemetry ===

impl Telemetry {
    /// Series whose labels are known beforehand begin at 0: Prometheus's `increase()` does not see a counter's birth.
    pub fn new(version: &'static str) -> Self {
        let metrics = Metrics::registered(version);
        for result in AlertResult::ALL {
            let _ = metrics.alerts.get_or_create(&ByResult { result: result.label() });
        }
        for reason in WebhookRefusal::ALL {
            let _ = metrics.webhook_refused.get_or_create(&ByReason { reason: reason.label() });
        }
        for code in [200, 400, 401, 405, 408, 413, 415, 503] {
            let _ = metrics.webhook_requests.get_or_create(&ByCode { code });
        }
        for code in [200, 400, 401] {
            let _ = metrics.control_requests.get_or_create(&ByCode { code });
        }
        for stage in Stage::ALL {
            let _ = metrics.stages.get_or_create(&ByStage { stage: stage.label() });
        }
        Self(Arc::new(metrics))
    }

    pub(super) fn recoveries(&self) -> &Recoveries {
        &self.0.recoveries
    }

    /// Begins the series of a playbook at 0. `outcomes`: how an attempt can end.
    pub fn playbook(&self, playbook: &str, outcomes: &[Word]) {
        for outcome in outcomes {
            let _ = self.0.attempts.get_or_create(&ByPlaybook { playbook: playbook.to_owned(), outcome });
        }
    }

    /// Begins the series of the guards at 0.
    pub fn guards(&self, guards: &[Word]) {
        for guard in guards {
            let _ = self.0.refusals.get_or_create(&ByGuard { guard });
        }
    }

    /// Begins the series of how incidents end at 0.
    pub fn outcomes(&self, outcomes: &[Word]) {
        for outcome in outcomes {
            let _ = self.0.closed.get_or_create(&ByOutcome { outcome });
        }
    }

    /// Alerts of a body that heald could read, or had to refuse.
    pub fn received(&self, alerts: usize) {
        self.0.received.inc_by(wide(alerts));
    }

    pub fn alert(&self, result: AlertResult, alerts: usize) {
        self.0.alerts.get_or_create(&ByResult { result: result.label() }).inc_by(wide(alerts));
    }

    pub fn webhook(&self, code: u16, took: Duration) {
        self.0.webhook_duration.observe(took.as_secs_f64());
        self.0.webhook_requests.get_or_create(&ByCode { code }).inc();
    }

    pub fn webhook_refused(&self, reason: WebhookRefusal) {
        self.0.webhook_refused.get_or_create(&ByReason { reason: reason.label() }).inc();
    }

    /// An order or a question over HTTP; the control socket's are not counted.
    pub fn control(&self, code: u16) {
        self.0.control_requests.get_or_create(&ByCode { code }).inc();
    }

    /// Alerts that Alertmanager left out of a body (`truncatedAlerts`).
    pub fn truncated(&self, alerts: u64) {
        self.0.truncated.inc_by(alerts);
    }

    pub fn attempt_ended(&self, playbook: &str, outcome: Word) {
        self.0.attempts.get_or_create(&ByPlaybook { playbook: playbook.to_owned(), outcome }).inc();
    }

    pub fn refused(&self, guard: Word) {
        self.0.refusals.get_or_create(&ByGuard { guard }).inc();
    }

    /// All states at once, those at 0 too: a state that is left out keeps its value.
    pub fn open_incidents(&self, by_state: &[(Word, usize)]) {
        for (state, count) in by_state {
            self.0.open.get_or_create(&ByState { state }).set(signed(*count));
        }
    }

    pub fn incident_closed(&self, outcome: Word) {
        self.0.closed.get_or_create(&ByOutcome { outcome }).inc();
    }

    pub fn stage(&self, stage: Stage, took: Duration) {
        self.0.stages.get_or_create(&ByStage { stage: stage.label() }).observe(took.as_secs_f64());
    }

    /// A journal transaction is on disk. `at_ms`: the wall clock's milliseconds since 1970.
    pub fn committed(&self, records: usize, took: Duration, at_ms: i64) {
        self.0.commit.observe(took.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a batch holds some hundred records, the time needs milliseconds")]
        {
            self.0.batch.observe(records as f64);
            self.0.last_commit.set(at_ms as f64 / 1_000.0);
        }
    }

    /// `channel`: its name in the configuration.
    pub fn notified(&self, channel: &str, ok: bool) {
        let outcome = if ok { "ok" } else { "failed" };
        self.0.notifications.get_or_create(&ByChannel { channel: channel.to_owned(), outcome }).inc();
    }

    /// Begins the series of a channel at 0.
    pub fn channel(&self, channel: &str) {
        for outcome in ["ok", "failed"] {
            let _ = self.0.notifications.get_or_create(&ByChannel { channel: channel.to_owned(), outcome });
        }
        self.waiting(channel, 0);
    }

    /// Messages that a channel is still to take.
    pub fn waiting(&self, channel: &str, notices: usize) {
        self.0.waiting.get_or_create(&ByChat { channel: channel.to_owned() }).set(signed(notices));
    }

    /// Begins the series of a channel in which people may give orders at 0.
    pub fn chat(&self, channel: &str) {
        let _ = self.0.chat_refused.get_or_create(&ByChat { channel: channel.to_owned() });
    }

    /// Somebody in a chat asked for what they may not.
    pub fn chat_refused(&self, channel: &str) {
        self.0.chat_refused.get_or_create(&ByChat { channel: channel.to_owned() }).inc();
    }

    /// Whether a sign of life was given to somebody outside.
    pub fn heartbeat(&self, given: bool) {
        self.0.heartbeat.set(i64::from(given));
    }

    pub fn dependency(&self, dependency: Word, up: bool) {
        self.0.dependencies.get_or_create(&ByDependency { dependency }).set(i64::from(up));
    }

    pub fn queue_depth(&self, waiting: usize) {
        self.0.queue.set(signed(waiting));
    }

    /// More requests wait with their senders.
    pub fn queue_limit(&self, limit: usize) {
        self.0.queue_limit.set(signed(limit));
    }

    /// All budgets there are; `gone`: those that were there before.
    pub fn budgets(&self, budgets: &[Budget], gone: &[Budget]) {
        for budget in gone {
            let labels = ByScope { scope: budget.scope, window: budget.window.clone() };
            self.0.budget_left.remove(&labels);
            self.0.budget_limit.remove(&labels);
        }
        for budget in budgets {
            let labels = ByScope { scope: budget.scope, window: budget.window.clone() };
            self.0.budget_left.get_or_create(&labels).set(budget.left.into());
            self.0.budget_limit.get_or_create(&labels).set(budget.limit.into());
        }
    }

    /// Of the journal, and free on its file system; bytes.
    pub fn store(&self, used: u64, free: u64) {
        self.0.store.set(i64::try_from(used).unwrap_or(i64::MAX));
        self.0.store_free.set(i64::try_from(free).unwrap_or(i64::MAX));
    }

    /// Alertmanager's always-firing alert stays away.
    pub fn blind(&self, blind: bool) {
        self.0.blind.set(i64::from(blind));
    }

    pub fn paused(&self, paused: bool) {
        self.0.paused.set(i64::from(paused));
    }

    /// `target`: a name of the allow-list. Not open: closed again; one that never was has no series.
    pub fn breaker(&self, playbook: &str, target: &str, open: bool) {
        let labels = ByBreaker { playbook: playbook.to_owned(), target: target.to_owned() };
        self.0.breakers.get_or_create(&labels).set(i64::from(open));
    }

    /// `from`: `storm`, or a group of the configuration; `parts`: how many of its parts.
    pub fn standing_back(&self, from: &str, parts: usize) {
        self.0.standing_back.get_or_create(&ByFrom { from: from.to_owned() }).set(signed(parts));
    }

    pub fn approvals_pending(&self, waiting: usize) {
        self.0.approvals.set(signed(waiting));
    }

    /// The configuration was read. `at_ms`: the wall clock's milliseconds since 1970.
    pub fn reloaded(&self, ok: bool, at_ms: i64) {
        self.0.reload_ok.set(i64::from(ok));
        if ok {
            #[expect(clippy::cast_precision_loss, reason = "the time needs milliseconds")]
            self.0.last_reload.set(at_ms as f64 / 1_000.0);
        }
    }

    /// The text of `/metrics`, of type [`OPENMETRICS`].
    pub fn page(&self) -> String {
        let mut page = String::with_capacity(16 * 1_024);
        let encoded = text::encode_registry(&mut page, &self.0.registry)
            .and_then(|()| text::encode_registry(&mut page, &self.0.process))
            .and_then(|()| text::encode_eof(&mut page));
        match encoded {
            Ok(()) => page,
            // Writing to a String can't fail, and no native histogram is registered.
            Err(_) => "# EOF\n".to_owned(),
        }
    }
}

impl Metrics {
    fn registered(version: Word) -> Self {
        // 1 ms to 35 min, doubling from 4 ms: recoveries take seconds, their stages milliseconds.
        let stages: fn() -> Histogram = || Histogram::new([0.001].into_iter().chain(exponential_buckets(0.004, 2.0, 20)));
        let mut page = Registry::with_prefix("heald");
        page.register("build", "The running version", Info::new(Build { version }));
        let mut process = Registry::default();
        process.register_collector(Box::new(ThisProcess));
        Self {
            process,
            recoveries: Recoveries::registered(&mut page),
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

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_series_before_anything_happened() {
        let page = Telemetry::new("1.2.3").page();
        for line in [
            "heald_alerts_total{result=\"other_host\"} 0",
            "heald_webhook_refused_total{reason=\"too_large\"} 0",
            "heald_webhook_requests_total{code=\"503\"} 0",
            "heald_stage_duration_seconds_count{stage=\"recovery\"} 0",
            "heald_build_info{version=\"1.2.3\"} 1",
            "heald_journal_commit_seconds_count 0",
            "heald_last_commit_timestamp_seconds 0.0",
            "heald_paused 0",
            "heald_approvals_pending 0",
        ] {
            assert!(page.contains(line), "no {line:?} in\n{page}");
        }
        assert!(page.ends_with("# EOF\n"));
    }

    #[test]
    fn verbs_move_their_series() {
        let telemetry = Telemetry::new("0");
        telemetry.playbook("container-down", &["healed", "worse"]);
        telemetry.attempt_ended("container-down", "healed");
        telemetry.alert(AlertResult::Opened, 3);
        telemetry.open_incidents(&[("held", 2)]);
        telemetry.open_incidents(&[("held", 0), ("acting", 1)]);
        telemetry.dependency("systemd", false);
        telemetry.committed(4, Duration::from_millis(2), 1_500);
        telemetry.notified("webhook", false);
        telemetry.breaker("container-down", "container cache", true);
        telemetry.standing_back("group web", 2);
        telemetry.reloaded(true, 2_500);
        telemetry.reloaded(false, 9_000);
        let page = telemetry.page();
        for line in [
            "heald_attempts_total{playbook=\"container-down\",outcome=\"healed\"} 1",
            "heald_attempts_total{playbook=\"container-down\",outcome=\"worse\"} 0",
            "heald_alerts_total{result=\"opened\"} 3",
            "heald_incidents_open{state=\"acting\"} 1",
            "heald_incidents_open{state=\"held\"} 0",
            "heald_dependency_up{dependency=\"systemd\"} 0",
            "heald_journal_batch_records_sum 4.0",
            "heald_last_commit_timestamp_seconds 1.5",
            "heald_breaker_open{playbook=\"container-down\",target=\"container cache\"} 1",
            "heald_standing_back{from=\"group web\"} 2",
            "heald_config_last_reload_successful 0",
            "heald_config_last_reload_success_timestamp_seconds 2.5",
            "heald_notifications_total{channel=\"webhook\",outcome=\"failed\"} 1",
        ] {
            assert!(page.contains(line), "no {line:?} in\n{page}");
        }
    }
}
