//! What stands beside a step: conditions, retries, results.

use super::check;

#[test]
fn a_clear_failure_is_tried_again_with_a_back_off() {
    check(
        "book retrying; fire; look failed; act failed; +1500ms; act failed; +3s; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 failed: says the world (500 ms)
         0s      step 1 is tried again at 00:00:01.094Z, try 2
         1s94ms  step 1: systemd.restart web.service
         1s500ms step 1 failed: says the world (500 ms)
         1s500ms step 1 is tried again at 00:00:03.612Z, try 3
         3s612ms step 1: systemd.restart web.service
         4s500ms step 1 done: says the world (500 ms)
         4s500ms attempt 1 ended healed: active: pass; http: pass
         4s500ms healed; watched until 00:05:04.500Z at least
         4s500ms → tell healed: all probes pass after 1 attempt",
    );
}

#[test]
fn retries_are_used_up_and_what_may_have_happened_is_not_repeated() {
    check(
        "book retrying; fire; look failed; act failed; +2s; act failed; +3s; act failed; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 failed: says the world (500 ms)
         0s      step 1 is tried again at 00:00:01.094Z, try 2
         1s94ms  step 1: systemd.restart web.service
         2s      step 1 failed: says the world (500 ms)
         2s      step 1 is tried again at 00:00:04.112Z, try 3
         4s112ms step 1: systemd.restart web.service
         5s      step 1 failed: says the world (500 ms)
         5s      attempt 1 ended not_healed: active: fail; http: fail
         5s      looked, bad: active: fail; http: fail [failed (says the world)]
         5s      held by cooldown: unit web.service cools down until 00:00:15.943Z after the last attempt",
    );
    check("book once retrying; fire; look failed; act unknown; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: poke [target: failed (says the world)]
         0s      step 1: http.post
         0s      step 1 unknown: says the world (500 ms)
         0s      attempt 1 ended unknown: active: fail; http: fail
         0s      escalated (unknown_outcome): whether the step took effect is unknown, and the probes fail: active: fail; http: fail
         0s      → tell escalated: whether the step took effect is unknown, and the probes fail: active: fail; http: fail",
    );
}

#[test]
fn a_retry_survives_a_restart() {
    check(
        "book retrying; fire; look failed; act failed; restart; +2s; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 failed: says the world (500 ms)
         0s      step 1 is tried again at 00:00:01.094Z, try 2
         1s94ms  step 1: systemd.restart web.service
         2s      step 1 done: says the world (500 ms)
         2s      attempt 1 ended healed: active: pass; http: pass
         2s      healed; watched until 00:05:02 at least
         2s      → tell healed: all probes pass after 1 attempt",
    );
}

#[test]
fn nothing_is_tried_again_once_it_has_resolved() {
    check(
        "book retrying; fire; look failed; act failed; resolve; +2s; look failed; look failed; +10s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 failed: says the world (500 ms)
         0s      step 1 is tried again at 00:00:01.094Z, try 2
         0s      alert a resolved
         2s      attempt 1 ended not_healed: active: fail; http: fail
         2s      looked, bad: active: fail; http: fail [failed (says the world)]
         2s      the alert resolved, but the probes fail: watching until 00:00:12
         12s     escalated (resolved_but_bad): the alert resolved, but the probes fail: active: fail; http: fail
         12s     → tell escalated: the alert resolved, but the probes fail: active: fail; http: fail",
    );
}

#[test]
fn an_optional_step_may_fail() {
    check(
        "book optional-first; fire; look failed; act not-sent; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: http.post
         0s      step 1 not_sent: says the world (500 ms)
         0s      step 2: systemd.restart web.service
         0s      step 2 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt",
    );
    check(
        "book optional-first; fire; look failed; act unknown; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: http.post
         0s      step 1 unknown: says the world (500 ms)
         0s      step 2: systemd.restart web.service
         0s      step 2 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt",
    );
}

#[test]
fn a_step_may_end_all_trying() {
    check(
        "book no-further rollback; fire; look failed; act failed; act done; act done",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 failed: says the world (500 ms)
         0s      attempt 1 ended not_healed: says the world
         0s      rolling back: a step failed after which the playbook calls people: says the world
         0s      rollback step 1: undo.b web.service
         0s      rollback step 1 done: says the world (500 ms)
         0s      rollback step 2: undo.a web.service
         0s      rollback step 2 done: says the world (500 ms)
         0s      rolled back
         0s      escalated (not_healed): a step failed after which the playbook calls people: says the world; rolled back
         0s      → tell escalated: a step failed after which the playbook calls people: says the world; rolled back",
    );
}

#[test]
fn a_result_decides_what_follows() {
    check(
        "book measured; fire; look failed; act done={\"bytes\":500}; act done; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: files.count web.service
         0s      step 1 done: says the world (500 ms)
         0s      step 2: files.delete web.service bytes=500
         0s      step 2 done: says the world (500 ms)
         0s      step 3: systemd.restart web.service
         0s      step 3 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt",
    );
    check(
        "book measured; fire; look failed; act done={\"bytes\":5}; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: files.count web.service
         0s      step 1 done: says the world (500 ms)
         0s      step 2 skipped: files.delete; its condition does not hold: steps.found.bytes > 100
         0s      step 3: systemd.restart web.service
         0s      step 3 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt",
    );
}

#[test]
fn a_result_that_never_came_is_a_persons_matter() {
    check(
        "book measured; fire; look failed; act done",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: files.count web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended unknown: restart, step 2 (files.delete): when \"steps.found.bytes > 100\": undefined value
         0s      escalated (impossible): restart, step 2 (files.delete): when \"steps.found.bytes > 100\": undefined value
         0s      → tell escalated: restart, step 2 (files.delete): when \"steps.found.bytes > 100\": undefined value",
    );
}

#[test]
fn a_rung_without_anything_to_do_costs_no_attempt() {
    check(
        "book gold-only; fire; look failed; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      rung 1 (clean for gold) left out: its condition does not hold: labels.tier | default('') == 'gold'
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt",
    );
}

#[test]
fn a_long_step_says_how_far_it_is() {
    check(
        "book two-steps; fire; look failed; says 40 %; act done; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1: 40 %
         0s      step 1 done: says the world (500 ms)
         0s      step 2: warm-up web.service
         0s      step 2 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt",
    );
}
