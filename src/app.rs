//! Wiring: settings → edges → loop; signals; the order of shutting down. The only file that sees everything.

use crate::book::Edition;
use crate::collect::docker::Containers;
use crate::config::{self, Settings};
use crate::console;
use crate::domain::guard::Guard;
use crate::domain::incident::AttemptOutcome;
use crate::domain::notice::{Notice, NoticeKind};
use crate::domain::playbook::Playbook;
use crate::domain::policy::Policy;
use crate::domain::target::AllowList;
use crate::ingest::{self, Auth, Limits, Pages, Secrets, Server, Web};
use crate::link::alertmanager::Alertmanager;
use crate::link::docker::Docker;
use crate::link::systemd::Systemd;
use crate::link::{self, Tools};
use crate::notify::{self, Notifier};
use crate::real_world::RealWorld;
use crate::run::clock::Clock;
use crate::run::handle::Handle;
use crate::run::{self, Config, Driver};
use crate::store::{Horizon, OpenError, Store};
use crate::telemetry::Telemetry;
use crate::yaml::Problem;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The playbooks in force, with what the store keeps of each.
pub type Books = Vec<(Edition, Arc<Playbook>)>;

/// What is up or down, for `heald status` and the metrics.
type Dependencies = BTreeMap<String, String>;

/// How often systemd, Docker and Alertmanager are asked whether they answer.
const REACH_EVERY: Duration = Duration::from_secs(10);
/// For answers under way when the loop has ended.
const GOODBYE: Duration = Duration::from_secs(2);
/// After-care ends this long after the resolve where the configuration does not say: Alertmanager's own default.
pub const GROUP_INTERVAL: Duration = Duration::from_secs(300);

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// What kept heald from starting, or the journal from being trusted.
pub async fn serve(settings: Settings, books: Books) -> Result<(), String> {
    let telemetry = Telemetry::new(env!("CARGO_PKG_VERSION"));
    for (_, book) in &books {
        telemetry.playbook(&book.id.0, &AttemptOutcome::ALL.map(AttemptOutcome::label));
    }
    telemetry.guards(&Guard::ALL.map(Guard::label));
    let tools = tools(&settings)?;
    let notifier = Notifier::new(notify_settings(&settings)).map_err(|error| format!("notify: {error}"))?;
    let world = Arc::new(RealWorld::new(tools.clone(), notifier));
    let (stop, stopping) = watch::channel(false);
    // The doors stay open until the loop has ended: it answers 503 meanwhile.
    let (close, closing) = watch::channel(false);
    let dependencies = watch_dependencies(&settings, &tools, &telemetry);

    // The address first: a second heald is then refused before it touches the journal.
    let limits = Limits { connections_max: settings.web.max_connections as usize, ..Limits::default() };
    let server = Server::bind(settings.web.listen, limits).await?;
    let (handle, driver) = start_loop(&settings, books, &world, &telemetry, dependencies, stopping.clone()).await?;
    let control = console::bind(&settings.state.join("control.sock")).await?;

    let web = Web {
        handle: handle.clone(),
        telemetry: telemetry.clone(),
        auth: auth(&settings)?,
        limits,
        pages: Pages { targets: targets_page(&tools) },
    };
    let mut doors = vec![tokio::spawn(console::serve(control, handle, stopped(closing.clone())))];
    match settings.web.metrics_listen {
        None => doors.push(tokio::spawn(server.serve(ingest::router(web), stopped(closing)))),
        Some(address) => {
            let metrics = Server::bind(address, limits).await?;
            doors.push(tokio::spawn(metrics.serve(ingest::pages_router(web.clone()), stopped(closing.clone()))));
            doors.push(tokio::spawn(server.serve(ingest::webhook_router(web), stopped(closing))));
        }
    }
    tracing::info!(listen = %settings.web.listen, state = %settings.state.display(), "heald is ready");
    // Without systemd there is nobody to tell.
    drop(sd_notify::notify(&[sd_notify::NotifyState::Ready]));
    let ended = wait(driver, &stop).await;
    close.send_replace(true);
    for door in doors {
        let end = door.abort_handle();
        if tokio::time::timeout(GOODBYE, door).await.is_err() {
            end.abort();
        }
    }
    ended
}

/// Waits for the order to stop, and lets the running step end; or for the loop to give up.
async fn wait(mut driver: JoinHandle<Result<(), String>>, stop: &watch::Sender<bool>) -> Result<(), String> {
    let hear = |kind| signal(kind).map_err(|error| format!("signals can't be heard: {error}"));
    let (mut term, mut int, mut hup) =
        (hear(SignalKind::terminate())?, hear(SignalKind::interrupt())?, hear(SignalKind::hangup())?);
    let ended = loop {
        tokio::select! {
            ended = &mut driver => break Some(ended),
            _ = term.recv() => break None,
            _ = int.recv() => break None,
            _ = hup.recv() => tracing::warn!("SIGHUP: this version reads its configuration at start only; restart heald to apply changes"),
        }
    };
    drop(sd_notify::notify(&[sd_notify::NotifyState::Stopping]));
    stop.send_replace(true);
    let ended = match ended {
        Some(ended) => ended,
        None => {
            tracing::info!("stopping: the webhook answers 503, a running step may end");
            driver.await
        }
    };
    ended.map_err(|error| format!("the loop died: {error}"))?
}

/// The loop with its journal; or, where the journal can't be trusted, nothing but the refusal and a told person.
async fn start_loop(
    settings: &Settings,
    books: Books,
    world: &Arc<RealWorld>,
    telemetry: &Telemetry,
    dependencies: watch::Receiver<Dependencies>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(Handle, JoinHandle<Result<(), String>>), String> {
    let windows = books.iter().flat_map(|(_, book)| book.limits.budget.iter().map(|budget| budget.window));
    let horizon = Horizon { attempts: windows.max().unwrap_or_default().max(Horizon::default().attempts), ..Horizon::default() };
    let folder = settings.state.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(&folder, horizon)).await.map_err(|error| error.to_string())?;
    let (store, loaded) = match opened {
        Ok(opened) => opened,
        Err(error) if error.is_escalate_only() => return Ok(escalate_only(settings, world, &error, stopping)),
        Err(error) => return Err(error.to_string()),
    };
    let config = Config {
        host: settings.host.clone(),
        host_label: settings.host_label.clone(),
        allow: settings.targets.clone(),
        group_interval: group_interval(settings),
        policy: policy(settings),
        asks_alertmanager: settings.alertmanager.as_ref().is_some_and(|alertmanager| alertmanager.url.is_some()),
        #[cfg(any(test, feature = "failpoints"))]
        without: None,
        books: books.into_iter().map(|(edition, book)| (book, edition.to_json().into())).collect(),
        compile,
        heartbeat: Box::new(heartbeat()),
        dependencies,
    };
    let clock = Clock::system(loaded.mark.as_ref());
    stopping.mark_unchanged();
    let (driver, handle) = Driver::new(Arc::clone(world), store, loaded, clock, config, telemetry.clone(), stopping);
    Ok((handle, tokio::spawn(driver.run())))
}

fn escalate_only(
    settings: &Settings,
    world: &Arc<RealWorld>,
    error: &OpenError,
    mut stopping: watch::Receiver<bool>,
) -> (Handle, JoinHandle<Result<(), String>>) {
    let reason = error.to_string();
    tracing::error!(%reason, "escalate-only: no alert is taken on and nothing is repaired");
    let handle = run::escalate_only(reason.clone(), settings.host.clone(), stopping.clone());
    let summary = "no alert is taken on and nothing is repaired";
    let now = Clock::system(None).now();
    let notice = Notice::of_house(NoticeKind::EscalateOnly, &settings.host, summary, &reason, now);
    let world = Arc::clone(world);
    let beat = heartbeat();
    let task = tokio::spawn(async move {
        use crate::run::world::World;
        let mut telling = std::pin::pin!(run::insist(|| world.tell(notice.clone())));
        let mut told = false;
        loop {
            beat();
            tokio::select! {
                _ = stopping.changed() => return Ok(()),
                () = &mut telling, if !told => told = true,
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
            }
        }
    });
    (handle, task)
}

/// How long Alertmanager may keep a second failure to itself.
pub fn group_interval(settings: &Settings) -> Duration {
    settings.alertmanager.as_ref().map_or(GROUP_INTERVAL, |alertmanager| alertmanager.group_interval)
}

/// The configuration's `guards:`, and what heald stands on here.
pub fn policy(settings: &Settings) -> Policy {
    let mut policy = settings.guards.clone();
    policy.protected.extend(link::own::protected());
    policy
}

fn compile(text: &str) -> Result<Playbook, String> {
    let edition = Edition::from_json(text).map_err(|error| error.to_string())?;
    edition.compile().map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// Feeds systemd's watchdog from the loop itself, so that a loop that hangs is noticed.
fn heartbeat() -> impl Fn() + Send {
    let watched = sd_notify::watchdog_enabled().is_some();
    move || {
        if watched {
            drop(sd_notify::notify(&[sd_notify::NotifyState::Watchdog]));
        }
    }
}

fn tools(settings: &Settings) -> Result<Tools, String> {
    let allow: AllowList = settings.targets.clone();
    let http = link::http::client()?;
    let url = settings.alertmanager.as_ref().and_then(|alertmanager| alertmanager.url.as_deref());
    let alertmanager = url.map(|url| Alertmanager::new(http.clone(), url)).transpose()?.map(Arc::new);
    Ok(Tools {
        systemd: Arc::new(Systemd::new(settings.systemd_bus.clone())),
        docker: Arc::new(Docker::new(&settings.docker_host)),
        http,
        alertmanager,
        allow: Arc::new(allow),
    })
}

fn notify_settings(settings: &Settings) -> notify::Settings {
    let webhook = settings.notify.webhook.as_ref();
    notify::Settings {
        webhook: webhook.map(|webhook| {
            notify::Webhook::new(webhook.url.clone(), webhook.bearer.as_ref().map(|secret| secret.reveal().to_owned()))
        }),
    }
}

fn auth(settings: &Settings) -> Result<Auth, String> {
    let secrets = |secret: &config::Secret| Secrets::parse(secret.reveal()).map_err(|error| format!("web.auth: {error}"));
    Ok(match &settings.web.auth {
        None => Auth::Open,
        Some(config::Auth::Bearer(secret)) => Auth::Bearer(secrets(secret)?),
        Some(config::Auth::Basic { user, password }) => Auth::Basic { user: user.clone(), passwords: secrets(password)? },
    })
}

fn targets_page(tools: &Tools) -> Arc<dyn Fn() -> futures_util::future::BoxFuture<'static, String> + Send + Sync> {
    let collector = Arc::new(Containers::new(Arc::clone(&tools.docker)));
    Arc::new(move || {
        let collector = Arc::clone(&collector);
        // Writing to a string fails only where a metric is malformed; then an empty page is the honest one.
        Box::pin(async move { collector.page().await.unwrap_or_else(|_| "# EOF\n".to_owned()) })
    })
}

/// Asks what the allow-list and the freshness of alerts need, whether it answers; heald is ready all the same.
fn watch_dependencies(settings: &Settings, tools: &Tools, telemetry: &Telemetry) -> watch::Receiver<Dependencies> {
    let (sender, receiver) = watch::channel(Dependencies::new());
    let (units, containers) = (!settings.targets.units.is_empty(), !settings.targets.containers.is_empty());
    let (tools, telemetry) = (tools.clone(), telemetry.clone());
    tokio::spawn(async move {
        while !sender.is_closed() {
            let mut seen = Dependencies::new();
            let mut note = |name: &'static str, answer: Result<(), link::LinkError>| {
                telemetry.dependency(name, answer.is_ok());
                seen.insert(name.to_owned(), answer.map_or_else(|error| format!("down: {error}"), |()| "up".to_owned()));
            };
            if units {
                note("systemd", tools.systemd.reach().await);
            }
            if containers {
                note("docker", tools.docker.reach().await);
            }
            if let Some(alertmanager) = &tools.alertmanager {
                note("alertmanager", alertmanager.reach().await);
            }
            sender.send_replace(seen);
            tokio::time::sleep(REACH_EVERY).await;
        }
    });
    receiver
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is as good an order to stop.
    drop(stopping.wait_for(|stop| *stop).await);
}

/// Reads the configuration and the playbooks, as `serve` and `check` do.
///
/// # Errors
/// Every mistake of both, one to a line.
pub fn read(file: &std::path::Path) -> Result<(Settings, Books), Vec<Problem>> {
    let settings = config::load(file)?;
    let books = read_books(&settings, &settings.playbooks)?;
    Ok((settings, books))
}

/// Reads playbooks of these folders and files under a configuration.
///
/// # Errors
/// Every mistake of theirs, one to a line.
pub fn read_books(settings: &Settings, dirs: &[PathBuf]) -> Result<Books, Vec<Problem>> {
    let books = crate::book::load(dirs, &settings.overrides, &settings.vars).and_then(|books| {
        let problems = crate::book::check(&books, Some(&settings.guards));
        if problems.is_empty() { Ok(books) } else { Err(problems) }
    });
    books.map_err(|problems| {
        // The books know what the configuration says about them, but not where it stands.
        let named = |problem: Problem| match problem.file.as_os_str() == crate::book::OVERRIDES {
            true => Problem { file: settings.file.clone(), ..problem },
            false => problem,
        };
        problems.into_iter().map(named).collect()
    })
}
