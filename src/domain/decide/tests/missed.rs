//! With any one guard taken away, a timeline is another one: nobody removes a guard unnoticed.

use super::{caps, consent, freshness, guards, neighbours, safety};
use crate::domain::guard::Guard;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// The guard that the timelines of this thread do without.
    pub(super) static WITHOUT: Cell<Option<Guard>> = const { Cell::new(None) };
}

/// The timeline that each guard makes.
const MADE_BY: [(Guard, fn()); 17] = [
    (Guard::KillSwitch, guards::the_kill_switch_holds_and_lets_go),
    (Guard::Quarantine, safety::an_incident_that_runs_whenever_heald_crashes_is_set_aside),
    (Guard::SelfProtection, safety::heald_does_not_repair_its_own_ground),
    (Guard::Freshness, freshness::what_alertmanager_does_not_list_is_not_repaired),
    (Guard::Window, freshness::a_maintenance_window_holds_until_it_ends),
    (Guard::Settling, freshness::the_last_start_of_systemds_limit_is_left_to_people),
    (Guard::Exclusive, neighbours::a_repair_inside_holds_what_contains_it),
    (Guard::Order, neighbours::what_it_needs_comes_first),
    (Guard::Severity, caps::suspected_corruption_is_never_tried),
    (Guard::Cooldown, caps::of_several_each_is_tried_twice),
    (Guard::Breaker, caps::the_breaker_opens_after_failures_and_lets_one_trial_through),
    (Guard::Budget, guards::the_budget_calls_a_person_once),
    (Guard::BlastRadius, neighbours::in_a_storm_nothing_new_begins),
    (Guard::Flapping, caps::repaired_again_and_again_is_chronic),
    (Guard::Mode, safety::trust_begins_with_watching),
    (Guard::Approve, consent::denied),
    (Guard::Rate, neighbours::too_many_at_once_wait_their_turn),
];

#[test]
fn every_guard_is_missed() {
    assert_eq!(MADE_BY.map(|(guard, _)| guard), Guard::ALL, "each guard has its timeline");
    let unnoticed: Vec<Guard> = MADE_BY
        .into_iter()
        .filter(|(guard, timeline)| {
            WITHOUT.set(Some(*guard));
            let same = catch_unwind(AssertUnwindSafe(timeline)).is_ok();
            WITHOUT.set(None);
            same
        })
        .map(|(guard, _)| guard)
        .collect();
    assert!(unnoticed.is_empty(), "nothing changes without {unnoticed:?}");
}
