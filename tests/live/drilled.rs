//! A few drills, as `heald drill` runs them, on a machine with everything that they break; and what is undone when one is ended.
//! `make drills` runs all.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::drills::Drills;
use crate::lab::{Context as _, Error, Result, wait_for};
use crate::scene::{Scene, check, equal};

/// Bounded: each heals in a few seconds, and together they show each way of breaking and of repairing.
const SOME: [&str; 8] = [
    "unit-killed",
    "config-missing-hidden",
    "port-in-use-stale",
    "supervisor-program-down",
    "dns-failing",
    "model-missing",
    "service-container-errors",
    "disk-full-old-outputs",
];
const VICTIM: &str = "heald-victim.service";
const UNDONE: Duration = Duration::from_secs(20);

pub async fn heal_in_time(scene: Arc<Scene>) -> Result<()> {
    let start = Instant::now();
    let drills = Drills::open(scene.stack(), &scene.bench.program, &victim()?).await?;
    scene.say(&format!("the machine is up after {:.1} s", start.elapsed().as_secs_f64()));
    let mut failed = String::new();
    for name in SOME {
        let came = drills.one(name).await?;
        scene.say(&format!("{name}: {}", came.text));
        if !came.passed {
            failed = format!("{failed}\ndrill {name}: {}\n{}", came.text, came.report);
        }
    }
    if !failed.is_empty() {
        return Err(Error::new(format!("{failed}\nheald's journal ends:\n{}", drills.account().await)));
    }
    drills.close().await
}

/// Ended by Ctrl-C it mends what it broke; killed, `heald drill undo` does. What is not marked is not broken.
pub async fn undone(scene: Arc<Scene>) -> Result<()> {
    let drills = Drills::open(scene.stack(), &scene.bench.program, &victim()?).await?;
    for signal in ["INT", "KILL"] {
        ended_by(&drills, signal).await.with_context(|| format!("SIG{signal}"))?;
    }
    refused(&drills).await?;
    scene.say("undone after SIGINT by itself, after SIGKILL by heald drill undo; what is not marked is refused");
    drills.close().await
}

/// A port that it holds is no better: that goes with its process. A file that it renamed stays renamed.
async fn ended_by(drills: &Drills, signal: &str) -> Result<()> {
    let file = "/etc/heald-victim/victim.conf";
    let before = drills.run(&["cat", file]).await?;
    drills.settle().await?;
    // Or heald would mend it first.
    drills.tell_nobody().await?;
    let run =
        "heald drill run config-missing-hidden >/run/drill.log 2>&1 & echo $! >/run/drill.pid; wait $!; echo $? >/run/drill.code";
    drills.run(&["sh", "-c", &format!("rm -f /run/drill.code; setsid sh -c '{run}' >/dev/null 2>&1 </dev/null &")]).await?;
    wait_for("the fault", UNDONE, async || match drills.exec(&["test", "!", "-e", file]).await?.code {
        0 => Ok(()),
        _ => Err(drills.run(&["cat", "/run/drill.log"]).await.unwrap_or_default().into()),
    })
    .await?;
    drills.run(&["sh", "-c", &format!("kill -{signal} $(cat /run/drill.pid)")]).await?;
    let code = wait_for("the end of the drill", UNDONE, async || Ok(drills.run(&["cat", "/run/drill.code"]).await?)).await?;
    let said = drills.run(&["cat", "/run/drill.log"]).await?;
    if signal == "KILL" {
        equal("its exit code", code.as_str(), "137")?;
        check(drills.exec(&["test", "-e", file]).await?.code != 0, || "it was mended by somebody else".into())?;
        drills.run(&["heald", "drill", "undo"]).await?;
    } else {
        check(code != "0", || format!("it ended with {code}: {said}"))?;
    }
    equal("the file", drills.run(&["cat", file]).await?, before)?;
    equal("what is left of it", drills.run(&["heald", "drill", "undo"]).await?.as_str(), "Nothing is left of any drill.")?;
    drills.host().wait_until(VICTIM, "ActiveState", &["active"], UNDONE).await.map(drop)
}

/// Its unit is on the allow-list of repairs, and no longer marked for drills.
async fn refused(drills: &Drills) -> Result<()> {
    let config = "/etc/heald/unmarked.yaml";
    let script = "python3 - <<'END'\nimport json\nwhole = json.load(open('/etc/heald/heald.yaml'))\n\
                  whole['drills']['allowed']['units'].remove('heald-victim.service')\n\
                  json.dump(whole, open('/etc/heald/unmarked.yaml', 'w'))\nEND";
    drills.run(&["sh", "-c", script]).await?;
    let before = drills.host().show(VICTIM, "InvocationID").await?;
    let ran = drills.exec(&["heald", "drill", "run", "unit-killed", "--config.file", config]).await?;
    check(ran.code != 0 && ran.stderr.contains(VICTIM), || format!("exit code {}: {}{}", ran.code, ran.stdout, ran.stderr))?;
    equal("the unit", drills.host().show(VICTIM, "InvocationID").await?, before)
}

/// Beside the tests, where cargo puts it.
pub fn victim() -> Result<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_heald")).with_file_name("examples").join("heald-victim");
    let hint = "cargo build --features failpoints --example heald-victim";
    std::fs::metadata(&program).with_context(|| format!("{}: {hint}", program.display()))?;
    Ok(program)
}
