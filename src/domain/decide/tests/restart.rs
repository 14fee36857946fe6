//! heald is restarted in every phase: it looks first, then decides.

use super::check;

#[test]
fn before_the_first_look() {
    check(
        "fire; restart; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
fn while_held() {
    check(
        "pause; fire; look failed; restart; look failed; resume; restart; look failed",
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
fn while_watching() {
    check(
        "fire; look up; restart; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, good: active: pass; http: pass
         0s      the alert fires and the probes pass: watching until 00:00:10
         0s      the symptom shows: active: fail; http: fail [failed (says the world)]
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
fn while_watching_what_has_resolved() {
    check(
        "fire; look up; resolve; restart; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, good: active: pass; http: pass
         0s      the alert fires and the probes pass: watching until 00:00:10
         0s      alert a resolved
         0s      looked, good: active: pass; http: pass
         0s      closed, resolved_by_itself: resolved, and all probes pass; heald did nothing
        ",
    );
}

#[test]
fn not_sent_yet_is_sent_once_in_the_same_attempt() {
    check(
        "fire; look failed; restart; look failed; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1: heald was restarted; the target is untouched
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn took_effect_is_not_sent_again() {
    check(
        "fire; look failed; restart; look failed/2; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1: heald was restarted; the target was started since the step was recorded
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn a_pending_job_is_waited_for() {
    check(
        "fire; look failed; restart; look job/2; look job/2; look up/2; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1: heald was restarted; the target was started since the step was recorded
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn what_may_still_be_on_its_way_is_waited_for() {
    check(
        "book docker; fire; look failed; +5s; restart; look failed; +10s; look failed; act done; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         15s     step 1: heald was restarted; the target is untouched
         15s     step 1: systemd.restart web.service
         15s     step 1 done: says the world (500 ms)
         15s     attempt 1 ended healed: active: pass; http: pass
         15s     healed; watched until 00:05:15 at least
         15s     → tell healed: all probes pass after 1 attempt
        ",
    );
}

#[test]
fn out_of_sight_is_told_and_waited_for() {
    check(
        "fire; look failed; restart; look unreachable; look unreachable; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      → tell out_of_sight: a step that was interrupted can't be settled: out of sight (says the world)
         0s      step 1: heald was restarted; the target is untouched
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
fn stopped_by_a_person_meanwhile_is_left_alone() {
    check(
        "fire; look failed; restart; look stopped; +5s; look stopped",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1: heald was restarted; the target is untouched
         0s      attempt 1 ended interrupted: stopped by a person (says the world) meanwhile: left alone
         0s      held by settling: stopped by a person (says the world) meanwhile: left alone
         5s      held by settling: stopped by a person (says the world): left alone
         5s      → tell left_alone: stopped by a person (says the world): left alone
        ",
    );
}

#[test]
fn resolved_meanwhile_is_not_sent() {
    check(
        "fire; look failed; resolve; restart; look failed; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      alert a resolved
         0s      step 1: heald was restarted; the target is untouched
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      the alert resolved, but the probes fail: watching until 00:00:10
        ",
    );
}

#[test]
fn a_step_that_must_not_be_repeated_calls_a_person() {
    check(
        "book once; fire; look failed; restart; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: poke [target: failed (says the world)]
         0s      step 1: http.post
         0s      step 1: heald was restarted; whether it took effect is unknown, and it is never repeated
         0s      attempt 1 ended unknown: http.post was interrupted by a restart of heald
         0s      escalated (unknown_outcome): http.post was interrupted by a restart of heald
         0s      → tell escalated: http.post was interrupted by a restart of heald
        ",
    );
}

#[test]
fn a_step_that_only_reads_is_done_again() {
    check(
        "book read-first; fire; look failed; restart; look failed; act done",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: wait web.service
         0s      step 1: heald was restarted; doing it again does no harm
         0s      step 1: wait web.service
         0s      step 1 done: says the world (500 ms)
         0s      step 2: systemd.restart web.service
        ",
    );
}

#[test]
fn paused_meanwhile_is_not_sent() {
    check(
        "fire; look failed; pause; restart; look failed; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1: heald was restarted; the target is untouched
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by kill_switch: all repairs are paused by ann until lifted: deploy
         0s      → tell left_alone: all repairs are paused by ann until lifted: deploy
        ",
    );
}

#[test]
fn while_verifying() {
    check(
        "fire; look failed; act done; restart; look up/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
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
fn in_after_care() {
    check(
        "fire; look failed; act done; look up/2; restart; look failed/2",
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
        ",
    );
}

#[test]
fn in_a_rollback_that_was_not_sent() {
    check(
        "book one-try rollback; fire; look failed; act done; look failed/2; restart; look failed/2; act done; act done",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      rolling back: all that the playbook knows was tried: 1 attempt
         0s      rollback step 1: undo.b web.service
         0s      rollback step 1: heald was restarted; the target is untouched
         0s      rollback step 1: undo.b web.service
         0s      rollback step 1 done: says the world (500 ms)
         0s      rollback step 2: undo.a web.service
         0s      rollback step 2 done: says the world (500 ms)
         0s      rolled back
         0s      escalated (not_healed): all that the playbook knows was tried: 1 attempt; rolled back
         0s      → tell escalated: all that the playbook knows was tried: 1 attempt; rolled back
        ",
    );
}

#[test]
fn in_a_rollback_that_took_effect() {
    check(
        "book one-try rollback; fire; look failed; act done; look failed/2; restart; look failed/3; act done",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      rolling back: all that the playbook knows was tried: 1 attempt
         0s      rollback step 1: undo.b web.service
         0s      rollback step 1: heald was restarted; the target was started since the step was recorded
         0s      rollback step 2: undo.a web.service
         0s      rollback step 2 done: says the world (500 ms)
         0s      rolled back
         0s      escalated (not_healed): all that the playbook knows was tried: 1 attempt; rolled back
         0s      → tell escalated: all that the playbook knows was tried: 1 attempt; rolled back
        ",
    );
}

#[test]
fn resolved_but_bad() {
    check(
        "fire; resolve; look failed; +5s; restart; look failed; +10s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      alert a resolved
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      the alert resolved, but the probes fail: watching until 00:00:10
         15s     escalated (resolved_but_bad): the alert resolved, but the probes fail: active: fail; http: fail
         15s     → tell escalated: the alert resolved, but the probes fail: active: fail; http: fail
        ",
    );
}

#[test]
fn escalated() {
    check(
        "fire; look start-limit; restart; resolve; restart; look up",
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
fn observed() {
    check(
        "book observe; fire; look failed; restart; resolve; restart; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      would do systemd.restart web.service, attempt 1 of 3 (the playbook's mode is observe, or was when this incident opened)
         0s      → tell would_act: would do systemd.restart web.service, attempt 1 of 3 (the playbook's mode is observe, or was when this incident opened)
         0s      alert a resolved
         0s      looked, good: active: pass; http: pass
         0s      closed, resolved_by_itself: resolved, and all probes pass; heald did nothing
        ",
    );
}

#[test]
fn a_verification_that_is_not_allowed_any_more_ends_its_attempt() {
    check(
        "book other-probe; fire; look failed; act done; forbid; restart",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended unknown: verify (http): unit web.service is not on the allow-list; to let heald touch it, add it under `targets:` of the configuration
         0s      escalated (impossible): verify (http): unit web.service is not on the allow-list; to let heald touch it, add it under `targets:` of the configuration
         0s      → tell escalated: verify (http): unit web.service is not on the allow-list; to let heald touch it, add it under `targets:` of the configuration
        ",
    );
}

#[test]
fn stopped_by_its_own_attempt_calls_a_person() {
    check(
        "book stop-start; fire; look failed; act done; restart; look stopped",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: stop, then start [target: failed (says the world)]
         0s      step 1: systemd.stop web.service
         0s      step 1 done: says the world (500 ms)
         0s      step 2: systemd.start web.service
         0s      step 2: heald was restarted; the target is untouched
         0s      attempt 1 ended unknown: stopped by a person (says the world), or by step 1 of this attempt before heald was restarted
         0s      escalated (unknown_outcome): stopped by a person (says the world), or by step 1 of this attempt before heald was restarted
         0s      → tell escalated: stopped by a person (says the world), or by step 1 of this attempt before heald was restarted
        ",
    );
}
