//! From a bad look to a verified repair, and what may come between.

use super::check;

#[test]
fn healed_at_the_first_try() {
    check(
        "fire; look failed; act done; look up; +10s; resolve; +10m",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         10s     alert a resolved
         10s     all alerts resolved; closes at 00:05:10 if it stays good
         5m10s   closed, healed: repaired, verified, resolved, and good through its after-care
        ",
    );
}

#[test]
fn a_second_attempt_waits_for_the_cooldown() {
    check(
        "fire; look failed; act done; look failed/2; +20s; look failed/2; act done; look up/3",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         20s     attempt 2 permitted: restart [target: failed (says the world)]
         20s     step 1: systemd.restart web.service
         20s     step 1 done: says the world (500 ms)
         20s     attempt 2 ended healed: active: pass; http: pass
         20s     healed; watched until 00:05:20 at least
         20s     → tell healed: all probes pass after 2 attempts
        ",
    );
}

#[test]
fn attempts_used_up_call_a_person_once() {
    check(
        "fire; look failed; act done; look failed; +20s; look failed; act done; look failed; +30s; look failed; act done; look failed; +1h; resolve; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         20s     attempt 2 permitted: restart [target: failed (says the world)]
         20s     step 1: systemd.restart web.service
         20s     step 1 done: says the world (500 ms)
         20s     attempt 2 ended not_healed: active: fail; http: fail
         20s     looked, bad: active: fail; http: fail [failed (says the world)]
         20s     held by cooldown: unit web.service cools down until 00:00:41.123Z after the last attempt
         50s     attempt 3 permitted: restart [target: failed (says the world)]
         50s     step 1: systemd.restart web.service
         50s     step 1 done: says the world (500 ms)
         50s     attempt 3 ended not_healed: active: fail; http: fail
         50s     escalated (not_healed): all that the playbook knows was tried: 3 attempts
         50s     → tell escalated: all that the playbook knows was tried: 3 attempts
         1h50s   alert a resolved
         1h50s   looked, good: active: pass; http: pass
         1h50s   closed, escalated: resolved, and all probes pass again
         1h50s   → tell over: resolved, and all probes pass again
        ",
    );
}

#[test]
fn what_fails_on_its_own_word_is_verified_at_once() {
    check(
        "fire; look failed; act failed; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 failed: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
        ",
    );
}

#[test]
fn unknown_and_bad_calls_a_person() {
    check(
        "fire; look failed; act unknown; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 unknown: says the world (500 ms)
         0s      attempt 1 ended unknown: active: fail; http: fail
         0s      escalated (unknown_outcome): whether the step took effect is unknown, and the probes fail: active: fail; http: fail
         0s      → tell escalated: whether the step took effect is unknown, and the probes fail: active: fail; http: fail
        ",
    );
}

#[test]
fn unknown_and_good_is_healed() {
    check(
        "fire; look failed; act unknown; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 unknown: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn somebody_elses_job_is_waited_for() {
    check(
        "fire; look failed; act conflict; +5s; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 conflict: says the world (500 ms)
         0s      attempt 1 ended interrupted: somebody else is at it: says the world
         0s      held by settling: somebody else is at it: says the world
         5s      looked, good: active: pass; http: pass
         5s      the alert fires and the probes pass: watching until 00:00:15
        ",
    );
}

#[test]
fn nothing_sent_is_told_once_and_tried_again() {
    check(
        "fire; look failed; act not-sent; +5s; look unreachable; +5s; look unreachable; +5s; look failed; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 not_sent: says the world (500 ms)
         0s      attempt 1 ended interrupted: nothing was sent: says the world
         0s      held by settling: nothing was sent: says the world
         0s      → tell out_of_sight: says the world
         5s      held by settling: the target can't be seen: says the world
         15s     attempt 2 permitted: restart [target: failed (says the world)]
         15s     step 1: systemd.restart web.service
         15s     step 1 done: says the world (500 ms)
         15s     attempt 2 ended healed: active: pass; http: pass
         15s     healed; watched until 00:05:15 at least
         15s     → tell healed: all probes pass after 2 attempts
        ",
    );
}

#[test]
fn not_found_is_impossible() {
    check(
        "fire; look failed; act not-found",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 not_found: says the world (500 ms)
         0s      attempt 1 ended not_healed: says the world
         0s      escalated (impossible): not_found: says the world
         0s      → tell escalated: not_found: says the world
        ",
    );
}

#[test]
fn masked_is_impossible() {
    check(
        "fire; look failed; act masked",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 masked: says the world (500 ms)
         0s      attempt 1 ended not_healed: says the world
         0s      escalated (impossible): masked: says the world
         0s      → tell escalated: masked: says the world
        ",
    );
}

#[test]
fn the_start_limit_is_impossible() {
    check(
        "fire; look failed; act start-limit",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 start_limit_hit: says the world (500 ms)
         0s      attempt 1 ended not_healed: says the world
         0s      escalated (impossible): start_limit_hit: says the world
         0s      → tell escalated: start_limit_hit: says the world
        ",
    );
}

#[test]
fn access_denied_is_impossible() {
    check(
        "fire; look failed; act denied",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 access_denied: says the world (500 ms)
         0s      attempt 1 ended not_healed: says the world
         0s      escalated (impossible): access_denied: says the world
         0s      → tell escalated: access_denied: says the world
        ",
    );
}

#[test]
fn a_late_answer_is_recorded_not_believed() {
    check(
        "fire; look failed; act done; look failed/2; late-act done",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         0s      late answer of attempt 1, step 1: done: says the world (recorded, not believed)
        ",
    );
}

#[test]
fn verification_out_of_sight_waits_and_is_told_once() {
    check(
        "fire; look failed; act done; look unreachable; look unreachable; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      → tell out_of_sight: the repair can't be verified: active: unknown; http: unknown
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn a_step_that_only_reads_goes_before() {
    check(
        "book read-first; fire; look failed; act done; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: wait web.service
         0s      step 1 done: says the world (500 ms)
         0s      step 2: systemd.restart web.service
         0s      step 2 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn a_name_that_left_the_allow_list_ends_the_attempt() {
    check(
        "book two-steps; fire; look failed; forbid; act done",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended unknown: unit web.service is not on the allow-list; to let heald touch it, add it under `targets:` of the configuration
         0s      escalated (impossible): unit web.service is not on the allow-list; to let heald touch it, add it under `targets:` of the configuration
         0s      → tell escalated: unit web.service is not on the allow-list; to let heald touch it, add it under `targets:` of the configuration
        ",
    );
}
