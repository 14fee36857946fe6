//! One notification, delivered far too often and by many at once.

use std::sync::Arc;

use crate::lab::{Error, Result};
use crate::scene::{REPAIR, Scene, equal, journal};

const CLIENTS: usize = 8;
const EACH: usize = 25;

pub async fn one_repair(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let heald = scene.heald(|options| options.units = vec![unit.name().into()])?;
    heald.start("").await?;
    unit.kill().await?;
    let body = Arc::new(scene.bench.webhook(unit.name()).await?);

    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (heald, body) = (heald.clone(), body.clone());
            tokio::spawn(async move {
                for _ in 0..EACH {
                    let (status, answer) = heald.deliver(&body).await?;
                    equal(&format!("answer ({answer})"), status, 200)?;
                }
                Ok::<_, Error>(())
            })
        })
        .collect();
    for client in clients {
        client.await??;
    }

    let journal = journal(&heald);
    journal.wait_kind("healed", REPAIR).await?;
    for kind in ["opened", "attempt_started", "step_started", "healed"] {
        equal(kind, journal.count(kind)?, 1)?;
    }
    unit.expect_starts(2).await?;
    scene.say(&format!("{} deliveries, one repair", CLIENTS * EACH));
    Ok(())
}
