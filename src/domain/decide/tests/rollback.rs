//! Undoing, once, before a person is called.

use super::check;

#[test]
fn worse_rolls_back_in_order_once() {
    check(
        "book rollback; fire; look half; act done; look failed/2; act done; act done; retry; look failed/2; +10m; look failed/2; act done; look up/3",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: up]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended worse: active: fail; http: fail
         0s      rolling back: it got worse: active: fail; http: fail
         0s      rollback step 1: undo.b web.service
         0s      rollback step 1 done: says the world (500 ms)
         0s      rollback step 2: undo.a web.service
         0s      rollback step 2 done: says the world (500 ms)
         0s      rolled back
         0s      escalated (worse): it got worse: active: fail; http: fail; rolled back
         0s      → tell escalated: it got worse: active: fail; http: fail; rolled back
         0s      tried again by ann: counters start anew, budgets do not
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         10m     attempt 2 permitted: restart [target: failed (says the world)]
         10m     step 1: systemd.restart web.service
         10m     step 1 done: says the world (500 ms)
         10m     attempt 2 ended healed: active: pass; http: pass
         10m     healed; watched until 00:15:00 at least
         10m     → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn the_last_rung_rolls_back() {
    check(
        "book two-rungs rollback; fire; look failed; act done; look failed/2; +20s; look failed/2; act done; look failed/2; act done; act done",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         20s     attempt 2 permitted: clean [target: failed (says the world)]
         20s     step 1: files.clean web.service
         20s     step 1 done: says the world (500 ms)
         20s     attempt 2 ended not_healed: active: fail; http: fail
         20s     rolling back: all that the playbook knows was tried: 2 attempts
         20s     rollback step 1: undo.b web.service
         20s     rollback step 1 done: says the world (500 ms)
         20s     rollback step 2: undo.a web.service
         20s     rollback step 2 done: says the world (500 ms)
         20s     rolled back
         20s     escalated (not_healed): all that the playbook knows was tried: 2 attempts; rolled back
         20s     → tell escalated: all that the playbook knows was tried: 2 attempts; rolled back
        ",
    );
}

#[test]
fn nothing_ran_nothing_is_rolled_back() {
    check(
        "book one-try rollback; fire; look failed; act conflict; +5s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 conflict: says the world (500 ms)
         0s      attempt 1 ended interrupted: somebody else is at it: says the world
         0s      held by settling: somebody else is at it: says the world
         5s      escalated (not_healed): all that the playbook knows was tried: 1 attempt
         5s      → tell escalated: all that the playbook knows was tried: 1 attempt
        ",
    );
}

#[test]
fn a_failed_rollback_says_so() {
    check(
        "book one-try rollback; fire; look failed; act done; look failed/2; act failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      rolling back: all that the playbook knows was tried: 1 attempt
         0s      rollback step 1: undo.b web.service
         0s      rollback step 1 failed: says the world (500 ms)
         0s      the rollback failed: says the world
         0s      escalated (rollback_failed): all that the playbook knows was tried: 1 attempt; the rollback failed: says the world
         0s      → tell escalated: all that the playbook knows was tried: 1 attempt; the rollback failed: says the world
        ",
    );
}

#[test]
fn a_rollback_leaves_others_locks_alone() {
    check(
        "book one-try rollback; fire; look failed; act done; lock; look failed/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      escalated (rollback_failed): all that the playbook knows was tried: 1 attempt; the rollback was refused: unit web.service is under repair by incident 3
         0s      → tell escalated: all that the playbook knows was tried: 1 attempt; the rollback was refused: unit web.service is under repair by incident 3
        ",
    );
}
