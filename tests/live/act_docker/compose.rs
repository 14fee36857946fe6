//! A container is made anew by its own Compose project.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::json;

use super::{book, done, heald, lab_labels, named, outcome, refused, runs, there};
use crate::lab::{Context as _, Error, Result, program};
use crate::scene::{Scene, check};

pub async fn by_its_file(scene: Arc<Scene>) -> Result<()> {
    let compose = program("docker-compose").ok_or_else(|| Error::new("docker-compose is not here"))?;
    let name = named(&scene, "composed");
    let dir = scene.stack().run().files().join("composed");
    fs::create_dir_all(&dir)?;
    let file = |colour: &str| {
        let service = json!({
            "image": scene.stack().image(), "container_name": name, "labels": lab_labels(&scene), "network_mode": "none",
            "command": ["sleep", "3600"], "environment": { "COLOUR": colour }, "stop_grace_period": "1s",
        });
        json!({ "version": "2.4", "services": { "shop": service, "other": { "image": "none/such:1" } } }).to_string()
    };
    fs::write(dir.join("docker-compose.yml"), file("green"))?;
    up(&scene, &compose, &dir).await?;
    let before = there(&scene, &name).await?;

    let books = [book("remake", "- docker.recreate: { from: compose, grace: 1s }", "", true)];
    let bare = heald(&scene, "composer-bare", &[&name], &books, |options| {
        options.more["targets"]["commands"] = json!(["/usr/bin/true"])
    })?;
    bare.start("").await?;
    outcome(&done(&bare, "remake", &name).await?, refused(), "no Compose on the allow-list")?;
    bare.stop();

    let heald = heald(&scene, "composer", &[&name], &books, |options| options.more["targets"]["commands"] = json!([compose]))?;
    heald.start("").await?;
    let acted = done(&heald, "remake", &name).await?;
    if acted.to_string().contains("breaks off in the middle") {
        scene.say("refused: this docker-compose can't do it with this engine");
        outcome(&acted, refused(), "allow Compose 2")?;
        let after = there(&scene, &name).await?;
        return check(runs(&after) && after["Id"] == before["Id"], || "it was touched all the same".into());
    }
    outcome(&acted, json!("done"), "made shop of")?;
    let after = there(&scene, &name).await?;
    check(runs(&after) && after["Id"] != before["Id"], || format!("{} as before", after["Id"]))?;

    fs::write(dir.join("docker-compose.yml"), file("red"))?;
    outcome(&done(&heald, "remake", &name).await?, refused(), "says something else")?;
    fs::remove_file(dir.join("docker-compose.yml"))?;
    outcome(&done(&heald, "remake", &name).await?, refused(), "is not there")?;
    check(there(&scene, &name).await?["Id"] == after["Id"], || "it was made anew all the same".into())
}

async fn up(scene: &Scene, compose: &Path, dir: &Path) -> Result<()> {
    let mut command = tokio::process::Command::new(compose);
    command.args(["up", "-d", "shop"]).current_dir(dir).stdin(Stdio::null());
    command.env("DOCKER_HOST", format!("unix://{}", scene.stack().engine().socket().display()));
    let ended = command.output().await.context("start docker-compose")?;
    match ended.status.success() {
        true => Ok(()),
        false => Err(Error::new(String::from_utf8_lossy(&ended.stderr).into_owned())),
    }
}
