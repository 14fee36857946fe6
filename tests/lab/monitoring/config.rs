//! The configuration files of Prometheus and Alertmanager, rewritten whole at each change.
//!
//! They are written as JSON, which is YAML, so that no value needs quoting by hand.

use std::{fs, path::Path, path::PathBuf};

use serde_json::{Value, json};

use super::{
    super::{Context as _, Result},
    MonitoringOptions,
};

/// A page to be scraped every second.
#[derive(Clone, Debug)]
pub struct Scrape {
    pub job: String,
    /// `127.0.0.1:PORT`
    pub address: String,
    pub path: String,
    /// Besides `host`, which every target gets.
    pub labels: Vec<(String, String)>,
    /// Of the query: what a blackbox exporter is to probe, and how.
    pub params: Vec<(String, String)>,
}

impl Scrape {
    pub fn new(job: &str, address: &str, path: &str) -> Self {
        Self { job: job.into(), address: address.into(), path: path.into(), labels: Vec::new(), params: Vec::new() }
    }
}

/// Somebody who is told: a heald, or an [`Inbox`](super::super::Inbox).
///
/// Every receiver whose matchers fit gets the alert, one alert to a webhook.
#[derive(Clone, Debug)]
pub struct Receiver {
    pub name: String,
    pub url: String,
    /// As in Alertmanager, e.g. `target=~"t7-.*"`; none means everything.
    pub matchers: Vec<String>,
    pub bearer_file: Option<PathBuf>,
    pub send_resolved: bool,
    /// The product's values are 5s, 30s and 10m. Without a group wait, inhibition can't work.
    pub group_wait: String,
    pub group_interval: String,
    pub repeat_interval: String,
}

impl Receiver {
    pub fn new(name: &str, url: &str, matchers: &[&str]) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            matchers: matchers.iter().map(|&matcher| matcher.into()).collect(),
            bearer_file: None,
            send_resolved: true,
            group_wait: "0s".into(),
            group_interval: "1s".into(),
            repeat_interval: "30s".into(),
        }
    }

    pub fn bearer_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.bearer_file = Some(file.into());
        self
    }

    fn route(&self) -> Value {
        json!({
            "receiver": self.name,
            "matchers": self.matchers,
            "group_by": ["..."],
            "group_wait": self.group_wait,
            "group_interval": self.group_interval,
            "repeat_interval": self.repeat_interval,
            "continue": true,
        })
    }

    fn definition(&self) -> Value {
        let mut webhook = json!({
            "url": self.url,
            "send_resolved": self.send_resolved,
            "max_alerts": 0,
        });
        if let Some(file) = &self.bearer_file {
            webhook["http_config"] = json!({ "authorization": { "credentials_file": file } });
        }
        json!({ "name": self.name, "webhook_configs": [webhook] })
    }
}

pub(super) fn write(dir: &Path, options: &MonitoringOptions, node: u16, alertmanager: u16) -> Result<()> {
    let mut kept = Vec::new();
    for rules in &options.rules {
        let path = dir.join("rules").join(&rules.name);
        save(&path, &rules.text)?;
        kept.push(path);
    }
    let prometheus = prometheus(options, &kept, node, alertmanager);
    save(&dir.join("prometheus.yml"), &serde_json::to_string_pretty(&prometheus)?)?;
    let alertmanager = self::alertmanager(&options.receivers);
    save(&dir.join("alertmanager.yml"), &serde_json::to_string_pretty(&alertmanager)?)
}

fn save(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

fn prometheus(options: &MonitoringOptions, rules: &[PathBuf], node: u16, alertmanager: u16) -> Value {
    let own = [
        Scrape::new("node", &format!("127.0.0.1:{node}"), "/metrics"),
        Scrape::new("alertmanager", &format!("127.0.0.1:{alertmanager}"), "/metrics"),
    ];
    let jobs: Vec<Value> = own
        .iter()
        .chain(&options.scrapes)
        .map(|scrape| {
            let mut labels = json!({ "host": options.host });
            for (name, value) in &scrape.labels {
                labels[name] = json!(value);
            }
            json!({
                "job_name": scrape.job,
                "metrics_path": scrape.path,
                "params": scrape.params.iter().map(|(name, value)| (name.clone(), json!([value]))).collect::<serde_json::Map<_, _>>(),
                "static_configs": [{ "targets": [scrape.address], "labels": labels }],
            })
        })
        .collect();
    json!({
        "global": {
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "evaluation_interval": "1s",
        },
        "rule_files": rules,
        "scrape_configs": jobs,
        "alerting": {
            "alertmanagers": [{ "static_configs": [{ "targets": [format!("127.0.0.1:{alertmanager}")] }] }],
        },
    })
}

fn alertmanager(receivers: &[Receiver]) -> Value {
    let nobody = [json!({ "name": "nobody" })];
    let all: Vec<Value> = nobody.into_iter().chain(receivers.iter().map(Receiver::definition)).collect();
    json!({
        "route": {
            "receiver": "nobody",
            "group_by": ["..."],
            "routes": receivers.iter().map(Receiver::route).collect::<Vec<_>>(),
        },
        "receivers": all,
    })
}
