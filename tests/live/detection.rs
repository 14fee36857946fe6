//! Each domain's real thing is broken, the shipped rule fires in Prometheus, Alertmanager delivers, and heald decides.
//! Units and containers are broken, and repaired, by the other tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::lab::{NotYet, Result, Victim, wait_for};
use crate::scene::Scene;

/// A database is checked once a minute.
const SEEN: Duration = Duration::from_secs(110);

pub async fn each_domain(scene: Arc<Scene>) -> Result<()> {
    let (ground, stack) = (&scene.bench.ground, scene.stack());
    // It asks for more than it may have, as soon as it is told.
    let script = "until test -e /go; do sleep 0.1; done; tail /dev/zero".to_owned();
    let greedy = Victim { script, memory: Some(16 << 20), ..Victim::default() };
    let greedy = greedy.start(stack.engine(), stack.image(), &format!("heald-live-greedy-{}", std::process::id())).await?;

    ground.fill_disk()?;
    greedy.exec(&["touch", "/go"]).await?.ok()?;
    ground.break_page();
    ground.end_redis();
    ground.end_resolver();
    ground.end_worker()?;
    ground.log_damage()?;
    ground.age_backup()?;
    ground.age_heartbeat()?;
    ground.damage_database()?;
    let broken = Instant::now();

    // By what is broken: the playbook that heald took, and the target that the rule named to Alertmanager.
    let greedy_name = greedy.name().to_owned();
    let expected: [(&str, &str, &str); 10] = [
        ("disk", "host-disk-space", "/ground-disk"),
        ("memory", "container-oom-killed", &greedy_name),
        ("http", "service-probe-down", "ground-page"),
        ("redis", "valkey-down", "ground-redis"),
        ("dns", "dns-failing", "systemd-resolved.service"),
        ("worker", "supervisor-program-down", "worker"),
        ("log pattern", "sqlite-corrupt", "shop"),
        ("backup", "backup-run", "ground"),
        ("heartbeat", "heartbeat-missing", "ground-agent.service"),
        ("database", "sqlite-corrupt", "ground"),
    ];
    let mut seen: BTreeMap<&str, (f64, String)> = BTreeMap::new();
    let all = wait_for("an incident of each domain", SEEN, async || {
        let incidents = scene.bench.eyes.ask("incidents").await?;
        let incidents = incidents.as_array().ok_or("no list")?;
        let letters = scene.bench.mailbox.all();
        for (domain, playbook, target) in expected {
            let labels =
                |body: &serde_json::Value, name: &str| body["alerts"][0]["labels"][name].as_str().unwrap_or("").to_owned();
            let named =
                letters.iter().any(|(_, body)| labels(body, "playbook") == playbook && labels(body, "target").ends_with(target));
            if let Some(incident) = incidents.iter().find(|incident| incident["playbook"] == playbook).filter(|_| named) {
                let state = incident["state"].as_str().unwrap_or("?").to_owned();
                seen.entry(domain).or_insert_with(|| (broken.elapsed().as_secs_f64(), state));
            }
        }
        let missing: Vec<&str> =
            expected.iter().map(|(domain, ..)| *domain).filter(|domain| !seen.contains_key(domain)).collect();
        if missing.is_empty() { Ok(()) } else { Err(NotYet::from(format!("nothing of {missing:?} in {incidents:#?}"))) }
    })
    .await;
    for (domain, (after, state)) in &seen {
        scene.say(&format!("{domain}: decided {after:.1} s after it broke ({state})"));
    }
    all?;
    greedy.remove().await
}
