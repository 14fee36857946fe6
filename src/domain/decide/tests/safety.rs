//! What keeps heald from making it worse: one timeline per guard.

use super::check;

/// An alert that Alertmanager no longer lists is as good as resolved, once it has had time to relearn it.
#[test]
fn what_alertmanager_does_not_list_is_not_repaired() {
    check(
        "given alertmanager gone; fire; look failed; +5s; look failed; +90s; look failed; +10s; look failed",
        "
        ",
    );
}

#[test]
fn a_late_firing_message_of_a_good_target_does_nothing() {
    check(
        "given alertmanager gone; fire; look failed; +5s; look up; +10s",
        "
        ",
    );
}

#[test]
fn an_alertmanager_that_is_silent_holds_and_is_told() {
    check(
        "given alertmanager unreadable; fire; look failed; given alertmanager firing; +5s; look failed",
        "
        ",
    );
}

#[test]
fn or_is_not_waited_for_where_the_configuration_says_so() {
    check(
        "given unreadable-act; given alertmanager unreadable; fire; look failed",
        "
        ",
    );
}

#[test]
fn a_second_attempt_asks_alertmanager_again() {
    check(
        "given alertmanager firing; fire; look failed; act done; given alertmanager mute; look failed/2; given alertmanager firing; look failed/2; +11s; look failed/2",
        "
        ",
    );
}

#[test]
fn resolved_between_two_steps_ends_the_steps() {
    check(
        "book two-steps; given alertmanager firing; fire; look failed; given alertmanager gone; act done; look up/2",
        "
        ",
    );
}

#[test]
fn seen_broken_in_after_care_needs_no_alert() {
    check(
        "given alertmanager firing; fire; look failed; act done; look up/2; resolve; given alertmanager gone; look failed/2; act done; look up/3",
        "
        ",
    );
}

#[test]
fn a_silence_holds_until_it_ends() {
    check(
        "given alertmanager silenced; fire; look failed; +1m; look failed; given alertmanager firing; +1m; look failed",
        "
        ",
    );
}

#[test]
fn a_maintenance_window_holds_until_it_ends() {
    check(
        "given maintenance muted; +30m; fire; look failed; +119m; look failed; +1m; look failed",
        "
        ",
    );
}

#[test]
fn a_quiet_window_is_waited_for() {
    check(
        "given maintenance active; +29m; fire; look failed; +1m; look failed",
        "
        ",
    );
}

#[test]
fn the_last_start_of_systemds_limit_is_left_to_people() {
    check(
        "given patient; given start-limit 3; fire; look failed; act done; look failed/2; +11s; look failed/2; act done; look failed/3; +1m; look failed/3",
        "
        ",
    );
}

#[test]
fn grace_is_a_matter_of_the_target_too() {
    check(
        "given grace; fire; look young; +2s; look half",
        "
        ",
    );
}

#[test]
fn somebody_else_started_it_between_two_steps() {
    check(
        "book two-steps read-first; fire; look failed; given between up/2; act done; look up/2",
        "
        ",
    );
}

#[test]
fn a_repair_inside_holds_what_contains_it() {
    check(
        "given inside-locked; fire; look failed",
        "
        ",
    );
}

#[test]
fn the_alias_is_locked_too() {
    check(
        "given alias; fire; look failed",
        "
        ",
    );
}

#[test]
fn what_it_needs_comes_first() {
    check(
        "given after; given neighbour at-work; fire; look failed; +10s; given neighbour healed; look failed; +10s; look failed",
        "
        ",
    );
}

#[test]
fn what_it_needs_and_people_must_mend_holds() {
    check(
        "given after; given neighbour escalated; fire; look failed; given release-escalated; +1m; look failed",
        "
        ",
    );
}

#[test]
fn what_it_needs_and_nobody_reports_is_waited_for_a_while() {
    check(
        "given needs-down; fire; look failed; +10s; look failed; +2m; look failed",
        "
        ",
    );
}

#[test]
fn suspected_corruption_is_never_tried() {
    check(
        "given class corruption; fire; look failed",
        "
        ",
    );
}

#[test]
fn a_rate_limit_is_given_five_minutes() {
    check(
        "given class rate_limit; fire; look failed; +5m; look failed",
        "
        ",
    );
}

#[test]
fn a_device_is_reset_once() {
    check(
        "given class device; fire; look failed; act done; look failed/2",
        "
        ",
    );
}

#[test]
fn of_several_each_is_tried_twice() {
    check(
        "given down 2; fire; look failed; act done; look failed/2; +11s; look failed/2; act done; look failed/3; +30s",
        "
        ",
    );
}

#[test]
fn the_breaker_opens_after_failures_and_lets_one_trial_through() {
    check(
        "given patient; given breaker 2; fire; look failed; act done; look failed/2; +11s; look failed/2; act done; look failed/3; +1m; look failed/3; +2m; look failed/3; act done; look failed/4; +2m; look failed/4",
        "
        ",
    );
}

#[test]
fn what_a_person_opened_only_a_person_closes() {
    check(
        "given breaker-opened; fire; look failed; +10m; look failed; given breaker-closed; unblock; look failed",
        "
        ",
    );
}

#[test]
fn budgets_of_playbook_host_and_everything() {
    check(
        "given budget-for host; given spent 2; +10m; fire; look failed",
        "
        ",
    );
}

#[test]
fn the_worked_example_fifteen_good_allow_five_repairs() {
    check(
        "given group; given group-down 5; given group-repairing 4; fire; look failed",
        "
        ",
    );
}

#[test]
fn the_worked_example_a_sixth_waits() {
    check(
        "given group; given group-down 5; given group-repairing 5; fire; look failed; given group-repairing 4; +10s; look failed",
        "
        ",
    );
}

#[test]
fn the_worked_example_ten_good_block_and_twelve_cool_down() {
    check(
        "given group; given group-down 10; given apart group nodes; fire; look failed; given group-down 8; given calm group nodes; unblock; look failed; +30s; look failed",
        "
        ",
    );
}

#[test]
fn an_alert_of_an_unknown_part_is_refused() {
    check(
        "given group by-label; fire; look failed",
        "
        ",
    );
}

#[test]
fn in_a_storm_nothing_new_begins() {
    check(
        "given down 11; given apart storm; fire; look failed; +10s; look failed; given down 1; given calm storm; unblock; look failed; +30s; look failed",
        "
        ",
    );
}

#[test]
fn repaired_again_and_again_is_chronic() {
    check(
        "given flapping 2; fire; look failed; act done; look up/2; look failed/2; act done; look up/3; look failed/3; +30s; look failed/3",
        "
        ",
    );
}

#[test]
fn too_many_at_once_wait_their_turn() {
    check(
        "given rate-until 7; fire; look failed; +7s; look failed",
        "
        ",
    );
}

#[test]
fn heald_does_not_repair_its_own_ground() {
    check(
        "given protected; fire; look failed",
        "
        ",
    );
}

#[test]
fn unless_a_playbook_names_it_and_then_once() {
    check(
        "given protected; given named-outright; fire; look failed; act done; look failed/2; +11s",
        "
        ",
    );
}

#[test]
fn an_incident_that_runs_whenever_heald_crashes_is_set_aside() {
    check(
        "fire; look failed; restart crash; look failed; act done; restart crash; restart crash",
        "
        ",
    );
}

#[test]
fn a_crash_elsewhere_does_not_count() {
    check(
        "pause; fire; look failed; restart crash; look failed; restart crash; look failed; restart crash; look failed; resume; unblock; look failed",
        "
        ",
    );
}

#[test]
fn trust_begins_with_watching() {
    check(
        "given earns; fire; look failed",
        "
        ",
    );
}
