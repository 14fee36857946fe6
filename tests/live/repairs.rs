//! A fault, an alert, a repair: what heald is for; and what it leaves alone.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::lab::{Error, Pace, Result, RuleFile};
use crate::scene::{REPAIR, Scene, auto, check, equal, journal, stays};
use crate::victims::{Lines, Unit};

/// Every stage in its order; what lies between (looks, notices, resolves) may vary.
const REPAIRED: [&str; 6] = ["opened", "attempt_started", "step_started", "step_ended", "verify_started", "healed"];

pub async fn unit_killed(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let heald = scene
        .running_heald(|options| {
            options.units = vec![unit.name().into()];
            options.overrides = auto(json!({ "after_care": "5s" }));
        })
        .await?;
    let before = unit.invocation().await?;

    let fault = unit.kill().await?;
    let journal = journal(&heald);
    journal.wait_kind("healed", REPAIR).await?;
    equal("state", unit.state().await?.as_str(), "active")?;
    let after = unit.invocation().await?;
    check(after != before, || format!("the unit still has InvocationID {before}"))?;
    scene.say(&journal.stages(fault)?);

    // The alert resolves, after-care ends, and all that time it is the same run of the unit.
    let closed = journal.wait_kind("closed", REPAIR).await?;
    equal("outcome", closed.body["outcome"].as_str(), Some("healed"))?;
    equal("InvocationID", unit.invocation().await?, after)?;
    unit.expect_starts(2).await?;
    for kind in REPAIRED {
        equal(kind, journal.count(kind)?, 1)?;
    }
    let seen = heald.ask("incidents").await?;
    equal("state by the API", seen[0]["state"].as_str(), Some("closed"))?;
    equal("messages that it is healed", scene.told("healed"), 1)
}

pub async fn container_killed(scene: Arc<Scene>) -> Result<()> {
    let container = scene.container().await?;
    let heald = scene.running_heald(|options| options.containers = vec![container.name().into()]).await?;
    let before = container.started_at().await?;

    let fault = container.kill().await?;
    let journal = journal(&heald);
    journal.wait_kind("healed", REPAIR).await?;
    equal("status", container.status().await?.as_str(), "running")?;
    let after = container.started_at().await?;
    check(after != before, || format!("the container still has StartedAt {before}"))?;
    scene.say(&journal.stages(fault)?);

    journal.wait_kind("alert_resolved", REPAIR).await?;
    equal("StartedAt", container.started_at().await?, after)?;
    container.expect_starts(2).await?;
    for kind in REPAIRED {
        equal(kind, journal.count(kind)?, 1)?;
    }
    Ok(())
}

pub async fn stopped_by_a_person(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let heald = scene.running_heald(|options| options.units = vec![unit.name().into()]).await?;
    scene.stack().monitoring().set_rules(vec![must_run(unit.name(), "lab")?]).await?;

    unit.stop().await?;
    let journal = journal(&heald);
    let opened = journal.wait_kind("opened", REPAIR).await?;
    check(opened.text().contains("SystemdUnitNotRunning"), || opened.line())?;
    let held = journal.wait_kind("held", REPAIR).await?;
    check(held.text().contains("stopped by a person"), || held.line())?;
    scene.say(&held.text());

    stays(Duration::from_secs(10), async || {
        equal("attempts", journal.count("attempt_started")?, 0)?;
        equal("state", unit.state().await?.as_str(), "inactive")
    })
    .await?;
    unit.expect_starts(1).await
}

pub async fn never_healthy(scene: Arc<Scene>) -> Result<()> {
    // Attempts far above the budget: it is the budget that ends this.
    let limits = json!({ "attempts": 10, "budget": ["3 per 10m"], "cooldown": "1s" });
    let name = format!("{}.service", scene.name);
    let heald = scene
        .running_heald(|options| {
            options.units = vec![name];
            options.overrides = auto(json!({ "limits": limits }));
        })
        .await?;

    let unit = Unit::start_broken(scene.stack().host(), scene.name, &Lines::default()).await?;
    let journal = journal(&heald);
    let escalated = journal.wait_kind("escalated", REPAIR).await?;
    check(escalated.text().contains("budget"), || escalated.line())?;
    scene.say(&escalated.text());

    // Alertmanager repeats itself in the meantime; the simulation does this for hours.
    stays(Duration::from_secs(30), async || {
        equal("attempts", journal.count("attempt_started")?, 3)?;
        equal("escalations", journal.count("escalated")?, 1)?;
        unit.expect_starts(1 + 3).await
    })
    .await?;
    equal("messages that it needs a person", scene.told("escalated"), 1)
}

pub async fn killed_again_in_after_care(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let heald = scene
        .running_heald(|options| {
            options.units = vec![unit.name().into()];
            options.group_interval = "10s".into();
        })
        .await?;
    let journal = journal(&heald);
    unit.kill().await?;
    let healed = journal.wait_kind("healed", REPAIR).await?;
    // Not to wait for anything: the second fault comes while Alertmanager still keeps to its interval.
    tokio::time::sleep(Duration::from_secs(3)).await;

    let fault = unit.kill().await?;
    let again = journal.wait("second repair", REPAIR, |record| record.kind == "healed" && record.seq > healed.seq).await?;
    let records = journal.records()?;
    let relapse = records.iter().find(|record| record.kind == "care_failed").map_or(0, |record| record.seq);
    let next = records.iter().find(|record| record.seq > relapse);
    equal("after the relapse, first", next.map(|record| record.kind.as_str()), Some("attempt_started"))?;
    let began = next.map_or(fault, |record| record.wall).duration_since(fault).as_secs_f64();
    // Long before Alertmanager may speak again.
    check(began < 5.0, || format!("the second repair began only {began:.1} s after the fault"))?;
    equal("incidents", journal.count("opened")?, 1)?;
    unit.expect_starts(3).await?;
    let healed = again.wall.duration_since(fault).as_secs_f64();
    scene.say(&format!("second fault: repair began after {began:.2} s, verified after {healed:.2} s, no webhook needed"));
    Ok(())
}

/// As `heald rules` makes it for one expected unit.
pub fn must_run(unit: &str, host: &str) -> Result<RuleFile> {
    let service = unit.trim_end_matches(".service");
    let expected = format!(
        "hosts: {{ {host}: {{ node_exporter: false }} }}\nservices: {{ {service}: {{ hosts: {host}, units: {unit} }} }}\n"
    );
    let inventory = heald::inventory::read(Path::new("inventory.yaml"), &expected);
    let inventory = inventory.map_err(|problems| Error::new(format!("{problems:?}")))?;
    let page = heald::inventory::page(&heald::inventory::rules(&inventory), "inventory.yaml");
    Ok(RuleFile::new(&format!("expected-{service}.yml"), &page).at(&Pace::default()))
}
