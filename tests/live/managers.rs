//! Guards that know systemd: other names, start limits, dependencies, restarts of its own.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::alerts::Posted;
use crate::journal::Journal;
use crate::lab::{Result, wait_for};
use crate::scene::{REPAIR, Scene, auto, check, equal, journal, stays};
use crate::victims::{FOREVER, Lines, Unit};

/// One unit, two names, an alert for each.
pub async fn two_names(scene: Arc<Scene>) -> Result<()> {
    let names = [format!("{}.service", scene.name), format!("{}-too.service", scene.name)];
    // It comes up each time, and is down again before it counts as repaired.
    let lines = Lines { service: "ExecStart=/bin/sh -c 'sleep 1; exit 1'", alias: Some(&names[1]), ..Lines::default() };
    let unit = Unit::write(scene.stack().host(), scene.name, &lines).await?;
    let heald = scene
        .running_heald(|options| {
            options.units = names.to_vec();
            // All but the budget is out of the way.
            let limits = json!({ "attempts": 10, "budget": ["2 per 10m"], "cooldown": { "base": "1s", "factor": 1 } });
            options.overrides = auto(json!({ "limits": limits }));
            options.guards = json!({ "severity": { "several": { "attempts": 10, "within": "10m" } } });
        })
        .await?;
    unit.start_for_a_moment().await?;
    for name in &names {
        Posted::new(&scene, "SystemdUnitNotRunning", name).fire().await?;
    }

    let journal = journal(&heald);
    wait_for("both incidents to end with a person", 3 * REPAIR, async || match journal.count("escalated")? {
        2 => Ok(()),
        other => Err(format!("{other} escalations").into()),
    })
    .await?;
    for name in &names {
        let target = format!("unit {name}");
        let opened = journal.of_kind("opened")?.iter().filter(|record| record.text().contains(&target)).count();
        equal(&format!("incidents of {name}"), opened, 1)?;
    }
    one_at_a_time(&journal)?;
    let held = journal.of_kind("held")?;
    let exclusive = held.iter().find(|record| record.body["guard"] == "exclusive");
    let exclusive = exclusive.map(|record| record.text()).unwrap_or_default();
    check(exclusive.contains("is under repair by incident"), || "no incident waited for the other".into())?;
    scene.say(&exclusive);
    for spent in journal.of_kind("escalated")? {
        check(spent.text().contains("2 of 2 in 10m"), || spent.line())?;
    }
    equal("attempts under both names", journal.count("attempt_started")?, 2)?;
    unit.expect_starts(1 + 2).await
}

/// By the journal's order: no attempt begins before the last one has ended.
fn one_at_a_time(journal: &Journal) -> Result<()> {
    let mut running = None;
    for record in journal.records()? {
        match record.kind.as_str() {
            "attempt_started" => {
                check(running.is_none(), || format!("two at once: {}", record.line()))?;
                running = record.incident;
            }
            "attempt_ended" if running == record.incident => running = None,
            _ => {}
        }
    }
    Ok(())
}

/// systemd allows three starts in the interval; heald never asks for the fourth.
pub async fn start_limit(scene: Arc<Scene>) -> Result<()> {
    const INTERVAL: Duration = Duration::from_secs(25);
    let name = format!("{}.service", scene.name);
    let heald = scene
        .running_heald(|options| {
            options.units = vec![name];
            let limits = json!({ "attempts": 50, "budget": ["50 per 10m"], "cooldown": { "base": "1s", "factor": 1 } });
            options.overrides = auto(json!({ "limits": limits }));
        })
        .await?;
    let lines = Lines { unit: "StartLimitIntervalSec=25\nStartLimitBurst=3", ..Lines::default() };
    let unit = Unit::start_broken(scene.stack().host(), scene.name, &lines).await?;

    let journal = journal(&heald);
    let held = journal
        .wait("a hold at the start limit", REPAIR, |record| record.kind == "held" && record.text().contains("systemd allows"))
        .await?;
    check(held.text().contains("3 starts in 25s"), || held.line())?;
    scene.say(&held.text());
    equal("attempts before it", journal.count("attempt_started")?, 2)?;
    unit.expect_starts(1 + 2).await?;

    // Each interval anew.
    let within = async || {
        let result = unit.show("Result").await?;
        check(result != "start-limit-hit", || "heald drove the unit into its start limit".into())
    };
    stays(INTERVAL, within).await?;
    wait_for("the attempts of the next interval", REPAIR, async || match journal.count("attempt_ended")? {
        4.. => Ok(()),
        other => Err(format!("{other} attempts").into()),
    })
    .await?;
    within().await?;
    unit.expect_starts(1 + 4).await?;
    // What was left to people.
    unit.start_in_vain().await?;
    within().await?;
    unit.expect_starts(1 + 4 + 1).await
}

/// A service and the one that it needs fail together.
pub async fn needed_first(scene: Arc<Scene>) -> Result<()> {
    let host = scene.stack().host();
    let needed = Unit::start(host, &format!("{}-needed", scene.name)).await?;
    let unit = format!("StartLimitIntervalSec=0\nRequires={0}\nAfter={0}", needed.name());
    let needing = Unit::start_with(host, scene.name, &Lines { unit: &unit, service: FOREVER, alias: None }).await?;
    let heald = scene
        .running_heald(|options| {
            options.units = vec![needed.name().into(), needing.name().into()];
            // How long the others may need to find their way back by themselves.
            options.overrides = auto(json!({ "limits": { "settle": "3s" } }));
        })
        .await?;

    host.systemctl(&["kill", "--signal=SIGKILL", needed.name(), needing.name()]).await?;
    let journal = journal(&heald);
    wait_for("both repairs", 2 * REPAIR, async || match journal.count("healed")? {
        2 => Ok(()),
        other => Err(format!("{other} repairs").into()),
    })
    .await?;
    for unit in [&needed, &needing] {
        equal(unit.name(), unit.state().await?.as_str(), "active")?;
        unit.expect_starts(2).await?;
    }
    let mut at = [0_u64; 2];
    for (at, unit) in at.iter_mut().zip([&needed, &needing]) {
        *at = unit.show("InactiveExitTimestampMonotonic").await?.parse()?;
    }
    check(at[0] < at[1], || format!("{} was started {} µs too late", needed.name(), at[0] - at[1]))?;
    let held = journal.of_kind("held")?;
    let order = held.iter().find(|record| record.body["guard"] == "order").map(|record| record.text()).unwrap_or_default();
    check(order.contains(needed.name()), || "the one that needs it was not held back".into())?;
    let apart = Duration::from_micros(at[1] - at[0]).as_secs_f64();
    scene.say(&format!("{order}; started {apart:.1} s apart"));
    Ok(())
}

/// Two services that need six seconds to boot: systemd itself restarts one of them.
pub async fn slow_starters(scene: Arc<Scene>) -> Result<()> {
    let host = scene.stack().host();
    let slow = format!("ExecStartPre=/bin/sleep 6\n{FOREVER}");
    let own = format!("Restart=on-failure\nRestartSec=1\n{slow}");
    let tended = format!("{}-tended", scene.name);
    let (own, slow) = (Lines { service: &own, ..Lines::default() }, Lines { service: &slow, ..Lines::default() });
    let (tended, alone) = tokio::try_join!(Unit::start_with(host, &tended, &own), Unit::start_with(host, scene.name, &slow))?;
    let heald = scene.running_heald(|options| options.units = vec![tended.name().into(), alone.name().into()]).await?;

    host.systemctl(&["kill", "--signal=SIGKILL", tended.name(), alone.name()]).await?;
    // As a rule without any patience does.
    let alerts = [&tended, &alone].map(|unit| Posted::new(&scene, "SystemdUnitNotRunning", unit.name()));
    for alert in &alerts {
        alert.fire().await?;
    }
    let journal = journal(&heald);
    let healed = journal.wait_kind("healed", REPAIR).await?;
    tended.wait_active().await?;
    for alert in &alerts {
        alert.resolve().await?;
    }
    let closed = journal
        .wait("the end of what systemd repaired", REPAIR, |record| record.kind == "closed" && record.incident != healed.incident)
        .await?;
    equal("outcome", closed.body["outcome"].as_str(), Some("resolved_by_itself"))?;
    let once = async || {
        for (unit, by_systemd) in [(&tended, "1"), (&alone, "0")] {
            equal(&format!("systemd's own restarts of {}", unit.name()), unit.show("NRestarts").await?.as_str(), by_systemd)?;
            unit.expect_starts(2).await?;
        }
        equal("attempts", journal.count("attempt_started")?, 1)
    };
    stays(Duration::from_secs(10), once).await?;
    let held = journal.of_kind("held")?;
    let patience = held.iter().find(|record| record.incident == closed.incident).map(|record| record.text());
    check(patience.is_some(), || "heald did not see systemd at work".into())?;
    scene.say(&patience.unwrap_or_default());
    Ok(())
}
