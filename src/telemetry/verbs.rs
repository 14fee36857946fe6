//! The verbs that move the metrics: one per thing that happens.

use super::drills::Drills;
use super::metrics::{
    ByBreaker, ByChannel, ByChat, ByCode, ByDependency, ByFrom, ByGuard, ByOutcome, ByPlaybook, ByReason, ByResult, ByScope,
    ByStage, ByState, Metrics, Word,
};
use super::recovery::Recoveries;
use super::words::{AlertResult, Stage, WebhookRefusal};
use prometheus_client::encoding::text;
use std::sync::Arc;
use std::time::Duration;

/// Cheap to clone; one verb per thing that happens.
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<Metrics>);

/// The content type of [`Telemetry::page`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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

    pub(super) fn of_drills(&self) -> &Drills {
        &self.0.drills
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
        self.0.heartbeat.get_or_create(&[]).set(i64::from(given));
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
