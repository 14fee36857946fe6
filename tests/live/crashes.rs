//! heald is killed at the three moments that matter. In all, one restart of the target, no matter when.

use std::sync::Arc;

use crate::journal::Journal;
use crate::lab::{Heald, Result, wait_for};
use crate::scene::{REPAIR, Scene, equal, journal};
use crate::victims::Unit;

/// The alert is promised (2xx) and nothing is done yet. Nobody delivers it a second time.
pub async fn after_the_reply(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let heald = scene.heald(|options| options.units = vec![unit.name().into()])?;
    heald.start("after-reply=pause").await?;
    unit.kill().await?;
    let body = scene.bench.webhook(unit.name()).await?;

    let (status, answer) = heald.deliver(&body).await?;
    heald.kill()?;
    equal(&format!("answer ({answer})"), status, 200)?;
    let journal = journal(&heald);
    equal("incidents on disk", journal.count("opened")?, 1)?;
    equal("attempts before the crash", journal.count("attempt_started")?, 0)?;
    unit.expect_starts(1).await?;

    heals_after_all(&heald, &unit, &journal).await
}

/// The step is on disk and was never sent.
pub async fn before_the_call(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let heald = scene.heald(|options| options.units = vec![unit.name().into()])?;
    heald.start("before-act=pause").await?;
    scene.stack().monitoring().set_receiver(heald.receiver()).await?;
    unit.kill().await?;

    let journal = journal(&heald);
    journal.wait_kind("step_started", REPAIR).await?;
    heald.kill()?;
    unit.expect_starts(1).await?;
    equal("steps ended before the crash", journal.count("step_ended")?, 0)?;

    heals_after_all(&heald, &unit, &journal).await
}

/// systemd has said yes, and heald never got to write that down.
pub async fn after_the_call(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let heald = scene.heald(|options| options.units = vec![unit.name().into()])?;
    heald.start("after-send=pause").await?;
    scene.stack().monitoring().set_receiver(heald.receiver()).await?;
    unit.kill().await?;

    wait_for("the restart that heald asked for", REPAIR, async || {
        unit.expect_starts(2).await.map_err(|error| error.to_string().into())
    })
    .await?;
    unit.wait_active().await?;
    heald.kill()?;
    let journal = journal(&heald);
    equal("steps ended before the crash", journal.count("step_ended")?, 0)?;

    heals_after_all(&heald, &unit, &journal).await
}

async fn heals_after_all(heald: &Heald, unit: &Unit<'_>, journal: &Journal) -> Result<()> {
    heald.start("").await?;
    journal.wait_kind("healed", REPAIR).await?;
    equal("state", unit.state().await?.as_str(), "active")?;
    equal("attempts", journal.count("attempt_started")?, 1)?;
    equal("incidents", journal.count("opened")?, 1)?;
    unit.expect_starts(2).await
}
