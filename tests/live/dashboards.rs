//! The shipped dashboards on the lab's Prometheus, after a heald healed one thing, could not heal another, and only watched a
//! third: every query of every panel is taken, and none is empty. With HEALD_BLESS=1 the previews in docs/dashboards are drawn of it.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::boards::{Board, Prometheus, Span, previews};
use crate::lab::{Context as _, Error, Heald, NotYet, Result, Scrape, wait_for};
use crate::scene::{REPAIR, Scene, auto, journal};
use crate::victims::{Counted, Lines, Unit};

/// As lab's Prometheus scrapes.
const SCRAPES: Duration = Duration::from_secs(1);
/// What heald counts only every 15 s must have been scraped twice.
const SOON: Duration = Duration::from_secs(60);
/// Is killed and healed.
const SHOP: &str = "boards-shop";
/// Never comes up, until its budget is spent.
const MAILER: &str = "boards-mailer";
/// A breaker of its own, that a person opens: in a healthy lab there is none.
const UNUSED: &str = "heald-boards-none";

pub async fn every_panel_shows_something(scene: Arc<Scene>) -> Result<()> {
    let folder = scene.stack().run().files().join("boards");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("shop.tar"), [0; 4_096]).context("write a backup")?;
    let shop = Unit::start(scene.stack().host(), SHOP).await?;
    let cache = Counted::start(scene.stack(), "boards-cache").await?;
    let heald = scene
        .running_heald(|options| {
            options.units = vec![shop.name().into(), format!("{MAILER}.service")];
            options.containers = vec![cache.name().into(), UNUSED.into()];
            options.guards = json!({ "budget": { "host": ["20 per 1h"] } });
            let limits = json!({ "attempts": 10, "budget": ["3 per 10m"], "cooldown": "1s" });
            options.overrides = auto(json!({ "after_care": "5s", "limits": limits }));
            options.overrides["container-down"]["mode"] = json!("observe");
            options.collect = json!({
                "docker": {},
                "backups": [{
                    "name": "nightly",
                    "glob": folder.join("*.tar"),
                    "service": SHOP,
                    "max_age": "26h",
                    "min_size": "1kB",
                }],
            });
            // The rule's label `service` is the unit's name without its ending.
            let healthy = format!("{}/-/healthy", scene.stack().monitoring().prometheus.url());
            options.notify["heartbeat"] = json!({ "url": healthy, "every": "10s" });
            options.more = json!({ "recovery_objectives": { SHOP: { "rto": "15m", "rpo": "1h" } } });
        })
        .await?;
    let began = Instant::now();
    for (job, path) in JOBS {
        // Returns after a good scrape: the counters are seen at 0.
        scene.stack().monitoring().set_scrape(Scrape::new(job, &address(&heald), path)).await?;
    }

    heald.command(&["breaker", "open", "container-down", "container", UNUSED, "--why", "to be seen"]).await?;
    cache.kill().await?;
    let journal = journal(&heald);
    journal.wait_kind("would_act", REPAIR).await?;
    Unit::start_broken(scene.stack().host(), MAILER, &Lines::default()).await?;
    journal.wait_kind("escalated", REPAIR).await?;
    shop.kill().await?;
    journal.wait_kind("healed", REPAIR).await?;
    journal.wait_kind("closed", REPAIR).await?;

    let prometheus = Prometheus::at(&scene.stack().monitoring().prometheus.url()).map_err(Error::new)?;
    let boards = Board::all().map_err(Error::new)?;
    let span = || Span::last(began.elapsed() + SCRAPES, SCRAPES);
    let asked = wait_for("something in every panel", SOON, async || {
        let mut asked = 0;
        for board in &boards {
            asked += prometheus.check(board, &span()).await.map_err(NotYet::from)?;
        }
        Ok(asked)
    })
    .await?;
    if std::env::var("HEALD_BLESS").is_ok_and(|value| value == "1") {
        for board in &boards {
            let picture = board.draw(&prometheus, &span(), &previews()).await.map_err(Error::new)?;
            scene.say(&format!("drew {}", picture.display()));
        }
    }
    for (job, _) in JOBS {
        scene.stack().monitoring().remove_scrape(job).await?;
    }
    scene.say(&format!("{asked} queries, each with a result"));
    Ok(())
}

const JOBS: [(&str, &str); 2] = [("heald", "/metrics"), ("heald-targets", "/metrics/targets")];

fn address(heald: &Heald) -> String {
    heald.url("").trim_start_matches("http://").to_owned()
}
