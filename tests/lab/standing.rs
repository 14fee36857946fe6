//! A lab that stays up between commands: `up` starts a process in the background that holds the
//! stack, `down` tells it to end.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::lab::{self, Context as _, Error, NotYet, ProcessId, Result, StackOptions, session, wait_for};

/// How long the background process may take for its clean-up.
const CLEAN_UP: Duration = Duration::from_secs(90);

/// Written when everything is up, gone when it is down.
fn state_file() -> PathBuf {
    lab::base().join("up.json")
}

/// The background process, from its first moment.
fn pid_file() -> PathBuf {
    lab::base().join("up.pid")
}

fn background() -> Option<ProcessId> {
    let process: ProcessId = fs::read_to_string(pid_file()).ok()?.trim().parse().ok()?;
    Some(process).filter(|process| process.is_alive())
}

pub fn up() -> Result<()> {
    if background().is_some() {
        println!("lab: already up");
        return status();
    }
    fs::create_dir_all(lab::base())?;
    fs::create_dir_all(lab::cache())?;
    let _ = fs::remove_file(state_file());
    let log = lab::cache().join("up.log");
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdin(Stdio::null())
        .stdout(fs::File::create(&log)?)
        .stderr(fs::File::options().append(true).open(&log)?)
        // Not the terminal's Ctrl-C, but ours, and only after the stack is complete or cut short.
        .process_group(0)
        .spawn()?;
    let process = ProcessId::of(child.id().cast_signed()).expect("an unreaped child is in /proc");
    fs::write(pid_file(), process.to_string())?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ready = runtime.block_on(async {
        let coming_up = wait_for("the lab", Duration::from_secs(300), async || {
            if child.try_wait()?.is_some() {
                return Err(NotYet::never(format!("it ended:\n{}", lab::tail(&log, 20))));
            }
            fs::read(state_file())?;
            Ok(())
        });
        tokio::select! {
            ready = coming_up => ready,
            told = session::until_told() => told.and_then(|()| Err(Error::new("interrupted"))),
        }
    });
    if ready.is_err() {
        process.end(CLEAN_UP)?;
        let _ = fs::remove_file(pid_file());
        return ready;
    }
    print!("{}", lab::tail(&log, 20));
    println!();
    status()
}

/// Runs in the background until SIGTERM.
pub fn serve() -> Result<()> {
    let served = session::run(StackOptions::default(), |handle, stack| {
        let state = json!({
            "pid": std::process::id(),
            "docker_host": format!("unix://{}", stack.engine().socket().display()),
            "image": stack.image(),
            "systemd_container": stack.host().name(),
            "system_bus": stack.host().bus_address(),
            "prometheus": stack.monitoring().prometheus.url(),
            "alertmanager": stack.monitoring().alertmanager.url(),
            "node_exporter": stack.monitoring().node.url(),
            "textfile_dir": stack.monitoring().textfile_dir(),
            "logs": stack.run().files(),
        });
        let temporary = state_file().with_extension("new");
        fs::write(&temporary, serde_json::to_vec_pretty(&state)?)?;
        fs::rename(temporary, state_file())?;
        // The session hears the same signal and takes the stack down.
        handle.block_on(std::future::pending::<Result<()>>())
    });
    served?
}

pub fn status() -> Result<()> {
    if background().is_none() {
        return Err(Error::new("not up"));
    }
    let state: Value = serde_json::from_slice(&fs::read(state_file()).context("not ready yet")?)?;
    println!("{state:#}");
    Ok(())
}

/// Also right when nothing is up.
pub fn down() -> Result<()> {
    if let Some(process) = background() {
        process.end(CLEAN_UP)?;
    }
    for file in [state_file(), pid_file()] {
        let _ = fs::remove_file(file);
    }
    sweep()?;
    println!("lab: down");
    Ok(())
}

/// Takes away what killed runs left behind. A lab that is in use is not touched.
pub fn sweep() -> Result<()> {
    lab::sweep()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(lab::sweep_own())
}

pub fn clean() -> Result<()> {
    down()?;
    let cache = lab::cache();
    match fs::remove_dir_all(&cache) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context(format!("remove {}", cache.display())),
        _ => Ok(()),
    }
}
