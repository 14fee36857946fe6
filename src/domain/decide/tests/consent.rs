//! Repairs that need a person's consent.

use super::check;

#[test]
pub(super) fn a_persons_consent_is_asked_for_and_used_once() {
    check(
        "label ask; fire; look failed; approve ann; look failed; act done; look failed/2; +11s; look failed/2",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      consent of anybody is asked for until 00:30:00: systemd.restart web.service, attempt 1 of 3
         0s      held by approve: a person's consent is asked for, until 00:30:00
         0s      → tell approval_needed: may heald do this? systemd.restart web.service, attempt 1 of 3; `heald approve 7` or `heald deny 7`, until 00:30:00
         0s      attempt 1 approved by ann
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended not_healed: active: fail; http: fail
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by cooldown: unit web.service cools down until 00:00:10.943Z after the last attempt
         11s     looked, bad: active: fail; http: fail [failed (says the world)]
         11s     consent of anybody is asked for until 00:30:11: systemd.restart web.service, attempt 2 of 3
         11s     held by approve: a person's consent is asked for, until 00:30:11
         11s     → tell approval_needed: may heald do this? systemd.restart web.service, attempt 2 of 3; `heald approve 7` or `heald deny 7`, until 00:30:11
        ",
    );
}

#[test]
pub(super) fn denied() {
    check(
        "label ask; fire; look failed; deny ann",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      consent of anybody is asked for until 00:30:00: systemd.restart web.service, attempt 1 of 3
         0s      held by approve: a person's consent is asked for, until 00:30:00
         0s      → tell approval_needed: may heald do this? systemd.restart web.service, attempt 1 of 3; `heald approve 7` or `heald deny 7`, until 00:30:00
         0s      attempt 1 denied by ann
         0s      escalated (not_approved): denied by ann
         0s      → tell escalated: denied by ann
        ",
    );
}

#[test]
pub(super) fn nobody_consents_in_time() {
    check(
        "label ask; fire; look failed; +30m; look failed; approve ann",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      consent of anybody is asked for until 00:30:00: systemd.restart web.service, attempt 1 of 3
         0s      held by approve: a person's consent is asked for, until 00:30:00
         0s      → tell approval_needed: may heald do this? systemd.restart web.service, attempt 1 of 3; `heald approve 7` or `heald deny 7`, until 00:30:00
         30m     looked, bad: active: fail; http: fail [failed (says the world)]
         30m     escalated (not_approved): nobody consented in time
         30m     → tell escalated: nobody consented in time
         30m     refused: incident 7 is escalated: nobody's consent is asked for now
        ",
    );
}

#[test]
pub(super) fn only_those_who_may_can_consent() {
    check(
        "given approvers bea carl; label ask; fire; look failed; approve ann; approve carl; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      consent of bea or carl is asked for until 00:30:00: systemd.restart web.service, attempt 1 of 3
         0s      held by approve: a person's consent is asked for, until 00:30:00
         0s      → tell approval_needed: may heald do this? systemd.restart web.service, attempt 1 of 3; `heald approve 7` or `heald deny 7`, until 00:30:00
         0s      refused: incident 7 is held: ann is not among those who may consent: bea, carl
         0s      attempt 1 approved by carl
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn a_changed_plan_is_another_question() {
    check(
        "label ask; fire; look failed; approve ann; given other-plan; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      consent of anybody is asked for until 00:30:00: systemd.restart web.service, attempt 1 of 3
         0s      held by approve: a person's consent is asked for, until 00:30:00
         0s      → tell approval_needed: may heald do this? systemd.restart web.service, attempt 1 of 3; `heald approve 7` or `heald deny 7`, until 00:30:00
         0s      attempt 1 approved by ann
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (not_approved): what would be done is no longer what people were asked about
         0s      → tell escalated: what would be done is no longer what people were asked about
        ",
    );
}

#[test]
pub(super) fn consent_outlives_a_restart_and_a_hold() {
    check(
        "label ask; fire; look failed; restart; look failed; pause; approve ann; look failed; resume; unblock; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      consent of anybody is asked for until 00:30:00: systemd.restart web.service, attempt 1 of 3
         0s      held by approve: a person's consent is asked for, until 00:30:00
         0s      → tell approval_needed: may heald do this? systemd.restart web.service, attempt 1 of 3; `heald approve 7` or `heald deny 7`, until 00:30:00
         0s      attempt 1 approved by ann
         0s      held by kill_switch: all repairs are paused by ann until lifted: deploy
         0s      → tell left_alone: all repairs are paused by ann until lifted: deploy
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn it_got_well_while_people_thought() {
    check(
        "label ask; fire; look failed; resolve; look up; approve ann",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      consent of anybody is asked for until 00:30:00: systemd.restart web.service, attempt 1 of 3
         0s      held by approve: a person's consent is asked for, until 00:30:00
         0s      → tell approval_needed: may heald do this? systemd.restart web.service, attempt 1 of 3; `heald approve 7` or `heald deny 7`, until 00:30:00
         0s      alert a resolved
         0s      looked, good: active: pass; http: pass
         0s      closed, resolved_by_itself: resolved, and all probes pass; heald did nothing
         0s      refused: incident 7 is closed: nobody's consent is asked for now
        ",
    );
}
