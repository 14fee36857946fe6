//! Alerts that no rule raises: a test posts them to Alertmanager itself; and what a person does there.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::lab::{Context as _, Error, Result, wait_for};
use crate::scene::{REPAIR, Scene};
use crate::victims::now;

/// One alert about one unit. Alertmanager keeps it firing for five minutes.
pub struct Posted<'a> {
    scene: &'a Scene,
    labels: Value,
}

// === impl Posted ===

impl<'a> Posted<'a> {
    pub fn new(scene: &'a Scene, alertname: &str, unit: &str) -> Self {
        let labels = json!({
            "alertname": alertname, "host": "lab", "target": unit, "target_kind": "unit", "severity": "P1", "remediate": "auto",
        });
        Self { scene, labels }
    }

    /// Returns once Alertmanager lists it.
    pub async fn fire(&self) -> Result<()> {
        self.post(json!({ "labels": self.labels })).await?;
        self.wait_listed(true).await
    }

    /// Returns once Alertmanager does not list it any more.
    pub async fn resolve(&self) -> Result<()> {
        self.post(json!({ "labels": self.labels, "endsAt": now().to_string() })).await?;
        self.wait_listed(false).await
    }

    async fn post(&self, alert: Value) -> Result<()> {
        self.scene.stack().monitoring().post_alerts(&json!([alert])).await
    }

    async fn wait_listed(&self, wanted: bool) -> Result<()> {
        wait_for("Alertmanager to take the alert", REPAIR, async || {
            let all = self.scene.stack().monitoring().alerts().await?;
            let listed = all.iter().any(|alert| alert["labels"] == self.labels);
            if listed == wanted { Ok(()) } else { Err(format!("listed: {listed}").into()) }
        })
        .await
    }
}

/// `amtool ARGUMENTS` as a person types it, which must succeed; what it printed.
pub async fn amtool(scene: &Scene, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("amtool");
    command.arg(format!("--alertmanager.url={}", scene.stack().monitoring().alertmanager.url())).args(arguments);
    let ended = command.output().await.context("start amtool")?;
    if ended.status.success() {
        return Ok(String::from_utf8_lossy(&ended.stdout).trim().to_owned());
    }
    Err(Error::new(format!("amtool {}: {}", arguments.join(" "), String::from_utf8_lossy(&ended.stderr))))
}
