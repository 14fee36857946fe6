//! What Alertmanager, the calendar and the target say before a step: freshness, window, settling.

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
