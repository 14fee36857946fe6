//! What the switches do to the process itself. Looked at ten times a second: what is on starts, what is off ends.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{WaitOptions, wait};
use tokio::signal::unix::{SignalKind, signal};

use super::state::Victim;

const TURN: Duration = Duration::from_millis(100);
const MB: usize = 1_024 * 1_024;
/// The children's own ends are not taken for a request to bury them.
const DEAF_FOR: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Effects {
    leaked: Vec<Vec<u8>>,
    spinning: Vec<Arc<AtomicBool>>,
    holder: Option<Child>,
    zombies: Option<Instant>,
    filled: Option<PathBuf>,
}

pub async fn run(victim: Arc<Victim>) {
    let mut effects = Effects::default();
    let Ok(mut child_ended) = signal(SignalKind::child()) else { return };
    let mut turn = tokio::time::interval(TURN);
    loop {
        tokio::select! {
            _ = turn.tick() => effects.apply(&victim),
            _ = child_ended.recv() => effects.bury(&victim),
        }
    }
}

impl Effects {
    fn apply(&mut self, victim: &Victim) {
        let faults = &victim.faults;
        if let Some(fault) = faults.get("log") {
            faults.clear("log");
            victim.log(fault["line"].as_str().unwrap_or("a line"));
        }
        self.leak(victim);
        self.spin(victim);
        self.port(victim);
        self.make_zombies(victim);
        self.fill(victim);
        // Last: what was asked for before it is done before it.
        if let Some(code) = faults.number("exit", "code").or_else(|| faults.is_on("exit").then_some(1)) {
            victim.log(&format!("FATAL ending with code {code}"));
            std::process::exit(i32::try_from(code).unwrap_or(1));
        }
    }

    fn leak(&mut self, victim: &Victim) {
        let faults = &victim.faults;
        let (Some(per_second), max) = (faults.number("leak", "mb_per_s"), faults.number("leak", "max_mb").unwrap_or(1_024))
        else {
            self.leaked.clear();
            return;
        };
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let each = usize::try_from(per_second).unwrap_or(1).max(1) * MB / 10;
        if self.leaked.iter().map(Vec::len).sum::<usize>() < max.saturating_mul(MB) {
            // Written to, or the kernel would not give it.
            self.leaked.push(vec![1; each]);
        }
    }

    fn spin(&mut self, victim: &Victim) {
        let faults = &victim.faults;
        let cpu = if faults.is_on("cpu") { faults.number("cpu", "threads").unwrap_or(1) } else { 0 };
        let wanted = usize::try_from(cpu).unwrap_or(1).min(16) + usize::from(faults.is_on("stuck"));
        while self.spinning.len() > wanted {
            if let Some(go_on) = self.spinning.pop() {
                go_on.store(false, Ordering::Relaxed);
            }
        }
        while self.spinning.len() < wanted {
            let go_on = Arc::new(AtomicBool::new(true));
            let own = Arc::clone(&go_on);
            std::thread::spawn(move || {
                while own.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
            self.spinning.push(go_on);
        }
    }

    fn port(&mut self, victim: &Victim) {
        match (victim.faults.number("port", "port").filter(|port| *port > 0), &mut self.holder) {
            (Some(port), None) => self.holder = me().arg("hold").arg(port.to_string()).spawn().ok(),
            (None, Some(holder)) => {
                let _ = holder.kill();
                let _ = holder.wait();
                self.holder = None;
            }
            _ => {}
        }
    }

    fn make_zombies(&mut self, victim: &Victim) {
        match (victim.faults.number("zombies", "count"), self.zombies) {
            (Some(count), None) => {
                for _ in 0..count.min(500) {
                    // Forgotten: nobody waits for it.
                    drop(me().arg("end").stderr(Stdio::null()).spawn());
                }
                self.zombies = Some(Instant::now());
            }
            (None, Some(_)) => {
                self.zombies = None;
                bury_all();
            }
            _ => {}
        }
    }

    /// Someone asks: is there a dead child?
    fn bury(&mut self, victim: &Victim) {
        let deaf = self.zombies.is_some_and(|since| since.elapsed() < DEAF_FOR) || victim.faults.flag("zombies", "keeps");
        if !deaf && self.zombies.is_some() {
            bury_all();
        }
    }

    fn fill(&mut self, victim: &Victim) {
        match (victim.faults.get("fill"), &self.filled) {
            (Some(fault), None) => {
                let dir = fault["dir"].as_str().unwrap_or("/tmp");
                let path = PathBuf::from(dir).join("heald-victim-fill");
                let megabytes = usize::try_from(fault["mb"].as_u64().unwrap_or(1)).unwrap_or(1);
                if let Err(error) = fs::write(&path, vec![1; megabytes * MB]) {
                    victim.log(&format!("ERROR write failed: {error}"));
                }
                self.filled = Some(path);
            }
            (None, Some(path)) => {
                let _ = fs::remove_file(path);
                self.filled = None;
            }
            _ => {}
        }
    }
}

/// This program again.
fn me() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn bury_all() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}
