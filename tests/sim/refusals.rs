//! (f) One guard, one scenario on the real loop; and without that guard the scenario comes out otherwise.

use crate::life::on_paused_clock;
use crate::liveness;
use crate::neighbours::{self, Life, SECOND, begin, node, restart};
use heald::domain::alert::AlertStatus;
use heald::domain::guard::Guard;
use heald::domain::look::AlertSight;
use heald::domain::playbook::{FailureClass, Playbook};
use heald::domain::policy::{BreakerPolicy, FlappingPolicy, Policy};
use std::sync::atomic::Ordering;
use tokio::time::sleep;

fn scene(policy: Policy, book: Playbook, asks: bool, story: impl AsyncFnOnce(&Life)) {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = begin(dir.path(), policy, book, &[], asks);
        story(&life).await;
        life.end().await;
    });
}

#[test]
pub fn what_alertmanager_does_not_list_is_left_alone() {
    scene(Policy::default(), restart(), true, async |life| {
        *life.nodes.sight.lock().unwrap() = AlertSight::Gone;
        life.break_and_fire(&[0]).await;
        life.until_count(1, "held", "does not list").await;
        sleep(30 * SECOND).await;
        assert!(life.sent().is_empty());
        *life.nodes.sight.lock().unwrap() = AlertSight::Firing;
        life.until_sent(1).await;
    });
}

#[test]
pub fn a_silence_holds() {
    scene(Policy::default(), restart(), true, async |life| {
        *life.nodes.sight.lock().unwrap() = AlertSight::Suppressed { by: "silence 5e1f".to_owned() };
        life.break_and_fire(&[0]).await;
        life.until_count(1, "held", "suppressed in Alertmanager").await;
        sleep(60 * SECOND).await;
        assert!(life.sent().is_empty());
        *life.nodes.sight.lock().unwrap() = AlertSight::Firing;
        life.until_sent(1).await;
    });
}

#[test]
pub fn its_own_ground_is_left_alone() {
    let policy = Policy { protected: [crate::books::target(&node(0))].into(), ..Policy::default() };
    scene(policy, restart(), false, async |life| {
        life.break_and_fire(&[0]).await;
        life.until_count(1, "escalated", "").await;
        assert!(life.sent().is_empty());
    });
}

#[test]
pub fn suspected_corruption_is_never_touched() {
    let book = Playbook { class: FailureClass::Corruption, ..restart() };
    scene(Policy::default(), book, false, async |life| {
        life.break_and_fire(&[0]).await;
        life.until_count(1, "escalated", "").await;
        assert!(life.sent().is_empty());
    });
}

#[test]
pub fn the_breaker_lets_one_trial_through_after_its_time() {
    let policy = Policy { breaker: BreakerPolicy { failures: 2, open: 200 * SECOND }, ..Policy::default() };
    let mut book = restart();
    (book.limits.attempts, book.limits.within, book.rungs[0].times) = (9, 3_600 * SECOND, 9);
    scene(policy, book, false, async |life| {
        life.nodes.in_vain.store(true, Ordering::SeqCst);
        life.nodes.leave.add_permits(100);
        life.break_and_fire(&[0]).await;
        life.until_sent(3).await;
        let sent = life.sent();
        assert!(sent[2].1.since(sent[1].1) >= 200 * SECOND, "{sent:?}");
    });
}

#[test]
pub fn chronic_is_a_persons_matter() {
    let policy = Policy { flapping: FlappingPolicy { times: 2, within: 3_600 * SECOND }, ..Policy::default() };
    scene(policy, restart(), false, async |life| {
        life.nodes.leave.add_permits(100);
        life.break_and_fire(&[0]).await;
        for sent in 1..=2 {
            life.until_sent(sent).await;
            life.until_count(1, "healed", "").await;
            life.nodes.broken.lock().unwrap().insert(node(0));
        }
        life.until_count(1, "escalated", "").await;
        assert_eq!(life.sent().len(), 2);
    });
}

/// Three crashes in the middle of its step: nothing of it is touched a fourth time.
#[test]
pub fn what_runs_whenever_heald_dies_is_set_aside() {
    let dir = liveness::tempdir();
    for _ in 0..3 {
        on_paused_clock(async {
            let life = begin(dir.path(), Policy::default(), restart(), &[0], false);
            life.deliver(AlertStatus::Firing, &[0]).await;
            life.until_sent(1).await;
            sleep(SECOND).await;
            life.driver.abort();
        });
    }
    on_paused_clock(async {
        let life = begin(dir.path(), Policy::default(), restart(), &[0], false);
        life.until_count(1, "escalated", "").await;
        assert!(life.sent().is_empty());
        life.end().await;
    });
}

/// The scenario that each guard decides. The loss of `kill_switch`, `settling`, `exclusive`, `cooldown` and `budget` is
/// noticed by the invariants of the days (`make mutants`) and by `domain::decide::tests::missed`.
pub const DECIDED_BY: [(Guard, fn()); 12] = [
    (Guard::Quarantine, what_runs_whenever_heald_dies_is_set_aside),
    (Guard::SelfProtection, its_own_ground_is_left_alone),
    (Guard::Freshness, what_alertmanager_does_not_list_is_left_alone),
    (Guard::Window, a_silence_holds),
    (Guard::Order, neighbours::several_down_are_recovered_in_order),
    (Guard::Severity, suspected_corruption_is_never_touched),
    (Guard::Breaker, the_breaker_lets_one_trial_through_after_its_time),
    (Guard::BlastRadius, neighbours::a_storm_is_waited_out),
    (Guard::Flapping, chronic_is_a_persons_matter),
    (Guard::Mode, neighbours::trust_is_earned_and_lost),
    (Guard::Approve, neighbours::trust_is_earned_and_lost),
    (Guard::Rate, neighbours::a_burst_is_smoothed_and_a_restart_refills_nothing),
];

#[cfg(feature = "failpoints")]
#[test]
fn without_its_guard_a_scenario_comes_out_otherwise() {
    use crate::life::WITHOUT;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let unnoticed: Vec<&str> = DECIDED_BY
        .into_iter()
        .filter(|(guard, scenario)| {
            WITHOUT.set(Some(*guard));
            let same = catch_unwind(AssertUnwindSafe(scenario)).is_ok();
            WITHOUT.set(None);
            same
        })
        .map(|(guard, _)| guard.label())
        .collect();
    assert!(unnoticed.is_empty(), "nothing changes without {unnoticed:?}");
}
