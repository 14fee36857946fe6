//! Repairs that need a person's consent.

use super::check;

#[test]
fn a_persons_consent_is_asked_for_and_used_once() {
    check(
        "label ask; fire; look failed; approve ann; look failed; act done; look failed/2; +11s; look failed/2",
        "
        ",
    );
}

#[test]
fn denied() {
    check(
        "label ask; fire; look failed; deny ann",
        "
        ",
    );
}

#[test]
fn nobody_consents_in_time() {
    check(
        "label ask; fire; look failed; +30m; look failed; approve ann",
        "
        ",
    );
}

#[test]
fn only_those_who_may_can_consent() {
    check(
        "given approvers bea carl; label ask; fire; look failed; approve ann; approve carl; look failed",
        "
        ",
    );
}

#[test]
fn a_changed_plan_is_another_question() {
    check(
        "label ask; fire; look failed; approve ann; given other-plan; look failed",
        "
        ",
    );
}

#[test]
fn consent_outlives_a_restart_and_a_hold() {
    check(
        "label ask; fire; look failed; restart; look failed; pause; approve ann; look failed; resume; unblock; look failed",
        "
        ",
    );
}

#[test]
fn it_got_well_while_people_thought() {
    check(
        "label ask; fire; look failed; resolve; look up; approve ann",
        "
        ",
    );
}
