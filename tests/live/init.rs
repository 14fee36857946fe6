//! `heald init` on a host with a real systemd and a real engine: what it finds becomes good files.

use std::path::Path;
use std::sync::Arc;

use tokio::process::Command;

use crate::lab::{Context as _, Error, Result};
use crate::scene::{Scene, check, equal};

/// A failed unit and a running container are expected, the system's own are not; the files pass heald's and Prometheus's
/// own checks, and the unit's state is as it was.
pub async fn finds_what_runs(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    unit.kill().await?;
    let container = scene.container().await?;
    // Never started: only its program is used.
    let heald = scene.heald(|_| {})?;
    let dir = tempfile::tempdir()?;
    let etc = dir.path().join("etc");
    let bus = scene.stack().host().bus_address();
    let engine = format!("unix://{}", scene.stack().engine().socket().display());
    let program = heald.program();

    let said = run(program, &["init", &text(&etc), "--systemd.bus", &bus, "--docker.host", &engine]).await?;
    scene.say(said.lines().next().unwrap_or_default());
    check(said.contains("failed now: ") && said.contains(unit.name()), || said.clone())?;
    let inventory = heald::inventory::load(&etc.join("inventory.yaml")).map_err(|problems| Error::new(format!("{problems:?}")))?;
    let units: Vec<&String> = inventory.services.values().flat_map(|service| &service.units).collect();
    let containers: Vec<&String> = inventory.services.values().flat_map(|service| &service.containers).collect();
    check(units.iter().any(|name| *name == unit.name()), || format!("{units:?}"))?;
    check(containers.iter().any(|name| *name == container.name()), || format!("{containers:?}"))?;
    // The lab's container runs them, and they belong to systemd.
    check(!units.iter().any(|name| name.starts_with("systemd-") || name.starts_with("dbus")), || format!("{units:?}"))?;

    let checked = run(program, &["check", "--config.file", &text(&etc.join("heald.yaml"))]).await?;
    check(checked.contains("is good"), || checked.clone())?;
    let rules = text(&etc.join("alert-rules/expected.yml"));
    run(Path::new("promtool"), &["check", "rules", "--lint=all", "--lint-fatal", &rules]).await?;
    equal("state", unit.state().await?.as_str(), "failed")?;
    unit.expect_starts(1).await?;
    container.expect_starts(1).await
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

async fn run(program: &Path, arguments: &[&str]) -> Result<String> {
    let ended = Command::new(program).args(arguments).output().await.context(format!("start {}", program.display()))?;
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    if ended.status.success() {
        return Ok(said);
    }
    Err(Error::new(format!("{} {}: {said}", program.display(), arguments.join(" "))))
}
