//! Guards that ask others: Alertmanager, people, and heald's knowledge of what it stands on.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use crate::alerts::{Posted, amtool};
use crate::lab::Result;
use crate::repairs::must_run;
use crate::scene::{REPAIR, Scene, auto, check, equal, journal, stays};
use crate::victims::{Lines, Unit};
use serde_json::json;

/// Long enough for heald to look again, were it to look at the wrong thing.
const CALM: Duration = Duration::from_secs(10);
/// A hold that nothing of heald's own ends is looked at again each minute.
const RELOOK: Duration = Duration::from_secs(60);

/// Acts although the unit runs: the alert alone says that something is wrong.
const STUCK: &str = r#"---
playbook: unit-stuck
match: ['alertname="UnitStuck"']
target: { unit: "{{ labels.target }}" }
mode: auto
act_on: alert
limits: { grace: 0s }
after_care: 5s
---
# A unit runs and does nothing

## Auto-recovery

```yaml
- try: restart the unit
  do:
    - systemd.restart: {}
```

## Verify

```yaml
within: 30s
stable: 1s
all:
  - systemd.active: {}
```

## Manual fix

Look at its log, then restart it by hand.
"#;

/// A webhook that is delivered too late, as Alertmanager does: the alert is over there.
pub async fn not_listed(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let heald = scene.heald(|options| options.units = vec![unit.name().into()])?;
    heald.start("").await?;
    let alert = Posted::new(&scene, "SystemdUnitNotRunning", unit.name());
    alert.fire().await?;
    let late = scene.bench.webhook(unit.name()).await?;
    alert.resolve().await?;

    let before = unit.invocation().await?;
    // Another alert about the same unit fires soon, and says nothing about this one.
    unit.kill().await?;
    let (status, answer) = heald.deliver(&late).await?;
    equal(&format!("answer ({answer})"), status, 200)?;
    let journal = journal(&heald);
    let held = journal.wait_kind("held", REPAIR).await?;
    check(held.text().contains("Alertmanager does not list the alert as firing"), || held.line())?;
    stays(CALM, async || {
        equal("attempts", journal.count("attempt_started")?, 0)?;
        equal("state", unit.state().await?.as_str(), "failed")
    })
    .await?;
    unit.expect_starts(1).await?;

    alert.fire().await?;
    let healed = journal.wait_kind("healed", REPAIR).await?;
    check(healed.incident == held.incident, || "another incident was healed".into())?;
    check(unit.invocation().await? != before, || format!("the unit still has InvocationID {before}"))?;
    unit.expect_starts(2).await
}

/// The alert came before the silence, and the repair had to wait meanwhile.
pub async fn silenced(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let heald = scene.running_heald(|options| options.units = vec![unit.name().into()]).await?;
    heald.command(&["pause", "--why", "time for a silence"]).await?;
    unit.kill().await?;
    let journal = journal(&heald);
    let paused = journal.wait_kind("held", REPAIR).await?;
    check(paused.text().contains("paused"), || paused.line())?;

    let about = format!("target={}", unit.name());
    let words = ["silence", "add", "--author=ops", "--comment=swap of the disk", "--duration=10m", about.as_str()];
    let silence = amtool(&scene, &words).await?;
    // Faster than any person: an answer of Alertmanager serves heald for a second, and this one is from before.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    heald.command(&["resume"]).await?;
    let wanted = format!("suppressed in Alertmanager: silence {silence} (ops: swap of the disk)");
    journal.wait("a hold by the silence", REPAIR, |record| record.kind == "held" && record.text().contains(&wanted)).await?;
    stays(CALM, async || {
        equal("attempts", journal.count("attempt_started")?, 0)?;
        equal("state", unit.state().await?.as_str(), "failed")
    })
    .await?;
    unit.expect_starts(1).await?;

    amtool(&scene, &["silence", "expire", &silence]).await?;
    journal.wait_kind("healed", RELOOK + REPAIR).await?;
    equal("incidents", journal.count("opened")?, 1)?;
    unit.expect_starts(2).await
}

/// A person has the last word, also about what heald has just repaired.
pub async fn stopped_in_after_care(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let heald = scene.running_heald(|options| options.units = vec![unit.name().into()]).await?;
    // It fires for a unit that was stopped, too.
    scene.stack().monitoring().set_rules(vec![must_run(unit.name(), "lab")?]).await?;
    unit.kill().await?;
    let journal = journal(&heald);
    journal.wait_kind("healed", REPAIR).await?;

    unit.stop().await?;
    let left = journal
        .wait("a hold by the person's stop", REPAIR, |record| {
            record.kind == "held" && record.text().contains("stopped by a person")
        })
        .await?;
    scene.say(&left.text());
    stays(CALM, async || {
        equal("attempts", journal.count("attempt_started")?, 1)?;
        equal("state", unit.state().await?.as_str(), "inactive")
    })
    .await?;
    equal("Result", unit.show("Result").await?.as_str(), "success")?;
    unit.expect_starts(2).await
}

/// What heald stands on is left to people, by a playbook that restarts any other unit.
pub async fn own_ground(scene: Arc<Scene>) -> Result<()> {
    const BUS: &str = "dbus.service";
    let (unit, host) = (scene.unit().await?, scene.stack().host());
    let books = scene.stack().run().files().join(format!("{}-playbooks", scene.name));
    fs::create_dir_all(&books)?;
    fs::write(books.join("unit-stuck.md"), STUCK)?;
    let heald = scene
        .running_heald(|options| {
            options.units = vec![unit.name().into(), BUS.into()];
            options.playbooks = vec![books];
        })
        .await?;
    let before = host.show(BUS, "InvocationID").await?;

    let alert = Posted::new(&scene, "UnitStuck", BUS);
    alert.fire().await?;
    let journal = journal(&heald);
    let escalated = journal.wait_kind("escalated", REPAIR).await?;
    check(escalated.text().contains("heald stands on unit dbus.service"), || escalated.line())?;
    // It waits a moment for the logs.
    journal.wait("message", REPAIR, |record| record.kind == "told").await?;
    equal("messages that it needs a person", scene.told("escalated"), 1)?;
    equal("attempts", journal.count("attempt_started")?, 0)?;
    Posted::new(&scene, "UnitStuck", unit.name()).fire().await?;
    journal.wait_kind("healed", REPAIR).await?;
    unit.expect_starts(2).await?;
    equal("InvocationID of the bus", host.show(BUS, "InvocationID").await?, before)?;
    equal("attempts", journal.count("attempt_started")?, 1)?;
    // Other tests' heald would see it too.
    alert.resolve().await
}

/// While heald repairs, Alertmanager tells nobody; that holds up no second attempt, and ends when people are called.
pub async fn silenced_while_repaired(scene: Arc<Scene>) -> Result<()> {
    let name = format!("{}.service", scene.name);
    let url = scene.stack().monitoring().alertmanager.url();
    let heald = scene
        .running_heald(|options| {
            options.units = vec![name];
            options.overrides = auto(json!({ "limits": { "attempts": 2, "cooldown": "3s" } }));
            options.more = json!({
                "alertmanager": { "url": url, "group_interval": "1s", "silence_while_repairing": "10m" },
            });
        })
        .await?;
    let unit = Unit::start_broken(scene.stack().host(), scene.name, &Lines::default()).await?;
    let journal = journal(&heald);
    let set = journal.wait_kind("silence_set", REPAIR).await?;
    let wanted = format!("heald on lab is repairing this: incident {}", set.incident.unwrap_or_default());
    let state = async || {
        let answer = scene.stack().monitoring().http().get(format!("{url}/api/v2/silences")).send().await?;
        let silences: Vec<serde_json::Value> = answer.json().await?;
        let own = silences.iter().find(|one| one["createdBy"] == "heald" && one["comment"] == wanted.as_str());
        Ok::<_, crate::lab::Error>(own.map(|one| one["status"]["state"].as_str().unwrap_or_default().to_owned()))
    };
    equal("the silence", state().await?.as_deref(), Some("active"))?;

    let escalated = journal.wait_kind("escalated", REPAIR).await?;
    check(escalated.text().contains("not_healed"), || escalated.line())?;
    equal("attempts", journal.count("attempt_started")?, 2)?;
    unit.expect_starts(1 + 2).await?;
    crate::lab::wait_for("the end of the silence", REPAIR, async || match state().await?.as_deref() {
        Some("expired") => Ok(()),
        other => Err(format!("{other:?}").into()),
    })
    .await
}
