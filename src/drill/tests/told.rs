//! Measuring from a timeline, the verdict, the report and the history.

use super::*;

pub(super) fn entry(drill: &str, at: &str, passed: bool, recovery_ms: Option<u64>) -> Entry {
    Entry {
        drill: drill.to_owned(),
        playbook: "flag-missing".to_owned(),
        covers: vec!["A14".to_owned()],
        host: "h".to_owned(),
        version: "1.0.0".to_owned(),
        at: at.parse().unwrap(),
        ended: at.parse().unwrap(),
        passed,
        expected: Expect::Healed,
        state: recovery_ms.map(|_| "healed".to_owned()),
        incident: recovery_ms.map(|_| 17),
        posted: true,
        detect_ms: recovery_ms.map(|_| 21_049),
        act_ms: recovery_ms.map(|_| 100),
        verify_ms: recovery_ms.map(|ms| ms - 100),
        recovery_ms,
        within_ms: Some(10_000),
        attempts: 1,
        steps: vec!["files.touch".to_owned()],
        faults: vec!["files.hide { path: /x }".to_owned()],
        why: if passed { Vec::new() } else { vec!["not healed: the incident is escalated".to_owned()] },
        undone: vec!["files.hide { path: /x }: /x is there again".to_owned()],
        left: Vec::new(),
        every: Some(Every::Weekly),
    }
}

fn drill(more: &str) -> Drill {
    one(&format!("drills: [{{ drill: a, playbook: flag-missing, fault: {{ files.hide: {{ path: /x }} }}{more} }}]")).unwrap()
}

fn verdict(more: &str, view: &IncidentView) -> Vec<String> {
    let fault: Timestamp = "2026-11-22T20:59:58Z".parse().unwrap();
    judge(&drill(more), fault, Some(&Timeline::of(view)), Some(Duration::from_secs(10))).why
}

#[test]
fn a_recovery_is_measured_from_the_incidents_own_timeline() {
    let view: IncidentView = serde_json::from_str(include_str!("../../../tests/golden/drill-incident.json")).unwrap();
    let timeline = Timeline::of(&view);
    assert_eq!(timeline.steps, ["process.find_port_holder", "systemd.start", "systemd.restart"]);
    let drill = drill(", steps: [systemd.start, systemd.restart], attempts: 2");
    let judged = judge(&drill, "2026-11-22T20:59:40Z".parse().unwrap(), Some(&timeline), Some(Duration::from_secs(10)));
    let ms = |span: Option<Duration>| span.unwrap().as_millis();
    assert_eq!((ms(judged.detect), ms(judged.act)), (20_000, 1_040));
    assert_eq!((ms(judged.verify), ms(judged.recovery)), (8_465, 9_505));
    assert!(judged.passed(), "{:?}", judged.why);
}

#[test]
fn the_verdict_names_what_differs() {
    let healed = incident(1, "/x", "healed", &HEALED);
    assert_eq!(verdict("", &healed), Vec::<String>::new());
    for (more, part) in [
        (", attempts: 2", "1 attempts, expected 2"),
        (", steps: [files.touch, process.list_top]", "step process.list_top was not carried out in its turn"),
        (", expect: escalated", "no person was called: the incident is healed"),
        (", expect: refused", "something was done: process.list_top, files.touch"),
        (", detect_within: 2s", "detected in 3s, the goal is 2s"),
    ] {
        let why = verdict(more, &healed);
        assert!(why.len() == 1 && why[0].contains(part), "{more}: {why:?}");
    }
    let slow = judge(&drill(""), Timestamp::UNIX_EPOCH, None, None).why;
    assert_eq!(slow, ["no incident of playbook flag-missing within 5m of the fault"]);
    let late = judge(&drill(""), healed.opened_at, Some(&Timeline::of(&healed)), Some(Duration::from_secs(2)));
    assert_eq!(late.why, ["recovered in 3s, the goal is 2s"]);
    let by_itself = incident(1, "/x", "healed", &[("opened", ""), ("healed", "")]);
    assert_eq!(verdict("", &by_itself), ["healed without an effect of heald's"]);
    let called = incident(1, "/x", "escalated", &[("opened", ""), ("escalated", "")]);
    assert_eq!(verdict(", expect: escalated", &called), Vec::<String>::new());
    assert_eq!(verdict(", expect: refused", &called), Vec::<String>::new());
    assert_eq!(verdict("", &called), ["not healed: the incident is escalated"]);
}

#[test]
fn a_report_says_it_all() {
    let passed = entry("port-in-use", "2026-11-22T21:00:00Z", true, Some(4_210));
    assert_eq!(
        summary(&passed),
        "passed port-in-use: healed in 4.2s (goal 10s), detected in 21.0s, the alert was posted by the drill, incident 17\n"
    );
    let text = markdown(&passed);
    for line in [
        "# Drill port-in-use: passed",
        "| Recovery | 4.2s (goal 10.0s) |",
        "| Alert | posted by the drill |",
        "- files.hide { path: /x }: /x is there again",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let mut failed = entry("port-in-use", "2026-11-22T21:00:00Z", false, None);
    failed.left.push("port.hold".to_owned());
    assert!(summary(&failed).contains("\n  STILL BROKEN: port.hold\n"), "{}", summary(&failed));
    assert!(markdown(&failed).contains("## Why it failed\n\n- not healed: the incident is escalated\n"));
}

#[test]
fn the_history_is_added_to_and_shows_a_trend() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::in_folder(dir.path().join("drills"));
    assert_eq!(history.read().unwrap(), []);
    let all = [
        entry("a", "2026-11-01T00:00:00Z", true, Some(2_000)),
        entry("a", "2026-11-08T00:00:00Z", true, Some(2_050)),
        entry("b", "2026-11-09T00:00:00Z", false, None),
        entry("a", "2026-11-15T00:00:00Z", true, Some(4_000)),
    ];
    for entry in &all {
        let written = history.add(entry, &markdown(entry)).unwrap();
        assert!(written.with_extension("md").is_file() && written.with_extension("json").is_file());
    }
    // Cut short by a full disk.
    let file = dir.path().join("drills/history.jsonl");
    fs::write(&file, fs::read_to_string(&file).unwrap() + "{\"drill\":").unwrap();
    assert_eq!(history.read().unwrap(), all);
    let text = history_text(&all, None);
    assert!(text.starts_with("a: 3 of 3 passed, slower than before (4.0s after 2.0s)\n"), "{text}");
    assert!(
        text.contains("b: 0 of 1 passed\n  2026-11-09T00:00:00Z  FAILED  detected -, recovered - (goal 10.0s)  not healed"),
        "{text}"
    );
    assert_eq!(history_text(&all, Some("b")).lines().count(), 2);
    let runs: Vec<&Entry> = all[..2].iter().collect();
    assert_eq!(trend(&runs).unwrap(), "as fast than before (2.0s after 2.0s)".replace("than", "as"));
}
