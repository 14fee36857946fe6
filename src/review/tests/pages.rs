//! One page per way in which an incident goes.

use super::*;

#[test]
fn healed_at_the_second_attempt_after_a_hold() {
    let tale = Tale::web_down()
        .looked(5.2, false)
        .held(5.2, Guard::Settling, "it may still be starting: it failed 3.1 s ago (grace 30s)")
        .attempt(35.4, 1, "restart the unit")
        .gathered(35.9, "2026-11-22T11:59:58+0000 web-1 web[812]: bind 0.0.0.0:8080: address in use\n```\npassword=[redacted]")
        .ended(67.9, 1, AttemptOutcome::NotHealed)
        .held(68.0, Guard::Cooldown, "cooldown of 10s after 1 attempt")
        .attempt(78.3, 2, "restart the unit")
        .ended(84.1, 2, AttemptOutcome::Healed)
        .healed(84.1)
        .resolved(120.0)
        .at(120.0, E::CareScheduled { close_at: Some(Time(NOON + 420_000)) })
        .closed(420.0, Outcome::Healed, "repaired, verified, resolved, and good through its after-care");
    let review = tale.review(&Known { earlier: vec![earlier(7, 20), earlier(31, 2)], ..known() });
    assert_eq!((review.impact.ms, review.impact.seen), (84_100, true));
    let met: Vec<_> = review.measures.iter().map(|measure| (measure.name, measure.ms, measure.met)).collect();
    let measured = [
        ("detect", Some(5_000), None),
        ("act", Some(30_400), None),
        ("verify", Some(79_100), Some(false)),
        ("restore", Some(84_100), Some(true)),
    ];
    assert_eq!(met, measured);
    let held: Vec<_> = review.verdicts.iter().map(|verdict| (verdict.guard.as_str(), verdict.ms)).collect();
    assert_eq!(held, [("settling", Some(30_200)), ("cooldown", Some(10_300))]);
    golden("healed.md", &review.markdown());
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/review.md")).unwrap();
    assert!(docs.contains(&review.markdown()), "docs/review.md shows another page");
}

#[test]
fn escalated_and_closed_by_a_person() {
    let tale = Tale::web_down()
        .attempt(5.2, 1, "restart the unit")
        .ended(40.0, 1, AttemptOutcome::NotHealed)
        .attempt(50.1, 2, "start it with an empty cache")
        .ended(85.0, 2, AttemptOutcome::NotHealed)
        .escalated(85.1, Escalation::BudgetRefused, "web.service: 5 of 5 attempts per 10m are used up")
        .at(700.0, E::Retried { by: "ann".to_owned(), revision: None, rungs: None })
        .attempt(700.3, 3, "restart the unit")
        .ended(735.0, 3, AttemptOutcome::NotHealed)
        .escalated(735.2, Escalation::NotHealed, "3 of 3 attempts did not help")
        .closed(4_200.0, Outcome::ClosedByPerson, "closed by ann: moved to web-2, <disk> of web-1 is dead, see #311");
    let review = tale.review(&known());
    assert_eq!(review.measures[2].met, Some(false), "never verified");
    assert_eq!(review.timeline.last().unwrap().who, "ann");
    assert_eq!(review.verdicts.len(), 1, "giving up is no guard's word");
    golden("escalated.md", &review.markdown());
}

#[test]
fn consent_asked_and_approved() {
    let asked = E::ApprovalAsked {
        attempt: 1,
        plan: "[]".to_owned(),
        text: "systemd.restart web.service, attempt 1 of 3".to_owned(),
        expires: Time(NOON + 1_805_000),
        may: vec!["ann".to_owned(), "ben".to_owned()],
    };
    let tale = Tale::web_down()
        .looked(5.3, false)
        .at(5.3, asked)
        .held(5.3, Guard::Approve, "waits for the consent of ann or ben")
        .told(5.3, NoticeKind::ApprovalNeeded, "consent is asked for", vec![Delivery::taken("telegram")])
        .at(131.0, E::Approved { attempt: 1, by: "ann".to_owned() })
        .attempt(131.2, 1, "restart the unit")
        .ended(137.0, 1, AttemptOutcome::Healed)
        .healed(137.0);
    let book = known().book.map(|book| Book { mode: "approve", ..book });
    let review = tale.review(&Known { book, ..known() });
    assert_eq!((review.state, review.outcome, review.called), ("healed", None, true));
    assert_eq!(review.attempts[0].approved_by.as_deref(), Some("ann"));
    golden("approved.md", &review.markdown());
}

#[test]
fn rolled_back() {
    let step =
        |section| E::StepStarted { attempt: 1, section, step: 0, text: "systemd.stop web.service".to_owned(), evidence: None };
    let done = Acted::new(ActOutcome::Done, "job 4712 done");
    let tale = Tale::web_down()
        .attempt(5.1, 1, "restart the unit")
        .ended(36.0, 1, AttemptOutcome::Worse)
        .at(
            36.0,
            E::RollbackStarted {
                attempt: 1,
                locks: vec![unit()],
                reason: Escalation::Worse,
                text: "it got worse: the port is closed now".to_owned(),
            },
        )
        .at(36.0, step(Section::Rollback))
        .at(
            38.0,
            E::StepEnded {
                attempt: 1,
                section: Section::Rollback,
                step: 0,
                acted: done,
                took_ms: 1_950,
                quiet: false,
                register: None,
            },
        )
        .at(38.0, E::RollbackEnded { ok: true, text: "rolled back".to_owned() })
        .escalated(38.0, Escalation::Worse, "it got worse: the port is closed now; rolled back")
        .resolved(3_000.0)
        .looked(3_000.2, true)
        .closed(3_000.2, Outcome::Escalated, "resolved, and all probes pass again");
    let review = tale.review(&known());
    assert_eq!(review.impact.ms, 3_000_200);
    assert_eq!(review.measures[3].met, Some(false), "50 minutes are more than its RTO of 15");
    golden("rolled-back.md", &review.markdown());
}

#[test]
fn resolved_by_itself() {
    let tale = Tale::web_down()
        .looked(5.2, true)
        .at(5.2, E::Watched { until: Time(NOON + 15_200), said: false })
        .resolved(12.0)
        .looked(12.1, true)
        .closed(12.1, Outcome::ResolvedByItself, "resolved, and all probes pass; heald did nothing");
    let review = tale.review(&Known { book: None, objectives: BTreeMap::new(), ..known() });
    assert!(!review.impact.seen && !review.called);
    golden("by-itself.md", &review.markdown());
}

#[test]
fn an_open_one_is_told_as_far_as_it_went() {
    let tale = Tale::web_down().looked(5.1, false).held(5.1, Guard::KillSwitch, "all repairs are paused by ann");
    let review = tale.review(&known());
    assert_eq!((review.impact.until, review.impact.ms), (None, 3_600_000));
    assert_eq!(review.verdicts[0].ms, Some(3_594_900), "so far");
    assert_eq!((review.measures[2].ms, review.measures[2].met), (None, Some(false)), "too late already");
    let page = review.markdown();
    assert!(page.contains("59m54s so far") && page.contains("has lasted 1h"), "{page}");
}

#[test]
fn what_the_journal_lost_is_not_made_up() {
    let tale = Tale::web_down().looked(6.0, false);
    assert_eq!(Review::of(IncidentId(42), &tale.facts[1..], &known()), None);
    assert_eq!(Review::of(IncidentId(42), &[], &known()), None);
}

#[test]
fn an_alerts_words_stay_words() {
    let evil = "</td><script>alert(1)</script> @everyone [x](http://evil.example) | **!** \u{202e}#7\n# heading";
    let labels = [("alertname", evil), ("severity", evil), ("service", evil), ("owner", evil)];
    let tale = Tale::begin(&labels, &[("summary", evil), ("runbook_url", evil)]).held(6.0, Guard::Freshness, evil).closed(
        9.0,
        Outcome::ClosedByPerson,
        &format!("closed by {evil}: {evil}"),
    );
    let page = tale.review(&Known { host: evil.to_owned(), book: None, ..known() }).markdown();
    let mut code = false;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
    for event in Parser::new_ext(&page, Options::all()) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => code = true,
            Event::End(TagEnd::CodeBlock) => code = false,
            Event::Text(text) if !code => assert!(!text.contains(['@', '#', '<']) && !text.contains("://"), "{text}"),
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock) | Event::Html(_) | Event::InlineHtml(_) => {
                panic!("{event:?}")
            }
            _ => {}
        }
    }
    assert_eq!(page.lines().filter(|line| line.starts_with('#')).count(), 13, "{page}");
}
