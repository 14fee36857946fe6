//! `GET /metrics`: the names that the shipped rules look for, and `victim_*`.

use std::fmt::Write as _;
use std::fs;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::modes::FLAGS;
use super::state::Victim;

pub fn page(victim: &Victim) -> String {
    let mut page = String::new();
    let mut line = |name: &str, value: f64| {
        let _ = writeln!(page, "{name} {value}");
    };
    for (code, count) in victim.counts() {
        line(&format!("http_requests_total{{code=\"{code}\"}}"), count as f64);
    }
    line("worker_queue_depth{queue=\"jobs\"}", 3.0);
    line("worker_items_total{queue=\"jobs\"}", victim.items.load(Ordering::Relaxed) as f64);
    line("victim_boot_seconds", victim.boot_ms.load(Ordering::Relaxed) as f64 / 1_000.0);
    line("victim_uptime_seconds", victim.started.elapsed().as_secs_f64());
    line("victim_healthy", if victim.complaint().is_none() { 1.0 } else { 0.0 });
    line("victim_database_ok", if victim.database_ok.load(Ordering::Relaxed) { 1.0 } else { 0.0 });
    line("victim_upstream_up", if victim.faults.is_on("offline") { 0.0 } else { 1.0 });
    let beat = *victim.heartbeat.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(age) = beat.and_then(|beat| beat.elapsed().ok()) {
        line("victim_heartbeat_age_seconds", age.as_secs_f64());
    }
    if let Some(resident) = resident_bytes() {
        line("process_resident_memory_bytes", resident as f64);
    }
    for flag in FLAGS {
        line(&format!("victim_mode{{mode=\"{flag}\"}}"), f64::from(u8::from(victim.modes.is_on(flag))));
    }
    for (name, _) in super::faults::NAMES {
        line(&format!("victim_fault{{fault=\"{name}\"}}"), f64::from(u8::from(victim.faults.is_on(name))));
    }
    page
}

fn resident_bytes() -> Option<u64> {
    let pages: u64 = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}
