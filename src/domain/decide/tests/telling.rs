//! Who is told, when, by which channel; what an acknowledgement stops; what a channel's failure leads to.

use super::{Bench, check};

#[test]
fn an_urgent_incident_climbs_until_somebody_answers() {
    check(
        "given chain; severity critical; lock; fire; look failed; +4m; +1m; +10m; +1h",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by exclusive: unit web.service is under repair by incident 3
         0s      level 1 of the escalation chain
         0s      → tell chat fires: it is broken by all that heald sees; heald is at it
         5m      level 2 of the escalation chain
         5m      → tell chat unacknowledged: nobody has acknowledged it for 5m: level 2 is called
         5m      → tell mail unacknowledged: nobody has acknowledged it for 5m: level 2 is called
         15m     level 3 of the escalation chain
         15m     → tell owner unacknowledged: nobody has acknowledged it for 10m: level 3 is called
         1h15m   level 3 of the escalation chain
         1h15m   → tell owner unacknowledged: nobody has acknowledged it for 1h",
    );
}

#[test]
fn a_less_urgent_one_gives_heald_its_time_first() {
    check(
        "given chain; severity P1; fire; look failed; act done; look up; resolve; +10m",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      alert a resolved
         0s      all alerts resolved; closes at 00:05:00 if it stays good
         5m      closed, healed: repaired, verified, resolved, and good through its after-care",
    );
    check(
        "given chain; severity P1; lock; fire; look failed; +5m; +25m",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by exclusive: unit web.service is under repair by incident 3
         5m      level 2 of the escalation chain
         5m      → tell chat unacknowledged: nobody has acknowledged it for 5m: level 2 is called
         30m     level 3 of the escalation chain
         30m     → tell owner unacknowledged: nobody has acknowledged it for 25m: level 3 is called",
    );
}

#[test]
fn whoever_is_called_for_an_escalation_hears_it_once() {
    check(
        "given chain; severity critical; no-target; fire; +10m",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      level 1 of the escalation chain
         0s      level 2 of the escalation chain
         0s      → tell chat escalated: template: labels.target is not there
         0s      → tell mail escalated: template: labels.target is not there
         10m     level 3 of the escalation chain
         10m     → tell owner unacknowledged: nobody has acknowledged it for 10m: level 3 is called",
    );
}

#[test]
fn an_acknowledgement_stops_the_climb_and_expires() {
    check(
        "given chain; severity critical; no-target; fire; +1m; ack ann; ack bob; +30m; +31m; resolve",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      level 1 of the escalation chain
         0s      level 2 of the escalation chain
         0s      → tell chat escalated: template: labels.target is not there
         0s      → tell mail escalated: template: labels.target is not there
         1m      acknowledged by ann until 01:01:00
         1m      refused: incident 7 is escalated: it is acknowledged by ann until 01:01:00
         1h1m    level 3 of the escalation chain
         1h1m    → tell owner unacknowledged: the acknowledgement of ann has expired: level 3 is called
         1h2m    alert a resolved
         1h2m    closed, unverified: the alert resolved; no probe can say more
         1h2m    → tell chat over: the alert resolved; no probe can say more
         1h2m    → tell mail over: the alert resolved; no probe can say more
         1h2m    → tell owner over: the alert resolved; no probe can say more",
    );
}

#[test]
fn what_can_wait_waits_for_the_digest() {
    check(
        "given chain; severity warning; no-target; fire; +1h; digested; resolve; digested",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         1h      → digest: notice 1
         1h      alert a resolved
         1h      closed, unverified: the alert resolved; no probe can say more
         1h      → digest: notice 2",
    );
}

#[test]
fn a_flood_is_told_together_but_who_knows_of_it_hears_the_end() {
    check(
        "given chain; severity critical; given flood; no-target; fire; digested; resolve; digested",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      level 1 of the escalation chain
         0s      level 2 of the escalation chain
         0s      → digest: notice 1
         0s      alert a resolved
         0s      closed, unverified: the alert resolved; no probe can say more
         0s      → digest: notice 2",
    );
}

#[test]
fn when_a_channel_fails_another_is_told_and_the_first_is_tried_on() {
    check(
        "given chain; severity P1; given broken board; no-target; fire; +30s; given mended board; +5m",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      ⇥ tell board escalated: template: labels.target is not there
         1s94ms  ⇥ tell board escalated: template: labels.target is not there
         3s206ms ⇥ tell board escalated: template: labels.target is not there
         3s206ms notice 1 also goes to chat: board does not take it: says no
         3s206ms → tell chat escalated: template: labels.target is not there
         8s295ms ⇥ tell board escalated: template: labels.target is not there
         19s92ms ⇥ tell board escalated: template: labels.target is not there
         50s340ms → tell board escalated: template: labels.target is not there
         5m      level 2 of the escalation chain
         5m      → tell chat unacknowledged: nobody has acknowledged it for 5m: level 2 is called",
    );
}

#[test]
fn a_broken_channel_costs_no_time() {
    check(
        "given chain; severity P1; given broken board never; no-target; fire; +1m",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      ⇥ tell board escalated: template: labels.target is not there
         0s      notice 1 also goes to chat: board is broken: says no
         0s      → tell chat escalated: template: labels.target is not there",
    );
}

#[test]
fn a_channel_that_says_when_is_asked_then_and_others_after_a_minute() {
    check(
        "given chain; severity P1; given broken board 120; no-target; fire; +59s; +2s; given mended board; +1m",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      ⇥ tell board escalated: template: labels.target is not there
         1m      notice 1 also goes to chat: no channel took it for a minute
         1m      → tell chat escalated: template: labels.target is not there
         2m      → tell board escalated: template: labels.target is not there",
    );
}

#[test]
fn all_channels_down_for_ten_minutes_and_nothing_is_lost() {
    check(
        "given chain; severity critical; given broken chat; given broken mail; given broken owner; given broken board; \
         no-target; fire; +3m; given mended chat; given mended mail; given mended owner; given mended board; +7m",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      level 1 of the escalation chain
         0s      level 2 of the escalation chain
         0s      ⇥ tell chat escalated: template: labels.target is not there
         0s      ⇥ tell mail escalated: template: labels.target is not there
         1s94ms  ⇥ tell chat escalated: template: labels.target is not there
         1s94ms  ⇥ tell mail escalated: template: labels.target is not there
         3s206ms ⇥ tell chat escalated: template: labels.target is not there
         3s206ms notice 1 also goes to owner: chat does not take it: says no
         3s206ms ⇥ tell mail escalated: template: labels.target is not there
         3s206ms ⇥ tell owner escalated: template: labels.target is not there
         4s300ms ⇥ tell owner escalated: template: labels.target is not there
         6s412ms ⇥ tell owner escalated: template: labels.target is not there
         8s295ms ⇥ tell chat escalated: template: labels.target is not there
         8s295ms ⇥ tell mail escalated: template: labels.target is not there
         11s501ms ⇥ tell owner escalated: template: labels.target is not there
         19s92ms ⇥ tell chat escalated: template: labels.target is not there
         19s92ms ⇥ tell mail escalated: template: labels.target is not there
         22s298ms ⇥ tell owner escalated: template: labels.target is not there
         50s340ms ⇥ tell chat escalated: template: labels.target is not there
         50s340ms ⇥ tell mail escalated: template: labels.target is not there
         53s546ms ⇥ tell owner escalated: template: labels.target is not there
         1m50s545ms ⇥ tell chat escalated: template: labels.target is not there
         1m50s545ms ⇥ tell mail escalated: template: labels.target is not there
         1m53s751ms ⇥ tell owner escalated: template: labels.target is not there
         3m58s373ms → tell chat escalated: template: labels.target is not there
         3m58s373ms → tell mail escalated: template: labels.target is not there
         4m1s579ms → tell owner escalated: template: labels.target is not there
         10m     level 3 of the escalation chain
         10m     → tell owner unacknowledged: nobody has acknowledged it for 10m: level 3 is called",
    );
}

#[test]
fn a_card_shows_how_it_proceeds() {
    check(
        "given chain chat; severity critical; fire; look failed; act done; look up; resolve; +10m",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      level 1 of the escalation chain
         0s      → tell chat fires: it is broken by all that heald sees; heald is at it
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      → tell chat healed: all probes pass after 1 attempt
         0s      alert a resolved
         0s      all alerts resolved; closes at 00:05:00 if it stays good
         5m      closed, healed: repaired, verified, resolved, and good through its after-care
         5m      → tell chat progress: repaired, verified, resolved, and good through its after-care",
    );
}

#[test]
fn a_rise_in_severity_starts_the_chain_anew() {
    check(
        "given chain; severity warning; lock; fire; look failed; severity critical; fire b; +5m",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      held by exclusive: unit web.service is under repair by incident 3
         0s      alert b joined
         0s      more urgent than before: P0
         0s      level 1 of the escalation chain
         0s      → tell chat fires: it is broken by all that heald sees; heald is at it
         5m      level 2 of the escalation chain
         5m      → tell chat unacknowledged: nobody has acknowledged it for 5m: level 2 is called
         5m      → tell mail unacknowledged: nobody has acknowledged it for 5m: level 2 is called",
    );
}

#[test]
fn while_detection_is_blind_no_resolve_counts() {
    check(
        "given chain; severity P1; no-target; fire; given blind; resolve; resolve; +1m; seen-again",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      → tell board escalated: template: labels.target is not there
         0s      alert a resolved, but detection is blind: it counts when alerts are heard again
         1m      alert a resolved
         1m      closed, unverified: the alert resolved; no probe can say more
         1m      → tell board over: the alert resolved; no probe can say more",
    );
    check(
        "given chain; severity P1; no-target; fire; given blind; resolve; fire; seen-again",
        "
         0s      WebDown fires: playbook web-down
         0s      escalated (no_target): template: labels.target is not there
         0s      → tell board escalated: template: labels.target is not there
         0s      alert a resolved, but detection is blind: it counts when alerts are heard again
         0s      alert a joined",
    );
}

#[test]
fn a_refused_budget_does_not_wait_for_the_clock() {
    check(
        "given chain; severity P1; given budget-for playbook; given spent 2; fire; look failed; +1m",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (budget_refused): the budget of playbook web-down is spent: 2 of 2 in 1h
         0s      level 2 of the escalation chain
         0s      → tell board escalated: the budget of playbook web-down is spent: 2 of 2 in 1h
         0s      → tell chat escalated: the budget of playbook web-down is spent: 2 of 2 in 1h",
    );
}

#[test]
fn corruption_does_not_wait_for_the_clock() {
    check(
        "given chain; severity P1; given class corruption; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (policy): failures of the class corruption: nothing is tried
         0s      level 2 of the escalation chain
         0s      → tell board escalated: failures of the class corruption: nothing is tried
         0s      → tell chat escalated: failures of the class corruption: nothing is tried",
    );
}

#[test]
fn the_fourth_incident_in_an_hour_is_peoples_matter() {
    check(
        "given chain; severity P1; given often 3; fire; look failed; act done; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least",
    );
    check(
        "given chain; severity P1; given often 4; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      escalated (chronic): chronic: incident 4 of unit web.service within 1h, as `escalate_when` has it
         0s      level 2 of the escalation chain
         0s      → tell board escalated: chronic: incident 4 of unit web.service within 1h, as `escalate_when` has it
         0s      → tell chat escalated: chronic: incident 4 of unit web.service within 1h, as `escalate_when` has it",
    );
}

#[test]
fn a_repair_by_hand_needs_no_alert() {
    check(
        "given by-hand; given alertmanager mute; fire; look failed; act done; look up; +10m",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      attempt 1 permitted: restart [target: failed (says the world)]
         0s      step 1: systemd.restart web.service
         0s      step 1 done: says the world (500 ms)
         0s      attempt 1 ended healed: active: pass; http: pass
         0s      healed; watched until 00:05:00 at least
         0s      alert by-hand-7 resolved
         0s      all alerts resolved; closes at 00:05:00 if it stays good
         0s      → tell healed: all probes pass after 1 attempt
         5m      closed, healed: repaired, verified, resolved, and good through its after-care",
    );
    check(
        "given by-hand; fire; look up",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, good: active: pass; http: pass
         0s      alert by-hand-7 resolved
         0s      closed, resolved_by_itself: run by hand, and all probes pass: there is nothing to repair",
    );
    check("given by-hand; book observe; fire; look failed",
        "
         0s      WebDown fires for unit web.service: playbook web-down
         0s      looked, bad: active: fail; http: fail [failed (says the world)]
         0s      would do systemd.restart web.service, attempt 1 of 3 (the playbook's mode is observe, or was when this incident opened)
         0s      alert by-hand-7 resolved
         0s      closed, unverified: run by hand, and only reported
         0s      → tell would_act: would do systemd.restart web.service, attempt 1 of 3 (the playbook's mode is observe, or was when this incident opened)",
    );
}

/// Lines of a timeline that tell somebody so, in their order.
#[track_caller]
fn told(script: &str, expected: &[&str]) {
    let bench = Bench::ran(script);
    let lines = bench.out.lines().filter(|line| line.contains("→ tell"));
    let found: Vec<String> = lines
        .map(|line| {
            let (at, what) = line.split_once(char::is_whitespace).unwrap();
            let words: Vec<&str> = what.split_whitespace().skip(2).take(2).collect();
            format!("{at} {}", words.join(" ").trim_end_matches(':'))
        })
        .collect();
    assert_eq!(found, expected, "{}", bench.out);
}

#[test]
fn the_clock_stands_while_all_is_good() {
    // Three hours of passing probes are nobody's fault.
    told("given chain; severity P1; lock; fire; look up; +3h; look failed; +4m", &["10s board alert_without_symptom"]);
}

#[test]
fn a_plan_stops_the_clock_and_waiting_for_a_window_does_not() {
    let planned = "given chain; severity critical; given maintenance muted; +1h; fire; look failed; +20m";
    told(planned, &[]);
    let waits = "given chain; severity critical; given maintenance active; fire; look failed; +6m";
    told(waits, &["0s chat fires", "5m chat unacknowledged", "5m mail unacknowledged"]);
}

#[test]
fn who_acknowledged_the_smaller_trouble_is_called_for_the_greater() {
    let script = "given chain; severity P1; lock; fire; look failed; ack ann; severity critical; fire b; +5m";
    told(script, &["0s chat fires", "5m chat unacknowledged", "5m mail unacknowledged"]);
}

#[test]
fn whoever_was_called_hears_that_it_ended_by_itself() {
    let script = "given chain; severity critical; lock; fire; look failed; resolve; look up";
    told(script, &["0s chat fires", "0s chat over"]);
}
