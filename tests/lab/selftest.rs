//! The lab tests itself: a unit dies, the webhook arrives, every way of breaking a part works,
//! and nothing stays behind.

use std::time::{Duration, Instant};

use bollard::Docker;

use crate::{
    lab::{
        Error, Forwarder, Inbox, Pace, Receiver, Result, RuleFile, Stack, StackOptions, Victim, residue::Residue, session,
        wait_for,
    },
    standing,
};

const SOON: Duration = Duration::from_secs(20);

/// Shipped rules hold for 30 s; the pace must take that out and nothing else.
const RULES: &str = r#"groups:
- name: selftest
  interval: 30s
  rules:
  - alert: SystemdUnitFailed
    expr: max without (state, type) (node_systemd_unit_state{state="failed"} == 1)
    for: 30s
    keep_firing_for: 2m
    labels:
      target: '{{ $labels.name }}'
      target_kind: unit
"#;

pub fn run() -> Result<()> {
    // What a killed run left must not count as ours.
    standing::sweep()?;
    let before = Residue::now();
    let start = Instant::now();
    let options = StackOptions { rules: vec![RuleFile::new("selftest.yml", RULES).at(&Pace::default())], ..Default::default() };
    let own_engine = session::run(options, |handle, stack| handle.block_on(checks(&stack)).map(|()| stack.engine().is_own()))??;
    let mut left = Residue::now().since(&before);
    if !own_engine {
        // It lives on, and its own folders may have come with its first container.
        left.retain(|line| !line.contains(" cgroup ") && !line.contains("/containerd"));
    }
    if !left.is_empty() {
        let left = left.join("\n");
        return Err(Error::new(format!("something stayed behind:\n{left}")));
    }
    step(start, "nothing stays behind; whole self-test");
    Ok(())
}

async fn checks(stack: &Stack) -> Result<()> {
    webhook(stack).await?;
    bus(stack).await?;
    containers(stack).await?;
    forwarder(stack).await
}

async fn webhook(stack: &Stack) -> Result<()> {
    let inbox = Inbox::open().await?;
    let added = Instant::now();
    let matchers = [r#"target=~"victim.*""#];
    stack.monitoring().set_receiver(Receiver::new("selftest", inbox.url(), &matchers)).await?;
    step(added, "receiver added while running");

    let host = stack.host();
    host.write_unit("victim.service", "[Service]\nExecStart=/bin/sleep infinity\n").await?;
    host.systemctl(&["start", "victim.service"]).await?;
    let killed = Instant::now();
    host.systemctl(&["kill", "--signal=SIGKILL", "victim.service"]).await?;
    host.wait_until("victim.service", "ActiveState", &["failed"], SOON).await?;
    let is_ours = |status: &'static str| {
        move |alert: &serde_json::Value| alert["labels"]["target"] == "victim.service" && alert["status"] == status
    };
    let (_, alert) = inbox.alert("SystemdUnitFailed", SOON, is_ours("firing")).await?;
    step(killed, "SIGKILL to webhook");
    if alert["labels"]["host"] != "lab" {
        return Err(Error::new(format!("the alert lacks the host label: {alert}")));
    }
    let repaired = Instant::now();
    host.systemctl(&["restart", "victim.service"]).await?;
    inbox.alert("its end", SOON, is_ours("resolved")).await?;
    step(repaired, "restart to resolved webhook");
    Ok(())
}

async fn bus(stack: &Stack) -> Result<()> {
    let start = Instant::now();
    stack.host().stop_bus().await?;
    exporter_sees_bus(stack, "0").await?;
    step(start, "bus gone, exporter sees it");
    let start = Instant::now();
    stack.host().start_bus().await?;
    exporter_sees_bus(stack, "1").await?;
    step(start, "bus back, exporter sees it");
    Ok(())
}

async fn exporter_sees_bus(stack: &Stack, wanted: &str) -> Result<()> {
    wait_for("the exporter's systemd collector", SOON, async || {
        let seen = stack.monitoring().query(r#"node_scrape_collector_success{collector="systemd"}"#).await?;
        match seen.first().and_then(|sample| sample["value"][1].as_str()) {
            Some(value) if value == wanted => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    })
    .await
}

async fn containers(stack: &Stack) -> Result<()> {
    let start = Instant::now();
    let victim = Victim::default().start(stack.engine(), stack.image(), "heald-lab-victim").await?;
    let first = victim.started_at().await?;
    victim.kill("SIGKILL").await?;
    victim.wait_until("exited", SOON).await?;
    victim.start().await?;
    victim.wait_until("running", SOON).await?;
    if victim.started_at().await? == first {
        return Err(Error::new("StartedAt did not move over a restart"));
    }
    victim.stop().await?;
    victim.remove().await?;
    step(start, "container started, killed, started, stopped, removed");
    Ok(())
}

async fn forwarder(stack: &Stack) -> Result<()> {
    let start = Instant::now();
    let socket = stack.run().dir().join("cut.sock");
    let forwarder = Forwarder::open(&socket, stack.engine().socket()).await?;
    let path = socket.to_string_lossy().into_owned();
    let docker = Docker::connect_with_unix(&path, 5, bollard::API_DEFAULT_VERSION)?;
    docker.ping().await?;
    forwarder.cut().await;
    if docker.ping().await.is_ok() || socket.exists() {
        return Err(Error::new("the engine still answers behind a cut forwarder"));
    }
    stack.engine().docker().ping().await?;
    forwarder.restore().await?;
    docker.ping().await?;
    forwarder.cut().await;
    step(start, "forwarder cut and restored");
    Ok(())
}

fn step(start: Instant, what: &str) {
    println!("selftest: {:5.1} s  {what}", start.elapsed().as_secs_f64());
}
