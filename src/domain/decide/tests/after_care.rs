//! After the repair: watched, repaired again, closed.

use super::check;

#[test]
fn a_second_failure_is_repaired_without_an_alert() {
    check(
        "fire; look failed; act done; look up/2; +30s; resolve; +1m; look failed/2; act done; look up/3; +10m",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         30s     alert a resolved
         30s     all alerts resolved; closes at 00:05:30 if it stays good
         1m30s   failed again in after-care: active: fail; http: fail [failed (says the world)]
         1m30s   attempt 2 permitted: restart [target: failed (says the world)]
         1m30s   step 1: systemd.restart web.service
         1m30s   step 1 done: says the world (500 ms)
         1m30s   attempt 2 ended healed: active: pass; http: pass
         1m30s   healed; watched until 00:06:30 at least
         1m30s   all alerts resolved; closes at 00:06:30 if it stays good
         1m30s   → tell healed: all probes pass after 2 attempts
         6m30s   closed, healed: repaired, verified, resolved, and good through its after-care
        ",
    );
}

#[test]
fn it_closes_a_group_interval_after_a_late_resolve() {
    check(
        "fire; look failed; act done; look up/2; +4m; resolve; +4m; +2m",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         4m      alert a resolved
         4m      all alerts resolved; closes at 00:09:00 if it stays good
         9m      closed, healed: repaired, verified, resolved, and good through its after-care
        ",
    );
}

#[test]
fn a_new_alert_keeps_it_open() {
    check(
        "fire; look failed; act done; look up/2; +1m; resolve; +1m; fire; +10m; resolve; +5m",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         1m      alert a resolved
         1m      all alerts resolved; closes at 00:06:00 if it stays good
         2m      alert a joined
         12m     alert a resolved
         12m     all alerts resolved; closes at 00:17:00 if it stays good
         17m     closed, healed: repaired, verified, resolved, and good through its after-care
        ",
    );
}

#[test]
fn still_firing_is_told_once_and_a_resolve_that_never_comes_ends_in_a_day() {
    check(
        "fire; look failed; act done; look up/2; +14m; +1m; +1h; +23h",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         15m     → tell still_firing: healed 15m ago by all probes, and the alert still fires: does it look at the same thing?
         1d      closed, resolve_never_seen: repaired and good; no resolve was seen within 24 h
        ",
    );
}

#[test]
fn counters_are_kept() {
    check(
        "fire; look failed; act done; look up/2; look failed/2; act done; look up/3; look failed/3; +1m; look failed/3; act done; look up/4; look failed/4",
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
         1m      attempt 3 permitted: restart [target: failed (says the world)]
         1m      step 1: systemd.restart web.service
         1m      step 1 done: says the world (500 ms)
         1m      attempt 3 ended healed: active: pass; http: pass
         1m      healed; watched until 00:06:00 at least
         1m      → tell healed: all probes pass after 3 attempts
         1m      failed again in after-care: active: fail; http: fail [failed (says the world)]
         1m      escalated (not_healed): all that the playbook knows was tried: 3 attempts
         1m      → tell escalated: all that the playbook knows was tried: 3 attempts
        ",
    );
}

#[test]
fn a_relapse_that_mends_itself_is_healed() {
    check(
        "fire; look failed; act done; look up/2; resolve; pause; look failed/2; resume; unblock; look up/3; +10m",
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
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by kill_switch: all repairs are paused by ann until lifted: deploy
         0s      → tell left_alone: all repairs are paused by ann until lifted: deploy
         0s      looked, good: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      all alerts resolved; closes at 00:05:00 if it stays good
         5m      closed, healed: repaired, verified, resolved, and good through its after-care
        ",
    );
}

#[test]
fn a_relapse_that_mends_itself_after_a_retry_still_ends() {
    check(
        "fire; look failed; act done; look up/2; pause; look failed/2; retry; look failed/2; resume; unblock; look up/3; resolve; +10s; look up/3",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         0s      failed again in after-care: active: fail; http: fail [failed (says the world)]
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by kill_switch: all repairs are paused by ann until lifted: deploy
         0s      → tell left_alone: all repairs are paused by ann until lifted: deploy
         0s      tried again by ann: counters start anew, budgets do not
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by kill_switch: all repairs are paused by ann until lifted: deploy
         0s      → tell left_alone: all repairs are paused by ann until lifted: deploy
         0s      looked, good: active: pass; http: pass
         0s      the alert fires and the probes pass: watching until 00:00:10
         0s      alert a resolved
         10s     looked, good: active: pass; http: pass
         10s     closed, resolved_by_itself: resolved, and all probes pass; heald did nothing
        ",
    );
}

#[test]
fn a_person_stops_it_in_after_care() {
    check(
        "fire; look failed; act done; look up/2; resolve; look stopped/2; +1m; look stopped/2; +1m; look up/3",
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
         0s      failed again in after-care: active: fail; http: fail [stopped by a person (says the world)]
         0s      looked, bad: active: fail; http: fail [stopped by a person (says the world)]
         0s      held by settling: stopped by a person (says the world): left alone
         0s      → tell left_alone: stopped by a person (says the world): left alone
         2m      looked, good: active: pass; http: pass
         2m      healed; watched until 00:07:00 at least
         2m      all alerts resolved; closes at 00:07:00 if it stays good
        ",
    );
}

#[test]
fn a_relapse_that_is_given_up_still_ends() {
    check(
        "fire; look failed; act done; look up/2; resolve; look start-limit/2; look failed/2; look up/3",
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
         0s      failed again in after-care: active: fail; http: fail [start limit hit]
         0s      looked, bad: active: fail; http: fail [start limit hit]
         0s      escalated (refused): systemd's start limit was hit: only a person resets it, after finding the cause
         0s      → tell escalated: systemd's start limit was hit: only a person resets it, after finding the cause
         0s      looked, good: active: pass; http: pass
         0s      closed, escalated: resolved, and all probes pass again
         0s      → tell over: resolved, and all probes pass again
        ",
    );
}

#[test]
fn the_time_that_it_was_good_does_not_count() {
    check(
        "fire; look failed; act done; look up/2; +3m; resolve; +4m; look failed/2; act done; look up/3",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
         3m      alert a resolved
         3m      all alerts resolved; closes at 00:08:00 if it stays good
         7m      failed again in after-care: active: fail; http: fail [failed (says the world)]
         7m      attempt 2 permitted: restart [target: failed (says the world)]
         7m      step 1: systemd.restart web.service
         7m      step 1 done: says the world (500 ms)
         7m      attempt 2 ended healed: active: pass; http: pass
         7m      healed; watched until 00:12:00 at least
         7m      all alerts resolved; closes at 00:12:00 if it stays good
         7m      → tell healed: all probes pass after 2 attempts
        ",
    );
}
