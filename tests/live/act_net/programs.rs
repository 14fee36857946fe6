//! supervisord's programs, and commands.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{Runner, book};
use crate::journal::Record;
use crate::lab::{Context as _, Process, Result, wait_for};
use crate::scene::{REPAIR, Scene, check, equal};

const PROGRAMS: &str = "
[program:worker]
command=sleep 1000
startsecs=1
autorestart=false
[program:steady]
command=sleep 1000
startsecs=1
[program:broken]
command=/bin/false
startretries=0
";

pub async fn programs(scene: Arc<Scene>) -> Result<()> {
    let dir = scene.stack().run().dir().join("act-programs");
    let books_dir = dir.join("books");
    fs::create_dir_all(&books_dir)?;
    let socket = dir.join("s.sock");
    let _supervisord = supervisord(&scene, &dir, &socket)?;
    let tool = |name: &str, text: &str, mode: u32| -> Result<PathBuf> {
        let path = dir.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(path)
    };
    let greet =
        tool("greet", "#!/bin/sh\necho \"hello $1 from $HEALD_TARGET\" && id -un && test -z \"$TOKEN\" && exit $2\n", 0o755)?;
    let note = dir.join("pids");
    let slow_text =
        format!("#!/bin/sh\nsleep 100 & echo $! > {0}\nsetsid sh -c 'sleep 101 & echo $! >> {0}' &\nsleep 102\n", note.display());
    let slow = tool("slow", &slow_text, 0o755)?;
    let open = tool("open", "#!/bin/sh\ntrue\n", 0o777)?;

    let argv =
        |words: &[&str]| json!([{ "command": { "argv": words, "env": { "HEALD_TARGET": "{{ target }}" }, "timeout": "2s" } }]);
    let path = |path: &Path| path.display().to_string();
    let (greet, slow, open) = (path(&greet), path(&slow), path(&open));
    let fine = json!([{ "command": { "argv": ["/bin/true"] } }]);
    let bad = json!([{ "command": { "argv": ["/bin/false"] } }]);
    let commands = [
        ("greet", argv(&[&greet, "{{ labels.who }}", "0"]), fine.clone()),
        ("greet-bad", argv(&[&greet, "x", "3"]), bad.clone()),
        ("slow", argv(&[&slow]), bad.clone()),
        ("open", argv(&[&open]), bad.clone()),
        ("unlisted", argv(&["/bin/rm", "-rf", "/nonexistent"]), fine.clone()),
        ("nobody", json!([{ "command": { "argv": ["/usr/bin/id", "-un"], "user": "nobody" } }]), fine.clone()),
    ];
    for (name, steps, probes) in &commands {
        fs::write(books_dir.join(format!("{name}.md")), book(name, "service", steps, probes))?;
    }
    let restart = json!([{ "supervisor.restart": {} }]);
    fs::write(books_dir.join("restart.md"), book("restart", "program", &restart, &json!([{ "supervisor.running": {} }])))?;
    let services = commands.iter().map(|(name, ..)| *name).collect();
    let targets = json!({
        "commands": [greet, slow, open, "/bin/true", "/bin/false", "/usr/bin/id"],
        "programs": ["worker", "steady", "broken"],
    });
    let runner = Runner::with(&scene, &books_dir, services, targets, json!({ "supervisor": { "socket": socket } })).await?;

    let first = supervisor_pid(&dir, "worker").await?;
    // It dies, and nobody starts it again.
    supervisorctl(&dir, &["signal", "KILL", "worker"])?;
    let restarted = runner.healed("restart", &["target=worker"]).await?;
    let facts = &restarted.steps[0]["facts"];
    equal("state", &facts["state"], &json!("RUNNING"))?;
    check(facts["pid"].as_u64().is_some_and(|pid| pid != first), || format!("{facts}, before {first}"))?;
    check(restarted.steps[0]["evidence"].is_string(), || restarted.steps[0].to_string())?;
    runner.fails("restart", &["target=broken"], "failed", "now FATAL").await?;
    runner.refuses("restart", &["target=other"], "not on the allow-list").await?;

    let hello = runner.healed("greet", &["who=a b; rm -rf /"]).await?;
    let is_root = fs::read_to_string("/proc/self/status")?.contains("Uid:\t0\t");
    let user = if is_root { "root\n" } else { "" };
    let output = hello.steps[0]["facts"]["output"].as_str().unwrap_or_default().to_owned();
    check(output.starts_with("hello a b; rm -rf / from greet-") && output.ends_with(user), || output.clone())?;
    runner.refuses("greet", &["who=--all"], "taken for an option").await?;
    runner.fails("greet-bad", &[], "failed", "exit 3").await?;
    let killed = runner.fails("slow", &[], "failed", "killed at its deadline").await?;
    for pid in fs::read_to_string(&note)?.lines() {
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        check(state.is_empty() || state.contains(") Z"), || format!("{pid} lives after {killed}: {state}"))?;
    }
    runner.fails("open", &[], "refused", "writable by others").await?;
    runner.refuses("unlisted", &[], "/bin/rm is not on the allow-list").await?;
    let nobody = runner.healed("nobody", &[]).await?;
    equal("user", nobody.steps[0]["facts"]["output"].as_str(), Some("nobody\n"))?;
    cut_in_two(&runner, &dir).await
}

/// heald is killed when it has stopped a program and not yet started it: it is not left down.
async fn cut_in_two(runner: &Runner, dir: &Path) -> Result<()> {
    let before = supervisor_pid(dir, "steady").await?;
    runner.heald.start("supervisor-stopped=pause").await?;
    let last = runner.journal.records()?.last().map_or(0, |record| record.seq);
    runner.heald.command(&["run", "restart", "target=steady"]).await?;
    wait_for("the stop", REPAIR, async || {
        let text = supervisorctl(dir, &["status", "steady"])?;
        if text.contains("STOPPED") { Ok(()) } else { Err(text.into()) }
    })
    .await?;
    runner.heald.kill()?;
    runner.heald.start("").await?;
    let opened = runner.journal.wait("its incident", REPAIR, |record| record.seq > last && record.kind == "opened").await?;
    let is_healed = |record: &Record| record.incident == opened.incident && record.kind == "healed";
    runner.journal.wait("its repair", REPAIR, is_healed).await?;
    let after = supervisor_pid(dir, "steady").await?;
    check(after != before, || format!("{after} is the old process"))
}

fn supervisord(scene: &Scene, dir: &Path, socket: &Path) -> Result<Process> {
    let (file, shown) = (dir.join("supervisord.conf"), dir.display());
    let text = format!(
        "[unix_http_server]\nfile={}\nchmod=0700\n[supervisord]\nlogfile={shown}/supervisord.log\npidfile={shown}/supervisord.pid\n\
         childlogdir={shown}\nnodaemon=true\n[rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
         [supervisorctl]\nserverurl=unix://{}\n{PROGRAMS}",
        socket.display(),
        socket.display()
    );
    fs::write(&file, text)?;
    let mut command = Command::new("supervisord");
    command.arg("-c").arg(&file);
    Process::spawn(scene.stack().run(), &format!("{}-supervisord", scene.name), command)
}

/// Once it runs, and is not only starting.
async fn supervisor_pid(dir: &Path, program: &str) -> Result<u64> {
    wait_for(&format!("{program} under supervisord"), Duration::from_secs(20), async || {
        let text = supervisorctl(dir, &["status", program])?;
        // `worker    RUNNING   pid 4711, uptime 0:00:02`
        let running = text.split_once("RUNNING").and_then(|(_, rest)| rest.split_once("pid "));
        let pid = running.and_then(|(_, rest)| rest.split_once(',')?.0.parse().ok());
        pid.ok_or_else(|| text.into())
    })
    .await
}

fn supervisorctl(dir: &Path, words: &[&str]) -> Result<String> {
    let said = Command::new("supervisorctl").arg("-c").arg(dir.join("supervisord.conf")).args(words).output();
    Ok(String::from_utf8_lossy(&said.context("start supervisorctl")?.stdout).trim().to_owned())
}
