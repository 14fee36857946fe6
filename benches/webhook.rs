//! Webhook to 2xx, with the commit: 1, 10 and 200 alerts in a body, 32 connections that are kept.
//!
//! Beside it, in the same run: a bare hyper server that appends the same bytes and syncs; adnanh/webhook where it
//! is installed, which keeps nothing; and the disk alone.
//! All alerts are new to heald. Three cases, for the work behind the 2xx differs:
//!
//! - `join`: each alert joins one of 64 open incidents: one record, nothing to do afterwards;
//! - `runbook`: each opens an incident that goes straight to a person: four records, no look;
//! - `open`: each opens an incident in observe mode that is looked at (a connection to a closed port) and
//!   reported: five records. The worst case, for that work goes on behind the answers, on the same cores.
//!
//! Then the storm of the design: 10,000 such alerts in 5 s.

#![allow(clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "a bench measures, and stops where it can't")]

mod common;

use common::bare::{Bare, be_server_if_asked, disk};
use common::client::{self, Load, Report};
use common::daemon::{Daemon, free_address};
use common::paper::{Firing, body, playbook};
use common::peer::Peer;
use common::{cpu, folder, memory_mb, ms, percentile, span, table};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 32;
const BODIES: [u64; 3] = [1, 10, 200];
/// Incidents that are joined.
const JOINED: u64 = 64;
const STORM: (u32, u32) = (2_000, 5);

#[derive(Clone, Copy, PartialEq)]
enum Case {
    Join,
    Runbook,
    Open,
}

fn main() {
    be_server_if_asked();
    let folder = folder();
    let mut times = disk(folder.path(), 800, span(Duration::from_secs(2)));
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = times.len() as f64 / times.iter().sum::<Duration>().as_secs_f64();
    table(
        "the disk alone: 800 bytes appended, fdatasync",
        &["syncs/s", "p50 ms", "p99 ms"],
        &[vec![format!("{rate:.0}"), ms(percentile(&mut times, 0.5)), ms(percentile(&mut times, 0.99))]],
    );

    let mut rows = Vec::new();
    for alerts in BODIES {
        let before = bare(folder.path(), alerts);
        let peer = Peer::start(folder.path()).map(|peer| load_up(peer.address, alerts));
        let cases: Vec<_> = [Case::Join, Case::Runbook, Case::Open].map(|case| (case, heald(case, alerts))).into();
        // Once more at the end: the machine is shared, and the reference shows by how much it changed meanwhile.
        let after = bare(folder.path(), alerts);
        let reference = f64::midpoint(before.per_second(), after.per_second());
        for (name, mut report) in [("bare server, before", before), ("bare server, after", after)] {
            rows.push(row(name, alerts, &mut report, reference, None));
        }
        if let Some(mut report) = peer {
            rows.push(row("adnanh/webhook", alerts, &mut report, reference, None));
        }
        for (case, (mut report, cpu_each)) in cases {
            rows.push(row(case.name(), alerts, &mut report, reference, Some(cpu_each)));
        }
    }
    table(
        "webhook to 2xx, 32 connections",
        &["", "alerts/body", "bodies/s", "alerts/s", "p50 ms", "p99 ms", "× bare", "heald's CPU µs/alert"],
        &rows,
    );
    storm();
}

fn row(name: &str, alerts: u64, report: &mut Report, reference: f64, cpu_each: Option<f64>) -> Vec<String> {
    assert_eq!(report.refused, 0, "{name}: not every answer was 200");
    let rate = report.per_second();
    #[expect(clippy::cast_precision_loss, reason = "at most 200")]
    let alerts_rate = rate * alerts as f64;
    vec![
        name.to_owned(),
        alerts.to_string(),
        format!("{rate:.0}"),
        format!("{alerts_rate:.0}"),
        ms(percentile(&mut report.times, 0.5)),
        ms(percentile(&mut report.times, 0.99)),
        format!("{:.2}", rate / reference),
        cpu_each.map_or_else(String::new, |each| format!("{each:.0}")),
    ]
}

fn load() -> Load {
    Load { connections: CONNECTIONS, for_: span(Duration::from_secs(3)), per_second: None }
}

fn bare(folder: &Path, alerts: u64) -> Report {
    let server = Bare::start(folder);
    load_up(server.address, alerts)
}

fn load_up(address: SocketAddr, alerts: u64) -> Report {
    client::run(address, &load(), move |nth| Case::Join.body(nth, alerts))
}

/// The report, and the processor time that heald used for each alert, in µs.
fn heald(case: Case, alerts: u64) -> (Report, f64) {
    let folder = folder();
    let daemon = start(folder.path());
    if case == Case::Join {
        let first = (0..JOINED).map(|number| Firing::new("Join", u64::MAX - number, target(number)));
        once(daemon.address, body(first));
    }
    let before = cpu(daemon.pid());
    let report = client::run(daemon.address, &load(), move |nth| case.body(nth, alerts));
    let taken = report.times.len() as u64 * alerts;
    let extra = if case == Case::Join { JOINED } else { 0 };
    settle(&daemon, taken + extra);
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let each = (cpu(daemon.pid()) - before).as_secs_f64() * 1e6 / taken as f64;
    (report, each)
}

fn start(folder: &Path) -> Daemon {
    // Nobody listens there: a look costs one refused connection.
    let closed = free_address();
    let url = r#"url: "{{ labels.target }}""#;
    let (step, probe) = (format!("http: {{ post: \"http://{closed}/\" }}"), format!("tcp: {{ address: \"{closed}\" }}"));
    let runbook = "---\nplaybook: runbook\nmatch: ['alertname=\"Runbook\"']\ntarget: { url: \"{{ labels.target }}\" }\n---\n\
                   # Runbook\n\n## Manual fix\n\nLook at the log, then restart it by hand.\n";
    let books = [
        ("join".to_owned(), playbook("join", "=\"Join\"", url, "observe", &step, &probe)),
        ("open".to_owned(), playbook("open", "=\"Open\"", url, "observe", &step, &probe)),
        ("runbook".to_owned(), runbook.to_owned()),
    ];
    let settings = format!("targets: {{ urls: [\"http://{closed}/\", \"http://web-1/\"], addresses: [\"{closed}\"] }}");
    Daemon::start(folder, &settings, &books)
}

fn target(number: u64) -> String {
    format!("http://web-1/{number}")
}

fn once(address: SocketAddr, body: Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let status = client::Line::open(address).await.ask(&client::request(&body)).await;
        assert_eq!(status, 200);
    });
}

/// Waits until everything that followed is on disk, then looks whether each alert that was answered 200 is there.
fn settle(daemon: &Daemon, alerts: u64) {
    let journal = rusqlite::Connection::open(daemon.state.join("heald.db")).expect("the journal");
    let count = |what: &str| journal.query_row(what, [], |row| row.get::<_, u64>(0)).expect("a count");
    let began = Instant::now();
    let mut last = 0;
    loop {
        let records = count("SELECT coalesce(max(seq), 0) FROM events");
        if records == last {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "heald does not come to rest");
        last = records;
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(count("SELECT count(*) FROM alerts"), alerts, "alerts in the journal against alerts that were answered 200");
}

fn storm() {
    let folder = folder();
    let daemon = start(folder.path());
    let idle = memory_mb(daemon.pid(), "VmRSS");
    let (rate, seconds) = STORM;
    let load = Load { connections: CONNECTIONS, for_: Duration::from_secs(seconds.into()), per_second: Some(rate) };
    let began = Instant::now();
    let mut report = client::run(daemon.address, &load, |nth| Case::Open.body(nth, 1));
    settle(&daemon, report.times.len() as u64);
    table(
        "storm: distinct alerts, one a body, evenly over 5 s; each opens an incident and is looked at",
        &["alerts", "not 200", "p50 ms", "p99 ms", "max ms", "at rest after s", "idle MB", "peak MB", "MB after"],
        &[vec![
            report.times.len().to_string(),
            report.refused.to_string(),
            ms(percentile(&mut report.times, 0.5)),
            ms(percentile(&mut report.times, 0.99)),
            ms(percentile(&mut report.times, 1.0)),
            format!("{:.1}", began.elapsed().as_secs_f64()),
            format!("{idle:.1}"),
            format!("{:.1}", memory_mb(daemon.pid(), "VmHWM")),
            format!("{:.1}", memory_mb(daemon.pid(), "VmRSS")),
        ]],
    );
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Self::Join => "heald, join",
            Self::Runbook => "heald, runbook",
            Self::Open => "heald, open",
        }
    }

    fn body(self, nth: u64, alerts: u64) -> Vec<u8> {
        body((nth * alerts..(nth + 1) * alerts).map(|number| match self {
            Self::Join => Firing::new("Join", number, target(number % JOINED)),
            Self::Runbook => Firing::new("Runbook", number, target(number)),
            Self::Open => Firing::new("Open", number, target(number)),
        }))
    }
}
