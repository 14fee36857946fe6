//! D12 on real parts: two machines on two networks, each a systemd with its own address; a witness, which is a Prometheus on
//! the second network; a fence that kills the primary as a power switch does; and heald on the standby, as `make install`
//! lays it out, with the shipped rules, the shipped playbook and its shipped mode: a person says yes.
//!
//! Both machines have the same two units. The first writes its owner's name and CLOCK_BOOTTIME ten times a second into one
//! file that both see: where both names stand in the same moment, the split brain is on record.

mod config;
mod device;
mod pair;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::lab::{Context as _, Error, Result};
use crate::scene::{Scene, check, equal, stays};
use pair::{Pair, boottime};

/// It takes two looks with five seconds between, and up to five seconds for each of them.
const DECIDED: Duration = Duration::from_secs(60);
/// In which something that must not happen would have happened.
const QUIET: Duration = Duration::from_secs(5);
/// Of two marks; the pen writes ten a second, on a machine that has other work.
const PAUSE_MAX: f64 = 3.0;

/// The way to the primary is cut, but the witness sees it: nothing happens. It is cut off from all, and can't be fenced: nothing
/// happens either. Then it dies: the standby takes its place.
pub async fn dead_is_not_unseen(scene: Arc<Scene>) -> Result<()> {
    let pair = Pair::open(&scene, [21, 22]).await?;
    told(&pair, seen_by_the_witness(&pair).await).await.context("seen by the witness")?;
    pair.join().await?;
    pair.forget().await?;
    told(&pair, not_fenced(&pair).await).await.context("not fenced")?;
    pair.join().await?;
    pair.forget().await?;
    let took = told(&pair, dead(&pair).await).await.context("dead")?;
    scene.say(&format!("seen elsewhere or not fenced: nothing was started; dead: active {took:.1} s after the yes"));
    pair.close().await
}

/// Nobody can see the primary, and it lives: it is fenced first, and at no moment are both active.
pub async fn partitioned_is_fenced_first(scene: Arc<Scene>) -> Result<()> {
    let pair = Pair::open(&scene, [23, 24]).await?;
    let gap = told(&pair, partitioned(&pair).await).await?;
    scene.say(&format!("the standby's first mark came {gap:.1} s after the primary's last"));
    pair.close().await
}

async fn seen_by_the_witness(pair: &Pair) -> Result<()> {
    pair.cut_from_the_standby().await?;
    let id = pair.approve(DECIDED).await?;
    let incident = pair.end(id, DECIDED).await?;
    equal("state", incident["state"].as_str(), Some("escalated"))?;
    equal("called to the fence", pair.device().count("fence"), 0)?;
    nothing_started(pair).await?;
    called(pair)
}

async fn not_fenced(pair: &Pair) -> Result<()> {
    pair.device().breaks(true);
    pair.cut_from_all().await?;
    let id = pair.approve(DECIDED).await?;
    let incident = pair.end(id, DECIDED).await?;
    equal("state", incident["state"].as_str(), Some("escalated"))?;
    equal("called to the fence", pair.device().count("fence"), 1)?;
    nothing_started(pair).await?;
    called(pair)?;
    pair.device().breaks(false);
    Ok(())
}

/// Returns how long it took, in seconds.
async fn dead(pair: &Pair) -> Result<f64> {
    pair.primary().container().kill("SIGKILL").await?;
    let id = pair.approve(DECIDED).await?;
    let yes = boottime()?;
    let incident = pair.end(id, DECIDED).await?;
    taken(pair, &incident).await?;
    Ok(pair.marks()?.first_of("standby")? - yes)
}

/// Returns the time between them, in seconds.
async fn partitioned(pair: &Pair) -> Result<f64> {
    pair.cut_from_all().await?;
    let cut = boottime()?;
    let id = pair.approve(DECIDED).await?;
    let incident = pair.end(id, DECIDED).await?;
    taken(pair, &incident).await?;
    let (marks, fenced) = (pair.marks()?, pair.device().first("fence")?);
    let (last, first) = (marks.last_of("primary")?, marks.first_of("standby")?);
    // It was no dead host: it went on behind the partition until the fence.
    check(last > cut + 3.0, || format!("the primary's last mark is of {last}, it was cut off at {cut}"))?;
    check(last <= fenced && fenced <= first, || format!("last {last}, fenced {fenced}, first of the standby {first}"))?;
    check(marks.widest_of("primary") < PAUSE_MAX, || format!("the pen stood still for {} s", marks.widest_of("primary")))?;
    Ok(first - last)
}

/// The standby does its work, it was announced, and the primary is off.
async fn taken(pair: &Pair, incident: &Value) -> Result<()> {
    equal("state", incident["state"].as_str(), Some("healed")).map_err(|error| Error::new(format!("{error}: {incident}")))?;
    equal("attempts", incident["attempts"].as_u64(), Some(1))?;
    for unit in config::UNITS {
        equal(unit, pair.standby().show(unit, "ActiveState").await?.as_str(), "active")?;
    }
    equal("the primary", pair.primary().container().status().await?.as_str(), "exited")?;
    let announced = pair.device().bodies("announce");
    equal("announcements", announced.len(), 1)?;
    equal("active", announced[0]["active"].as_str(), Some("standby"))?;
    equal("down", announced[0]["down"].as_str(), Some("primary"))?;
    let marks = pair.marks()?;
    let (last, first) = (marks.last_of("primary")?, marks.first_of("standby")?);
    check(last < first, || format!("both were active: the primary at {last}, the standby at {first}"))
}

/// The primary works on, alone.
async fn nothing_started(pair: &Pair) -> Result<()> {
    let before = boottime()?;
    stays(QUIET, async || {
        for unit in config::UNITS {
            equal(unit, pair.standby().show(unit, "ActiveState").await?.as_str(), "inactive")?;
            equal(unit, pair.primary().show(unit, "ActiveState").await?.as_str(), "active")?;
        }
        Ok(())
    })
    .await?;
    let marks = pair.marks()?;
    equal("marks of the standby", marks.count_of("standby"), 0)?;
    equal("announcements", pair.device().count("announce"), 0)?;
    let last = marks.last_of("primary")?;
    check(last > before + 3.0, || format!("the primary's last mark is of {last}, looked at from {before} on"))
}

fn called(pair: &Pair) -> Result<()> {
    let kinds: Vec<String> = pair.device().bodies("people").iter().map(|card| card["kind"].to_string()).collect();
    check(kinds.iter().any(|kind| kind == "\"escalated\""), || format!("people were told only {kinds:?}"))
}

/// With what heald did, where it went wrong.
async fn told<T>(pair: &Pair, came: Result<T>) -> Result<T> {
    match came {
        Ok(value) => Ok(value),
        Err(error) => Err(Error::new(format!("{error}\n{}", pair.account().await))),
    }
}
