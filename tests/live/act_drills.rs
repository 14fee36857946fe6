//! `heald drill` on real parts: the real rule, the real repair, and every fault undone on a real engine and a real systemd.

use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::act_docker::{make, named, network, there};
use crate::lab::{Context as _, Error, Heald, Result};
use crate::scene::{Scene, check, equal};

/// Its own, which it gets back.
const LIMIT: i64 = 128 << 20;

pub async fn break_and_mend(scene: Arc<Scene>) -> Result<()> {
    let (unit, killed) = (scene.unit().await?, scene.container().await?);
    let (frozen, net) = (named(&scene, "drill-frozen"), named(&scene, "drill-net"));
    network(&scene, &net, 16).await?;
    make(&scene, &frozen, json!({ "HostConfig": { "NetworkMode": net, "Memory": LIMIT } })).await?;
    let drills = scene.stack().run().files().join("drill-books");
    fs::create_dir_all(&drills)?;
    let file = format!(
        "drills:\n\
         - {{ drill: unit, playbook: systemd-unit-failed, target: {unit}, fault: {{ systemd.kill: {{ unit: {unit} }} }}, within: 60s }}\n\
         - {{ drill: container, playbook: container-down, target: {killed}, fault: {{ docker.kill: {{ container: {killed} }} }}, within: 60s }}\n\
         - drill: frozen\n  playbook: container-down\n  target: {frozen}\n  expect: refused\n  alert:\n    labels: {{ alertname: \
         ContainerDown, target: {frozen}, target_kind: container, severity: P1, playbook: container-down }}\n  fault:\n  \
         - docker.detach: {{ container: {frozen}, network: {net} }}\n  \
         - docker.memory: {{ container: {frozen}, limit: 64MiB }}\n  \
         - docker.pause: {{ container: {frozen} }}\n",
        unit = unit.name(),
        killed = killed.name(),
    );
    fs::write(drills.join("all.drill.yml"), file)?;
    let (units, containers) = (vec![unit.name().to_owned()], vec![killed.name().to_owned(), frozen.clone()]);
    let heald = scene
        .running_heald(|options| {
            options.units = units.clone();
            options.containers = containers.clone();
            options.playbooks = vec![drills];
            let allowed = json!({ "units": units, "containers": containers, "networks": [net] });
            options.more = json!({ "drills": { "allowed": allowed } });
        })
        .await?;

    for name in ["unit", "container"] {
        let entry = run(&heald, name).await?;
        equal("it passed", entry["passed"].as_bool(), Some(true)).map_err(|_| Error::new(entry.to_string()))?;
        check(entry["recovery_ms"].as_u64().is_some_and(|ms| ms > 0) && entry["attempts"] == 1, || entry.to_string())?;
        scene.say(&format!("{name}: detected in {} ms, recovered in {} ms", entry["detect_ms"], entry["recovery_ms"]));
    }
    equal("the unit", unit.state().await?.as_str(), "active")?;
    equal("the container", killed.status().await?.as_str(), "running")?;

    let before = there(&scene, &frozen).await?;
    let entry = run(&heald, "frozen").await?;
    check(
        entry["passed"] == true && entry["posted"] == true && entry["undone"].as_array().is_some_and(|all| all.len() == 3),
        || entry.to_string(),
    )?;
    let after = there(&scene, &frozen).await?;
    equal("paused", after["State"]["Paused"].clone(), json!(false))?;
    equal("the same run of it", after["State"]["StartedAt"].clone(), before["State"]["StartedAt"].clone())?;
    equal("its memory limit", after["HostConfig"]["Memory"].as_i64(), Some(LIMIT))?;
    check(after["NetworkSettings"]["Networks"].get(&net).is_some(), || "it is not in its network".into())
}

async fn run(heald: &Heald, name: &str) -> Result<Value> {
    let mut command = tokio::process::Command::new(heald.program());
    command.args(["drill", "run", name, "--yes", "-o", "json", "--config.file"]).arg(heald.config());
    let ended = command.output().await.context("start heald drill")?;
    let said = || String::from_utf8_lossy(&ended.stderr).into_owned();
    let entries: Value = serde_json::from_slice(&ended.stdout).map_err(|_| Error::new(format!("drill {name}: {}", said())))?;
    Ok(entries[0].clone())
}
