//! Prometheus, Alertmanager and node_exporter on loopback, configured by the caller, and
//! reconfigurable while they run: each live test adds its own heald.

use std::{fs, path::Path, path::PathBuf, time::Duration};

use serde_json::Value;
use tokio::sync::Mutex;

use super::{Context as _, Error, Result, Run, free_port, wait_for};

mod commands;
mod config;
mod rules;
mod service;

pub use config::{Receiver, Scrape};
pub use rules::{Pace, RuleFile};
pub use service::Service;

/// What is detected, and who is told.
#[derive(Clone, Debug, Default)]
pub struct MonitoringOptions {
    /// The value of the target label `host` on every job.
    pub host: String,
    /// `DBUS_SYSTEM_BUS_ADDRESS` of node_exporter's systemd collector.
    pub bus_address: String,
    pub rules: Vec<RuleFile>,
    pub scrapes: Vec<Scrape>,
    pub receivers: Vec<Receiver>,
}

pub struct Monitoring {
    pub prometheus: Service,
    pub alertmanager: Service,
    pub node: Service,
    http: reqwest::Client,
    options: Mutex<MonitoringOptions>,
    dir: PathBuf,
}

impl Monitoring {
    /// Starts the three and waits until Prometheus has scraped the exporter and found
    /// Alertmanager, so that the next alert will arrive.
    pub async fn start(run: &Run, options: MonitoringOptions) -> Result<Self> {
        let dir = run.files().join("monitoring");
        for folder in ["rules", "textfile", "prometheus", "alertmanager"] {
            fs::create_dir_all(dir.join(folder))?;
        }
        // Plain HTTP only, but the client is built without a default TLS provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let (node, alertmanager, prometheus) = (free_port(), free_port(), free_port());
        config::write(&dir, &options, node, alertmanager)?;
        let this = Self {
            node: Service::new(run, node, commands::node(&dir, node, &options)),
            alertmanager: Service::new(run, alertmanager, commands::alertmanager(&dir, alertmanager)),
            prometheus: Service::new(run, prometheus, commands::prometheus(&dir, prometheus)),
            http,
            options: Mutex::new(options),
            dir,
        };
        for service in [&this.node, &this.alertmanager, &this.prometheus] {
            service.start()?;
        }
        this.node.wait_ready(&this.http, "/").await?;
        this.alertmanager.wait_ready(&this.http, "/-/ready").await?;
        this.prometheus.wait_ready(&this.http, "/-/ready").await?;
        this.wait_target("node").await?;
        this.wait_discovery().await?;
        Ok(this)
    }

    /// Ends all three. Also done on drop.
    pub fn stop(&self) {
        for service in [&self.prometheus, &self.alertmanager, &self.node] {
            service.stop();
        }
    }

    /// Adds a receiver, or replaces the one of that name.
    pub async fn set_receiver(&self, receiver: Receiver) -> Result<()> {
        let mut options = self.options.lock().await;
        options.receivers.retain(|other| other.name != receiver.name);
        options.receivers.push(receiver);
        self.reconfigure(&options, &self.alertmanager).await
    }

    pub async fn remove_receiver(&self, name: &str) -> Result<()> {
        let mut options = self.options.lock().await;
        options.receivers.retain(|receiver| receiver.name != name);
        self.reconfigure(&options, &self.alertmanager).await
    }

    /// Adds a scrape job, or replaces the one of that name, and returns once it has been scraped
    /// well. Prometheus takes new targets over every 5 s, so this may take 6.
    pub async fn set_scrape(&self, scrape: Scrape) -> Result<()> {
        self.set_scrapes(vec![scrape]).await
    }

    /// Several at once: each reload costs what [`Monitoring::set_rules`] says.
    pub async fn set_scrapes(&self, scrapes: Vec<Scrape>) -> Result<()> {
        let jobs: Vec<String> = scrapes.iter().map(|scrape| scrape.job.clone()).collect();
        let mut options = self.options.lock().await;
        options.scrapes.retain(|other| !jobs.contains(&other.job));
        options.scrapes.extend(scrapes);
        self.reconfigure(&options, &self.prometheus).await?;
        drop(options);
        for job in jobs {
            self.wait_target(&job).await?;
        }
        Ok(())
    }

    pub async fn remove_scrape(&self, job: &str) -> Result<()> {
        let mut options = self.options.lock().await;
        options.scrapes.retain(|scrape| scrape.job != job);
        self.reconfigure(&options, &self.prometheus).await
    }

    /// Adds rule files, or replaces those of the same names, and returns once their alerts can reach Alertmanager.
    ///
    /// With each reload Prometheus forgets where Alertmanager is, for up to 5 s, and an alert that begins meanwhile, of
    /// whatever rule, is sent only at its next turn.
    pub async fn set_rules(&self, files: Vec<RuleFile>) -> Result<()> {
        let mut options = self.options.lock().await;
        options.rules.retain(|old| files.iter().all(|new| new.name != old.name));
        options.rules.extend(files);
        self.reconfigure(&options, &self.prometheus).await?;
        drop(options);
        self.wait_discovery().await
    }

    async fn reconfigure(&self, options: &MonitoringOptions, service: &Service) -> Result<()> {
        config::write(&self.dir, options, self.node.port(), self.alertmanager.port())?;
        let answer = self.http.post(format!("{}/-/reload", service.url())).send().await?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(Error::new(format!("{} refused its new configuration: {}", service.name(), answer.text().await?)))
    }

    /// Folder of node_exporter's textfile collector: any `*.prom` file here becomes metrics.
    pub fn textfile_dir(&self) -> PathBuf {
        self.dir.join("textfile")
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The result of an instant query: `[{"metric": {…}, "value": [time, "text"]}]`.
    pub async fn query(&self, promql: &str) -> Result<Vec<Value>> {
        let data = self.prometheus_api("query", &[("query", promql)]).await?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    /// Prometheus' own view of its alerts, pending ones included.
    pub async fn prometheus_alerts(&self) -> Result<Vec<Value>> {
        let data = self.prometheus_api("alerts", &[]).await?;
        Ok(data["alerts"].as_array().cloned().unwrap_or_default())
    }

    /// What Alertmanager holds (`GET /api/v2/alerts`).
    pub async fn alerts(&self) -> Result<Vec<Value>> {
        let url = format!("{}/api/v2/alerts", self.alertmanager.url());
        let answer = self.http.get(url).send().await?.error_for_status()?;
        Ok(answer.json().await?)
    }

    /// Pushes alerts straight to Alertmanager, for what no rule in the lab can see.
    pub async fn post_alerts(&self, alerts: &Value) -> Result<()> {
        let url = format!("{}/api/v2/alerts", self.alertmanager.url());
        self.http.post(url).json(alerts).send().await?.error_for_status()?;
        Ok(())
    }

    async fn wait_discovery(&self) -> Result<()> {
        wait_for("Prometheus' discovery of Alertmanager", Duration::from_secs(30), async || {
            let seen = self.prometheus_api("alertmanagers", &[]).await?;
            let found = seen["activeAlertmanagers"].as_array().is_some_and(|list| !list.is_empty());
            if found { Ok(()) } else { Err(seen.into()) }
        })
        .await
    }

    /// Waits until the job's last scrape went well.
    pub async fn wait_target(&self, job: &str) -> Result<()> {
        wait_for(&format!("a scrape of job {job}"), Duration::from_secs(30), async || {
            if let Some(end) = self.prometheus.obituary() {
                return Err(super::NotYet::never(end));
            }
            let data = self.prometheus_api("targets", &[("state", "active")]).await?;
            let targets = data["activeTargets"].as_array().cloned().unwrap_or_default();
            match targets.iter().find(|target| target["scrapePool"] == job) {
                Some(target) if target["health"] == "up" => Ok(()),
                Some(target) => Err(format!("{} {}", target["health"], target["lastError"]).into()),
                None => Err("no such target yet".into()),
            }
        })
        .await
    }

    async fn prometheus_api(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let mut url = reqwest::Url::parse(&format!("{}/api/v1/{path}", self.prometheus.url()))?;
        url.query_pairs_mut().extend_pairs(query);
        let answer: Value = self.http.get(url).send().await?.json().await?;
        if answer["status"] == "success" {
            Ok(answer["data"].clone())
        } else {
            Err(Error::new(format!("Prometheus, {path}: {answer}")))
        }
    }
}

/// Reads a folder of shipped rules and makes them fast; see [`Pace`].
pub fn shipped_rules(dir: &Path, pace: &Pace) -> Result<Vec<RuleFile>> {
    let entries = fs::read_dir(dir).context(format!("read rules in {}", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "yml" || ext == "yaml") {
            files.push(RuleFile::read(&path)?.at(pace));
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}
