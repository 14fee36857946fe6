//! Asks the host, and only asks.

use super::Findings;
use crate::link::docker::Docker;
use crate::link::systemd::Systemd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// They are on this machine.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// `program`: where this binary lies; its installed playbooks lie beside it.
pub async fn look(host: String, bus: String, engine: String, program: Option<&Path>) -> Findings {
    let (systemd, docker) = (Systemd::new(bus.clone()), Docker::new(&engine));
    let (units, containers, node_exporter, prometheus, alertmanager) = tokio::join!(
        systemd.services(),
        docker.survey(),
        answers("http://127.0.0.1:9100/metrics"),
        answers("http://127.0.0.1:9090/-/healthy"),
        answers("http://127.0.0.1:9093/-/healthy"),
    );
    Findings {
        host,
        units: units.map_err(|error| error.to_string()),
        containers: containers.map_err(|error| error.to_string()),
        node_exporter,
        prometheus,
        alertmanager,
        shared: shared(program),
        bus,
        engine,
    }
}

async fn answers(url: &str) -> bool {
    let client = reqwest::Client::builder().timeout(ANSWER_MAX).no_proxy().build();
    let Ok(client) = client else { return false };
    client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
}

/// `PREFIX/bin/heald` and `PREFIX/share/heald/playbooks`.
fn shared(program: Option<&Path>) -> Option<PathBuf> {
    let folder = program?.parent()?.parent()?.join("share/heald/playbooks");
    folder.is_dir().then_some(folder)
}
