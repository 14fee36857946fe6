//! Nothing is lost when a container is made anew, and who lives in its network follows.

use std::sync::Arc;

use bollard::query_parameters::RemoveVolumeOptions;
use serde_json::{Value, json};

use super::{book, done, expect_gone, heald, inspect, make, named, network, order, outcome, refused, runs, same, stepped, there};
use crate::lab::Result;
use crate::scene::{REPAIR, Scene, check, equal, journal};

/// Two networks with aliases and a fixed address, a health check, mounts, limits, a dependant; the old one is gone at the end.
pub async fn keeps_all(scene: Arc<Scene>) -> Result<()> {
    let (name, friend) = (named(&scene, "shop"), named(&scene, "shop-friend"));
    let (back, front) = (named(&scene, "back"), named(&scene, "front"));
    network(&scene, &back, 11).await?;
    network(&scene, &front, 12).await?;
    let dir = scene.stack().run().files().join("shop-conf");
    std::fs::create_dir_all(&dir)?;
    let id = make(&scene, &name, body(&back, &dir.display().to_string())).await?;
    let docker = scene.stack().engine().docker();
    let more = json!({
        "Container": id,
        "EndpointConfig": { "Aliases": ["shop", "shop-front"], "IPAMConfig": { "IPv4Address": "10.213.12.77" } },
    });
    docker.connect_network(&front, serde_json::from_value(more)?).await?;
    scene.stack().engine().exec(&name, &["sh", "-c", "echo precious >/data/file"]).await?.ok()?;
    let friend_id = make(&scene, &friend, json!({ "HostConfig": { "NetworkMode": format!("container:{id}") } })).await?;
    let before = there(&scene, &name).await?;

    let books = [book("remake", "- docker.recreate: { grace: 2s }", "", true)];
    let stranger = heald(&scene, "remake-alone", &[&name], &books, |_| {})?;
    stranger.start("").await?;
    let alone = done(&stranger, "remake", &name).await?;
    outcome(&alone, refused(), "not on the allow-list")?;
    same("the container", &there(&scene, &name).await?["Id"], &before["Id"])?;
    stranger.stop();

    let heald = heald(&scene, "remake", &[&name, &friend], &books, |_| {})?;
    heald.start("").await?;
    let incident = order(&heald, "remake", &name).await?;
    let acted = stepped(&heald, incident).await?;
    outcome(&acted, json!("done"), "made anew, and after it")?;
    let after = there(&scene, &name).await?;
    check(after["Id"] != before["Id"] && runs(&after), || format!("{} is {}", after["Id"], after["State"]["Status"]))?;
    let kept = there(&scene, &format!("{name}-heald-old")).await?;
    same("what is kept", &kept["Id"], &before["Id"])?;
    check(!runs(&kept), || "the old one runs too".into())?;
    same("its restart policy meanwhile", &kept["HostConfig"]["RestartPolicy"]["Name"], &json!("no"))?;
    alike(&before, &after)?;
    let read = scene.stack().engine().exec(&name, &["cat", "/data/file"]).await?.ok()?;
    equal("what was in the volume without a name", read.as_str(), "precious")?;

    let follower = there(&scene, &friend).await?;
    check(follower["Id"] != json!(friend_id) && runs(&follower), || format!("the dependant: {}", follower["State"]))?;
    let wanted = format!("container:{}", after["Id"].as_str().unwrap_or_default());
    same("whose network it lives in", &follower["HostConfig"]["NetworkMode"], &json!(wanted))?;

    // It closes well, and what was kept goes by itself.
    let journal = journal(&heald);
    journal.wait("the end", REPAIR, |record| record.kind == "closed" && record.incident == Some(incident)).await?;
    expect_gone(&scene, &format!("{name}-heald-old")).await?;
    expect_gone(&scene, &format!("{friend}-heald-old")).await?;
    check(runs(&there(&scene, &name).await?), || "the new one is gone too".into())?;
    heald.stop();
    for container in [&friend, &name] {
        scene.stack().engine().remove(container).await?;
    }
    for volume in after["Mounts"].as_array().into_iter().flatten().filter_map(|mount| mount["Name"].as_str()) {
        docker.remove_volume(volume, None::<RemoveVolumeOptions>).await?;
    }
    Ok(())
}

fn body(network: &str, conf: &str) -> Value {
    json!({
        "Env": ["COLOUR=green", "EMPTY="], "User": "0", "WorkingDir": "/tmp", "StopTimeout": 7, "Hostname": "shop-host",
        "Labels": { "com.example.owner": "shop" }, "ExposedPorts": { "8080/tcp": {} }, "Volumes": { "/data": {} },
        "Healthcheck": { "Test": ["CMD-SHELL", "true"], "Interval": 1_000_000_000, "Retries": 2 },
        "HostConfig": {
            "NetworkMode": network, "Memory": 67_108_864, "PidsLimit": 200, "CpuShares": 512, "Init": true,
            "Binds": [format!("{conf}:/conf:ro")], "Tmpfs": { "/scratch": "size=1m" }, "CapDrop": ["NET_RAW"],
            "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 }, "ExtraHosts": ["upstream:10.213.11.9"],
            "Mounts": [{ "Type": "volume", "Target": "/mounted" }, { "Type": "tmpfs", "Target": "/run" }],
            "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m" } }, "ShmSize": 33_554_432,
            "Ulimits": [{ "Name": "nofile", "Soft": 1024, "Hard": 2048 }], "Sysctls": { "net.ipv4.ip_unprivileged_port_start": "80" },
        },
        "NetworkingConfig": { "EndpointsConfig": {
            network: { "Aliases": ["shop", "shop-back"], "IPAMConfig": { "IPv4Address": "10.213.11.77" } },
        } },
    })
}

/// A comparison of the test's own, and not heald's.
fn alike(before: &Value, after: &Value) -> Result<()> {
    for key in
        ["Env", "User", "WorkingDir", "StopTimeout", "Hostname", "ExposedPorts", "Healthcheck", "Cmd", "Entrypoint", "Image"]
    {
        same(key, &after["Config"][key], &before["Config"][key])?;
    }
    same("a label", &after["Config"]["Labels"]["com.example.owner"], &json!("shop"))?;
    same("whose like it is", &after["Config"]["Labels"]["heald.recreated-from"], &before["Id"])?;
    let config = before["HostConfig"].as_object().cloned().unwrap_or_default();
    // Volumes without a name have one now.
    for (key, value) in config.iter().filter(|(key, _)| !["Binds", "Mounts"].contains(&key.as_str())) {
        same(key, &after["HostConfig"][key.as_str()], value)?;
    }
    let mounts = |container: &Value| {
        let mounts = container["Mounts"].as_array().cloned().unwrap_or_default();
        let mut mounts: Vec<String> = mounts
            .iter()
            .map(|mount| format!("{} {} {} {}", mount["Destination"], mount["Type"], mount["Source"], mount["RW"]))
            .collect();
        mounts.sort_unstable();
        mounts
    };
    equal("mounts", mounts(after), mounts(before))?;
    let networks = before["NetworkSettings"]["Networks"].as_object().cloned().unwrap_or_default();
    equal("networks", networks.len(), 2)?;
    for (network, was) in networks {
        let is = &after["NetworkSettings"]["Networks"][&network];
        same("address", &is["IPAddress"], &was["IPAddress"])?;
        let aliases = |endpoint: &Value, id: &Value| {
            let own = id.as_str().and_then(|id| id.get(..12)).unwrap_or_default().to_owned();
            let all: Vec<Value> = endpoint["Aliases"].as_array().cloned().unwrap_or_default();
            all.into_iter().filter(|alias| *alias != own.as_str()).map(|alias| alias.to_string()).collect::<Vec<_>>()
        };
        equal("aliases", aliases(is, &after["Id"]), aliases(&was, &before["Id"]))?;
    }
    Ok(())
}

/// What can't be made anew stays as it was, and says why.
pub async fn says_no(scene: Arc<Scene>) -> Result<()> {
    let (fleeting, lost) = (named(&scene, "fleeting"), named(&scene, "lost"));
    let net = named(&scene, "lost-net");
    network(&scene, &net, 13).await?;
    let id = make(&scene, &fleeting, json!({ "HostConfig": { "AutoRemove": true, "NetworkMode": "none" } })).await?;
    let books = [
        book("remake", "- docker.recreate: { grace: 1s }", "", true),
        book("put-back", "- docker.restore: { grace: 1s }", "", true),
        book("let-go", "- docker.discard: {}", "", true),
    ];
    let heald = heald(&scene, "says-no", &[&fleeting, &lost], &books, |_| {})?;
    heald.start("").await?;
    outcome(&done(&heald, "remake", &fleeting).await?, refused(), "removed as soon as it stops")?;
    same("the container", &there(&scene, &fleeting).await?["Id"], &json!(id))?;
    outcome(&done(&heald, "put-back", &fleeting).await?, json!("done"), "nothing to restore")?;
    outcome(&done(&heald, "let-go", &fleeting).await?, json!("done"), "nothing to discard")?;

    // It runs on, and the folder that it has mounted is gone: the engine makes no other such container.
    let dir = scene.stack().run().files().join("lost");
    std::fs::create_dir_all(&dir)?;
    let mounts = json!([{ "Type": "bind", "Source": dir, "Target": "/conf" }]);
    let host = json!({ "NetworkMode": net, "RestartPolicy": { "Name": "always" }, "Mounts": mounts });
    make(&scene, &lost, json!({ "HostConfig": host })).await?;
    std::fs::remove_dir(&dir)?;
    let before = there(&scene, &lost).await?;
    let acted = done(&heald, "remake", &lost).await?;
    outcome(&acted, json!("failed"), "the old one is back")?;
    let after = there(&scene, &lost).await?;
    same("the container", &after["Id"], &before["Id"])?;
    same("its restart policy", &after["HostConfig"]["RestartPolicy"], &before["HostConfig"]["RestartPolicy"])?;
    same("its start", &after["State"]["StartedAt"], &before["State"]["StartedAt"])?;
    check(inspect(&scene, &format!("{lost}-heald-old")).await?.is_none(), || "something was left aside".into())
}
