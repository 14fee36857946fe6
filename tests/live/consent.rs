//! A playbook that must ask first: heald knows what to do, and a person's word decides.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::lab::Result;
use crate::scene::{REPAIR, Scene, auto, check, equal, journal, stays};

/// Nothing happens unasked, one word is good for one attempt, and no is no.
pub async fn asked_first(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let heald = scene
        .running_heald(|options| {
            options.units = vec![unit.name().into()];
            options.overrides = auto(json!({ "mode": "approve" }));
        })
        .await?;
    let untouched = async |starts| {
        unit.expect_starts(starts).await?;
        equal("state", unit.state().await?.as_str(), "failed")
    };

    unit.kill().await?;
    let journal = journal(&heald);
    let asked = journal.wait_kind("approval_asked", REPAIR).await?;
    scene.say(&asked.text());
    stays(Duration::from_secs(10), async || untouched(1).await).await?;
    equal("messages that ask a person", scene.told("approval_needed"), 1)?;
    equal("attempts", journal.count("attempt_started")?, 0)?;

    let incident = asked.incident.unwrap_or_default().to_string();
    heald.command(&["approve", &incident]).await?;
    let healed = journal.wait_kind("healed", REPAIR).await?;
    equal("state", unit.state().await?.as_str(), "active")?;
    unit.expect_starts(2).await?;
    let again = heald.command(&["approve", &incident]).await;
    check(again.is_err(), || "consent was given twice to one attempt".into())?;

    // The next attempt of the same incident is another question.
    unit.kill().await?;
    journal.wait("second question", REPAIR, |record| record.kind == "approval_asked" && record.seq > healed.seq).await?;
    heald.command(&["deny", &incident, "--why", "it must not run today"]).await?;
    let escalated = journal.wait_kind("escalated", REPAIR).await?;
    check(escalated.text().contains("it must not run today"), || escalated.line())?;
    stays(Duration::from_secs(10), async || untouched(2).await).await?;
    equal("attempts", journal.count("attempt_started")?, 1)
}
