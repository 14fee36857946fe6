//! What heald takes by being there: start-up, memory, size. The binary is the one that ships.
//!
//! The journals are written by heald's own store, each incident with the records of one that was only
//! observed: opened, looked at, would act, to be told, told.

#![allow(clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "a bench measures, and stops where it can't")]

mod common;

use common::daemon::Daemon;
use common::paper::playbook;
use common::{folder, memory_mb, table};
use heald::domain::alert::{AlertContext, Labels};
use heald::domain::id::{Fingerprint, IncidentId, Revision, Seq};
use heald::domain::incident::{IncidentEvent, Outcome, Subject};
use heald::domain::look::{Observation, ProbeResult, ProbeVerdict, TargetState};
use heald::domain::notice::{Delivery, NoticeKind};
use heald::domain::target::{Target, TargetKind};
use heald::domain::time::Time;
use heald::store::{Batch, Horizon, Mark, Record, Row, Store};
use std::path::Path;
use std::time::Duration;

/// Of one incident.
const RECORDS: usize = 5;

fn main() {
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_heald")).expect("the binary").len();
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    table("size", &["", "MB"], &[vec!["heald, stripped".to_owned(), format!("{:.1}", size as f64 / 1e6)]]);

    let journals = [
        ("empty", 0, 0),
        ("10,000 records, all closed", 0, 10_000 / (RECORDS + 1)),
        ("10,000 records, all open", 10_000 / RECORDS, 0),
        ("10,000 open incidents", 10_000, 0),
        ("100,000 open incidents", 100_000, 0),
    ];
    let rows: Vec<_> = journals.into_iter().map(|(name, open, closed)| measure(name, open, closed)).collect();
    let head = [
        "journal",
        "records",
        "MB on disk",
        "ready ms (median of 5)",
        "MB at rest",
        "of it its own",
        "MB at start-up's peak",
        "bytes/incident",
    ];
    table("start-up to ready, and memory", &head, &rows);
}

fn measure(name: &str, open: usize, closed: usize) -> Vec<String> {
    let folder = folder();
    let (books, settings) = playbooks();
    let baseline = {
        let other = common::folder();
        let daemon = Daemon::start(other.path(), &settings, &books);
        rest();
        memory_mb(daemon.pid(), "VmRSS")
    };
    if open + closed > 0 {
        fill(&folder.path().join("state"), open, closed);
    }
    let mut times = Vec::new();
    let (mut at_rest, mut own, mut peak) = (0.0, 0.0, 0.0);
    for nth in 0..5 {
        let daemon = Daemon::start(folder.path(), &settings, &books);
        times.push(daemon.ready_after);
        if nth == 4 {
            rest();
            [at_rest, own, peak] = ["VmRSS", "RssAnon", "VmHWM"].map(|field| memory_mb(daemon.pid(), field));
        }
    }
    let disk = std::fs::metadata(folder.path().join("state/heald.db")).map_or(0, |meta| meta.len());
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let (disk, each) = (disk as f64 / 1e6, (at_rest - baseline) * 1e6 / open.max(1) as f64);
    vec![
        name.to_owned(),
        (open * RECORDS + closed * (RECORDS + 1)).to_string(),
        format!("{disk:.1}"),
        format!("{:.0}", common::percentile(&mut times, 0.5).as_secs_f64() * 1e3),
        format!("{at_rest:.1}"),
        format!("{own:.1}"),
        format!("{peak:.1}"),
        if open >= 2_000 { format!("{each:.0}") } else { String::new() },
    ]
}

/// What is only needed at start has been freed then.
fn rest() {
    std::thread::sleep(Duration::from_secs(1));
}

fn playbooks() -> (Vec<(String, String)>, String) {
    let url = r#"url: "{{ labels.target }}""#;
    let text =
        playbook("bench", "=\"Bench\"", url, "observe", "http: { post: \"http://web-1/\" }", "tcp: { address: \"web-1:80\" }");
    let settings = "targets: { urls: [\"http://web-1/\"], addresses: [\"web-1:80\"] }".to_owned();
    (vec![("bench".to_owned(), text)], settings)
}

fn fill(state: &Path, open: usize, closed: usize) {
    let (mut store, _) = Store::open(state, Horizon::default()).expect("a journal");
    let mut seq = 1;
    let all: Vec<bool> = std::iter::repeat_n(true, closed).chain(std::iter::repeat_n(false, open)).collect();
    for chunk in all.chunks(500) {
        let mut batch = Batch { rows: Vec::new(), editions: Vec::new(), done: Vec::new(), mark: mark() };
        for over in chunk {
            let id = IncidentId(seq);
            for event in events(seq, *over) {
                let record = Record::Incident { id, event };
                batch.rows.push(Row { seq: Seq(seq), at: now(), wall: jiff::Timestamp::now(), record });
                seq += 1;
            }
            if *over {
                batch.done.push(id);
            }
        }
        store.commit(&batch).expect("a commit");
    }
}

fn now() -> Time {
    Time(jiff::Timestamp::now().as_millisecond())
}

fn mark() -> Mark {
    Mark { at: now(), boottime_ms: 0, boot_id: "bench".to_owned() }
}

fn events(number: u64, over: bool) -> Vec<IncidentEvent> {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let labels: Labels = [
        pair("alertname", "Bench".to_owned()),
        pair("instance", "web-1:9100".to_owned()),
        pair("job", "node".to_owned()),
        pair("name", format!("service-{number}")),
        pair("severity", "P1".to_owned()),
        pair("target", format!("http://web-1/{number}")),
        pair("team", "platform".to_owned()),
    ]
    .into();
    let annotations: Labels = [
        pair("description", "systemd reports the state failed for more than one minute".to_owned()),
        pair("runbook_url", "https://example.org/runbooks/Bench".to_owned()),
        pair("summary", format!("service-{number} failed on web-1")),
    ]
    .into();
    let text = "would do http post http://web-1/, attempt 1 of 3 (the playbook's mode is observe)".to_owned();
    let probe =
        ProbeResult { probe: "tcp web-1:80".to_owned(), verdict: ProbeVerdict::Fail, detail: "connection refused".to_owned() };
    let mut events = vec![
        IncidentEvent::Opened {
            playbook: "bench".into(),
            // Not the one in force: then the text that the store kept would be compiled, and there is none.
            revision: Revision("5eed".into()),
            subject: Subject::Target(Target::new(TargetKind::Url, &format!("http://web-1/{number}")).expect("a target")),
            fingerprint: Fingerprint(format!("{number:016x}").into()),
            starts_at: jiff::Timestamp::UNIX_EPOCH,
            context: AlertContext::new(&labels, &annotations),
            previous: None,
            rungs: 1,
        },
        IncidentEvent::Looked { seen: Observation::new(vec![probe], TargetState::Stateless, None), passed: false },
        IncidentEvent::WouldAct { text: text.clone(), permitted: true },
        IncidentEvent::NoticeDue {
            notice: NoticeKind::WouldAct,
            reason: text,
            number: 1,
            to: vec!["log".to_owned()],
            not_before: None,
        },
        IncidentEvent::Told { notice: NoticeKind::WouldAct, deliveries: vec![Delivery::taken("log")], number: 1, next: None },
    ];
    if over {
        events.push(IncidentEvent::Closed { outcome: Outcome::ResolvedByItself, note: "resolved".to_owned() });
    }
    events
}
