//! exec, kill, pause and its end, networks, pruning, and the probes that go with them.

use std::fs;
use std::sync::Arc;

use bollard::models::VolumeCreateRequest;
use serde_json::{Value, json};

use super::{book, done, heald, inspect, lab_labels, make, named, network, outcome, runs, there, until};
use crate::lab::Result;
use crate::scene::{Scene, check, equal, journal};

pub async fn touches(scene: Arc<Scene>) -> Result<()> {
    let (name, net, other) = (named(&scene, "touched"), named(&scene, "touched-net"), named(&scene, "foreign-net"));
    network(&scene, &net, 14).await?;
    network(&scene, &other, 15).await?;
    make(&scene, &name, json!({ "HostConfig": { "NetworkMode": other } })).await?;
    let member = format!("- docker.member_of: {{ network: {net} }}");
    let books = [
        book("says", "- docker.exec: { command: [sh, -c, 'echo out; echo err >&2'] }", "", true),
        book("fails", "- docker.exec: { command: [sh, -c, 'echo why; exit 3'] }", "", true),
        book("lasts", "- docker.exec: { command: [sh, -c, 'sleep 3333 & sleep 3333'], timeout: 1s }", "", true),
        book("lacks", "- docker.exec: { command: [no-such-program] }", "", true),
        book("freezes", "- docker.pause: {}\n- docker.unpause: {}", "", true),
        book("thaws", "- docker.unpause: {}", "", true),
        book("joins", &format!("- docker.network_connect: {{ network: {net}, aliases: [touched] }}"), "", true)
            .replace("- docker.running: {}", &format!("- docker.running: {{}}\n  {member}\n  - docker.not_oom_killed: {{}}")),
        book("strays", &format!("- docker.network_connect: {{ network: {other} }}"), "", true),
        book("ends", "- docker.kill: { signal: SIGKILL }", "", false),
    ];
    let networks = net.clone();
    let heald = heald(&scene, "touches", &[&name], &books, move |options| {
        options.more["targets"]["networks"] = json!([networks]);
    })?;
    heald.start("").await?;

    let said = done(&heald, "says", &name).await?;
    outcome(&said, json!("done"), "exit code 0")?;
    let output = said["facts"]["output"].as_str().unwrap_or_default();
    check(output.contains("out\n") && output.contains("err\n"), || said.to_string())?;
    let failed = done(&heald, "fails", &name).await?;
    outcome(&failed, json!("failed"), "exit code 3: why")?;
    outcome(&done(&heald, "lacks", &name).await?, json!({ "impossible": "bad_parameters" }), "could not be run")?;
    let cut = done(&heald, "lasts", &name).await?;
    outcome(&cut, json!("failed"), "not done in time")?;
    let left = scene.stack().engine().exec(&name, &["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]).await?;
    check(!left.stdout.contains("sleep 3333"), || format!("it still runs: {}", left.stdout))?;

    // The pause is heald's own: the second step is not kept from it, and no person is suspected.
    let paused = done(&heald, "freezes", &name).await?;
    outcome(&paused, json!("done"), "paused")?;
    until("unpaused", async || match there(&scene, &name).await?["State"]["Paused"] == false {
        true => Ok(()),
        false => Err("paused".into()),
    })
    .await?;
    equal("escalations, the missing program's included", journal(&heald).count("escalated")?, 1)?;
    outcome(&done(&heald, "thaws", &name).await?, json!("done"), "it was not paused")?;

    outcome(&done(&heald, "joins", &name).await?, json!("done"), "attached to")?;
    let aliases = there(&scene, &name).await?["NetworkSettings"]["Networks"][&net]["Aliases"].to_string();
    check(aliases.contains("\"touched\""), || aliases)?;
    outcome(&done(&heald, "joins", &name).await?, json!("done"), "already")?;
    // What the allow-list does not name is refused before there is an incident.
    let strayed = heald.command(&["run", "strays", &format!("target={name}")]).await;
    check(strayed.as_ref().is_err_and(|error| error.to_string().contains("not on the allow-list")), || format!("{strayed:?}"))?;

    outcome(&done(&heald, "ends", &name).await?, json!("done"), "SIGKILL was sent")?;
    check(!runs(&there(&scene, &name).await?), || "it runs on".into())?;
    outcome(&done(&heald, "thaws", &name).await?, json!("done"), "it was not paused")?;
    outcome(&done(&heald, "ends", &name).await?, json!("failed"), "it does not run")?;
    outcome(&done(&heald, "fails", &name).await?, json!("failed"), "it does not run")
}

/// Only what fits the filter, and never what heald keeps or repairs.
pub async fn prunes(scene: Arc<Scene>) -> Result<()> {
    let purpose = format!("heald-live-prune={}", scene.stack().run().id());
    let (key, value) = purpose.split_once('=').unwrap_or_default();
    let [target, over, running, kept, foreign] =
        ["prune", "over", "running", "over-heald-old", "foreign"].map(|what| named(&scene, what));
    let kept =
        kept.replace(&format!("-heald-old-{}", scene.stack().run().id()), &format!("-{}-heald-old", scene.stack().run().id()));
    let body = |purpose: Value, command: &str| json!({ "Cmd": ["sh", "-c", command], "Labels": { key: purpose }, "HostConfig": { "NetworkMode": "none" } });
    make(&scene, &target, json!({ "HostConfig": { "NetworkMode": "none" } })).await?;
    for (name, purpose, command) in
        [(&over, value, "exit 0"), (&running, value, "sleep 600"), (&kept, value, "exit 0"), (&foreign, "another", "exit 0")]
    {
        make(&scene, name, body(json!(purpose), command)).await?;
    }
    let docker = scene.stack().engine().docker();
    let volume = named(&scene, "prune-volume");
    for (name, purpose) in [(volume.clone(), value), (format!("{volume}-foreign"), "another")] {
        let mut labels = lab_labels(&scene);
        labels[key] = json!(purpose);
        let request: VolumeCreateRequest = serde_json::from_value(json!({ "Name": name, "Labels": labels }))?;
        docker.create_volume(request).await?;
    }
    until("the ended ones", async || match runs(&there(&scene, &over).await?) || runs(&there(&scene, &foreign).await?) {
        true => Err("they run".into()),
        false => Ok(()),
    })
    .await?;
    let books = [
        book("tidies", &format!("- docker.prune: {{ containers: {{ labels: ['{purpose}'] }} }}"), "", true),
        book("young", &format!("- docker.prune: {{ volumes: {{ labels: ['{purpose}'], older_than: 1h }} }}"), "", true),
        book("empties", &format!("- docker.prune: {{ volumes: {{ labels: ['{purpose}'] }} }}"), "", true),
        book(
            "images",
            &format!("- docker.prune: {{ images: {{ labels: ['{purpose}'] }}, build_cache: {{ older_than: 300d }} }}"),
            "",
            true,
        ),
    ];
    let heald = heald(&scene, "prunes", &[&target], &books, |_| {})?;
    heald.start("").await?;
    let pruned = done(&heald, "tidies", &target).await?;
    outcome(&pruned, json!("done"), "1 removed")?;
    equal("what went", pruned["facts"]["containers"].to_string(), json!([over]).to_string())?;
    check(inspect(&scene, &over).await?.is_none(), || "it is still there".into())?;
    for name in [&target, &running, &kept, &foreign] {
        there(&scene, name).await?;
    }
    outcome(&done(&heald, "young", &target).await?, json!("done"), "0 removed")?;
    let emptied = done(&heald, "empties", &target).await?;
    equal("what went", emptied["facts"]["volumes"].to_string(), json!([volume]).to_string())?;
    docker.inspect_volume(&format!("{volume}-foreign")).await?;
    outcome(&done(&heald, "images", &target).await?, json!("done"), "removed")?;

    // Without a filter it is not even read.
    let wrong = scene.stack().run().files().join("prunes-all.md");
    fs::write(&wrong, book("all", "- docker.prune: { volumes: {} }", "", true))?;
    let checked = tokio::process::Command::new(heald.program()).arg("check").arg(&wrong).output().await?;
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    check(!checked.status.success() && said.contains("older_than"), || format!("a prune without a filter was taken: {said}"))
}
