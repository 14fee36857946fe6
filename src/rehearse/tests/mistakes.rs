//! What is wrong with a test file itself is said at its place.

use super::Desk;

#[test]
fn every_mistake_is_reported_at_its_place() {
    let desk = Desk::new();
    let report = desk.report(
        "\
tests:
  - name: it
    alertss: []
    alerts: [{ labels: { alertname: X }, resolves: 0s }]
    world: [{ step: docker.restrat }, { probe: http, passes_after: soon }, {}]
    people: [{ at: 1h, do: dance }]
    expect: { outcome: heald, refusals: [{ guard: budgets }], actionz: [] }
",
    );
    let found: Vec<String> = report.problems.iter().map(|one| format!("{}:{} {}", one.line, one.column, one.what)).collect();
    let wanted = [
        "3:5 unknown key `alertss`; did you mean `alerts`?",
        "4:14 it resolves before it fires",
        "5:21 \"docker.restrat\" is no kind of step; did you mean `docker.restart`?",
        "5:68 \"soon\" is no duration",
        "5:76 one of `step`, `probe`, `target` and `alertmanager` is needed",
        "6:28 \"dance\" is none of",
        "7:24 \"heald\" is none of healed,",
        "7:51 \"budgets\" is none of",
        "7:63 unknown key `actionz`; did you mean `actions`?",
    ];
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.starts_with(wanted), "{found} is not {wanted}");
    }
    assert!(report.tests.is_empty() && !report.passed());
}

#[test]
fn what_can_prove_nothing_is_refused() {
    let desk = Desk::new();
    for (yaml, what) in [
        ("tests: []\n", "`tests` is empty"),
        ("playbooks: [restart-web.md]\n", "key `tests` is missing"),
        ("tests: [{ name: it, alerts: [{ labels: { a: b } }], expect: {} }]\n", "could not fail"),
        ("tests: [{ name: it, alerts: [{ labels: { a: b }, at: 11m }], expect: { outcome: none } }]\n", "the test ends at 10m"),
        ("playbooks: [gone.md]\ntests: [{ name: it, alerts: [{ labels: { a: b } }], expect: { outcome: none } }]\n", "gone.md"),
    ] {
        let report = desk.report(yaml);
        let found: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|found| found.contains(what)), "{yaml}: {found:?}");
    }
}

#[test]
fn a_script_that_nothing_asks_for_is_a_slip() {
    let world =
        "    world: [{ step: docker.restart shopp, fails: 1 }, { probe: tcp, fails: true }, { target: shoop, state: failed }]";
    assert_eq!(
        Desk::new().one(&format!("{world}\n    expect: {{ outcome: healed }}")),
        "\
Unit Testing:  restart-web.test.yml
  FAILED: it
    what the test scripts did not happen:
        the step docker.restart shopp was never taken
        the probe tcp was never asked
        the target shoop was never looked at

"
    );
}
