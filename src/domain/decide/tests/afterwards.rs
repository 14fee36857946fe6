//! The section *Afterwards*: once, when the incident closes well.

use super::check;

#[test]
fn order_is_made_once_when_the_incident_closes() {
    check(
        "book afterwards; fire; look failed; act done; look up/2; resolve; +5m; act done",
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
         5m      putting in order what the repair left
         5m      afterwards, step 1: flag.clear web.service
         5m      afterwards, step 1 done: says the world (500 ms)
         5m      put in order afterwards
         5m      closed, healed: repaired, verified, resolved, and good through its after-care",
    );
}

#[test]
fn order_that_cannot_be_made_is_a_persons_matter() {
    check(
        "book afterwards; fire; look failed; act done; look up/2; resolve; +5m; act failed; look up/2",
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
         5m      putting in order what the repair left
         5m      afterwards, step 1: flag.clear web.service
         5m      afterwards, step 1 failed: says the world (500 ms)
         5m      the clean-up afterwards failed: says the world
         5m      escalated (afterwards_failed): the clean-up afterwards failed: says the world
         5m      → tell escalated: the clean-up afterwards failed: says the world
         5m      looked, good: active: pass; http: pass
         5m      closed, escalated: resolved, and all probes pass again
         5m      → tell over: resolved, and all probes pass again",
    );
}

#[test]
fn order_waits_while_heald_is_paused() {
    check(
        "book afterwards; fire; look failed; act done; look up/2; resolve; pause; +5m; +1m; resume; +1m; act done",
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
         5m      all alerts resolved; closes at 00:06:00 if it stays good
         6m      all alerts resolved; closes at 00:07:00 if it stays good
         7m      putting in order what the repair left
         7m      afterwards, step 1: flag.clear web.service
         7m      afterwards, step 1 done: says the world (500 ms)
         7m      put in order afterwards
         7m      closed, healed: repaired, verified, resolved, and good through its after-care",
    );
}

#[test]
fn order_is_made_also_when_others_mended_it() {
    check(
        "book afterwards one-try; fire; look failed; act done; look failed/2; resolve; look up/3; act done",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      escalated (not_healed): all that the playbook knows was tried: 1 attempt
         0s      → tell escalated: all that the playbook knows was tried: 1 attempt
         0s      alert a resolved
         0s      looked, good: active: pass; http: pass
         0s      putting in order what the repair left
         0s      afterwards, step 1: flag.clear web.service
         0s      afterwards, step 1 done: says the world (500 ms)
         0s      put in order afterwards
         0s      closed, escalated: resolved, and all probes pass again
         0s      → tell over: resolved, and all probes pass again",
    );
}

#[test]
fn nothing_is_put_in_order_where_nothing_was_done_or_all_was_taken_back() {
    check(
        "book afterwards; fire; look up; resolve; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, good: active: pass; http: pass
         0s      the alert fires and the probes pass: watching until 00:00:10
         0s      alert a resolved
         0s      looked, good: active: pass; http: pass
         0s      closed, resolved_by_itself: resolved, and all probes pass; heald did nothing",
    );
    check(
        "book afterwards rollback one-try; fire; look failed; act done; look failed/2; act done; act done; resolve; look up/3",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      rolling back: all that the playbook knows was tried: 1 attempt
         0s      rollback step 1: undo.b web.service
         0s      rollback step 1 done: says the world (500 ms)
         0s      rollback step 2: undo.a web.service
         0s      rollback step 2 done: says the world (500 ms)
         0s      rolled back
         0s      escalated (not_healed): all that the playbook knows was tried: 1 attempt; rolled back
         0s      → tell escalated: all that the playbook knows was tried: 1 attempt; rolled back
         0s      alert a resolved
         0s      looked, good: active: pass; http: pass
         0s      closed, escalated: resolved, and all probes pass again
         0s      → tell over: resolved, and all probes pass again",
    );
}

#[test]
fn a_fault_while_order_is_made_is_the_same_incident() {
    check(
        "book afterwards; fire; look failed; act done; look up/2; resolve; +5m; fire; act done; look failed/2; act done; look up/3",
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
         5m      putting in order what the repair left
         5m      afterwards, step 1: flag.clear web.service
         5m      alert a joined
         5m      afterwards, step 1 done: says the world (500 ms)
         5m      put in order afterwards
         5m      attempt 2 permitted: restart [target: failed (says the world)]
         5m      step 1: systemd.restart web.service
         5m      step 1 done: says the world (500 ms)
         5m      attempt 2 ended healed: active: pass; http: pass
         5m      healed; watched until 00:10:00 at least
         5m      → tell healed: all probes pass after 2 attempts",
    );
}

#[test]
fn a_crash_while_order_is_made_repeats_what_does_no_harm() {
    check(
        "book afterwards; fire; look failed; act done; look up/2; resolve; +5m; restart crash; look up/2; act done",
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
         5m      putting in order what the repair left
         5m      afterwards, step 1: flag.clear web.service
         5m      heald crashed while it was at this
         5m      afterwards, step 1: heald was restarted; doing it again does no harm
         5m      afterwards, step 1: flag.clear web.service
         5m      afterwards, step 1 done: says the world (500 ms)
         5m      put in order afterwards
         5m      closed, healed: repaired, verified, resolved, and good through its after-care",
    );
}
