//! Group B on real parts, each with a repair that makes it worse, or that does not help: heald takes back what it did, calls
//! people, and leaves everything as it found it.
//!
//! All at once on one machine, since each mostly waits; what is sent to heald is a posted alert.

mod cases;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::drilled::victim;
use crate::drills::{Drills, HEALD};
use crate::lab::{Context as _, Error, Result, wait_for};
use crate::scene::{Scene, check};
use cases::{CASES, CONFIG, Case};

/// The longest ladder has five rungs, each with a look of up to six seconds.
const CALLED: Duration = Duration::from_secs(100);

pub async fn take_back(scene: Arc<Scene>) -> Result<()> {
    let drills = Drills::open(scene.stack(), &scene.bench.program, &victim()?).await?;
    drills.run(&["python3", "-c", CONFIG]).await?;
    drills.run(&["heald", "check"]).await?;
    for case in &CASES {
        shell(&drills, case.spoil).await.with_context(|| format!("{}: break it", case.playbook))?;
    }
    drills.run(&["systemctl", "daemon-reload"]).await?;
    for case in &CASES {
        shell(&drills, case.strike).await.with_context(|| format!("{}: strike", case.playbook))?;
    }
    drills.run(&["systemctl", "restart", HEALD]).await?;
    let start = Instant::now();
    for case in &CASES {
        let alert = [&["amtool", "--alertmanager.url=http://127.0.0.1:9093", "alert", "add"], case.alert].concat();
        drills.run(&alert).await?;
    }
    let mut failed = String::new();
    for case in &CASES {
        let came = taken_back(&drills, case, CALLED.saturating_sub(start.elapsed())).await;
        match came {
            Ok(how) => scene.say(&format!("{} ({}): {how}", case.playbook, case.row)),
            Err(error) => failed = format!("{failed}\n{} ({}): {error}", case.playbook, case.row),
        }
    }
    if !failed.is_empty() {
        return Err(Error::new(format!("{failed}\nheald's journal ends:\n{}", drills.account().await)));
    }
    drills.close().await
}

/// What was done, that it was taken back, that people were called; and that all is as it was. The reason that people read.
async fn taken_back(drills: &Drills, case: &Case, limit: Duration) -> Result<String> {
    let incident = wait_for("a call for people", limit, async || {
        let all: Vec<Value> = serde_json::from_str(&drills.run(&["heald", "incidents", "--output", "json"]).await?)?;
        let found = all.into_iter().find(|one| one["playbook"] == case.playbook).ok_or_else(|| Error::new("no incident"))?;
        match found["state"].as_str() {
            Some("escalated") => Ok(found["id"].to_string()),
            other => Err(format!("{other:?}").into()),
        }
    })
    .await?;
    let whole: Value = serde_json::from_str(&drills.run(&["heald", "incidents", &incident, "--output", "json"]).await?)?;
    let events: Vec<(&str, &str)> = whole["events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| Some((event["kind"].as_str()?, event["text"].as_str()?)))
        .collect();
    let told = || events.iter().map(|(kind, text)| format!("{kind}: {text}\n")).collect::<String>();
    let of = |kind: &str| events.iter().position(|(other, _)| *other == kind);
    let (Some(began), Some(ended)) = (of("rollback_started"), of("rollback_ended")) else {
        return Err(Error::new(format!("nothing was taken back:\n{}", told())));
    };
    // The change was really made: the step that makes it began before, and ended well.
    let made = events[..began].iter().enumerate().any(|(at, (kind, text))| {
        let ended = events[at..began].iter().find(|(kind, _)| *kind == "step_ended");
        *kind == "step_started" && text.contains(case.change) && ended.is_some_and(|(_, came)| came.contains(" done: "))
    });
    check(made, || format!("{:?} was not done before:\n{}", case.change, told()))?;
    check(events[ended].1 == "rolled back", || format!("it ended otherwise:\n{}", told()))?;
    shell(drills, case.after).await.map_err(|error| Error::new(format!("not as it was: {error}\n{}", told())))?;
    let reason = events.iter().find(|(kind, _)| *kind == "escalated").map_or("", |(_, text)| text);
    Ok(reason.to_owned())
}

async fn shell(drills: &Drills, script: &str) -> Result<()> {
    drills.run(&["sh", "-euc", script]).await.map(drop)
}
