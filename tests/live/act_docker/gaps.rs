//! heald is killed at every gap of making a container anew, and of putting the old one back: there is never none and never
//! two.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{book, both, heald, make, named, order, runs, same, there, until};
use crate::lab::{Error, Heald, Result};
use crate::scene::{REPAIR, Scene, check, equal, journal};

/// What the engine shows once heald stands at the gap: the container of that name, and the one put aside.
type Shows = fn(Option<&Value>, Option<&Value>) -> bool;

const RECREATE: [(&str, Shows); 7] = [
    ("recreate-begun", |new, old| new.is_some_and(runs) && old.is_none()),
    ("recreate-renamed", |new, old| new.is_none() && old.is_some_and(runs)),
    ("recreate-created", |new, old| new.is_some() && old.is_some_and(runs)),
    ("recreate-connected", |new, old| new.is_some() && old.is_some_and(runs)),
    ("recreate-stopped", |new, old| new.is_some() && old.is_some_and(|old| !runs(old))),
    ("recreate-started", |new, old| new.is_some_and(runs) && old.is_some_and(|old| !runs(old))),
    // Nothing is paused: heald is killed right after the step, and the next one finds all done.
    ("", |new, old| new.is_some_and(runs) && old.is_some_and(|old| !runs(old))),
];

const RESTORE: [(&str, Shows); 3] = [
    ("restore-stopped", |new, old| new.is_some_and(|new| !runs(new)) && old.is_some()),
    ("restore-removed", |new, old| new.is_none() && old.is_some_and(|old| !runs(old))),
    ("restore-started", |new, old| new.is_none() && old.is_some_and(runs)),
];

pub async fn recreate(scene: Arc<Scene>) -> Result<()> {
    let name = named(&scene, "gap");
    for (number, (gap, shows)) in RECREATE.iter().enumerate() {
        let at = |error: Error| Error::new(format!("killed at {gap:?}: {error}"));
        one_recreate(&scene, &name, number, gap, *shows).await.map_err(at)?;
        scene.say(&format!("killed at {gap:?}: one runs"));
    }
    Ok(())
}

async fn one_recreate(scene: &Scene, name: &str, number: usize, gap: &str, shows: Shows) -> Result<()> {
    let id = victim(scene, name).await?;
    let steps = "- docker.recreate: { grace: 1s }\n- wait: 2s";
    let heald = heald(scene, &format!("gap-{number}"), &[name], &[book("remake", steps, "", true)], |_| {})?;
    kill_at(scene, &heald, gap, "remake", name, shows).await?;
    heald.start("").await?;
    let journal = journal(&heald);
    journal.wait_kind("healed", REPAIR).await?;

    let (new, old) = both(scene, name).await?;
    let new = new.ok_or_else(|| Error::new("there is none"))?;
    check(runs(&new) && new["Id"] != json!(id), || format!("{name} is {}", new["State"]["Status"]))?;
    same("whose like it is", &new["Config"]["Labels"]["heald.recreated-from"], &json!(id))?;
    same("its restart policy", &new["HostConfig"]["RestartPolicy"]["Name"], &json!("always"))?;
    if let Some(old) = old {
        check(!runs(&old) && old["HostConfig"]["RestartPolicy"]["Name"] == "no", || "two would run".into())?;
    }
    equal("attempts", journal.count("attempt_started")?, 1)?;
    journal.wait_kind("closed", REPAIR).await?;
    super::expect_gone(scene, &format!("{name}-heald-old")).await?;
    heald.stop();
    scene.stack().engine().remove(name).await
}

pub async fn restore(scene: Arc<Scene>) -> Result<()> {
    let name = named(&scene, "back-gap");
    for (number, (gap, shows)) in RESTORE.iter().enumerate() {
        let at = |error: Error| Error::new(format!("killed at {gap:?}: {error}"));
        one_restore(&scene, &name, number, gap, *shows).await.map_err(at)?;
        scene.say(&format!("killed at {gap:?}: the old one runs"));
    }
    Ok(())
}

async fn one_restore(scene: &Scene, name: &str, number: usize, gap: &str, shows: Shows) -> Result<()> {
    let id = victim(scene, name).await?;
    let books = [book("remake", "- docker.recreate: { grace: 1s }", "- docker.restore: { grace: 1s }", false)];
    let heald = heald(scene, &format!("back-gap-{number}"), &[name], &books, |_| {})?;
    kill_at(scene, &heald, gap, "remake", name, shows).await?;
    heald.start("").await?;
    let journal = journal(&heald);
    journal.wait_kind("rollback_ended", REPAIR).await?;
    let (back, old) = both(scene, name).await?;
    check(old.is_none(), || "something is still put aside".into())?;
    let back = back.ok_or_else(|| Error::new("there is none"))?;
    check(runs(&back), || format!("{name} is {}", back["State"]["Status"]))?;
    same("which one", &back["Id"], &json!(id))?;
    same("its restart policy", &back["HostConfig"]["RestartPolicy"]["Name"], &json!("always"))?;
    heald.stop();
    scene.stack().engine().remove(name).await
}

async fn victim(scene: &Scene, name: &str) -> Result<String> {
    let id = make(scene, name, json!({ "HostConfig": { "NetworkMode": "none", "RestartPolicy": { "Name": "always" } } })).await?;
    check(runs(&there(scene, name).await?), || format!("{name} does not run"))?;
    Ok(id)
}

/// Until it stands at the gap; meanwhile never two.
async fn kill_at(scene: &Scene, heald: &Heald, gap: &str, playbook: &str, name: &str, shows: Shows) -> Result<()> {
    heald.start(&if gap.is_empty() { String::new() } else { format!("{gap}=pause") }).await?;
    order(heald, playbook, name).await?;
    journal(heald).wait_kind("step_started", REPAIR).await?;
    let seen = until(&format!("the gap {gap:?}"), async || {
        let (new, old) = both(scene, name).await?;
        if two_run(new.as_ref(), old.as_ref()) {
            // The two were not asked at the same moment.
            let (new, old) = both(scene, name).await?;
            if two_run(new.as_ref(), old.as_ref()) {
                return Err(crate::lab::NotYet::never("two run"));
            }
        }
        if shows(new.as_ref(), old.as_ref()) { Ok(()) } else { Err("not yet".into()) }
    })
    .await;
    heald.kill()?;
    seen
}

/// One that is renamed between two questions bears both names.
fn two_run(new: Option<&Value>, old: Option<&Value>) -> bool {
    new.zip(old).is_some_and(|(new, old)| runs(new) && runs(old) && new["Id"] != old["Id"])
}
