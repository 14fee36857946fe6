//! The command line as people and scripts meet it: what it prints and how it exits.

use std::fs;
use std::process::{Command, Output};

fn heald(arguments: &[&str], dir: &std::path::Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heald")).args(arguments).current_dir(dir).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn check_names_every_mistake_and_exits_1() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("playbooks")).unwrap();
    let shipped = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/container/container-down.md")).unwrap();
    fs::write(dir.path().join("playbooks/a.md"), shipped.replace("docker.restart", "docker.restrat")).unwrap();
    fs::write(dir.path().join("playbooks/b.md"), "no front matter\n").unwrap();
    fs::write(dir.path().join("heald.yaml"), "playbooks: [playbooks]\nstate: state\n").unwrap();

    let bad = heald(&["check", "--config.file", "heald.yaml"], dir.path());
    let said = text(&bad.stderr);
    assert_eq!(bad.status.code(), Some(1), "{said}");
    assert!(said.contains("did you mean `docker.restart`?"), "{said}");
    assert!(said.contains("playbooks/a.md:") && said.contains("playbooks/b.md:"), "{said}");
    assert!(!dir.path().join("state").exists(), "check touches nothing");

    fs::remove_file(dir.path().join("playbooks/b.md")).unwrap();
    fs::write(dir.path().join("playbooks/a.md"), shipped).unwrap();
    let good = heald(&["check", "--config.file", "heald.yaml"], dir.path());
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    assert!(text(&good.stdout).contains("good, with 1 playbook"), "{}", text(&good.stdout));
}

#[test]
fn check_sees_what_no_file_shows_alone() {
    let dir = tempfile::tempdir().unwrap();
    let shipped = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/container/container-down.md")).unwrap();
    let windows = "mute_time_intervals: [nihgtly]\nafter: [container-down]\n";
    let second = shipped.replace("playbook: container-down\n", &format!("playbook: second\n{windows}"));
    fs::write(dir.path().join("a.md"), &shipped).unwrap();
    fs::write(dir.path().join("b.md"), &second).unwrap();
    let night = "time_intervals: [{ name: nightly, time_intervals: [{ months: [may], location: UTC }] }]";
    let guards = "guards: { severity: { playbooks: { secnod: { attempts: 1 } } } }";
    let write = |guards: &str| fs::write(dir.path().join("heald.yaml"), format!("playbooks: [.]\n{night}\n{guards}\n")).unwrap();
    write(guards);

    let bad = heald(&["check", "--config.file", "heald.yaml"], dir.path());
    let said = text(&bad.stderr);
    assert_eq!(bad.status.code(), Some(1), "{said}");
    for part in [
        "3 mistakes found",
        "b.md:3:23: \"nihgtly\" is no name in `time_intervals:`; did you mean `nightly`?",
        "matches this playbook and `container-down` in ././a.md; heald would repair neither",
        "heald.yaml: `guards: { severity: { playbooks: … } }` names the playbook `secnod`, and there is none; did you mean `second`?",
    ] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    let alone = heald(&["check", "a.md", "b.md"], dir.path());
    assert!(text(&alone.stderr).contains("1 mistake found"), "{}", text(&alone.stderr));

    fs::write(dir.path().join("b.md"), second.replace("nihgtly]\n", "nightly]\npriority: 5\n")).unwrap();
    write("guards: { severity: { playbooks: { second: { attempts: 1 } } } }");
    let good = heald(&["check", "--config.file", "heald.yaml"], dir.path());
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
}

#[test]
fn check_warns_and_is_strict_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let shipped = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/container/container-down.md")).unwrap();
    fs::write(dir.path().join("a.md"), &shipped).unwrap();
    let other = "groups: [{ name: g, rules: [{ alert: Other, expr: up, labels: { playbook: container-dwon } }] }]\n";
    fs::write(dir.path().join("rules.yml"), other).unwrap();

    let alone = heald(&["check", "--strict", "a.md"], dir.path());
    assert_eq!(alone.status.code(), Some(0), "{}", text(&alone.stderr));
    let fed = ["check", "--rules=rules.yml", "a.md"];
    let warned = heald(&fed, dir.path());
    let said = text(&warned.stderr);
    assert_eq!(warned.status.code(), Some(0), "{said}");
    assert!(said.contains("a.md:") && said.contains(": warning: no rule gives an alert"), "{said}");
    assert!(said.contains("rules.yml:1:75: warning: ") && said.contains("did you mean `container-down`?"), "{said}");
    assert_eq!(text(&warned.stdout), "1 playbook: good, and 2 warnings\n");
    let strict = heald(&[&fed[..], &["--strict"]].concat(), dir.path());
    assert_eq!(strict.status.code(), Some(1));
    assert!(text(&strict.stderr).contains("heald: 2 warnings found"), "{}", text(&strict.stderr));

    fs::write(dir.path().join("b.md"), "no front matter\n").unwrap();
    let both = heald(&["check", "--rules", "rules.yml", "-o", "json", "--", "a.md", "b.md"], dir.path());
    assert_eq!(both.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&both.stdout).unwrap();
    assert_eq!((&report["warnings"], &report["playbooks"]), (&2.into(), &1.into()), "{report:#}");
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(problems.len() as u64, report["mistakes"].as_u64().unwrap() + 2);
    assert_eq!((&problems[0]["severity"], &problems[0]["file"]), (&"mistake".into(), &"b.md".into()));
    let last = problems.last().unwrap();
    let place = (&last["severity"], &last["file"], &last["line"], &last["column"]);
    assert_eq!(place, (&"warning".into(), &"rules.yml".into(), &1.into(), &75.into()), "{last:#}");
    assert!(last["what"].as_str().is_some() && last["help"].is_null());

    let nowhere = heald(&["check", "--rules", "nowhere.yml", "--", "a.md"], dir.path());
    assert_eq!(nowhere.status.code(), Some(1), "rules that can't be read are a mistake");
}

#[test]
fn a_missing_configuration_is_not_a_policy() {
    let dir = tempfile::tempdir().unwrap();
    let serve = heald(&["serve", "--config.file", "nowhere.yaml"], dir.path());
    assert_eq!(serve.status.code(), Some(1));
    assert!(text(&serve.stderr).contains("nowhere.yaml"), "{}", text(&serve.stderr));
}

#[test]
fn without_a_daemon_the_socket_is_named_and_the_exit_is_3() {
    let dir = tempfile::tempdir().unwrap();
    let status = heald(&["status", "--socket", "control.sock"], dir.path());
    assert_eq!(status.status.code(), Some(3));
    assert!(text(&status.stderr).contains("control.sock"), "{}", text(&status.stderr));
}

/// As a Debian without `ca-certificates`: the socket speaks plain HTTP.
#[test]
fn without_certificate_authorities_a_command_reaches_for_the_socket() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_heald"));
    command.args(["status", "--socket", "control.sock"]).current_dir(dir.path());
    let status = command.env("SSL_CERT_FILE", "/dev/null").env_remove("SSL_CERT_DIR").output().unwrap();
    assert_eq!(status.status.code(), Some(3), "{}", text(&status.stderr));
}

#[test]
fn tests_of_playbooks_exit_1_where_one_fails_and_write_a_report() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/container/container-down.md"), dir.path().join("container-down.md"))
        .unwrap();
    let test = |outcome: &str| {
        let yaml = format!(
            "mode: auto\ntests:\n  - name: down & up\n    alerts: [{{ labels: {{ alertname: ContainerDown, target: shop }} }}]\n    \
             expect: {{ outcome: {outcome} }}\n"
        );
        fs::write(dir.path().join("container-down.test.yml"), yaml).unwrap();
    };
    let run = |flags: &[&str]| heald(&[&["test", "rules"], flags].concat(), dir.path());

    test("healed");
    let good = run(&["container-down.test.yml"]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    assert_eq!(text(&good.stdout), "Unit Testing:  container-down.test.yml\n  SUCCESS\n\n");

    test("escalated");
    let bad = run(&["--junit", "report.xml", "."]);
    assert_eq!(bad.status.code(), Some(1), "{}", text(&bad.stdout));
    assert!(text(&bad.stdout).contains("  FAILED: down & up\n    outcome:\n        exp: escalated\n        got: healed\n"));
    let report = fs::read_to_string(dir.path().join("report.xml")).unwrap();
    assert!(report.contains("<testcase name=\"down &amp; up\"") && report.contains("failures=\"1\""), "{report}");

    assert_eq!(run(&["--run", "none has this name", "."]).status.code(), Some(1), "nothing was proved");
    assert_eq!(run(&["gone.test.yml"]).status.code(), Some(1));
    assert_eq!(run(&["--run", "(", "."]).status.code(), Some(2));
}

#[test]
fn wrong_usage_exits_2() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(heald(&["frobnicate"], dir.path()).status.code(), Some(2));
    assert_eq!(heald(&["hold"], dir.path()).status.code(), Some(2));
}

#[test]
fn a_new_journal_needs_a_persons_word_and_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("playbooks")).unwrap();
    fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/container/container-down.md"),
        dir.path().join("playbooks/container-down.md"),
    )
    .unwrap();
    fs::write(dir.path().join("heald.yaml"), "playbooks: [playbooks]\nstate: state\n").unwrap();
    let init = |flags: &[&str]| heald(&[&["store", "init", "--config.file", "heald.yaml"], flags].concat(), dir.path());

    assert_eq!(init(&[]).status.code(), Some(2), "the budgets must be named");
    let first = init(&["--accept-empty-budgets"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));

    let journal = dir.path().join("state/heald.db");
    fs::write(&journal, "not a journal any more").unwrap();
    let lost = init(&["--accept-empty-budgets"]);
    assert_eq!(lost.status.code(), Some(0), "{}", text(&lost.stderr));
    assert!(text(&lost.stdout).contains("is kept at"), "{}", text(&lost.stdout));
}
