//! What holds a repair back, and how it goes on.

use super::check;

#[test]
pub(super) fn the_budget_calls_a_person_once() {
    check(
        "spend 5; +3m; fire; look failed; +1h; resolve; look up",
        "
         3m      WebDown fires for unit web.service: playbook web-down
         3m      looked, bad: active: fail; http: fail [failed (says the world)]
         3m      escalated (budget_refused): the budget of unit web.service is spent: 5 of 5 in 10m
         3m      → tell escalated: the budget of unit web.service is spent: 5 of 5 in 10m
         1h3m    alert a resolved
         1h3m    looked, good: active: pass; http: pass
         1h3m    closed, escalated: resolved, and all probes pass again
         1h3m    → tell over: resolved, and all probes pass again
        ",
    );
}

#[test]
pub(super) fn a_window_that_has_passed_frees_the_budget() {
    check(
        "spend 5; +10m; fire; look failed",
        "
         10m     WebDown fires for unit web.service: playbook web-down
         10m     attempt 1 permitted: restart [target: failed (says the world)]
         10m     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn the_kill_switch_holds_and_lets_go() {
    check(
        "pause; fire; look failed; +1m; look failed; resume; unblock; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by kill_switch: all repairs are paused by ann until lifted: deploy
         0s      → tell left_alone: all repairs are paused by ann until lifted: deploy
         1m      attempt 1 permitted: restart [target: failed (says the world)]
         1m      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn the_kill_switch_in_mid_attempt_ends_it_after_the_step() {
    check(
        "book two-steps; fire; look failed; pause; act done; look failed/2; resume; unblock; look failed/2; +20s; look failed/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by kill_switch: all repairs are paused by ann until lifted: deploy
         0s      → tell left_alone: all repairs are paused by ann until lifted: deploy
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         20s     attempt 2 permitted: restart [target: failed (says the world)]
         20s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn a_hold_on_the_target_holds() {
    check(
        "hold; fire; look failed; release; unblock; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by kill_switch: unit web.service is on hold by ann until lifted: deploy
         0s      → tell left_alone: unit web.service is on hold by ann until lifted: deploy
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn a_lock_is_waited_for() {
    check(
        "lock; fire; look failed; +10s; look failed; unlock; unblock; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by exclusive: unit web.service is under repair by incident 3
         10s     attempt 1 permitted: restart [target: failed (says the world)]
         10s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn what_a_person_stopped_is_left_alone() {
    check(
        "fire; look stopped; +1m; look stopped; +1m; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [stopped by a person (says the world)]
         0s      held by settling: stopped by a person (says the world): left alone
         0s      → tell left_alone: stopped by a person (says the world): left alone
         2m      attempt 1 permitted: restart [target: failed (says the world)]
         2m      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn a_masked_unit_is_left_alone() {
    check(
        "fire; look masked; +1m; look masked",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [masked]
         0s      held by settling: masked by a person: left alone
         0s      → tell left_alone: masked by a person: left alone
        ",
    );
}

#[test]
pub(super) fn what_starts_is_waited_for() {
    check(
        "fire; look starting; +2s; look restarting; +2s; look job; +2s; look young; +2s; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [starting (says the world)]
         0s      held by settling: it is starting: says the world
         2s      held by settling: its own manager restarts it: says the world
         4s      held by settling: somebody's job is pending: says the world
         6s      held by settling: it started 5.0 s ago and may still be starting
         8s      looked, good: active: pass; http: pass
         8s      the alert fires and the probes pass: watching until 00:00:18
        ",
    );
}

#[test]
pub(super) fn a_missing_target_calls_a_person() {
    check(
        "fire; look missing",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [not there]
         0s      escalated (refused): it does not exist: nothing to repair
         0s      → tell escalated: it does not exist: nothing to repair
        ",
    );
}

#[test]
pub(super) fn an_unclear_stop_calls_a_person() {
    check(
        "fire; look unclear",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [stopped, by whom is unclear (says the world)]
         0s      escalated (refused): it may have been stopped on purpose (says the world): a person must say
         0s      → tell escalated: it may have been stopped on purpose (says the world): a person must say
        ",
    );
}

#[test]
pub(super) fn out_of_sight_is_told_once_and_goes_on() {
    check(
        "fire; look unreachable; +5s; look unreachable; +5s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: unknown; http: unknown [out of sight (says the world)]
         0s      held by settling: the target can't be seen: says the world
         0s      → tell out_of_sight: the target can't be seen: says the world
         10s     attempt 1 permitted: restart [target: failed (says the world)]
         10s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn a_probe_that_cant_be_asked_is_no_failure() {
    check(
        "fire; look unknown; +5s; look unknown; +5s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: unknown; http: pass [up]
         0s      held by settling: the probes can't be asked: active: unknown; http: pass
         10s     attempt 1 permitted: restart [target: failed (says the world)]
         10s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn observe_says_once_what_it_would_do() {
    check(
        "book observe; fire; look failed; fire b; +1h; resolve; resolve b; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      would do systemd.restart web.service, attempt 1 of 3 (the playbook's mode is observe, or was when this incident opened)
         0s      → tell would_act: would do systemd.restart web.service, attempt 1 of 3 (the playbook's mode is observe, or was when this incident opened)
         0s      alert b joined
         1h      alert a resolved
         1h      alert b resolved
         1h      looked, good: active: pass; http: pass
         1h      closed, resolved_by_itself: resolved, and all probes pass; heald did nothing
        ",
    );
}

#[test]
pub(super) fn observe_reports_the_budget_too() {
    check(
        "book observe; spend 5; +3m; fire; look failed",
        "
         3m      WebDown fires for unit web.service: playbook web-down
         3m      looked, bad: active: fail; http: fail [failed (says the world)]
         3m      would not do systemd.restart web.service, attempt 1 of 3: refused by budget (the budget of unit web.service is spent: 5 of 5 in 10m)
         3m      → tell would_act: would not do systemd.restart web.service, attempt 1 of 3: refused by budget (the budget of unit web.service is spent: 5 of 5 in 10m)
        ",
    );
}

#[test]
pub(super) fn remediate_never_calls_a_person() {
    check(
        "label never; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (refused): the alert says `remediate: never`
         0s      → tell escalated: the alert says `remediate: never`
        ",
    );
}

#[test]
pub(super) fn the_strictest_of_several_alerts_counts() {
    check(
        "pause; fire a; look failed; label never; fire b; resume; unblock; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by kill_switch: all repairs are paused by ann until lifted: deploy
         0s      → tell left_alone: all repairs are paused by ann until lifted: deploy
         0s      alert b joined
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (refused): the alert says `remediate: never`
         0s      → tell escalated: the alert says `remediate: never`
        ",
    );
}

#[test]
pub(super) fn remediate_never_in_observe_only_reports() {
    check(
        "book observe; label never; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      would not do systemd.restart web.service, attempt 1 of 3: refused by mode (the alert says `remediate: never`)
         0s      → tell would_act: would not do systemd.restart web.service, attempt 1 of 3: refused by mode (the alert says `remediate: never`)
        ",
    );
}
