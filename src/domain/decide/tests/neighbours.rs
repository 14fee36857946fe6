//! What others have to do with it: exclusive, order, blast radius, rate.

use super::check;

#[test]
pub(super) fn a_repair_inside_holds_what_contains_it() {
    check(
        "given inside-locked; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by exclusive: something within unit web.service is under repair by incident 3
        ",
    );
}

#[test]
pub(super) fn the_alias_is_locked_too() {
    check(
        "given alias; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn what_it_needs_comes_first() {
    check(
        "given after; given neighbour at-work; fire; look failed; +10s; given neighbour healed; look failed; +10s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by order: playbook db-down comes first: incident 3
         10s     held by order: playbook db-down was repaired just now, and may have been all that was missing
         20s     attempt 1 permitted: restart [target: failed (says the world)]
         20s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn what_it_needs_and_people_must_mend_holds() {
    check(
        "given after; given neighbour escalated; fire; look failed; given release-escalated; +1m; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by order: playbook db-down comes first, and people have to mend it: incident 3
         0s      → tell left_alone: playbook db-down comes first, and people have to mend it: incident 3
         1m      attempt 1 permitted: restart [target: failed (says the world)]
         1m      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn what_it_needs_and_nobody_reports_is_waited_for_a_while() {
    check(
        "given needs-down; fire; look failed; +10s; look failed; +2m; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by order: unit db.service, which it needs, is down
         2m10s   attempt 1 permitted: restart [target: failed (says the world)]
         2m10s   step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn the_worked_example_fifteen_good_allow_five_repairs() {
    check(
        "given group; given group-down 5; given group-repairing 4; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn the_worked_example_a_sixth_waits() {
    check(
        "given group; given group-down 5; given group-repairing 5; fire; look failed; given group-repairing 4; +10s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by blast_radius: group nodes: 5 of at most 5 are under repair
         10s     attempt 1 permitted: restart [target: failed (says the world)]
         10s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn the_worked_example_ten_good_block_and_twelve_cool_down() {
    check(
        "given group; given group-down 10; given apart group nodes; fire; look failed; given group-down 8; given calm group nodes; unblock; look failed; +30s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by blast_radius: group nodes: 10 of 20 are good, and 11 must be before one is touched
         0s      held by blast_radius: group nodes is over only just: repairs go on at 00:00:30
         30s     attempt 1 permitted: restart [target: failed (says the world)]
         30s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn an_alert_of_an_unknown_part_is_refused() {
    check(
        "given group by-label; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (refused): the alert lacks the label \"zone\", so its part of group nodes is unknown
         0s      → tell escalated: the alert lacks the label \"zone\", so its part of group nodes is unknown
        ",
    );
}

#[test]
pub(super) fn in_a_storm_nothing_new_begins() {
    check(
        "given down 11; given apart storm; fire; look failed; +10s; look failed; given down 1; given calm storm; unblock; look failed; +30s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by blast_radius: 11 targets are down at once, more than 10: the cause is likely elsewhere
         10s     held by blast_radius: the storm is over only just: repairs go on at 00:00:40
         40s     attempt 1 permitted: restart [target: failed (says the world)]
         40s     step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn too_many_at_once_wait_their_turn() {
    check(
        "given rate-until 7; fire; look failed; +7s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by rate: too many repairs at once: the next may begin at 00:00:07
         7s      attempt 1 permitted: restart [target: failed (says the world)]
         7s      step 1: systemd.restart web.service
        ",
    );
}

#[test]
pub(super) fn whoever_is_held_for_long_is_told_of() {
    check(
        "given down 11; fire; look failed; +9m; look failed; +2m; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by blast_radius: 11 targets are down at once, more than 10: the cause is likely elsewhere
         11m     → tell left_alone: held by blast_radius for 10m: 11 targets are down at once, more than 10: the cause is likely elsewhere
        ",
    );
}

#[test]
pub(super) fn what_is_no_member_of_the_mode_waits_for_it_but_not_for_ever() {
    check(
        "given continuity 20 db.service; given neighbour at-work; fire; look failed; +10s; look failed; +10s; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by order: minimal mode since incident 3: its services come first
         20s     attempt 1 permitted: restart [target: failed (says the world)]
         20s     step 1: systemd.restart web.service",
    );
}

#[test]
pub(super) fn a_member_of_the_mode_waits_for_nobody() {
    check(
        "given continuity 20 web.service; given neighbour at-work; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service",
    );
}

#[test]
pub(super) fn a_mode_that_is_healed_holds_nobody() {
    check(
        "given continuity 20 db.service; given neighbour healed; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service",
    );
}
