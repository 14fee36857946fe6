//! What a scrape of `/metrics/targets` costs heald with many containers: its processor time, and how long it takes.
//!
//! The engine is a process of its own that gives answers recorded of a real one (20.10, API 1.41): what it spends is
//! not heald's, and a real one spends more. The settled run for hours, and are inspected once. The young started
//! seconds ago, and are inspected at each scrape: what every scrape would cost without the cache.

#![allow(clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "a bench measures, and stops where it can't")]
#![allow(clippy::unwrap_used, reason = "the recorded engine is a test's")]

mod common;
#[allow(dead_code, reason = "a bench uses a part of it")]
#[path = "../tests/fake/engine.rs"]
mod engine;

use common::{folder, ms, percentile, span, table};
use heald::collect::{Collectors, Settings};
use heald::link::docker::Docker;
use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Set for the process that is the engine.
const ROLE: &str = "HEALD_BENCH_ENGINE";
const COUNTS: [usize; 3] = [10, 100, 500];
const SETTLED: &str = "Up 3 hours (healthy)";
const YOUNG: &str = "Up 5 seconds (healthy)";

struct Engine {
    child: Child,
    socket: PathBuf,
}

fn main() {
    be_engine_if_asked();
    let folder = folder();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut rows = Vec::new();
    for count in COUNTS {
        for (name, text) in [("settled", SETTLED), ("young", YOUNG)] {
            let engine = Engine::start(&folder.path().join(format!("{name}-{count}.sock")), count, text);
            let docker = Arc::new(Docker::new(&engine.socket.display().to_string()));
            let settings = Settings { docker: true, ..Settings::default() };
            let collectors = Collectors::new(&settings, &docker).expect("collectors");
            let (mut first, mut later) = (Vec::new(), Vec::new());
            let (mut first_wall, mut later_wall) = (Vec::new(), Vec::new());
            let end = Instant::now() + span(Duration::from_secs(4));
            let mut bytes = 0;
            while later.len() < 10 || Instant::now() < end {
                let (start, before) = (Instant::now(), cpu());
                let page = runtime.block_on(collectors.page());
                let (cost, took) = (cpu() - before, start.elapsed());
                let states = page.lines().filter(|line| line.starts_with("heald_container_state{")).count();
                let details = page.lines().filter(|line| line.starts_with("heald_container_restarts_total{")).count();
                assert_eq!((states, details), (7 * count, count), "the page is whole");
                bytes = page.len();
                if first.is_empty() {
                    first.push(cost);
                    first_wall.push(took);
                } else {
                    later.push(cost);
                    later_wall.push(took);
                }
            }
            rows.push(vec![
                name.to_owned(),
                count.to_string(),
                (bytes / 1_000).to_string(),
                ms(first[0]),
                ms(first_wall[0]),
                ms(percentile(&mut later, 0.5)),
                ms(percentile(&mut later, 0.99)),
                ms(percentile(&mut later_wall, 0.5)),
                ms(percentile(&mut later_wall, 0.99)),
            ]);
        }
    }
    table(
        "one scrape of /metrics/targets, ms; all of the process that collects, and nothing of the engine's",
        &["", "containers", "page kB", "first: CPU", "time", "later: CPU p50", "p99", "time p50", "p99"],
        &rows,
    );
}

/// All threads of this process.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.try_into().expect("it runs forward"), now.tv_nsec.try_into().expect("below a second"))
}

// === impl Engine ===

impl Engine {
    fn start(socket: &Path, count: usize, text: &str) -> Self {
        let child = Command::new(std::env::current_exe().expect("this bench"))
            .env(ROLE, format!("{count} {} {text}", socket.display()))
            .stdin(Stdio::null())
            .spawn()
            .expect("the engine starts");
        while std::os::unix::net::UnixStream::connect(socket).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Self { child, socket: socket.to_owned() }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// In the engine's process it does not return.
fn be_engine_if_asked() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let mut words = role.splitn(3, ' ');
    let count = words.next().and_then(|word| word.parse().ok()).expect("a number");
    let (socket, text) = (words.next().expect("a socket"), words.next().expect("a text"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        engine::Engine::of(count, text).serve(Path::new(socket)).await;
        std::future::pending::<()>().await;
    });
}
