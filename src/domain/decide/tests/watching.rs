//! Healthy before acting, resolved, and what never acts.

use super::check;

#[test]
fn healthy_is_watched_told_once_and_ends_by_itself() {
    check(
        "fire; look up; +10s; +1h; resolve; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, good: active: pass; http: pass
         0s      the alert fires and the probes pass: watching until 00:00:10
         10s     the alert still fires and the probes still pass: watching on
         10s     → tell alert_without_symptom: the alert fires and all probes pass: nothing was done, the target stays watched
         1h10s   alert a resolved
         1h10s   looked, good: active: pass; http: pass
         1h10s   closed, resolved_by_itself: resolved, and all probes pass; heald did nothing
        ",
    );
}

#[test]
fn a_symptom_that_shows_later_is_repaired() {
    check(
        "fire; look up; +10s; look failed; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, good: active: pass; http: pass
         0s      the alert fires and the probes pass: watching until 00:00:10
         10s     the alert still fires and the probes still pass: watching on
         10s     → tell alert_without_symptom: the alert fires and all probes pass: nothing was done, the target stays watched
         10s     the symptom shows: active: fail; http: fail [failed (says the world)]
         10s     attempt 1 permitted: restart [target: failed (says the world)]
         10s     step 1: systemd.restart web.service
         10s     step 1 done: says the world (500 ms)
         10s     attempt 1 ended healed: active: pass; http: pass
         10s     healed; watched until 00:05:10 at least
         10s     → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn a_symptom_that_no_probe_sees_is_acted_on() {
    check(
        "book act-on-alert; fire; look up; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: up]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn resolved_before_the_first_look_acts_not() {
    check(
        "fire; resolve; look failed; +10s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      alert a resolved
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      the alert resolved, but the probes fail: watching until 00:00:10
         10s     escalated (resolved_but_bad): the alert resolved, but the probes fail: active: fail; http: fail
         10s     → tell escalated: the alert resolved, but the probes fail: active: fail; http: fail
        ",
    );
}

#[test]
fn resolved_but_bad_becomes_good() {
    check(
        "fire; resolve; look failed; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      alert a resolved
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      the alert resolved, but the probes fail: watching until 00:00:10
         0s      looked, good: active: pass; http: pass
         0s      closed, resolved_by_itself: resolved, and all probes pass; heald did nothing
        ",
    );
}

#[test]
fn resolved_while_held_acts_not() {
    check(
        "pause; fire; look failed; resolve; resume; unblock; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by kill_switch: all repairs are paused by ann until lifted: deploy
         0s      → tell left_alone: all repairs are paused by ann until lifted: deploy
         0s      alert a resolved
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      the alert resolved, but the probes fail: watching until 00:00:10
        ",
    );
}

#[test]
fn resolved_in_mid_attempt_skips_the_rest() {
    check(
        "book two-steps; fire; look failed; resolve; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      alert a resolved
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      all alerts resolved; closes at 00:05:00 if it stays good
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn resolved_in_mid_attempt_and_bad_acts_no_more() {
    check(
        "fire; look failed; resolve; act done; look failed/2; +10s; look failed/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      alert a resolved
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      the alert resolved, but the probes fail: watching until 00:00:10
         10s     escalated (resolved_but_bad): the alert resolved, but the probes fail: active: fail; http: fail
         10s     → tell escalated: the alert resolved, but the probes fail: active: fail; http: fail
        ",
    );
}

#[test]
fn a_new_start_after_the_resolve_is_looked_at_again() {
    check(
        "fire; resolve; look failed; fire; look failed; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      alert a resolved
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      the alert resolved, but the probes fail: watching until 00:00:10
         0s      alert a joined
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn one_of_two_alerts_resolves_nothing() {
    check(
        "fire; look failed; fire b; resolve; act done; look failed/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      alert b joined
         0s      alert a resolved
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
        ",
    );
}

#[test]
fn escalated_and_resolved_is_watched_until_good() {
    check(
        "fire; look start-limit; resolve; look failed; look failed; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [start limit hit]
         0s      escalated (refused): systemd's start limit was hit: only a person resets it, after finding the cause
         0s      → tell escalated: systemd's start limit was hit: only a person resets it, after finding the cause
         0s      alert a resolved
         0s      looked, good: active: pass; http: pass
         0s      closed, escalated: resolved, and all probes pass again
         0s      → tell over: resolved, and all probes pass again
        ",
    );
}

#[test]
fn escalated_swallows_no_later_episode() {
    check(
        "fire; look start-limit; resolve; look failed; fire; look failed; resolve; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [start limit hit]
         0s      escalated (refused): systemd's start limit was hit: only a person resets it, after finding the cause
         0s      → tell escalated: systemd's start limit was hit: only a person resets it, after finding the cause
         0s      alert a resolved
         0s      alert a joined
         0s      → tell fires_anew: its alert fires anew; heald stays away until `heald retry 7`
         0s      alert a resolved
         0s      looked, good: active: pass; http: pass
         0s      closed, escalated: resolved, and all probes pass again
         0s      → tell over: resolved, and all probes pass again
        ",
    );
}

#[test]
fn a_repeat_of_a_closed_alert_that_passes_is_stale() {
    check(
        "fire repeat; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down, after incident 3
         0s      looked, good: active: pass; http: pass
         0s      closed, stale: the alert belongs to an incident that is over, and all probes pass
        ",
    );
}

#[test]
fn a_repeat_of_a_closed_alert_that_fails_is_repaired() {
    check(
        "fire repeat; look failed; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down, after incident 3
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn a_runbook_only_calls_a_person() {
    check(
        "book runbook; fire; resolve",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      escalated (runbook_only): the playbook is a runbook for people: nothing runs by itself
         0s      → tell escalated: the playbook is a runbook for people: nothing runs by itself
         0s      alert a resolved
         0s      closed, unverified: the alert resolved; no probe can say more
         0s      → tell over: the alert resolved; no probe can say more
        ",
    );
}

#[test]
fn no_target_runs_nothing() {
    check(
        "no-target; fire; +1h; resolve",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      → tell escalated: template: labels.target is not there
         1h      alert a resolved
         1h      closed, unverified: the alert resolved; no probe can say more
         1h      → tell over: the alert resolved; no probe can say more
        ",
    );
}

#[test]
fn a_person_retries() {
    check(
        "fire; look start-limit; retry; look failed; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [start limit hit]
         0s      escalated (refused): systemd's start limit was hit: only a person resets it, after finding the cause
         0s      → tell escalated: systemd's start limit was hit: only a person resets it, after finding the cause
         0s      tried again by ann: counters start anew, budgets do not
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn a_person_closes() {
    check(
        "fire; look start-limit; close",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [start limit hit]
         0s      escalated (refused): systemd's start limit was hit: only a person resets it, after finding the cause
         0s      → tell escalated: systemd's start limit was hit: only a person resets it, after finding the cause
         0s      closed, closed_by_person: closed by ann: seen to
         0s      → tell over: closed by ann: seen to
        ",
    );
}

#[test]
fn a_running_repair_is_not_closed() {
    check(
        "fire; look failed; close",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      refused: incident 7 is acting: a repair is running; close it when that has ended, or pause heald first
        ",
    );
}

#[test]
fn no_target_runs_nothing_after_a_retry_either() {
    check(
        "book once; no-target; fire; retry",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      → tell escalated: template: labels.target is not there
         0s      refused: incident 7 is escalated: no target could be made of its alert, so nothing may run
        ",
    );
}

#[test]
fn resolved_and_out_of_bounds_ends_it() {
    check(
        "book other-probe; fire; look start-limit; forbid; resolve",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [start limit hit]
         0s      escalated (refused): systemd's start limit was hit: only a person resets it, after finding the cause
         0s      → tell escalated: systemd's start limit was hit: only a person resets it, after finding the cause
         0s      alert a resolved
         0s      closed, unverified: the alert resolved; verify (http): unit web.service is not on the allow-list; to let heald touch it, add it under `targets:` of the configuration
         0s      → tell over: the alert resolved; verify (http): unit web.service is not on the allow-list; to let heald touch it, add it under `targets:` of the configuration
        ",
    );
}
