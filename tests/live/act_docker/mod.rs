//! What heald can do to containers, on a real engine with real networks: each once well, once badly, once refused.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, NetworkCreateRequest};
use bollard::query_parameters::{CreateContainerOptionsBuilder, InspectContainerOptions, StartContainerOptions};
use serde_json::{Value, json};

use crate::journal::Record;
use crate::lab::{Context as _, Error, Heald, HealdOptions, Result, wait_for};
use crate::scene::{REPAIR, Scene, check, equal, journal};

pub mod compose;
pub mod gaps;
pub mod recreate;
pub mod small;

/// A container's name that no other run has.
pub fn named(scene: &Scene, what: &str) -> String {
    format!("heald-{what}-{}", scene.stack().run().id())
}

/// A playbook that does `steps` to its target, and finds it good when it runs, or never.
fn book(id: &str, steps: &str, rollback: &str, passes: bool) -> String {
    let probe = if passes { "docker.running: {}" } else { "tcp: { address: '127.0.0.1:1' }" };
    let rollback = match rollback {
        "" => String::new(),
        steps => format!("\n## Rollback\n\n```yaml\n{steps}\n```\n"),
    };
    format!(
        "---\nplaybook: {id}\nmatch: ['alertname=\"{id}\"']\ntarget: {{ container: \"{{{{ labels.target }}}}\" }}\nmode: auto\n\
         act_on: alert\nirreversible: accepted\nlimits: {{ attempts: 1, grace: 0s, cooldown: {{ base: 1s, max: 1s }}, budget: [100 per 10m] }}\nafter_care: 2s\n---\n# {id}\n\n\
         ## Auto-recovery\n\n```yaml\n- try: it\n  do:\n    {}\n```\n\n\
         ## Verify\n\n```yaml\nwithin: 6s\nstable: 1s\nall:\n  - {probe}\n```\n{rollback}\n## Manual fix\n\nLook.\n",
        steps.replace('\n', "\n    "),
    )
}

/// A heald of its own with these playbooks; it may touch `containers`.
fn heald(
    scene: &Scene,
    name: &str,
    containers: &[&str],
    books: &[String],
    change: impl FnOnce(&mut HealdOptions),
) -> Result<Arc<Heald>> {
    let dir = scene.stack().run().files().join(format!("{name}-books"));
    fs::create_dir_all(&dir)?;
    for (number, text) in books.iter().enumerate() {
        fs::write(dir.join(format!("book-{number}.md")), text)?;
    }
    let name = name.to_owned();
    scene.heald(|options| {
        options.name = name;
        options.containers = containers.iter().map(|&name| name.to_owned()).collect();
        options.playbooks = vec![dir];
        // Where nobody listens: for the playbooks that never find it good.
        options.more = json!({ "targets": { "containers": options.containers, "addresses": ["127.0.0.1:1"] } });
        change(options);
    })
}

/// Gives the order; the incident's number.
async fn order(heald: &Heald, playbook: &str, target: &str) -> Result<i64> {
    let said = heald.command(&["run", playbook, &format!("target={target}")]).await?;
    let number = said.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    number.ok_or_else(|| Error::new(format!("no incident in {said:?}")))
}

/// The end of the incident's first step.
async fn stepped(heald: &Heald, incident: i64) -> Result<Value> {
    let journal = journal(heald);
    let is_it = |record: &Record| record.kind == "step_ended" && record.incident == Some(incident);
    let record = journal.wait("the step's end", REPAIR, is_it).await?;
    Ok(record.body["acted"].clone())
}

/// Orders it, and says how its first step ended.
async fn done(heald: &Heald, playbook: &str, target: &str) -> Result<Value> {
    let incident = order(heald, playbook, target).await?;
    let acted = stepped(heald, incident).await?;
    // The next order for the same target needs this one to be over.
    let over = |record: &Record| ["closed", "escalated"].contains(&record.kind.as_str()) && record.incident == Some(incident);
    journal(heald).wait("the incident's end", REPAIR, over).await?;
    // An escalated one stays open until somebody closes it; a closed one refuses that.
    let _ = heald.command(&["close", &incident.to_string(), "--note", "seen"]).await;
    Ok(acted)
}

fn outcome(acted: &Value, wanted: Value, part: &str) -> Result<()> {
    check(acted["outcome"] == wanted, || format!("{wanted} was expected: {acted}"))?;
    let detail = acted["detail"].as_str().unwrap_or_default();
    check(detail.contains(part), || format!("{part:?} was expected: {detail}"))
}

fn refused() -> Value {
    json!({ "impossible": "refused" })
}

/// Made with the lab's labels and image, and started. `body`: as the engine takes it.
pub async fn make(scene: &Scene, name: &str, mut body: Value) -> Result<String> {
    body["Image"] = json!(scene.stack().image());
    if body["Cmd"].is_null() {
        body["Cmd"] = json!(["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"]);
    }
    let labels = lab_labels(scene);
    for (key, value) in labels.as_object().into_iter().flatten() {
        body["Labels"][key] = value.clone();
    }
    let body: ContainerCreateBody = serde_json::from_value(body)?;
    let docker = scene.stack().engine().docker();
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    let made = docker.create_container(Some(options), body).await.with_context(|| format!("make {name}"))?;
    docker.start_container(&made.id, None::<StartContainerOptions>).await.with_context(|| format!("start {name}"))?;
    Ok(made.id)
}

fn lab_labels(scene: &Scene) -> Value {
    json!({ "heald-lab": "1", "heald-lab-run": scene.stack().run().id() })
}

/// A bridge with room for fixed addresses. `third`: of its addresses, `10.213.THIRD.0/24`.
pub async fn network(scene: &Scene, name: &str, third: u8) -> Result<()> {
    let request: NetworkCreateRequest = serde_json::from_value(json!({
        "Name": name, "Driver": "bridge", "Labels": lab_labels(scene),
        "IPAM": { "Config": [{ "Subnet": format!("10.213.{third}.0/24") }] },
    }))?;
    scene.stack().engine().docker().create_network(request).await.with_context(|| format!("make network {name}"))?;
    Ok(())
}

/// `None` where there is none of that name.
async fn inspect(scene: &Scene, name: &str) -> Result<Option<Value>> {
    let docker = scene.stack().engine().docker();
    match docker.inspect_container(name, None::<InspectContainerOptions>).await {
        Ok(found) => Ok(Some(serde_json::to_value(found)?)),
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub async fn there(scene: &Scene, name: &str) -> Result<Value> {
    inspect(scene, name).await?.ok_or_else(|| Error::new(format!("{name} is not there")))
}

fn runs(container: &Value) -> bool {
    container["State"]["Running"] == true
}

/// What the engine calls a container of that name, half of a change or not.
async fn both(scene: &Scene, name: &str) -> Result<(Option<Value>, Option<Value>)> {
    Ok((inspect(scene, name).await?, inspect(scene, &format!("{name}-heald-old")).await?))
}

async fn until(what: &str, look: impl AsyncFnMut() -> std::result::Result<(), crate::lab::NotYet>) -> Result<()> {
    wait_for(what, Duration::from_secs(20), look).await
}

async fn expect_gone(scene: &Scene, name: &str) -> Result<()> {
    until(&format!("{name} gone"), async || match inspect(scene, name).await? {
        None => Ok(()),
        Some(found) => Err(found["State"]["Status"].to_string().into()),
    })
    .await
}

fn same(what: &str, one: &Value, other: &Value) -> Result<()> {
    equal(what, one.to_string(), other.to_string())
}
