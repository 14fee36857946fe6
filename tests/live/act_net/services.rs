//! Redis, a resolver, Prometheus, the local network.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Runner;
use crate::journal::Record;
use crate::lab::{Context as _, Process, Result, free_port, wait_for};
use crate::scene::{REPAIR, Scene, check, equal};

pub async fn services(scene: Arc<Scene>) -> Result<()> {
    let dir = scene.stack().run().dir().join("act-services");
    fs::create_dir_all(&dir)?;
    let [redis_port, locked_port, dns_port] = [(); 3].map(|()| free_port());
    let local = |port: u16| format!("127.0.0.1:{port}");
    let (redis, locked, dns) = (local(redis_port), local(locked_port), local(dns_port));
    // It would remove what is over by itself ten times a second.
    let debug: &[&str] = &["--enable-debug-command", "yes"];
    let server = redis_server(&scene, "redis", redis_port, debug)?;
    let _locked = redis_server(&scene, "locked", locked_port, &["--requirepass", "s3cret"])?;
    let mut dnsmasq = Command::new("dnsmasq");
    dnsmasq.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"]).args([
        "--listen-address=127.0.0.1",
        &format!("--port={dns_port}"),
        "--address=/example.org/192.0.2.1",
        "--pid-file=",
        "--user=root",
    ]);
    let _resolver = Process::spawn(scene.stack().run(), &format!("{}-dnsmasq", scene.name), dnsmasq)?;
    let password = dir.join("password");
    fs::write(&password, "s3cret\n")?;
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
    let lan = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
    let lan_port = lan.local_addr()?.port();

    let alive = json!([{ "redis": { "address": redis, "used_max": 99, "write": true } }]);
    let up = |job: &str| json!([{ "promql": { "query": "max(up{$labels})", "labels": { "job": job }, "is": 1 } }]);
    let resolves = json!([{ "dns": { "name": "a.example.org", "server": dns, "address": "192.0.2.1" } }]);
    let locked_probe = json!([{ "redis": { "address": locked, "password_file": password } }]);
    let books = [
        ("info", json!([{ "redis.info": { "address": redis } }]), alive.clone()),
        ("ping", json!([{ "redis.ping": { "address": locked, "password_file": password } }]), locked_probe.clone()),
        (
            "ping-unknown",
            json!([{ "redis.ping": { "address": locked } }]),
            json!([{ "dns": { "name": "a.example.net", "server": dns } }]),
        ),
        ("purge", json!([{ "redis.purge_expired": { "address": redis } }]), alive.clone()),
        ("elsewhere", json!([{ "redis.ping": { "address": "127.0.0.1:1" } }]), alive.clone()),
        ("lookup", json!([{ "network.dns_lookup": { "name": "a.example.org", "server": dns } }]), resolves.clone()),
        (
            "no-name",
            json!([{ "network.dns_lookup": { "name": "a.example.net", "server": dns } }]),
            json!([{ "dns": { "name": "a.example.net", "server": dns } }]),
        ),
        (
            "no-resolver",
            json!([{ "network.dns_lookup": { "name": "a.example.org", "server": "127.0.0.1:1" } }]),
            resolves.clone(),
        ),
        ("promql", json!([{ "wait": "10ms" }]), up("node")),
        ("promql-none", json!([{ "wait": "10ms" }]), up("no\"} or vector(1) #")),
        (
            "wake",
            json!([{ "network.wake_on_lan": { "mac": "02:00:00:00:00:07", "broadcast": format!("127.0.0.1:{lan_port}") } }]),
            alive.clone(),
        ),
        ("wake-other", json!([{ "network.wake_on_lan": { "mac": "02:00:00:00:00:08" } }]), alive.clone()),
        ("firewall", json!([{ "network.firewall_rules": { "tool": "nft" } }]), alive.clone()),
    ];
    let targets = json!({ "addresses": [redis, locked, dns], "macs": ["02:00:00:00:00:07"] });
    let prometheus = json!({ "prometheus": { "url": scene.stack().monitoring().prometheus.url() } });
    let runner = Runner::start(&scene, &books, targets, prometheus).await?;

    let info = runner.run("info", &[]).await?;
    equal("role", &info.steps[0]["facts"]["role"], &json!("master"))?;
    check(info.seen.contains("without a limit, took a write"), || info.seen.clone())?;
    let ping = runner.done("ping", &[]).await?;
    check(ping["facts"]["ms"].is_u64(), || ping.to_string())?;
    let denied = runner.fails("ping-unknown", &[], "access_denied", "NOAUTH").await?;
    check(!denied.to_string().contains("s3cret"), || denied.to_string())?;

    // Three thousand keys whose time is over and that Redis has not come by, beside one that lives.
    let cli = |words: &[&str]| redis_cli(redis_port, words);
    cli(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"])?;
    let script =
        "for i = 1, 3000 do redis.call('SET', 'k' .. i, string.rep('x', 100), 'PX', 1) end; redis.call('SET', 'kept', '1')";
    cli(&["EVAL", script, "0"])?;
    wait_for("keys that are over", Duration::from_secs(5), async || {
        let size = cli(&["DBSIZE"])?;
        // The probe's own key may be among them.
        let all = size.trim().parse::<u32>().is_ok_and(|size| size > 3_000);
        if all { Ok(()) } else { Err(size.into()) }
    })
    .await?;
    let purge = runner.healed("purge", &[]).await?;
    let facts = &purge.steps[0]["facts"];
    equal("complete", &facts["complete"], &json!(true))?;
    check(facts["purged"].as_u64().is_some_and(|purged| purged >= 3_000), || facts.to_string())?;
    equal("what is left", cli(&["GET", "kept"])?.trim(), "1")?;
    runner.refuses("elsewhere", &[], "127.0.0.1:1 is not on the allow-list").await?;

    let lookup = runner.run("lookup", &[]).await?;
    equal("addresses", &lookup.steps[0]["facts"]["addresses"], &json!(["192.0.2.1"]))?;
    check(lookup.seen.contains("a.example.org is 192.0.2.1"), || lookup.seen.clone())?;
    runner.fails("no-name", &[], "failed", "a.example.net").await?;
    runner.refuses("no-resolver", &[], "127.0.0.1:1 is not on the allow-list").await?;

    let promql = runner.run("promql", &[]).await?;
    check(promql.seen.contains("it is 1"), || promql.seen.clone())?;
    // A label that tries to rewrite the query fits no series; that is unknown, and heald waits instead of acting blindly.
    runner.heald.command(&["run", "promql-none", "target=promql-none-0"]).await?;
    let held = |record: &Record| record.kind == "held" && record.text().contains("no series fits");
    runner.journal.wait("an attempt that is held", REPAIR, held).await?;

    let mut buffer = [0; 200];
    runner.healed("wake", &[]).await?;
    for _ in 0..3 {
        let got = tokio::time::timeout(Duration::from_secs(2), lan.recv(&mut buffer)).await.context("a magic packet")??;
        equal("size", got, 102)?;
        check(buffer[..6] == [0xff; 6] && buffer[96..102] == [2, 0, 0, 0, 0, 7], || format!("{buffer:?}"))?;
    }
    runner.refuses("wake-other", &[], "02:00:00:00:00:08 is not on the allow-list").await?;
    let firewall = runner.run("firewall", &[]).await?;
    let step = firewall.steps.last().cloned().unwrap_or_default();
    match Path::new("/usr/sbin/nft").exists() {
        true => check(step["facts"]["tool"] == "nft" || step["detail"].to_string().contains("exit"), || step.to_string())?,
        false => check(step["detail"] == "nft is not installed", || step.to_string())?,
    }

    drop(server);
    runner.fails("info", &[], "not_sent", "no connection").await.map(drop)
}

fn redis_server(scene: &Scene, name: &str, port: u16, more: &[&str]) -> Result<Process> {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir", "/"]).args(more);
    Process::spawn(scene.stack().run(), &format!("{}-{name}", scene.name), command)
}

fn redis_cli(port: u16, words: &[&str]) -> Result<String> {
    let said = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output().context("start redis-cli")?;
    Ok(String::from_utf8_lossy(&said.stdout).into_owned())
}
