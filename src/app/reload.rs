//! Reading the configuration again: all of it is put in force, or nothing.

use super::drills::Plan;
use super::{Books, Checked, in_force, read};
use crate::config::Settings;
use crate::console::{self, ReloadError};
use crate::domain::guard::Guard;
use crate::domain::incident::{AttemptOutcome, Outcome};
use crate::run::clock::Clock;
use crate::run::handle::Handle;
use crate::telemetry::Telemetry;
use sd_notify::NotifyState;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};

/// Cheap to clone; one reload at a time.
#[derive(Clone)]
pub(super) struct Reloader(Arc<Shared>);

struct Shared {
    handle: Handle,
    telemetry: Telemetry,
    /// What heald runs with: what needs a restart keeps its old value.
    running: Mutex<Settings>,
    /// Of the command line; it goes before the file's.
    listen: Option<SocketAddr>,
    drills: watch::Sender<Arc<Plan>>,
}

// === impl Reloader ===

impl Reloader {
    pub fn new(
        handle: Handle,
        telemetry: Telemetry,
        running: Settings,
        listen: Option<SocketAddr>,
        drills: watch::Sender<Arc<Plan>>,
    ) -> Self {
        Self(Arc::new(Shared { handle, telemetry, running: Mutex::new(running), listen, drills }))
    }

    /// For the control socket. It goes on to its end although whoever asked hangs up.
    pub fn hook(&self) -> console::Reload {
        let reloader = self.clone();
        Arc::new(move |by| {
            let reloader = reloader.clone();
            Box::pin(async move {
                let ended = tokio::spawn(async move { reloader.reload(&by).await }).await;
                ended.unwrap_or_else(|error| Err(ReloadError::Refused(format!("the reload broke off: {error}"))))
            })
        })
    }

    /// Says what changed, or every reason why nothing did.
    pub async fn reload(&self, by: &str) -> Result<String, ReloadError> {
        let mut running = self.0.running.lock().await;
        tracing::info!(by, file = %running.file.display(), "reading the configuration again");
        tell_manager(true);
        let done = self.replace(&mut running).await;
        tell_manager(false);
        drop(running);
        match &done {
            Ok(said) => tracing::info!("{said}"),
            Err(error) => tracing::error!("the configuration in force stays: {error}"),
        }
        note(&self.0.telemetry, done.is_ok());
        done
    }

    async fn replace(&self, running: &mut Settings) -> Result<String, ReloadError> {
        let file = running.file.clone();
        let refused = |why: String| ReloadError::Refused(why);
        let found = tokio::task::spawn_blocking(move || read(&file)).await.map_err(|error| refused(error.to_string()))?;
        let (mut settings, books) = found.map_err(|problems| {
            let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
            refused(texts.join("\n"))
        })?;
        Checked::of(&settings).map_err(refused)?;
        settings.web.listen = self.0.listen.unwrap_or(settings.web.listen);
        let waiting = needs_restart(running, &settings);
        if running.notify != settings.notify {
            // Its chains name channels that are not there yet.
            settings.guards.escalation = running.guards.escalation.clone();
        }
        self.0.handle.reload(in_force(&settings, &books)).await?;
        begin_series(&self.0.telemetry, &settings, &books);
        let (wanted, all) = (settings.clone(), books.clone());
        if let Ok(plan) = tokio::task::spawn_blocking(move || Plan::of(&wanted, &all)).await {
            self.0.drills.send_replace(Arc::new(plan));
        }
        keep_what_runs(running, &mut settings);
        *running = settings;
        let count = books.len();
        let said = format!("the configuration is in force, with {count} playbook{}", if count == 1 { "" } else { "s" });
        Ok(match waiting.as_slice() {
            [] => said,
            keys => {
                let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                format!("{said}; changed, but only a restart takes it: {}", keys.join(", "))
            }
        })
    }
}

/// As Prometheus and Alertmanager tell of theirs; a start counts as one.
pub(super) fn note(telemetry: &Telemetry, ok: bool) {
    telemetry.reloaded(ok, Clock::system(None).wall().as_millisecond());
}

/// A counter's birth goes unseen, so it is born before it counts.
pub(super) fn begin_series(telemetry: &Telemetry, settings: &Settings, books: &Books) {
    for (_, book) in books {
        telemetry.recovery_target(&book.id.0, book.recovery_time);
        telemetry.playbook(&book.id.0, &AttemptOutcome::ALL.map(AttemptOutcome::label));
    }
    telemetry.guards(&Guard::ALL.map(Guard::label));
    telemetry.outcomes(&Outcome::ALL.map(Outcome::label));
    settings.targets.named().for_each(|target| telemetry.target(&target.to_string()));
    settings.guards.escalation.channels.iter().for_each(|channel| telemetry.channel(channel));
    for (service, objective) in &settings.guards.objectives {
        telemetry.objective(service, objective.rto, objective.rpo);
    }
}

/// systemd holds `systemctl reload` until the word that it is over. Without systemd there is nobody to tell.
fn tell_manager(begins: bool) {
    drop(match (begins, NotifyState::monotonic_usec_now()) {
        (true, Ok(now)) => sd_notify::notify(&[NotifyState::Reloading, now]),
        (true, Err(error)) => Err(error),
        (false, _) => sd_notify::notify(&[NotifyState::Ready]),
    });
}

/// The keys that differ and that only a start reads.
fn needs_restart(running: &Settings, wanted: &Settings) -> Vec<&'static str> {
    let differ = [
        ("web", running.web != wanted.web),
        ("state", running.state != wanted.state),
        ("host", running.host != wanted.host),
        ("systemd.bus", running.systemd_bus != wanted.systemd_bus),
        ("docker.host", running.docker_host != wanted.docker_host),
        ("alertmanager.url", alertmanager(running) != alertmanager(wanted)),
        ("notify", running.notify != wanted.notify),
        ("escalation", running.notify != wanted.notify && running.guards.escalation != wanted.guards.escalation),
        ("notify.people", running.people != wanted.people),
        ("collect", running.collect != wanted.collect),
        ("log", running.log != wanted.log),
    ];
    differ.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}

fn alertmanager(settings: &Settings) -> Option<&String> {
    settings.alertmanager.as_ref()?.url.as_ref()
}

/// So that the next reload names them again.
fn keep_what_runs(running: &Settings, wanted: &mut Settings) {
    wanted.web = running.web.clone();
    wanted.state = running.state.clone();
    wanted.host = running.host.clone();
    wanted.systemd_bus = running.systemd_bus.clone();
    wanted.docker_host = running.docker_host.clone();
    if let (Some(wanted), Some(running)) = (&mut wanted.alertmanager, &running.alertmanager) {
        wanted.url = running.url.clone();
    }
    wanted.notify = running.notify.clone();
    wanted.people = running.people.clone();
    wanted.collect = running.collect.clone();
    wanted.log = running.log;
}
