//! What keeps heald from making it worse: one timeline per guard.

use super::check;

/// An alert that Alertmanager no longer lists is as good as resolved, once it has had time to relearn it.
#[test]
pub(super) fn what_alertmanager_does_not_list_is_not_repaired() {
    check(
        "given alertmanager gone; fire; look failed; +5s; look failed; +90s; look failed; +10s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by freshness: Alertmanager does not list the alert as firing
         1m35s   alert a resolved
         1m35s   looked, bad: active: fail; http: fail [failed (says the world)]
         1m35s   the alert resolved, but the probes fail: watching until 00:01:45
         1m45s   escalated (resolved_but_bad): the alert resolved, but the probes fail: active: fail; http: fail
         1m45s   → tell escalated: the alert resolved, but the probes fail: active: fail; http: fail
        ",
    );
}

#[test]
pub(super) fn a_late_firing_message_of_a_good_target_does_nothing() {
    check(
        "given alertmanager gone; fire; look failed; +5s; look up; +10s",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by freshness: Alertmanager does not list the alert as firing
         5s      looked, good: active: pass; http: pass
         5s      the alert fires and the probes pass: watching until 00:00:15
         15s     the alert still fires and the probes still pass: watching on
         15s     → tell alert_without_symptom: the alert fires and all probes pass: nothing was done, the target stays watched
        ",
    );
}

#[test]
pub(super) fn an_alertmanager_that_is_silent_holds_and_is_told() {
    check(
        "given alertmanager unreadable; fire; look failed; given alertmanager firing; +5s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by freshness: Alertmanager can't be asked whether it still fires: status 500
         0s      → tell out_of_sight: Alertmanager can't be asked whether it still fires: status 500
         5s      attempt 1 permitted: restart [target: failed (says the world)]
         5s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn or_is_not_waited_for_where_the_configuration_says_so() {
    check(
        "given unreadable-act; given alertmanager unreadable; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn a_second_attempt_asks_alertmanager_again() {
    check(
        "given alertmanager firing; fire; look failed; act done; given alertmanager mute; look failed/2; given alertmanager firing; look failed/2; +11s; look failed/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         11s     attempt 2 permitted: restart [target: failed (says the world)]
         11s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn resolved_between_two_steps_ends_the_steps() {
    check(
        "book two-steps; given alertmanager firing; fire; look failed; given alertmanager gone; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      alert a resolved
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      all alerts resolved; closes at 00:05:00 if it stays good
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
pub(super) fn seen_broken_in_after_care_needs_no_alert() {
    check(
        "given alertmanager firing; fire; look failed; act done; look up/2; resolve; given alertmanager gone; look failed/2; act done; look up/3",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         0s      alert a resolved
         0s      all alerts resolved; closes at 00:05:00 if it stays good
         0s      failed again in after-care: active: fail; http: fail [failed (says the world)]
         0s      attempt 2 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 2 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      all alerts resolved; closes at 00:05:00 if it stays good
         0s      → tell healed: all probes pass after 2 attempts
        ",
    );
}

#[test]
pub(super) fn a_silence_holds_until_it_ends() {
    check(
        "given alertmanager silenced; fire; look failed; +1m; look failed; given alertmanager firing; +1m; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by window: suppressed in Alertmanager: silence 5e1f: deploy
         2m      attempt 1 permitted: restart [target: failed (says the world)]
         2m      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn a_maintenance_window_holds_until_it_ends() {
    check(
        "given maintenance muted; +30m; fire; look failed; +119m; look failed; +1m; look failed",
        "
         30m     WebDown fires for unit web.service: playbook web-down
         30m     looked, bad: active: fail; http: fail [failed (says the world)]
         30m     held by window: maintenance window \"nightly\", until 02:30:00Z
         2h30m   attempt 1 permitted: restart [target: failed (says the world)]
         2h30m   step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn a_quiet_window_is_waited_for() {
    check(
        "given maintenance active; +29m; fire; look failed; +1m; look failed",
        "
         29m     WebDown fires for unit web.service: playbook web-down
         29m     looked, bad: active: fail; http: fail [failed (says the world)]
         29m     held by window: repairs of this playbook wait for the window nightly, until 00:30:00Z
         30m     attempt 1 permitted: restart [target: failed (says the world)]
         30m     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn the_last_start_of_systemds_limit_is_left_to_people() {
    check(
        "given patient; given start-limit 3; fire; look failed; act done; look failed/2; +11s; look failed/2; act done; look failed/3; +1m; look failed/3",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         11s     attempt 2 permitted: restart [target: failed (says the world)]
         11s     step 1: systemd.restart web.service
         11s     step 1 done: says the world (500 ms)
         11s     attempt 2 ended not_healed: active: fail; http: fail
         11s     looked, bad: active: fail; http: fail [failed (says the world)]
         11s     held by settling: systemd allows 3 starts in 1m, and heald leaves one to people
         1m11s   attempt 3 permitted: restart [target: failed (says the world)]
         1m11s   step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn grace_is_a_matter_of_the_target_too() {
    check(
        "given grace; fire; look young; +2s; look half",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: http: fail; active: pass [up]
         0s      held by settling: it started 5.0 s ago and may still be starting
         2s      attempt 1 permitted: restart [target: up]
         2s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn somebody_else_started_it_between_two_steps() {
    check(
        "book two-steps read-first; fire; look failed; given between up/2; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: wait web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended interrupted: active: pass; http: pass
         0s      looked, good: active: pass; http: pass
         0s      the alert fires and the probes pass: watching until 00:00:10
        ",
    );
}

#[test]
pub(super) fn a_repair_inside_holds_what_contains_it() {
    check(
        "given inside-locked; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by exclusive: something within unit web.service is under repair by incident 3
        ",
    );
}

#[test]
pub(super) fn the_alias_is_locked_too() {
    check(
        "given alias; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn what_it_needs_comes_first() {
    check(
        "given after; given neighbour at-work; fire; look failed; +10s; given neighbour healed; look failed; +10s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by order: playbook db-down comes first: incident 3
         10s     held by order: playbook db-down was repaired just now, and may have been all that was missing
         20s     attempt 1 permitted: restart [target: failed (says the world)]
         20s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn what_it_needs_and_people_must_mend_holds() {
    check(
        "given after; given neighbour escalated; fire; look failed; given release-escalated; +1m; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by order: playbook db-down comes first, and people have to mend it: incident 3
         0s      → tell left_alone: playbook db-down comes first, and people have to mend it: incident 3
         1m      attempt 1 permitted: restart [target: failed (says the world)]
         1m      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn what_it_needs_and_nobody_reports_is_waited_for_a_while() {
    check(
        "given needs-down; fire; look failed; +10s; look failed; +2m; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by order: unit db.service, which it needs, is down
         2m10s   attempt 1 permitted: restart [target: failed (says the world)]
         2m10s   step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn suspected_corruption_is_never_tried() {
    check(
        "given class corruption; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (policy): failures of the class corruption: nothing is tried
         0s      → tell escalated: failures of the class corruption: nothing is tried
        ",
    );
}

#[test]
pub(super) fn a_rate_limit_is_given_five_minutes() {
    check(
        "given class rate_limit; fire; look failed; +5m; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by severity: failures of the class rate_limit: nothing is tried, it has until 00:05:00 to pass
         5m      looked, bad: active: fail; http: fail [failed (says the world)]
         5m      escalated (policy): failures of the class rate_limit: nothing is tried
         5m      → tell escalated: failures of the class rate_limit: nothing is tried
        ",
    );
}

#[test]
pub(super) fn a_device_is_reset_once() {
    check(
        "given class device; fire; look failed; act done; look failed/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (policy): failures of the class device: 1 of 1 attempts did not help
         0s      → tell escalated: failures of the class device: 1 of 1 attempts did not help
        ",
    );
}

#[test]
pub(super) fn of_several_each_is_tried_twice() {
    check(
        "given down 2; fire; look failed; act done; look failed/2; +11s; look failed/2; act done; look failed/3; +30s",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         11s     attempt 2 permitted: restart [target: failed (says the world)]
         11s     step 1: systemd.restart web.service
         11s     step 1 done: says the world (500 ms)
         11s     attempt 2 ended not_healed: active: fail; http: fail
         11s     looked, bad: active: fail; http: fail [failed (says the world)]
         11s     escalated (policy): 2 targets are down at once: 2 of 2 attempts did not help
         11s     → tell escalated: 2 targets are down at once: 2 of 2 attempts did not help
        ",
    );
}

#[test]
pub(super) fn the_breaker_opens_after_failures_and_lets_one_trial_through() {
    check(
        "given patient; given breaker 2; fire; look failed; act done; look failed/2; +11s; look failed/2; act done; look failed/3; +1m; look failed/3; +2m; look failed/3; act done; look failed/4; +2m; look failed/4",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         11s     attempt 2 permitted: restart [target: failed (says the world)]
         11s     step 1: systemd.restart web.service
         11s     step 1 done: says the world (500 ms)
         11s     attempt 2 ended not_healed: active: fail; http: fail
         11s     looked, bad: active: fail; http: fail [failed (says the world)]
         11s     held by cooldown: unit web.service cools down until 00:00:32.123Z after the last attempt
         1m11s   held by breaker: the breaker for unit web.service is open until 00:02:11: 2 attempts in a row did not help
         3m11s   attempt 3 permitted: restart [target: failed (says the world)]
         3m11s   step 1: systemd.restart web.service
         3m11s   step 1 done: says the world (500 ms)
         3m11s   attempt 3 ended not_healed: active: fail; http: fail
         3m11s   looked, bad: active: fail; http: fail [failed (says the world)]
         3m11s   held by cooldown: unit web.service cools down until 00:03:51.718Z after the last attempt
         5m11s   attempt 4 permitted: restart [target: failed (says the world)]
         5m11s   step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn what_a_person_opened_only_a_person_closes() {
    check(
        "given breaker-opened; fire; look failed; +10m; look failed; given breaker-closed; unblock; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by breaker: the breaker for unit web.service was opened by ann until lifted: flaky disk
         0s      → tell left_alone: the breaker for unit web.service was opened by ann until lifted: flaky disk
         10m     attempt 1 permitted: restart [target: failed (says the world)]
         10m     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn what_a_person_opened_for_a_time_ends_with_it() {
    check(
        "given breaker-opened 90; fire; look failed; +1m; look failed; +30s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by breaker: the breaker for unit web.service was opened by ann until 00:01:30: flaky disk
         1m30s   attempt 1 permitted: restart [target: failed (says the world)]
         1m30s   step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn budgets_of_playbook_host_and_everything() {
    check(
        "given budget-for host; given spent 2; +10m; fire; look failed",
        "
         10m     WebDown fires for unit web.service: playbook web-down
         10m     looked, bad: active: fail; http: fail [failed (says the world)]
         10m     escalated (budget_refused): the budget of host h is spent: 2 of 2 in 1h
         10m     → tell escalated: the budget of host h is spent: 2 of 2 in 1h
        ",
    );
}

#[test]
pub(super) fn the_worked_example_fifteen_good_allow_five_repairs() {
    check(
        "given group; given group-down 5; given group-repairing 4; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn the_worked_example_a_sixth_waits() {
    check(
        "given group; given group-down 5; given group-repairing 5; fire; look failed; given group-repairing 4; +10s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by blast_radius: group nodes: 5 of at most 5 are under repair
         10s     attempt 1 permitted: restart [target: failed (says the world)]
         10s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn the_worked_example_ten_good_block_and_twelve_cool_down() {
    check(
        "given group; given group-down 10; given apart group nodes; fire; look failed; given group-down 8; given calm group nodes; unblock; look failed; +30s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by blast_radius: group nodes: 10 of 20 are good, and 11 must be before one is touched
         0s      held by blast_radius: group nodes is over only just: repairs go on at 00:00:30
         30s     attempt 1 permitted: restart [target: failed (says the world)]
         30s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn an_alert_of_an_unknown_part_is_refused() {
    check(
        "given group by-label; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (refused): the alert lacks the label \"zone\", so its part of group nodes is unknown
         0s      → tell escalated: the alert lacks the label \"zone\", so its part of group nodes is unknown
        ",
    );
}

#[test]
pub(super) fn in_a_storm_nothing_new_begins() {
    check(
        "given down 11; given apart storm; fire; look failed; +10s; look failed; given down 1; given calm storm; unblock; look failed; +30s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by blast_radius: 11 targets are down at once, more than 10: the cause is likely elsewhere
         10s     held by blast_radius: the storm is over only just: repairs go on at 00:00:40
         40s     attempt 1 permitted: restart [target: failed (says the world)]
         40s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn repaired_again_and_again_is_chronic() {
    check(
        "given flapping 2; fire; look failed; act done; look up/2; look failed/2; act done; look up/3; look failed/3; +30s; look failed/3",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         0s      failed again in after-care: active: fail; http: fail [failed (says the world)]
         0s      attempt 2 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 2 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 2 attempts
         0s      failed again in after-care: active: fail; http: fail [failed (says the world)]
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:21.123Z after the last attempt
         30s     looked, bad: active: fail; http: fail [failed (says the world)]
         30s     escalated (chronic): chronic: unit web.service was repaired 2 times within 1h and broke again
         30s     → tell escalated: chronic: unit web.service was repaired 2 times within 1h and broke again
        ",
    );
}

#[test]
pub(super) fn too_many_at_once_wait_their_turn() {
    check(
        "given rate-until 7; fire; look failed; +7s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by rate: too many repairs at once: the next may begin at 00:00:07
         7s      attempt 1 permitted: restart [target: failed (says the world)]
         7s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn heald_does_not_repair_its_own_ground() {
    check(
        "given protected; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (refused): heald stands on unit web.service, and the playbook does not name it outright
         0s      → tell escalated: heald stands on unit web.service, and the playbook does not name it outright
        ",
    );
}

#[test]
pub(super) fn unless_a_playbook_names_it_and_then_once() {
    check(
        "given protected; given named-outright; fire; look failed; act done; look failed/2; +11s",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (refused): heald stands on unit web.service and has tried it once already
         0s      → tell escalated: heald stands on unit web.service and has tried it once already
        ",
    );
}

#[test]
pub(super) fn an_incident_that_runs_whenever_heald_crashes_is_set_aside() {
    check(
        "fire; look failed; restart crash; look failed; act done; restart crash; restart crash; resolve",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      heald crashed while it was at this
         0s      step 1: heald was restarted; the target is untouched
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      heald crashed while it was at this
         0s      heald crashed while it was at this
         0s      attempt 1 ended unknown: it was running at 3 crashes of heald in a row: set aside
         0s      escalated (quarantined): it was running at 3 crashes of heald in a row: set aside
         0s      → tell escalated: it was running at 3 crashes of heald in a row: set aside
         0s      alert a resolved
         0s      closed, unverified: the alert resolved; no probe can say more
         0s      → tell over: the alert resolved; no probe can say more
        ",
    );
}

#[test]
pub(super) fn a_crash_elsewhere_does_not_count() {
    check(
        "pause; fire; look failed; restart crash; look failed; restart crash; look failed; restart crash; look failed; resume; unblock; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by kill_switch: all repairs are paused by ann until lifted: deploy
         0s      → tell left_alone: all repairs are paused by ann until lifted: deploy
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn trust_begins_with_watching() {
    check(
        "given earns; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      would do systemd.restart web.service, attempt 1 of 3 (the playbook earns its trust: observe (0 good, 0 bad), 0 of 5 good outcomes towards approve)
         0s      → tell would_act: would do systemd.restart web.service, attempt 1 of 3 (the playbook earns its trust: observe (0 good, 0 bad), 0 of 5 good outcomes towards approve)
        ",
    );
}

/// What another object answers is nothing to compare the target with.
#[test]
pub(super) fn a_step_on_another_object_is_not_taken_for_somebody_elses() {
    check(
        "book db-first; fire; look failed; act done@9; act done@2; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart db.service
         0s      step 1 done: says the world (500 ms)
         0s      step 2: systemd.restart web.service
         0s      step 2 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

/// An Alertmanager that was away has lost its memory, and is given time to learn it anew.
#[test]
pub(super) fn unreadable_does_not_count_as_gone() {
    check(
        "given alertmanager unreadable; fire; look failed; given alertmanager gone; +3m; look failed; given alertmanager firing; +5s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by freshness: Alertmanager can't be asked whether it still fires: status 500
         0s      → tell out_of_sight: Alertmanager can't be asked whether it still fires: status 500
         3m      held by freshness: Alertmanager does not list the alert as firing
         3m5s    attempt 1 permitted: restart [target: failed (says the world)]
         3m5s    step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn whoever_is_held_for_long_is_told_of() {
    check(
        "given down 11; fire; look failed; +9m; look failed; +2m; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by blast_radius: 11 targets are down at once, more than 10: the cause is likely elsewhere
         11m     → tell left_alone: held by blast_radius for 10m: 11 targets are down at once, more than 10: the cause is likely elsewhere
        ",
    );
}

#[test]
pub(super) fn set_aside_after_its_alert_resolved() {
    check(
        "fire; look failed; restart crash; look failed; act done; restart crash; resolve; restart crash",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      heald crashed while it was at this
         0s      step 1: heald was restarted; the target is untouched
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      heald crashed while it was at this
         0s      alert a resolved
         0s      heald crashed while it was at this
         0s      attempt 1 ended unknown: it was running at 3 crashes of heald in a row: set aside
         0s      escalated (quarantined): it was running at 3 crashes of heald in a row: set aside
         0s      closed, unverified: the alert resolved; no probe can say more
         0s      → tell escalated: it was running at 3 crashes of heald in a row: set aside
         0s      → tell over: the alert resolved; no probe can say more
        ",
    );
}
