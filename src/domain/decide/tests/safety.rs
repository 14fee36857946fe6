//! heald's own ground, its own crashes, and the trust in it.

use super::check;

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

/// Half of it took away what the alert was about.
#[test]
pub(super) fn what_is_worse_half_done_is_finished_although_it_resolved() {
    check(
        "book whole; fire; look failed; resolve; restart crash; look missing; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: recreate [target: failed (says the world)]
         0s      step 1: docker.recreate web.service
         0s      alert a resolved
         0s      heald crashed while it was at this
         0s      step 1: heald was restarted; half of it is worse than none, so it is finished
         0s      step 1: docker.recreate web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      all alerts resolved; closes at 00:05:00 if it stays good
         0s      → tell healed: all probes pass after 1 attempt",
    );
}
