//! What heald works with goes away: it must neither storm nor fall silent, and resume by itself.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::lab::{Forwarder, Host, Process, Result, Scrape, Stack, free_port, wait_for};
use crate::repairs::must_run;
use crate::scene::{REPAIR, Scene, check, equal, journal, stays};
use crate::victims::Unit;

/// Long enough for several looks at what can't be seen (one each 5 s).
const BLIND: Duration = Duration::from_secs(12);

pub async fn engine_cut_off(scene: Arc<Scene>) -> Result<()> {
    let (unit, container) = (scene.unit().await?, scene.container().await?);
    let socket = scene.stack().run().dir().join("cut.sock");
    let engine = Forwarder::open(&socket, scene.stack().engine().socket()).await?;
    let heald = scene
        .running_heald(|options| {
            options.units = vec![unit.name().into()];
            options.containers = vec![container.name().into()];
            options.docker = socket.clone();
        })
        .await?;
    let before = container.started_at().await?;

    engine.cut().await;
    container.kill().await?;
    let journal = journal(&heald);
    let blind = journal.wait_kind("held", REPAIR).await?;
    check(blind.text().contains("can't be seen"), || blind.line())?;
    told_once(&scene).await?;

    // Other repairs go on.
    let fault = unit.kill().await?;
    let healed = journal.wait_kind("healed", REPAIR).await?;
    check(healed.incident != blind.incident, || "the container was healed unseen".into())?;
    unit.expect_starts(2).await?;
    scene.say(&format!("unit, while the engine is away: {}", journal.stages(fault)?));

    let records = journal.records()?.len();
    stays(BLIND, async || equal("messages that it is out of sight", scene.told("out_of_sight"), 1)).await?;
    let more = journal.records()?.len() - records;
    check(more <= 8, || format!("{more} records in {BLIND:?} of an outage"))?;
    equal("the container's StartedAt", container.started_at().await?, before.clone())?;

    engine.restore().await?;
    journal
        .wait("repair of the container", REPAIR, |record| record.kind == "healed" && record.incident == blind.incident)
        .await?;
    check(container.started_at().await? != before, || "the container was not started".into())?;
    container.expect_starts(2).await
}

/// On a machine of its own, whose bus nobody else needs.
pub async fn bus_gone(scene: Arc<Scene>) -> Result<()> {
    let stack = scene.stack();
    let machine = format!("heald-live-second-{}", stack.run().id());
    let host = Host::start(stack.engine(), stack.run(), stack.image(), &machine).await?;
    let _exporter = exporter(stack, &host).await?;
    let (unit, container) = (Unit::start(&host, scene.name).await?, scene.container().await?);
    let heald = scene
        .running_heald(|options| {
            options.units = vec![unit.name().into()];
            options.containers = vec![container.name().into()];
            options.bus = host.bus_address();
        })
        .await?;

    host.stop_bus().await?;
    unit.kill().await?;
    // The exporter is as blind as heald: only a rule that misses something can fire now.
    stack.monitoring().set_rules(vec![must_run(unit.name(), "lab")?]).await?;
    let journal = journal(&heald);
    let blind = journal.wait_kind("held", REPAIR).await?;
    check(blind.text().contains("can't be seen"), || blind.line())?;
    told_once(&scene).await?;

    let fault = container.kill().await?;
    let healed = journal.wait_kind("healed", REPAIR).await?;
    check(healed.incident != blind.incident, || "the unit was healed unseen".into())?;
    container.expect_starts(2).await?;
    scene.say(&format!("container, while the bus is away: {}", journal.stages(fault)?));

    stays(BLIND, async || {
        equal("messages that it is out of sight", scene.told("out_of_sight"), 1)?;
        unit.expect_starts(1).await
    })
    .await?;

    host.start_bus().await?;
    journal.wait("repair of the unit", REPAIR, |record| record.kind == "healed" && record.incident == blind.incident).await?;
    unit.wait_active().await?;
    unit.expect_starts(2).await?;
    host.remove().await
}

async fn told_once(scene: &Scene) -> Result<()> {
    wait_for("message that something is out of sight", REPAIR, async || match scene.told("out_of_sight") {
        0 => Err("nobody was told".into()),
        _ => Ok(()),
    })
    .await?;
    equal("messages that it is out of sight", scene.told("out_of_sight"), 1)
}

/// Prometheus' eye on the second machine.
async fn exporter(stack: &Stack, host: &Host) -> Result<Process> {
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new("prometheus-node-exporter");
    command.arg(format!("--web.listen-address={address}"));
    command.args(["--log.level=warn", "--collector.disable-defaults", "--collector.systemd"]);
    command.env("DBUS_SYSTEM_BUS_ADDRESS", host.bus_address());
    let process = Process::spawn(stack.run(), "second_node_exporter", command)?;
    stack.monitoring().set_scrape(Scrape::new("second_node", &address, "/metrics")).await?;
    Ok(process)
}
