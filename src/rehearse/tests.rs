//! The reader, the player and the judge, on small files.

use super::{FileReport, find, run, text};
use regex::Regex;
use std::fs;
use std::path::PathBuf;

mod mistakes;

const BOOK: &str = r#"---
playbook: restart-web
match: ['alertname="WebDown"']
target: { container: "{{ labels.target }}" }
mode: auto
severity: P1
limits: { attempts: 2, within: 10m, cooldown: 10s }
---
# The web shop is down

## Auto-recovery

```yaml
- try: restart it
  do:
    - docker.restart: {}
```

## Verify

```yaml
within: 30s
stable: 3s
all:
  - docker.running: {}
  - http: { get: "http://127.0.0.1:8080/health" }
```

## Rollback

```yaml
- docker.stop: {}
```

## Manual fix

Look at `docker logs {{ target }}`.
"#;

struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("restart-web.md"), BOOK).unwrap();
        Self { dir }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("restart-web.test.yml")
    }

    fn report(&self, yaml: &str) -> FileReport {
        fs::write(self.file(), yaml).unwrap();
        run(&[self.file()], None).remove(0)
    }

    /// With the folder's name taken out.
    fn text(&self, yaml: &str, verbose: bool) -> String {
        let report = self.report(yaml);
        text(&[report], verbose).replace(&format!("{}/", self.dir.path().display()), "")
    }

    /// One test of the shop being down.
    fn one(&self, rest: &str) -> String {
        let yaml = format!("tests:\n  - name: it\n    alerts: [{{ labels: {{ alertname: WebDown, target: shop }} }}]\n{rest}\n");
        self.text(&yaml, false)
    }
}

const SUCCESS: &str = "Unit Testing:  restart-web.test.yml\n  SUCCESS\n\n";

#[test]
fn a_test_of_a_simple_playbook_is_ten_lines() {
    let yaml = "\
tests:
  - name: one restart is enough
    alerts:
      - labels: { alertname: WebDown, target: shop }
    expect:
      actions:
        - docker.restart shop
      outcome: healed
";
    assert_eq!(Desk::new().text(yaml, false), SUCCESS);
}

#[test]
fn a_wrong_expectation_gives_exactly_the_difference() {
    let yaml = "\
tests:
  - name: gives up
    alerts:
      - labels: { alertname: WebDown, target: shop }
    world:
      - { step: docker.restart, mends: 2 }
    expect:
      actions:
        - { at: 0s, do: docker.restart shop }
        - { at: 20s, do: docker.stop shop }
      outcome: escalated
      attempts: 1
      messages: [{ kind: escalated }]
  - name: holds
    alerts:
      - labels: { alertname: WebDown, target: shop }
    expect: { outcome: healed }
";
    assert_eq!(
        Desk::new().text(yaml, false),
        "\
Unit Testing:  restart-web.test.yml
  FAILED: gives up
    actions: (- expected, + not expected)
          0s  docker.restart shop
        - 20s  docker.stop shop
        + 40s200ms  docker.restart shop
    messages: (- expected, + not expected)
        - escalated
          43s200ms  healed, level 1, all probes pass after 2 attempts
    outcome:
        exp: escalated
        got: healed
    attempts:
        exp: 1
        got: 2

"
    );
}

#[test]
fn steps_fail_hang_and_can_be_impossible() {
    let desk = Desk::new();
    for rest in [
        "    world: [{ step: docker.restart, fails: always }]\n    expect: { outcome: escalated, attempts: 2, \
         escalations: [{ reason: not_healed }] }",
        "    world: [{ step: docker.restart, fails: 1 }]\n    expect: { outcome: healed, attempts: 2 }",
        "    world: [{ step: docker.restart, outcome: not_found }]\n    expect: { outcome: escalated, attempts: 1, \
         escalations: [{ reason: impossible }] }",
        "    world: [{ step: docker.restart, hangs: always }]\n    until: 20m\n    expect: { attempts: 1, outcome: escalated, \
         actions: [docker.restart shop], escalations: [{ reason: unknown_outcome }] }",
        // It was up, and is not any more: what was done is taken back.
        "    world: [{ target: shop, state: running }, { step: docker.restart, breaks: true }]\n    expect: { outcome: escalated, \
         escalations: [{ reason: worse }], actions: [docker.restart shop, 'rollback: docker.stop shop'] }",
        "    world: [{ step: docker.restart shop, takes: 20s }]\n    expect: { timeline: ['20000 ms'], outcome: healed }",
    ] {
        assert_eq!(desk.one(rest), SUCCESS, "{rest}");
    }
}

#[test]
fn probes_follow_their_script() {
    let desk = Desk::new();
    for rest in [
        // By itself, before heald's second attempt.
        "    world: [{ probe: http, passes_after: 25s }]\n    expect: { outcome: healed, attempts: 1 }",
        "    world: [{ probe: http, fails: true }]\n    expect: { outcome: escalated, attempts: 2 }",
        "    world: [{ probe: 'http get http://127.0.0.1:8080/health', lags: 10s }]\n    expect: { outcome: healed, attempts: 1 }",
        // Good, and broken again in after-care.
        "    world: [{ probe: docker.running, fails_from: 2m }]\n    expect: { outcome: healed, attempts: 2, \
         actions: [{ at: 0s, do: docker.restart shop }, { at: 2m-2m20s, do: docker.restart shop }] }",
        "    world: [{ probe: http, unknown_until: 1m }, { target: shop, state: running }]\n    \
         expect: { outcome: healed, refusals: [{ guard: settling, reason: \"can't be asked\" }], \
         actions: [{ at: 1m-1m10s, do: docker.restart shop }] }",
        "    world: [{ target: shop, state: good }]\n    expect: { actions: [], state: watching, outcome: open, \
         messages: [{ kind: alert_without_symptom }] }",
    ] {
        assert_eq!(desk.one(rest), SUCCESS, "{rest}");
    }
}

const CAREFUL: &str = r#"---
playbook: careful
match: ['alertname="WebDown"']
target: { container: "{{ labels.target }}" }
mode: auto
---
# The web shop is down, and a restart is not always the cure

## Auto-recovery

```yaml
- try: ask why, and restart it where that helps
  do:
    - http: { get: "http://127.0.0.1:8080/status" }
      register: status
      retry: { attempts: 3, base: 2s, jitter: 0 }
    - docker.restart: {}
      when: steps.status.stuck
- try: begin anew
  do:
    - docker.stop: {}
    - docker.start: {}
```

## Verify

```yaml
within: 30s
stable: 3s
all:
  - docker.running: {}
```

## Afterwards

```yaml
- http: { post: "http://127.0.0.1:8080/open" }
```

## Manual fix

Look.
"#;

#[test]
fn retries_conditions_results_and_what_comes_afterwards_are_seen() {
    let desk = Desk::new();
    fs::write(desk.dir.path().join("restart-web.md"), CAREFUL).unwrap();
    for rest in [
        "    alerts: [{ labels: { alertname: WebDown, target: shop }, resolves: 1m }]
    until: 20m
    world: [{ step: http get http://127.0.0.1:8080/status, fails: 2, answers: { stuck: true } }]
    expect:
      actions:
        - { at: 0s, do: http get http://127.0.0.1:8080/status }
        - { at: 2s, do: http get http://127.0.0.1:8080/status }
        - { at: 6s, do: http get http://127.0.0.1:8080/status }
        - { at: 6s, do: docker.restart shop }
        - 'afterwards: http post http://127.0.0.1:8080/open'
      attempts: 1
      closed_as: healed
",
        "    alerts: [{ labels: { alertname: WebDown, target: shop } }]
    world: [{ step: http, answers: { stuck: false } }]
    expect:
      actions:
        - http get http://127.0.0.1:8080/status
        - docker.stop shop
        - docker.start shop
      timeline: ['step 2 skipped', 'begin anew']
      outcome: healed
",
        // The clean-up fails: people are told.
        "    alerts: [{ labels: { alertname: WebDown, target: shop }, resolves: 1m }]
    until: 20m
    world:
      - { step: http get http://127.0.0.1:8080/status, answers: { stuck: true } }
      - { step: http post http://127.0.0.1:8080/open, fails: always }
    expect: { escalations: [{ reason: afterwards_failed }], outcome: escalated }
",
    ] {
        assert_eq!(desk.text(&format!("tests:\n  - name: it\n{rest}"), false), SUCCESS, "{rest}");
    }
}

#[test]
fn people_and_their_wishes_are_heeded() {
    let desk = Desk::new();
    for rest in [
        "    world: [{ target: shop, state: stopped }]\n    expect: { actions: [], messages: [{ kind: left_alone }], \
         refusals: [{ guard: settling, reason: stopped by a person }] }",
        "    world: [{ target: shop, state: missing }]\n    expect: { actions: [], escalations: [{ reason: refused }] }",
        "    mode: approve\n    people: [{ at: 2m, do: approve, by: ann }]\n    expect: { outcome: healed, \
         actions: [{ at: 2m, do: docker.restart shop }], messages: [{ kind: approval_needed }], \
         refusals: [{ guard: approve }] }",
        "    mode: approve\n    people: [{ at: 2m, do: deny }]\n    expect: { outcome: escalated, actions: [], \
         escalations: [{ reason: not_approved, level: 1 }] }",
        "    people: [{ at: 0s, do: approve, refused: there is no }]\n    expect: { outcome: healed }",
        "    mode: observe\n    expect: { actions: [], outcome: observed, messages: [{ kind: would_act, contains: docker.restart shop }] }",
    ] {
        let answer = desk.one(rest);
        if rest.contains("do: approve, refused") {
            // It is, but with other words: an answer that the test did not script is a difference.
            assert!(
                answer.contains("    what the test scripts did not happen:\n        approve by operator was refused: "),
                "{answer}"
            );
        } else {
            assert_eq!(answer, SUCCESS, "{rest}");
        }
    }
}

#[test]
fn the_configuration_has_its_word() {
    let desk = Desk::new();
    for rest in [
        "    config: { targets: { containers: [other] } }\n    expect: { actions: [], escalations: [{ reason: no_target }] }",
        "    config: { overrides: { restart-web: { limits: { budget: [1 per 1h] } } } }\n    \
         world: [{ step: docker.restart, mends: never }]\n    expect: { actions: [docker.restart shop, \
         'rollback: docker.stop shop'], refusals: [{ guard: budget, reason: 1 of 1 in 1h }], \
         escalations: [{ reason: budget_refused }] }",
        "    config: { host: other }\n    expect: { outcome: healed }",
    ] {
        assert_eq!(desk.one(rest), SUCCESS, "{rest}");
    }
    let other = "tests:\n  - name: it\n    config: { host: here }\n    alerts: [{ labels: { alertname: WebDown, target: shop, \
                 host: there } }, { labels: { alertname: Else } }]\n    expect: { outcome: none, incidents: 0, timeline: [no playbook matches] }\n";
    assert_eq!(desk.text(other, false), SUCCESS);
}

#[test]
fn files_are_found_in_folders_and_tests_by_name() {
    let desk = Desk::new();
    let yaml = "\
tests:
  - { name: first, alerts: [{ labels: { alertname: WebDown, target: shop } }], expect: { outcome: healed } }
  - { name: second, alerts: [{ labels: { alertname: WebDown, target: shop } }], expect: { outcome: escalated } }
";
    fs::write(desk.file(), yaml).unwrap();
    let files = find(&[desk.dir.path().to_owned()]).unwrap();
    assert_eq!(files, [desk.file()]);
    let reports = run(&files, Some(&Regex::new("^fir").unwrap()));
    assert_eq!(reports[0].tests.len(), 1);
    assert!(reports[0].passed());
    assert!(!run(&files, None)[0].passed());
    let empty = tempfile::tempdir().unwrap();
    assert!(find(&[empty.path().to_owned()]).unwrap_err().contains("no test file is here"));
}

#[test]
fn the_same_file_gives_the_same_timeline() {
    let desk = Desk::new();
    let yaml = "tests: [{ name: it, alerts: [{ labels: { alertname: WebDown, target: shop }, resolves: 3m }], until: 20m, \
                expect: { outcome: healed, closed_as: healed } }]\n";
    let first = desk.text(yaml, true);
    assert!(first.contains("        0s  step 1: docker.restart shop\n"), "{first}");
    assert!(first.contains("        3s  healed; watched until 5m3s at least\n"), "{first}");
    assert_eq!(first, desk.text(yaml, true));
}
