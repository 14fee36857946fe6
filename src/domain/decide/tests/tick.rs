//! Steps that people do.

use super::check;

#[test]
fn what_people_did_is_in_the_timeline_once() {
    check(
        "book checklist; fire; tick 2 ann from the copy of Monday; tick 2 bob; tick 3 bob; tick 1 bob",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      ann has done step 2: Restore it. (from the copy of Monday)
         0s      refused: incident 7 is assessing: ann has done step 2 already
         0s      refused: incident 7 is assessing: there is no step 3; the checklist has 2
         0s      bob has done step 1: Stop web.service.",
    );
}

#[test]
fn without_a_checklist_there_is_nothing_to_tick() {
    check(
        "fire; tick 1 ann",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      refused: incident 7 is assessing: its playbook has no checklist",
    );
}
