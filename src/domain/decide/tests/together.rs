//! Rungs whose steps belong together.

use super::check;

/// Stopped, and the alert resolves because what was stopped no longer complains: it is started again.
#[test]
fn a_rung_whose_steps_belong_together_is_finished_when_the_alert_resolves() {
    check(
        "book together; fire; look failed; resolve; act done; act done; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: stop, then start [target: failed (says the world)]
         0s      step 1: systemd.stop web.service
         0s      alert a resolved
         0s      step 1 done: says the world (500 ms)
         0s      step 2: systemd.start web.service
         0s      step 2 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      all alerts resolved; closes at 00:05:00 if it stays good
         0s      → tell healed: all probes pass after 1 attempt",
    );
}

/// Alertmanager is asked between two steps, and may know of the resolve before its webhook comes.
#[test]
fn so_it_is_when_alertmanager_no_longer_lists_it() {
    check(
        "book together; given alertmanager firing; fire; look failed; given alertmanager gone; act done; act done; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: stop, then start [target: failed (says the world)]
         0s      step 1: systemd.stop web.service
         0s      step 1 done: says the world (500 ms)
         0s      step 2: systemd.start web.service
         0s      step 2 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt",
    );
}

#[test]
fn a_rung_whose_steps_do_not_is_not() {
    check(
        "book stop-start; fire; look failed; resolve; act done; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: stop, then start [target: failed (says the world)]
         0s      step 1: systemd.stop web.service
         0s      alert a resolved
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      the alert resolved, but the probes fail: watching until 00:00:10",
    );
}
