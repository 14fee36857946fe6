//! The shipped stack, as a user starts it: a container is killed, and the stack's own heald brings it back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::query_parameters::KillContainerOptionsBuilder;
use serde_json::Value;

use crate::lab::{Context as _, Error, Project, Result, wait_for};
use crate::scene::{Scene, check, equal};

/// Shorter than a test's own deadline, so that it is taken down whatever happens.
const HEALED_WITHIN: Duration = Duration::from_secs(110);
const UP: Duration = Duration::from_secs(40);
/// Health checks begin 15 s after the start.
const HEALTHY: Duration = Duration::from_secs(50);

/// What fires before Prometheus has found Alertmanager is sent again only a minute later.
const SIGN_OF_LIFE: Duration = Duration::from_secs(80);

/// What is in Prometheus's list whichever profile is on.
const JOBS: [&str; 5] = ["alertmanager", "heald", "heald-targets", "node", "prometheus"];

/// What a repairer never needs, and what would be the whole host.
const REFUSED: [(&str, &str); 6] = [
    ("POST", "/containers/create"),
    ("POST", "/v1.23/containers/NAME/start"),
    ("POST", "/containers/NAME/exec"),
    ("DELETE", "/containers/NAME"),
    ("GET", "/containers/NAME/archive?path=/"),
    ("GET", "/images/json"),
];

pub async fn stack_heals(scene: Arc<Scene>) -> Result<()> {
    let project = Project::prepare(scene.stack(), &scene.bench.program).await?;
    let healed = tokio::time::timeout(HEALED_WITHIN, heals(&scene, &project)).await;
    let healed = healed.unwrap_or_else(|_| Err(Error::new(format!("not healed within {HEALED_WITHIN:?}"))));
    let said = if healed.is_err() { project.logs().await } else { String::new() };
    let down = project.down().await;
    healed.map_err(|error| Error::new(format!("{error}\nthe stack said:\n{said}")))?;
    down
}

async fn heals(scene: &Scene, project: &Project) -> Result<()> {
    project.up().await?;
    sees(project).await?;
    walls(project).await?;
    refuses(scene, project).await?;

    let before = started_at(project).await?;
    let kill = KillContainerOptionsBuilder::default().signal("SIGKILL").build();
    scene.stack().engine().docker().kill_container(project.demo(), Some(kill)).await?;
    let fault = Instant::now();
    wait_for("the repair", HEALED_WITHIN, async || {
        let incidents: Vec<Value> = serde_json::from_str(&project.heald(&["incidents", "--output", "json"]).await?)?;
        // Exit code 137 may be read as a kill for lack of memory too: that is another playbook's incident.
        let ours = |incident: &&Value| incident["playbook"] == "container-down" && incident["target"]["name"] == project.demo();
        match incidents.iter().find(ours) {
            Some(incident) if incident["state"] == "healed" => Ok(()),
            Some(incident) => Err(incident["state"].to_string().into()),
            None => Err(format!("{} other incidents", incidents.len()).into()),
        }
    })
    .await?;
    let took = fault.elapsed().as_secs_f64();
    let after = started_at(project).await?;
    check(after != before, || format!("the container still has StartedAt {before}"))?;

    healthy(project).await?;
    sign_of_life(project).await?;
    scene.say(&format!("healed {took:.1} s after the kill"));
    Ok(())
}

/// Every target that is always there is scraped well, and Prometheus knows where Alertmanager is.
async fn sees(project: &Project) -> Result<()> {
    wait_for("good scrapes", UP, async || {
        let targets = get(project, &format!("{}/api/v1/targets?state=active", project.prometheus)).await?;
        let targets = targets["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
        for job in JOBS {
            let target = targets.iter().find(|target| target["labels"]["job"] == job);
            let target = target.ok_or_else(|| Error::new(format!("no target of job {job}")))?;
            check(target["health"] == "up", || format!("{job}: {} {}", target["health"], target["lastError"]))?;
            check(target["labels"]["host"] == "local", || format!("{job} has no label host"))?;
        }
        let known = get(project, &format!("{}/api/v1/alertmanagers", project.prometheus)).await?;
        check(known["data"]["activeAlertmanagers"][0].is_object(), || "Alertmanager is not discovered".into())?;
        Ok(())
    })
    .await
}

/// On each container, whatever the image.
async fn walls(project: &Project) -> Result<()> {
    for (service, container) in project.containers().await? {
        let config = container.host_config.unwrap_or_default();
        equal(&format!("{service}: read_only"), config.readonly_rootfs, Some(true))?;
        equal(&format!("{service}: cap_drop"), config.cap_drop, Some(vec!["ALL".to_owned()]))?;
        let options = config.security_opt.unwrap_or_default();
        check(options.iter().any(|option| option.starts_with("no-new-privileges")), || format!("{service}: {options:?}"))?;
        check(config.memory.is_some_and(|memory| memory > 0), || format!("{service} has no memory limit"))?;
        let ports = config.port_bindings.unwrap_or_default().into_values().flatten().flatten();
        for port in ports {
            equal(&format!("{service}: published on"), port.host_ip.as_deref(), Some("127.0.0.1"))?;
        }
    }
    Ok(())
}

/// heald's socket is not the engine's. The volume with it is root's.
async fn refuses(scene: &Scene, project: &Project) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        scene.say("not asked, for lack of root: what the proxy refuses");
        return Ok(());
    }
    let socket = project.engine_socket().await?;
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).unix_socket(socket).build()?;
    let ask = async |method: &str, path: &str| {
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let url = format!("http://engine{}", path.replace("NAME", project.demo()));
        Ok::<_, Error>(client.request(method, url).send().await.context("ask the proxy")?.status().as_u16())
    };
    for (method, path) in REFUSED {
        equal(&format!("{method} {path}"), ask(method, path).await?, 403)?;
    }
    // 304: it runs already.
    equal("a look", ask("GET", "/v1.41/containers/NAME/json").await?, 200)?;
    equal("a start", ask("POST", "/v1.41/containers/NAME/start").await?, 304)
}

/// The always-firing alert takes its own route, and heald takes the token.
async fn sign_of_life(project: &Project) -> Result<()> {
    wait_for("the Watchdog", SIGN_OF_LIFE, async || {
        let alerts = get(project, &format!("{}/api/v2/alerts?filter=alertname=Watchdog", project.alertmanager)).await?;
        check(alerts[0].is_object(), || "Alertmanager has not heard of it".into())?;
        equal("its receiver", alerts[0]["receivers"][0]["name"].as_str(), Some("heald-watchdog"))?;
        let page = project.http.get(format!("{}/metrics", project.heald)).send().await?.text().await?;
        let count = |code: &str| {
            let series = format!("heald_webhook_requests_total{{code=\"{code}\"}} ");
            page.lines().find_map(|line| line.strip_prefix(&series)).unwrap_or_default().to_owned()
        };
        equal("webhooks turned away", count("401").as_str(), "0")?;
        // This one, and the alert that led to the repair.
        check(count("200").parse().is_ok_and(|taken: u32| taken >= 2), || format!("{} webhooks taken", count("200")))?;
        Ok(())
    })
    .await
}

async fn healthy(project: &Project) -> Result<()> {
    wait_for("health checks", HEALTHY, async || {
        for (service, container) in project.containers().await? {
            let health = container.state.and_then(|state| state.health).and_then(|health| health.status);
            let state = health.map(|health| health.to_string()).unwrap_or_default();
            // One without a check has no such state.
            check(["healthy", "none", ""].contains(&state.as_str()), || format!("{service} is {state}"))?;
        }
        Ok(())
    })
    .await
}

async fn started_at(project: &Project) -> Result<String> {
    let mut containers = project.containers().await?;
    let state = containers.remove("demo").and_then(|container| container.state);
    state.and_then(|state| state.started_at).ok_or_else(|| Error::new("the container to be broken is not there"))
}

async fn get(project: &Project, url: &str) -> Result<Value> {
    Ok(project.http.get(url).send().await?.error_for_status()?.json().await?)
}
