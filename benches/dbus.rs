//! Webhook to `RestartUnit`, on a private bus with a stand-in for systemd that answers at once.
//!
//! Beside it, in the same run and on the same bus: the bare call; and the bare way, which makes the reads and
//! the two synced writes that heald makes before it calls, one after the other, and nothing else. The first
//! shows what heald's care costs, the second what heald costs beyond it.
//!
//! The stand-in makes the ratio worse than it is with systemd, whose own part of a call is far larger.

#![allow(clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "a bench measures, and stops where it can't")]

#[path = "common/manager.rs"]
mod manager;

mod common;

use common::client::{Line, request};
use common::daemon::Daemon;
use common::paper::{Firing, body, playbook};
use common::{folder, ms, percentile, say, span, table};
use manager::{Bus, Manager, SERVICE};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use zbus::{OwnedObjectPath, Variant};

const WARM: usize = 10;
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";

/// As heald reads them: what every unit is asked, then what only one that is down is.
const FIRST: [&str; 7] = ["Id", "LoadState", "ActiveState", "SubState", "Job", "InvocationID", "ActiveEnterTimestampMonotonic"];
const DOWN: [&str; 4] = ["UnitFileState", "Result", "ExecMainCode", "ExecMainStatus"];
/// Before the decision: its names and limits, together with the first; and what it needs, after the second.
const AROUND: [&str; 4] = ["Names", "PartOf", "StartLimitBurst", "StartLimitIntervalUSec"];
const NEEDS: [&str; 4] = ["Requires", "Requisite", "BindsTo", "After"];

fn main() {
    let folder = folder();
    let Some(bus) = Bus::start(folder.path()) else {
        return say("\nwebhook to RestartUnit: not measured, for there is no dbus-daemon on this machine");
    };
    let repairs = span(Duration::from_secs(120)).as_secs() as usize;
    let manager = Manager::start(&bus.address);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut bare = bare_calls(&bus, &manager, "before").await;
        let mut way = bare_way(&bus, &manager, folder.path()).await;
        let (mut sent, calls) = repaired(&bus, &manager, folder.path(), repairs).await;
        bare.extend(bare_calls(&bus, &manager, "after").await);
        let (mut call, mut arrival): (Vec<_>, Vec<_>) = bare.into_iter().unzip();
        let reference = percentile(&mut call, 0.5);
        let row = |name: &str, times: &mut Vec<Duration>, calls: String| {
            let p50 = percentile(times, 0.5);
            let ratio = p50.as_secs_f64() / reference.as_secs_f64();
            vec![name.to_owned(), ms(p50), ms(percentile(times, 0.99)), format!("{ratio:.2}"), calls]
        };
        let rows = vec![
            row("bare RestartUnit: call and reply", &mut call, String::new()),
            row("bare RestartUnit: until it arrives", &mut arrival, String::new()),
            row("bare way: 2 synced writes, the reads, until it arrives", &mut way, String::new()),
            row("heald: webhook sent, until it arrives", &mut sent, format!("{calls:.1}")),
        ];
        table("webhook to RestartUnit", &["", "p50 ms", "p99 ms", "× bare call", "calls before it"], &rows);
    });
}

/// Each call's time to its reply, and to its arrival.
async fn bare_calls(bus: &Bus, manager: &Manager, round: &str) -> Vec<(Duration, Duration)> {
    let line = bus.connect().await;
    let mut times = Vec::new();
    for number in 0..300 {
        let unit = format!("bare-{round}-{number}.service");
        let began = Instant::now();
        restart(&line, &unit).await;
        times.push((began.elapsed(), manager.arrival(&unit).await.0 - began));
    }
    times.split_off(WARM)
}

async fn bare_way(bus: &Bus, manager: &Manager, folder: &Path) -> Vec<Duration> {
    let line = bus.connect().await;
    let mut file = File::create(folder.join("bare-way")).expect("a file");
    let mut sync = move || {
        file.write_all(&[b'x'; 800]).expect("room on the disk");
        file.sync_data().expect("a disk");
    };
    let mut times = Vec::new();
    for number in 0..100 {
        let unit = format!("way-{number}.service");
        let began = Instant::now();
        sync();
        read(&line, &unit, &[&FIRST[..], &AROUND].concat(), &NEEDS).await;
        sync();
        read(&line, &unit, &FIRST, &[]).await;
        get(&line, PATH, MANAGER, "SystemState").await;
        restart(&line, &unit).await;
        times.push(manager.arrival(&unit).await.0 - began);
    }
    times.split_off(WARM)
}

async fn restart(line: &zbus::Connection, unit: &str) {
    let job = (unit, "fail");
    line.call_method(Some(SERVICE), PATH, Some(MANAGER), "RestartUnit", &job).await.expect("a job");
}

/// A unit that is down: three round trips, and a fourth for its needs.
async fn read(line: &zbus::Connection, unit: &str, first: &[&'static str], needs: &[&'static str]) {
    let reply = line.call_method(Some(SERVICE), PATH, Some(MANAGER), "LoadUnit", &unit).await.expect("a unit");
    let path: OwnedObjectPath = reply.body().deserialize().expect("a path");
    let ask = async |interface: &'static str, names: &[&'static str]| {
        futures_util::future::join_all(names.iter().map(|name| get(line, path.as_str(), interface, name))).await
    };
    ask("org.freedesktop.systemd1.Unit", first).await;
    ask("org.freedesktop.systemd1.Service", &DOWN).await;
    ask("org.freedesktop.systemd1.Unit", needs).await;
}

async fn get(line: &zbus::Connection, path: &str, interface: &str, name: &str) {
    let reply = line
        .call_method(Some(SERVICE), path, Some("org.freedesktop.DBus.Properties"), "Get", &(interface, name))
        .await
        .expect("a property");
    let body = reply.body();
    let _: Variant<'_> = body.deserialize().expect("a value");
}

/// From the webhook's first byte to the call's arrival; and how many calls came before it.
async fn repaired(bus: &Bus, manager: &Manager, folder: &Path, repairs: usize) -> (Vec<Duration>, f64) {
    let units: Vec<String> = (0..repairs + WARM).map(|number| format!("heald-{number}.service")).collect();
    let unit = r#"unit: "{{ labels.target }}""#;
    let book = playbook("bench", "=\"Bench\"", unit, "auto", "systemd.restart: {}", "systemd.active: {}");
    // The guard that smooths bursts would make all but the first ten wait for seconds.
    let settings = format!(
        "targets: {{ units: [{}] }}\nsystemd: {{ bus: \"{}\" }}\nalertmanager: {{ group_interval: 1s }}\n\
         guards: {{ rate: {{ limit: 10000 per 1s, burst: 10000 }} }}",
        units.join(", "),
        bus.address
    );
    let daemon = Daemon::start(folder, &settings, &[("bench".to_owned(), book)]);
    let mut line = Line::open(daemon.address).await;
    let (mut times, mut calls) = (Vec::new(), 0);
    for (number, unit) in units.iter().enumerate() {
        let firing = Firing::new("Bench", number as u64, unit.as_str());
        let bytes = request(&body(std::iter::once(firing.clone())));
        let began = Instant::now();
        let answered = line.ask(&bytes);
        assert_eq!(answered.await, 200);
        let (arrived, before) = manager.arrival(unit).await;
        times.push(arrived - began);
        calls += before;
        // Verified and resolved, so that only a few are watched at a time.
        tokio::time::sleep(Duration::from_millis(40)).await;
        let resolved = Firing { resolved: true, ..firing };
        assert_eq!(line.ask(&request(&body(std::iter::once(resolved)))).await, 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(manager.restarts_of("heald-"), units.len(), "each unit is restarted once");
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let each = calls as f64 / times.len() as f64;
    (times.split_off(WARM), each)
}
