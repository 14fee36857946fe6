//! A week, from its incidents.

use super::*;

fn healed(secs: f64) -> Tale {
    Tale::web_down().attempt(5.5, 1, "restart the unit").ended(secs, 1, AttemptOutcome::Healed).healed(secs).closed(
        900.0,
        Outcome::Healed,
        "",
    )
}

#[test]
fn a_week_says_what_heald_took_off_people() {
    let escalated = Tale::web_down()
        .attempt(5.5, 1, "restart the unit")
        .ended(40.0, 1, AttemptOutcome::NotHealed)
        .escalated(40.0, Escalation::BudgetRefused, "5 of 5 attempts per 10m are used up")
        .closed(1_800.0, Outcome::Escalated, "resolved, and all probes pass again");
    let by_itself = Tale::web_down().looked(5.2, true).resolved(9.0).looked(9.0, true).closed(9.0, Outcome::ResolvedByItself, "");
    let open = Tale::web_down().looked(5.1, false).held(5.1, Guard::Window, "maintenance until 14:00");
    let tales = [healed(20.0), healed(40.0), healed(90.0), escalated, by_itself, open];
    let mut briefs: Vec<Brief> = tales.iter().map(|tale| Brief::from(&tale.review(&known()))).collect();
    for (number, brief) in briefs.iter_mut().enumerate() {
        brief.incident = IncidentId(100 + number as u64);
    }
    // One of another playbook, about something else.
    briefs[4].playbook = PlaybookId::from("disk-full");
    briefs[4].target = "volume data".to_owned();
    let (from, until) = (Timestamp::from_millisecond(NOON - 7 * 86_400_000).unwrap(), Timestamp::from_millisecond(NOON).unwrap());
    let digest = Digest::of("web-1", from, until, false, &briefs);
    assert_eq!((digest.incidents, digest.open, digest.healed, digest.escalated), (6, 1, 3, 1));
    assert_eq!((digest.pages_avoided, digest.by_itself), (3, 1));
    let web = &digest.by_playbook[0];
    assert_eq!((web.incidents, web.mttr_median_ms, web.mttr_mean_ms), (5, Some(65_000), Some(487_500)));
    assert_eq!((digest.chronic.len(), digest.chronic[0].times, digest.chronic[0].last), (1, 5, IncidentId(105)));
    assert_eq!(digest.refusals, BTreeMap::from([("budget".to_owned(), 1), ("window".to_owned(), 1)]));
    let verify = digest.times.iter().find(|times| times.name == "verify").unwrap();
    assert_eq!((verify.count, verify.met, verify.missed), (3, 2, 3), "escalated, open and 90 s are misses");
    golden("week.md", &digest.markdown());
}

#[test]
fn a_quiet_week_is_one_line() {
    let page = Digest::of("web-1", Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, false, &[]).markdown();
    assert!(page.ends_with("None was opened.\n"), "{page}");
}
