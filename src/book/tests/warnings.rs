//! What is no mistake and most likely not meant.

use super::whole::{answering, book};
use super::{SOUND, edition};
use crate::book::rules::alerts;
use crate::book::{AlertRule, Edition, Loaded, warnings};
use crate::domain::playbook::Playbook;
use std::path::Path;
use std::sync::Arc;

fn loaded(books: Vec<(Edition, Arc<Playbook>)>) -> Loaded {
    let ids = books.iter().map(|(_, book)| book.id.0.to_string()).collect();
    Loaded { books, ids, ..Loaded::default() }
}

fn found(books: Vec<(Edition, Arc<Playbook>)>, rules: Option<&[AlertRule]>) -> Vec<String> {
    let found = warnings(&loaded(books), rules);
    found.iter().map(|problem| problem.to_string().lines().next().unwrap_or_default().to_owned()).collect()
}

/// The sound playbook with another ladder, and more in its front matter.
fn ladder(front: &str, ladder: &str) -> Vec<(Edition, Arc<Playbook>)> {
    let text = SOUND.replace("- systemd.restart: {}\n", ladder).replace("severity: P1", &format!("severity: P1\n{front}"));
    let edition = edition(&text);
    let book = edition.compile().unwrap_or_else(|problems| panic!("{}", problems[0]));
    vec![(edition, Arc::new(book))]
}

#[test]
fn rungs_behind_the_last_attempt_are_named() {
    let three = "- try: softly\n  times: 2\n  do: [{ systemd.start: {} }]\n- try: hard\n  do: [{ systemd.restart: {} }]\n- try: once more\n  do: [{ systemd.restart: {} }]\n";
    let said = found(ladder("", three), None);
    assert_eq!(
        said,
        ["x.md:18:3: warning: rung \"once more\" can never run: the rungs before it take 3 attempts, and `limits.attempts` is 3"]
    );
    assert_eq!(found(ladder("limits: { attempts: 4 }", three), None), [""; 0]);
    assert_eq!(found(ladder("limits: { attempts: 1 }", three), None).len(), 2, "each that is never reached");
    let shown = warnings(&loaded(ladder("", three)), None)[0].to_string();
    assert!(shown.contains("18 | - try: once more\n") && shown.contains("help: raise `limits: { attempts: 4 }`"), "{shown}");
}

#[test]
fn conditions_that_never_hold_are_named() {
    let steps = "- systemd.restart: {}\n  when: 1 == 2\n- systemd.restart: {}\n  when: labels.tier == 'gold'\n- systemd.start: {}\n  when: false\n";
    assert_eq!(
        found(ladder("", steps), None),
        [
            "x.md:14:9: warning: this step can never run: `when: 1 == 2` holds never",
            "x.md:18:9: warning: this step can never run: `when: false` holds never"
        ]
    );
}

#[test]
fn repairs_that_cause_each_other_are_shown_as_a_chain() {
    let circle =
        || vec![book("a", "causes: [b]"), book("b", "causes: [other, c]"), book("c", "causes: [a]"), book("d", "causes: [a]")];
    assert_eq!(
        found(circle(), None),
        [
            "a.md:6:10: warning: repairs may go in a circle: `a` causes b, answered by `b` causes c, answered by `c` causes a, answered by `a`"
        ]
    );
    let itself = found(vec![book("web", "causes: [web]")], None);
    assert_eq!(itself, ["web.md:6:10: warning: repairs may go in a circle: `web` causes web, answered by `web`"]);
    let two = vec![book("a", "causes: [b]"), book("b", "causes: [a, b]")];
    assert_eq!(found(two, None).len(), 2, "each circle by itself");
    // What its rule says of the alert rules the answer out.
    let text = "groups: [{ name: g, rules: [{ alert: b, expr: up, labels: { tier: gold } }, { alert: a, expr: up }] }]";
    let rules = alerts(Path::new("r.yml"), text).unwrap();
    let silver = vec![book("a", "causes: [b]"), answering("b", "alertname=\"b\", tier=\"silver\"", "causes: [a]")];
    assert!(found(silver, Some(&rules)).iter().all(|said| !said.contains("circle")));
    let gold = vec![book("a", "causes: [b]"), answering("b", "alertname=\"b\", tier=\"gold\"", "causes: [a]")];
    assert!(found(gold, Some(&rules)).iter().any(|said| said.contains("circle")));
}

#[test]
fn playbooks_and_rules_must_know_each_other() {
    let text = "groups:
  - name: web
    rules:
      - alert: WebDown
        expr: up == 0
        labels: { severity: P1, target: '{{ $labels.name }}', playbook: web }
      - alert: DbDown
        expr: up == 0
        labels: { playbook: dbb }
      - alert: CacheDown
        expr: up == 0
        labels: { playbook: web }
";
    let rules = alerts(Path::new("web.yml"), text).unwrap();
    let books = vec![
        answering("web", "alertname=\"WebDown\", target=\"x\", zone!=\"\"", ""),
        answering("db", "alertname=~\"DbDown|DbGone\"", ""),
        answering("slow", "alertname=\"WebDown\", severity=\"P0\"", ""),
        answering("lost", "alertname=\"WebDwon\"", ""),
        answering("far", "alertname=\"SomethingElse\"", ""),
    ];
    assert_eq!(
        found(books, Some(&rules)),
        [
            "far.md:3:1: warning: no rule gives an alert that this playbook matches, so it never runs",
            "lost.md:3:1: warning: no rule gives an alert that this playbook matches; did you mean the alert `WebDown`?",
            "slow.md:3:1: warning: no rule gives an alert that this playbook matches; the rule WebDown (web.yml:4) gives severity=\"P1\"",
            "web.yml:9:29: warning: the label `playbook` names \"dbb\", and there is none; did you mean `db`?",
            "web.yml:12:29: warning: the label `playbook` names `web`, which does not match this alert: alertname=\"WebDown\" does not hold, it is \"CacheDown\"",
        ]
    );
}
