//! From the start to the end: configuration, boot, listening, work, signals.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::state::Victim;
use super::{database, effects, server};

/// As sysexits.h has it.
const CONFIG: u8 = 78;
const PORT_TAKEN: u8 = 98;

/// # Errors
/// The exit code.
pub async fn run(victim: Arc<Victim>) -> Result<(), u8> {
    configured(&victim)?;
    if let Some(file) = &victim.args.pidfile {
        let _ = fs::write(file, format!("{}\n", std::process::id()));
    }
    let (Ok(mut term), Ok(mut int), Ok(mut usr1)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::user_defined1()))
    else {
        return Err(1);
    };
    // A stop during a slow boot is heard.
    let life = async {
        boot(&victim).await;
        let listener = listen(&victim).await?;
        database::watch(Arc::clone(&victim));
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        victim.log(&format!("INFO ready on {}", victim.args.listen));
        tokio::join!(server::serve(Arc::clone(&victim), listener), effects::run(Arc::clone(&victim)), work(&victim));
        Ok(())
    };
    tokio::pin!(life);
    loop {
        tokio::select! {
            done = &mut life => return done,
            _ = term.recv() => if victim.faults.is_on("deaf") { victim.log("INFO what was that?") } else { break },
            _ = int.recv() => break,
            _ = usr1.recv() => victim.faults.clear_all(),
        }
    }
    victim.log("INFO told to end");
    Ok(())
}

fn configured(victim: &Victim) -> Result<(), u8> {
    let Some(path) = &victim.args.config else { return Ok(()) };
    let why = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => format!("configuration file {} not found", path.display()),
        Err(error) => format!("configuration file {}: {error}", path.display()),
        Ok(text) => match parses(path, &text) {
            true => return Ok(()),
            false => format!("configuration file {} is broken", path.display()),
        },
    };
    victim.log(&format!("FATAL {why}"));
    Err(CONFIG)
}

/// JSON, or lines of `key: value` and `key = value`; at least one.
fn parses(path: &Path, text: &str) -> bool {
    if path.extension().is_some_and(|ending| ending == "json") {
        return serde_json::from_str::<serde_json::Value>(text).is_ok();
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    lines.peek().is_some() && lines.all(|line| line.contains(['=', ':']) || line.starts_with(['[', '-']))
}

/// What is left out when the optional parts are switched off is what takes long.
async fn boot(victim: &Victim) {
    let start = Instant::now();
    let slow = Duration::from_secs(victim.faults.number("boot", "seconds").unwrap_or(0)) + victim.args.boot_delay;
    let optional = std::env::var("HEALD_VICTIM_OPTIONAL").map_or(true, |value| value != "off");
    victim.log("INFO boot phase core started");
    if optional && !slow.is_zero() {
        victim.log("INFO boot phase optional-plugins started");
        tokio::time::sleep(slow).await;
        victim.log(&format!("INFO boot phase optional-plugins took {} s", slow.as_secs()));
    }
    victim.boot_ms.store(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

async fn listen(victim: &Victim) -> Result<TcpListener, u8> {
    let listener = match TcpListener::bind(victim.args.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            victim.log(&format!("FATAL listen on {}: {error}", victim.args.listen));
            return Err(if error.kind() == ErrorKind::AddrInUse { PORT_TAKEN } else { 1 });
        }
    };
    let port = listener.local_addr().map_or(0, |address| address.port());
    if let Some(file) = &victim.args.port_file {
        let _ = fs::write(file, format!("{port}\n"));
    }
    Ok(listener)
}

/// Five items a second, and a heartbeat.
async fn work(victim: &Victim) {
    let mut turn = tokio::time::interval(Duration::from_millis(200));
    loop {
        turn.tick().await;
        if !victim.works() {
            continue;
        }
        victim.items.fetch_add(1, Ordering::Relaxed);
        if victim.faults.is_on("heartbeat") {
            continue;
        }
        *victim.heartbeat.lock().unwrap_or_else(PoisonError::into_inner) = Some(SystemTime::now());
        if let Some(file) = &victim.args.heartbeat {
            let _ = fs::write(file, "");
        }
    }
}
