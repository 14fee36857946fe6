//! `heald export` and `heald replay` beside a journal that somebody writes to.

use heald::domain::alert::{AlertContext, Labels};
use heald::domain::house::HouseEvent;
use heald::domain::id::{Fingerprint, IncidentId, Revision, Seq};
use heald::domain::incident::{AttemptOutcome, IncidentEvent as E, Subject};
use heald::domain::look::{Observation, ProbeResult, ProbeVerdict, TargetState};
use heald::domain::plan::Section;
use heald::domain::target::{Target, TargetKind};
use heald::domain::time::Time;
use heald::store::{Batch, Horizon, Mark, Record, Row, Store};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const START: i64 = 1_790_000_000_000;

fn heald(arguments: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heald")).args(arguments).current_dir(dir).env("TZ", "UTC").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Three attempts on web.service within ten minutes, by the shipped playbook in mode auto.
fn story() -> Vec<(i64, Record)> {
    let id = IncidentId(2);
    let target = Target::new(TargetKind::Unit, "web.service").unwrap();
    let labels = [("alertname", "SystemdUnitFailed"), ("target", "web.service"), ("host", "web-1")];
    let labels: Labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let probe = ProbeResult {
        probe: "systemd.active web.service".to_owned(),
        verdict: ProbeVerdict::Fail,
        detail: "failed (Result=exit-code)".to_owned(),
    };
    let state = TargetState::Failed { detail: "Result=exit-code".to_owned() };
    let seen = Observation::new(vec![probe], state, None);
    let opened = E::Opened {
        playbook: "systemd-unit-failed".into(),
        revision: Revision("then".into()),
        subject: Subject::Target(target.clone()),
        fingerprint: Fingerprint::from("f00d"),
        starts_at: jiff::Timestamp::from_millisecond(START - 60_000).unwrap(),
        context: AlertContext::new(&labels, &Labels::new()),
        previous: None,
        rungs: 1,
    };
    let mut records = vec![(0, Record::House(HouseEvent::Began { version: "0.1.0".to_owned() }))];
    let mut add = |at, event| records.push((at, Record::Incident { id, event }));
    add(0, opened);
    for attempt in 1..=3 {
        let at = i64::from(attempt) * 60_000;
        let (title, locks) = ("restart the unit".to_owned(), vec![target.clone()]);
        add(at, E::AttemptStarted { attempt, rung: 0, title, locks, charged: true, seen: seen.clone() });
        let step = "systemd.restart web.service".to_owned();
        add(at, E::StepStarted { attempt, section: Section::Rung(0), step: 0, text: step, evidence: None });
        add(at + 1_000, E::VerifyStarted { attempt, trouble: None });
        add(at + 2_000, E::AttemptEnded { attempt, outcome: AttemptOutcome::NotHealed, text: "still failed".to_owned() });
    }
    records
}

/// A journal that is being written to: its store stays open.
fn journal(dir: &Path) -> Store {
    let (mut store, _) = Store::open(dir, Horizon::default()).unwrap();
    let row = |(index, (at, record)): (usize, (i64, Record))| Row {
        seq: Seq(index as u64 + 1),
        at: Time(START + at),
        wall: jiff::Timestamp::from_millisecond(START + at).unwrap(),
        record,
    };
    let rows: Vec<Row> = story().into_iter().enumerate().map(row).collect();
    let at = rows.last().unwrap().at;
    let mark = Mark { at, boottime_ms: 1, boot_id: "a boot".to_owned() };
    store.commit(&Batch { rows, editions: Vec::new(), done: Vec::new(), mark }).unwrap();
    store
}

fn playbooks(dir: &Path) {
    let shipped = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/systemd/systemd-unit-failed.md")).unwrap();
    for (folder, limits) in [("same", "5 per 10m"), ("tighter", "2 per 10m")] {
        fs::create_dir(dir.join(folder)).unwrap();
        let text = shipped.replace("mode: observe", "mode: auto").replace("5 per 10m", limits);
        fs::write(dir.join(folder).join("unit.md"), text).unwrap();
    }
}

#[test]
fn a_tighter_budget_is_seen_in_the_exported_past() {
    let dir = tempfile::tempdir().unwrap();
    let _store = journal(&dir.path().join("state"));
    playbooks(dir.path());

    let export = heald(&["export", "--state", "state"], dir.path());
    assert_eq!(export.status.code(), Some(0), "{}", text(&export.stderr));
    let lines = text(&export.stdout);
    assert_eq!(lines.lines().count(), story().len());
    let first: serde_json::Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&first["incident"], &first["playbook"]), (&2.into(), &"systemd-unit-failed".into()), "{first}");
    assert_eq!(first["event"]["kind"], "opened");
    fs::write(dir.path().join("journal.jsonl"), &lines).unwrap();

    for journal in ["journal.jsonl", "state"] {
        let same = heald(&["replay", "--journal", journal, "--playbooks", "same"], dir.path());
        assert_eq!(same.status.code(), Some(0), "{}{}", text(&same.stdout), text(&same.stderr));
        assert!(text(&same.stdout).starts_with("4 decisions asked anew: 4 the same, 0 different\n"), "{}", text(&same.stdout));

        let tighter = heald(&["replay", "--journal", journal, "--playbooks", "tighter"], dir.path());
        let said = text(&tighter.stdout);
        assert_eq!(tighter.status.code(), Some(1), "{said}");
        let line = "#2 2026-09-21 14:16:20 unit web.service: recorded \"attempt 3 permitted: restart the unit \
                    (systemd.restart web.service)\", now: refused by budget: the budget of unit web.service is spent: 2 of 2 in 10m\n";
        assert!(said.starts_with(line), "{said}");
        assert!(said.contains("Attempts: 3 recorded, 2 now"), "{said}");
        assert_eq!(text(&tighter.stderr), "heald: 1 of 4 decisions differ\n");
    }
}

#[test]
fn a_configuration_is_replayed_with_its_allow_list_and_host() {
    let dir = tempfile::tempdir().unwrap();
    let _store = journal(&dir.path().join("state"));
    playbooks(dir.path());
    let replay = |config: &str| {
        fs::write(dir.path().join("heald.yaml"), format!("playbooks: [same]\nhost: web-1\n{config}\n")).unwrap();
        heald(&["replay", "--journal", "state", "--config.file", "heald.yaml", "-o", "json"], dir.path())
    };
    let same = replay("targets: { units: [web.service] }");
    let report: serde_json::Value = serde_json::from_slice(&same.stdout).unwrap();
    assert_eq!((same.status.code(), &report["same"]), (Some(0), &4.into()), "{report:#}");

    let gone = replay("targets: { units: [db.service] }");
    let report: serde_json::Value = serde_json::from_slice(&gone.stdout).unwrap();
    assert_eq!(gone.status.code(), Some(1), "{report:#}");
    assert_eq!(report["different"], serde_json::json!({ "opened -> no target": 1, "permitted -> not opened": 3 }));
    assert_eq!((&report["attempts"][0]["recorded"], &report["attempts"][0]["now"]), (&3.into(), &0.into()));
    assert_eq!(report["differences"][0]["seq"], 2);

    let wrong = replay("targets: { unitz: [web.service] }");
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stderr));
}

#[test]
fn a_part_can_be_exported_and_judged() {
    let dir = tempfile::tempdir().unwrap();
    let _store = journal(&dir.path().join("state"));
    playbooks(dir.path());
    let export = heald(&["export", "--state", "state", "--since", "10s"], dir.path());
    let lines = text(&export.stdout);
    assert_eq!(lines.lines().count(), 4, "{lines}");
    assert!(lines.lines().all(|line| line.contains("\"playbook\":\"systemd-unit-failed\"")), "{lines}");

    let judge = ["replay", "--journal", "state", "--playbooks", "tighter", "--since", "10s"];
    let judged = heald(&judge, dir.path());
    assert!(text(&judged.stdout).contains("1 decision asked anew"), "{}", text(&judged.stdout));
    assert_eq!(judged.status.code(), Some(1));
}

#[test]
fn what_is_no_journal_exits_2() {
    let dir = tempfile::tempdir().unwrap();
    playbooks(dir.path());
    fs::write(dir.path().join("bad.jsonl"), "\n{\"seq\":1}\n").unwrap();
    for journal in ["bad.jsonl", "nowhere.jsonl", "same"] {
        let ended = heald(&["replay", "--journal", journal, "--playbooks", "same"], dir.path());
        assert_eq!(ended.status.code(), Some(2), "{journal}: {}", text(&ended.stderr));
        assert!(text(&ended.stderr).contains(journal), "{}", text(&ended.stderr));
    }
    let bad = heald(&["replay", "--journal", "bad.jsonl", "--playbooks", "same"], dir.path());
    assert!(text(&bad.stderr).contains("bad.jsonl:2:"), "{}", text(&bad.stderr));
    assert_eq!(heald(&["replay", "--journal", "bad.jsonl"], dir.path()).status.code(), Some(2), "needs a configuration");
    assert_eq!(heald(&["export", "--state", "nowhere"], dir.path()).status.code(), Some(2));
}
