//! (f) The metrics tell what happened: through the real loop and store, on virtual time.

use crate::life::on_paused_clock;
use crate::liveness;
use crate::service::{Life, MINUTE, begin_under, named};
use heald::domain::playbook::{Budget, Limits, Mode, Playbook};
use heald::domain::policy::{Budgets, Objective, Policy};
use heald::domain::time::Time;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Life {
    /// What a series of `/metrics` says now; `None`: there is none.
    fn metric(&self, series: &str) -> Option<f64> {
        let page = self.telemetry.page();
        let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(value.parse().unwrap())
    }

    /// The slow gauges are computed every 15 s.
    async fn until_metric(&self, series: &str, value: f64) {
        self.until(&format!("{series} {value}"), async || self.metric(series) == Some(value)).await;
    }
}

fn policy() -> Policy {
    let promised = Objective { rto: Some(Duration::from_secs(60)), rpo: None };
    let host = vec![Budget { count: 20, window: Duration::from_secs(3_600) }];
    Policy {
        objectives: [("web.service".to_owned(), promised)].into(),
        budgets: Budgets { host, ..Budgets::default() },
        escalation: crate::life::escalation(),
        ..Policy::default()
    }
}

#[test]
fn a_repair_is_accounted_for() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let book = Playbook { recovery_time: Some(MINUTE), ..named("Down") };
        let life = begin_under(dir.path(), &[book], None, 100, policy());
        life.until_metric("heald_budget_left{scope=\"target\",window=\"10m\"}", 4.0).await;
        life.service.mends.store(true, Ordering::SeqCst);
        let opened: Time = life.clock.now();
        let id = life.fire("Down").await;
        life.until_state(id, "healed").await;
        let took = life.clock.now().since(opened).as_secs_f64();

        assert_eq!(life.metric("heald_recoveries_total{playbook=\"down\"}"), Some(1.0));
        assert_eq!(life.metric("heald_recoveries_over_target_total{playbook=\"down\"}").unwrap_or(0.0), 0.0);
        assert_eq!(life.metric("heald_target_incidents_total{target=\"unit web.service\"}"), Some(1.0));
        assert_eq!(life.metric("heald_pages_avoided_total"), Some(1.0));
        let stage = |stage: &str| {
            life.metric(&format!("heald_recovery_stage_seconds_total{{playbook=\"down\",stage=\"{stage}\"}}")).unwrap()
        };
        let sum: f64 = ["received_to_decided", "decided_to_sent", "sent_to_verified"].into_iter().map(stage).sum();
        assert!(sum > 1.0 && sum <= took, "the stages make {sum} s, by this clock it took {took} s");
        life.until_metric("heald_budget_left{scope=\"target\",window=\"10m\"}", 3.0).await;
        assert_eq!(life.metric("heald_budget_left{scope=\"host\",window=\"1h\"}"), Some(19.0));
        assert_eq!(life.metric("heald_budget_limit{scope=\"host\",window=\"1h\"}"), Some(20.0));
        assert!(life.metric("heald_store_bytes").unwrap() > 1_000.0);
        assert!(life.metric("heald_store_free_bytes").unwrap() > 1_000.0);

        // Eleven minutes later nothing of it is spent any more, though nothing happened meanwhile.
        tokio::time::sleep(MINUTE * 11).await;
        life.until_metric("heald_budget_left{scope=\"target\",window=\"10m\"}", 4.0).await;
        life.end().await;
    });
}

#[test]
fn a_call_is_counted_though_no_clock_led_to_it() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let book = named("Down");
        let book = Playbook { limits: Limits { attempts: 1, ..book.limits.clone() }, ..book };
        let mut policy = policy();
        for chain in policy.escalation.chains.values_mut() {
            chain.levels.truncate(1);
            chain.levels[0].after = None;
        }
        let life = begin_under(dir.path(), &[book], None, 100, policy);
        assert_eq!(life.metric("heald_people_called_total{level=\"1\"}"), Some(0.0));
        let id = life.fire("Down").await;
        life.until_state(id, "escalated").await;
        life.until_metric("heald_people_called_total{level=\"1\"}", 1.0).await;
        assert_eq!(life.metric("heald_pages_avoided_total"), Some(0.0));
        life.end().await;
    });
}

#[test]
fn an_outage_ends_with_the_repair_and_is_counted_when_the_incident_is_over() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = begin_under(dir.path(), &[named("Down")], None, 100, policy());
        let running = "heald_outage_running_seconds{service=\"web.service\"}";
        life.until_metric(running, 0.0).await;
        let id = life.fire("Down").await;
        life.until("the outage is seen to last", async || life.metric(running).is_some_and(|lasts| lasts > 0.0)).await;
        life.service.mends.store(true, Ordering::SeqCst);
        life.until_state(id, "healed").await;
        let at = life.clock.now();
        life.until_metric(running, 0.0).await;
        tokio::time::sleep(MINUTE * 2).await;
        life.resolve("Down").await;
        tokio::time::sleep(MINUTE * 20).await;
        life.until_metric("heald_outages_total{service=\"web.service\"}", 1.0).await;
        let lasted = life.metric("heald_outage_seconds{service=\"web.service\"}").unwrap();
        let opened = life.view(id).await.opened_at;
        let until_healed = at.since(Time(opened.as_millisecond())).as_secs_f64();
        assert!((lasted - until_healed).abs() < 1.0, "{lasted} s instead of {until_healed} s: the after-care is no outage");
        life.end().await;
    });
}

#[test]
fn observe_mode_counts_what_it_would_have_done_and_whom_it_would_not_have_spared() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let book = Playbook { mode: Mode::Observe, ..named("Down") };
        let life = begin_under(dir.path(), &[book], None, 100, policy());
        let id = life.fire("Down").await;
        life.until_state(id, "observed").await;
        assert_eq!(life.metric("heald_observed_total{playbook=\"down\"}"), Some(1.0));
        assert_eq!(life.metric("heald_recoveries_total{playbook=\"down\"}").unwrap_or(0.0), 0.0);
        assert_eq!(life.metric("heald_pages_avoided_total"), Some(0.0));
        assert!(life.service.sent().is_empty());
        life.end().await;
    });
}
