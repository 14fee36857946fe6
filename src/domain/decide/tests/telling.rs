//! Who is told, when, by which channel; what an acknowledgement stops; what a channel's failure leads to.

use super::check;

#[test]
fn an_urgent_incident_climbs_until_somebody_answers() {
    check("given chain; severity critical; lock; fire; look failed; +4m; look failed; +1m; +10m; +1h", "");
}

#[test]
fn a_less_urgent_one_gives_heald_its_time_first() {
    check("given chain; severity P1; fire; look failed; act done; look up; resolve; +10m", "");
    check("given chain; severity P1; lock; fire; look failed; +5m; +25m", "");
}

#[test]
fn whoever_is_called_for_an_escalation_hears_it_once() {
    check("given chain; severity critical; no-target; fire; +10m", "");
}

#[test]
fn an_acknowledgement_stops_the_climb_and_expires() {
    check("given chain; severity critical; no-target; fire; +1m; ack ann; ack bob; +30m; +31m; resolve", "");
}

#[test]
fn what_can_wait_waits_for_the_digest() {
    check("given chain; severity warning; no-target; fire; +1h; digested; resolve; digested", "");
}

#[test]
fn a_flood_is_told_together_but_who_knows_of_it_hears_the_end() {
    check("given chain; severity critical; given flood; no-target; fire; digested; resolve; digested", "");
}

#[test]
fn when_a_channel_fails_another_is_told_and_the_first_is_tried_on() {
    check("given chain; severity P1; given broken board; no-target; fire; +30s; given mended board; +5m", "");
}

#[test]
fn a_broken_channel_costs_no_time() {
    check("given chain; severity P1; given broken board never; no-target; fire; +1m", "");
}

#[test]
fn a_channel_that_says_when_is_asked_then_and_others_after_a_minute() {
    check("given chain; severity P1; given broken board 120; no-target; fire; +59s; +2s; given mended board; +1m", "");
}

#[test]
fn all_channels_down_for_ten_minutes_and_nothing_is_lost() {
    check(
        "given chain; severity critical; given broken chat; given broken mail; given broken owner; given broken board; \
         no-target; fire; +3m; given mended chat; given mended mail; given mended owner; given mended board; +7m",
        "",
    );
}

#[test]
fn a_card_shows_how_it_proceeds() {
    check("given chain chat; severity critical; fire; look failed; act done; look up; resolve; +10m", "");
}

#[test]
fn a_rise_in_severity_starts_the_chain_anew() {
    check("given chain; severity warning; lock; fire; look failed; severity critical; fire b; +5m", "");
}

#[test]
fn while_detection_is_blind_no_resolve_counts() {
    check("given chain; severity P1; no-target; fire; given blind; resolve; resolve; +1m; seen-again", "");
    check("given chain; severity P1; no-target; fire; given blind; resolve; fire; seen-again", "");
}

#[test]
fn a_refused_budget_does_not_wait_for_the_clock() {
    check("given chain; severity P1; given budget-for target; spend 2; fire; look failed; +1m", "");
}

#[test]
fn corruption_does_not_wait_for_the_clock() {
    check("given chain; severity P1; given class corruption; fire; look failed", "");
}

#[test]
fn a_repair_by_hand_needs_no_alert() {
    check("given by-hand; given alertmanager mute; fire; look failed; act done; look up; +10m", "");
    check("given by-hand; fire; look up", "");
    check("given by-hand; book observe; fire; look failed", "");
}

#[test]
fn a_silence_is_asked_for_and_its_answer_kept() {
    check("given alertmanager firing; no-target; fire; silence ann; silenced 5e1f", "");
    check("no-target; fire; silence ann", "");
}
