//! What goes wrong between playbooks that are each sound.

use super::{SOUND, edition};
use crate::book::{Edition, check};
use crate::domain::calendar::Intervals;
use crate::domain::id::PlaybookId;
use crate::domain::playbook::{Library, Playbook};
use crate::domain::policy::{Cap, Policy};
use std::path::PathBuf;
use std::sync::Arc;

/// A playbook in a file of its name, which answers the alert of its name and has `more` in its front matter.
pub(super) fn book(name: &str, more: &str) -> (Edition, Arc<Playbook>) {
    answering(name, &format!("alertname=\"{name}\""), more)
}

pub(super) fn answering(name: &str, matcher: &str, more: &str) -> (Edition, Arc<Playbook>) {
    let text = SOUND.replace("web-is-down", name).replace("severity: P1", &format!("severity: P1\n{more}"));
    let mut edition = edition(&text.replace("alertname=\"WebIsDown\"", matcher));
    edition.source.path = PathBuf::from(format!("{name}.md"));
    let book = edition.compile().unwrap_or_else(|problems| panic!("{}", problems[0]));
    (edition, Arc::new(book))
}

fn found(books: &[(Edition, Arc<Playbook>)], policy: Option<&Policy>) -> Vec<String> {
    check(books, policy).iter().map(|problem| format!("{}: {}", problem.place(), problem.what)).collect()
}

fn policy() -> Policy {
    Policy { intervals: [("nightly".to_owned(), Intervals::default())].into(), ..Policy::default() }
}

#[test]
fn names_of_other_things_must_exist() {
    let books = [
        book("web", "after: [cache, dbb]\nmute_time_intervals: [nigthly]\nactive_time_intervals: [nightly, office]"),
        book("db", ""),
        book("cache", ""),
    ];
    let mut policy = policy();
    for name in ["web", "cahce"] {
        policy.severity.by_playbook.insert(PlaybookId::from(name), Cap::default());
    }
    assert_eq!(
        found(&books, Some(&policy)),
        [
            "web.md:6:16: \"dbb\" is no playbook; did you mean `db`?",
            "web.md:7:23: \"nigthly\" is no name in `time_intervals:`; did you mean `nightly`?",
            "web.md:8:34: \"office\" is no name in `time_intervals:`",
            "configuration: `guards: { severity: { playbooks: … } }` names the playbook `cahce`, and there is none; did you mean `cache`?",
        ]
    );
    assert_eq!(found(&books, None), [""; 0], "a part of the playbooks may name the rest");
}

#[test]
fn an_order_has_no_circles() {
    let circle = "`after:` goes in a circle, so none of them would ever be repaired";
    let books = [book("web", "after: [db]"), book("db", "after: [cache, disk]"), book("cache", ""), book("disk", "after: web")];
    for policy in [None, Some(&policy())] {
        assert_eq!(found(&books, policy), [format!("db.md:6:16: {circle}: db → disk → web → db")]);
    }
    assert_eq!(found(&[book("web", "after: [web]")], None), [format!("web.md:6:9: {circle}: web → web")]);
}

#[test]
fn two_answers_to_one_alert_are_found() {
    let double = |a, b| found(&[answering("one", a, ""), answering("two", b, "")], None);
    assert_eq!(
        double(r#"alertname=~"A|B", host="h""#, r#"alertname="B""#),
        [
            "two.md:3:1: an alert with {alertname=\"B\", host=\"h\"} matches this playbook and `one` in one.md; heald would repair neither"
        ]
    );
    for (a, b) in [
        (r#"alertname="A""#, r#"alertname="B""#),
        (r#"alertname="A", reason="oom""#, r#"alertname="A", reason!="oom""#),
        // Not decidable from the names alone: the loop refuses such an alert when it comes.
        (r#"alertname="A""#, r#"alertname=~"A.*""#),
        (r#"alertname="A", reason=~"oo+m""#, r#"alertname="A""#),
    ] {
        assert_eq!(double(a, b), [""; 0], "{a} and {b}");
    }
    let ranked = [answering("one", "alertname=\"A\"", "priority: 1"), answering("two", "alertname=\"A\"", "")];
    assert_eq!(found(&ranked, None), [""; 0], "the priority decides");
    let three = ["a", "b", "c"].map(|name| answering(name, "alertname=\"A\"", "priority: 7"));
    assert_eq!(found(&three, None).len(), 3, "each pair is named");
}

#[test]
fn the_highest_priority_is_chosen() {
    let books = [("low", -1), ("high", 2), ("also-high", 2), ("none", 0)]
        .map(|(name, priority)| answering(name, "alertname=\"A\"", &format!("priority: {priority}")).1);
    let labels = [("alertname".to_owned(), "A".to_owned())].into();
    let ids = |books: &[Arc<Playbook>]| -> Vec<String> {
        Library::new(books.to_vec()).chosen(&labels).iter().map(|book| book.id.to_string()).collect()
    };
    assert_eq!(ids(&books), ["high", "also-high"], "equal ones are the loop's to refuse");
    assert_eq!(ids(&books[..2]), ["high"]);
    assert_eq!(ids(&[]), [""; 0]);
}
