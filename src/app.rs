//! Wiring: settings → edges → loop; signals; the order of shutting down. The only file that sees everything.

use crate::book::Edition;
use crate::collect::Collectors;
use crate::config::{self, Settings};
use crate::console;
use crate::domain::notice::{Notice, NoticeKind};
use crate::domain::playbook::Playbook;
use crate::domain::policy::Policy;
use crate::ingest::{self, Auth, Limits, Pages, Secrets, Server, Tls, TlsFiles, Web};
use crate::link::alertmanager::Alertmanager;
use crate::link::docker::Docker;
use crate::link::prometheus::Prometheus;
use crate::link::supervisor::Supervisor;
use crate::link::systemd::Systemd;
use crate::link::{self, Allowed, Tools};
use crate::notify::Notifier;
use crate::notify::heartbeat::Heartbeat;
use crate::real_world::RealWorld;
use crate::run::clock::Clock;
use crate::run::handle::Handle;
use crate::run::{self, Config, Driver, InForce};
use crate::store::{Horizon, OpenError, Store};
use crate::telemetry::Telemetry;
use alive::Alive;
use axum::Router;
pub use read::{compile, read, read_books, settings, survey};
use reload::Reloader;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

mod alive;
mod drills;
mod people;
mod read;
mod reload;
mod switch;

/// The playbooks in force, with what the store keeps of each.
pub type Books = Vec<(Edition, Arc<Playbook>)>;

/// What is up or down, for `heald status` and the metrics.
type Dependencies = BTreeMap<String, String>;

/// How often systemd, Docker and Alertmanager are asked whether they answer.
const REACH_EVERY: Duration = Duration::from_secs(10);
/// What the journal calls whoever gives orders over HTTP.
const HTTP_ADMIN: &str = "http admin";
/// For answers under way when the loop has ended.
const GOODBYE: Duration = Duration::from_secs(2);
/// After-care ends this long after the resolve where the configuration does not say: Alertmanager's own default.
pub const GROUP_INTERVAL: Duration = Duration::from_secs(300);

/// What of the settings is judged only by whoever takes it; the same at a start and at a reload.
struct Checked {
    auth: Auth,
    /// Who may control heald over HTTP: nobody, unless configured.
    admin: Option<Auth>,
    notifier: Notifier,
    tls: Option<Tls>,
}

/// SIGTERM and SIGINT end heald, SIGHUP has it read its configuration again.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

/// Runs until SIGTERM or SIGINT. `listen`: instead of the file's, also after a reload.
///
/// # Errors
/// What kept heald from starting, or the journal from being trusted.
pub async fn serve(mut settings: Settings, books: Books, listen: Option<SocketAddr>) -> Result<(), String> {
    settings.web.listen = listen.unwrap_or(settings.web.listen);
    // From here on a SIGHUP no longer kills.
    let signals = Signals::hear().map_err(|error| format!("signals can't be heard: {error}"))?;
    let telemetry = Telemetry::new(env!("CARGO_PKG_VERSION"));
    reload::begin_series(&telemetry, &settings, &books);
    reload::note(&telemetry, true);
    let tools = tools(&settings)?;
    let Checked { auth, admin, notifier, tls } = Checked::of(&settings)?;
    let world = Arc::new(RealWorld::new(tools.clone(), notifier));
    let (stop, stopping) = watch::channel(false);
    // The doors stay open until the loop has ended: it answers 503 meanwhile.
    let (close, closing) = watch::channel(false);
    let dependencies = watch_dependencies(&tools, &telemetry);

    let collectors = Collectors::new(&settings.collect, &tools.docker)?;
    if !settings.targets.containers.is_empty() && !settings.collect.docker {
        tracing::info!("no series on containers: `collect: {{ docker: {{}} }}` turns them on");
    }

    // The address first: a second heald is then refused before it touches the journal.
    let limits = Limits { connections_max: settings.web.max_connections as usize, ..Limits::default() };
    let server = Server::bind(settings.web.listen, limits).await?.with_tls(tls);
    let plan = drills::Plan::of(&settings, &books);
    let (planned, plan) = watch::channel(Arc::new(plan));
    let (handle, driver) = start_loop(&settings, books, &world, &telemetry, dependencies, stopping.clone()).await?;
    let reloader = Reloader::new(handle.clone(), telemetry.clone(), settings.clone(), listen, planned);
    let drilling = tokio::spawn(drills::keep(plan, handle.clone(), telemetry.clone(), stopping));
    let control = console::bind(&settings.state.join("control.sock")).await?;

    let people::Ears { tasks: ears, routes } = people::listen(&settings, world.notifier(), &handle, &telemetry, &closing)?;
    let web = Web {
        handle: handle.clone(),
        telemetry: telemetry.clone(),
        auth,
        limits,
        pages: Pages { targets: targets_page(collectors) },
    };
    let control_routes = admin.map_or_else(Router::new, |admin| {
        let routes = console::routes(handle.clone(), reloader.hook(), closing.clone(), HTTP_ADMIN);
        ingest::behind(routes, admin, telemetry.clone())
    });
    let mut doors = vec![tokio::spawn(console::serve(control, handle, reloader.hook(), stopped(closing.clone())))];
    match settings.web.metrics_listen {
        None => doors.push(tokio::spawn(server.serve(ingest::router(web).merge(control_routes).merge(routes), stopped(closing)))),
        Some(address) => {
            let metrics = Server::bind(address, limits).await?;
            doors.push(tokio::spawn(metrics.serve(ingest::pages_router(web.clone()), stopped(closing.clone()))));
            doors.push(tokio::spawn(
                server.serve(ingest::webhook_router(web).merge(control_routes).merge(routes), stopped(closing)),
            ));
        }
    }
    tracing::info!(listen = %settings.web.listen, state = %settings.state.display(), "heald is ready");
    // Without systemd there is nobody to tell.
    drop(sd_notify::notify(&[sd_notify::NotifyState::Ready]));
    let ended = wait(driver, &stop, signals, &reloader).await;
    close.send_replace(true);
    // A drill that runs mends what it broke: the loop has ended, the program waits for it.
    drop(drilling.await);
    for door in doors.into_iter().chain(ears) {
        let end = door.abort_handle();
        if tokio::time::timeout(GOODBYE, door).await.is_err() {
            end.abort();
        }
    }
    ended
}

/// Waits for the order to stop, and lets the running step end; or for the loop to give up.
async fn wait(
    mut driver: JoinHandle<Result<(), String>>,
    stop: &watch::Sender<bool>,
    mut signals: Signals,
    reloader: &Reloader,
) -> Result<(), String> {
    let ended = loop {
        tokio::select! {
            ended = &mut driver => break Some(ended),
            _ = signals.term.recv() => break None,
            _ = signals.int.recv() => break None,
            _ = signals.hup.recv() => {
                // Beside the loop: a slow disk must not keep an order to stop waiting. The outcome is logged.
                let reloader = reloader.clone();
                tokio::spawn(async move { drop(reloader.reload("SIGHUP").await) });
            }
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
    let window = run::longest_window(books.iter().map(|(_, book)| book), &settings.guards);
    let horizon = Horizon { attempts: window.max(Horizon::default().attempts), ..Horizon::default() };
    let folder = settings.state.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(&folder, horizon)).await.map_err(|error| error.to_string())?;
    let (store, loaded) = match opened {
        Ok(opened) => opened,
        Err(error) if error.is_escalate_only() => return Ok(escalate_only(settings, world, &error, stopping)),
        Err(error) => return Err(error.to_string()),
    };
    let config = Config {
        host: settings.host.clone(),
        in_force: in_force(settings, &books),
        // Before the first effect.
        switch: switch::watch(&settings.state),
        asks_alertmanager: settings.alertmanager.as_ref().is_some_and(|alertmanager| alertmanager.url.is_some()),
        #[cfg(any(test, feature = "failpoints"))]
        without: None,
        compile,
        heartbeat: Box::new(heartbeat(alive(settings, telemetry)?)),
        heartbeat_every: run::HEARTBEAT,
        proof_every: settings.notify.heartbeat.as_ref().map(|heartbeat| heartbeat.every / 2),
        dependencies,
    };
    let clock = Clock::system(loaded.mark.as_ref());
    stopping.mark_unchanged();
    let (driver, handle) = Driver::new(Arc::clone(world), store, loaded, clock, config, telemetry.clone(), stopping);
    Ok((handle, tokio::spawn(driver.run())))
}

/// What a reload replaces.
pub fn in_force(settings: &Settings, books: &Books) -> InForce {
    InForce {
        host_label: settings.host_label.clone(),
        allow: settings.targets.clone(),
        group_interval: settings.alertmanager.as_ref().map_or(GROUP_INTERVAL, |alertmanager| alertmanager.group_interval),
        policy: policy(settings),
        books: books.iter().map(|(edition, book)| (Arc::clone(book), edition.to_json().into())).collect(),
    }
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
    let channels = settings.notify.channels.keys().cloned().collect();
    let world = Arc::clone(world);
    // Nobody outside is told that it lives: it does no work.
    let beat = heartbeat(Alive::default());
    let task = tokio::spawn(async move {
        let mut telling = std::pin::pin!(run::insist(|| run::cry(&*world, &channels, notice.clone())));
        let mut told = false;
        loop {
            beat(false);
            tokio::select! {
                _ = stopping.changed() => return Ok(()),
                () = &mut telling, if !told => told = true,
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
            }
        }
    });
    (handle, task)
}

/// The configuration's `guards:`, and what heald stands on here.
pub fn policy(settings: &Settings) -> Policy {
    let mut policy = settings.guards.clone();
    policy.protected.extend(link::own::protected());
    policy
}

/// Whoever waits outside for a sign of life gets one, for as long as the loop works.
fn alive(settings: &Settings, telemetry: &Telemetry) -> Result<Alive, String> {
    let alive = Alive::default();
    if let Some(heartbeat) = settings.notify.heartbeat.clone() {
        let heartbeat = Heartbeat::new(heartbeat).map_err(|why| format!("notify.heartbeat: {why}"))?;
        tokio::spawn(alive.clone().tell(heartbeat, telemetry.clone()));
    }
    Ok(alive)
}

/// Feeds systemd's watchdog from the loop itself, so that a loop that hangs is noticed.
fn heartbeat(alive: Alive) -> impl Fn(bool) + Send {
    let watched = sd_notify::watchdog_enabled().is_some();
    move |well| {
        if well {
            alive.beat();
        }
        if watched {
            drop(sd_notify::notify(&[sd_notify::NotifyState::Watchdog]));
        }
    }
}

/// The ways to the outside, as the configuration has them; nothing is connected yet.
///
/// # Errors
/// A client can't be made.
pub fn tools(settings: &Settings) -> Result<Tools, String> {
    let http = link::http::client()?;
    let url = settings.alertmanager.as_ref().and_then(|alertmanager| alertmanager.url.as_deref());
    let alertmanager = url.map(|url| Alertmanager::new(http.clone(), url)).transpose()?.map(Arc::new);
    let prometheus = settings.prometheus.as_ref().map(|prometheus| Prometheus::new(http.clone(), &prometheus.url));
    // Whoever reads its programs' states there has the same supervisord in mind.
    let supervisor = settings.supervisor.as_ref().or(settings.collect.supervisor.as_ref()).map(|socket| Supervisor::new(socket));
    Ok(Tools {
        systemd: Arc::new(Systemd::new(settings.systemd_bus.clone())),
        docker: Arc::new(Docker::new(&settings.docker_host)),
        http,
        alertmanager,
        prometheus: prometheus.transpose()?.map(Arc::new),
        supervisor: supervisor.transpose()?.map(Arc::new),
        allow: Allowed::new(settings.targets.clone()),
    })
}

fn auth(settings: &Settings) -> Result<Auth, String> {
    let secrets = |secret: &config::Secret| Secrets::parse(secret.reveal()).map_err(|error| format!("web.auth: {error}"));
    Ok(match &settings.web.auth {
        None => Auth::Open,
        Some(config::Auth::Bearer(secret)) => Auth::Bearer(secrets(secret)?),
        Some(config::Auth::Basic { user, password }) => Auth::Basic { user: user.clone(), passwords: secrets(password)? },
    })
}

fn tls(config::Tls { cert, key, client_ca }: config::Tls) -> Result<Tls, String> {
    Tls::load(TlsFiles { cert, key, client_ca })
}

fn targets_page(collectors: Collectors) -> Arc<dyn Fn() -> futures_util::future::BoxFuture<'static, String> + Send + Sync> {
    let collectors = Arc::new(collectors);
    Arc::new(move || {
        let collectors = Arc::clone(&collectors);
        Box::pin(async move { collectors.page().await })
    })
}

/// Asks what the allow-list and the freshness of alerts need, whether it answers; heald is ready all the same.
fn watch_dependencies(tools: &Tools, telemetry: &Telemetry) -> watch::Receiver<Dependencies> {
    let (sender, receiver) = watch::channel(Dependencies::new());
    let (tools, telemetry) = (tools.clone(), telemetry.clone());
    tokio::spawn(async move {
        while !sender.is_closed() {
            let mut seen = Dependencies::new();
            let mut note = |name: &'static str, answer: Result<(), link::LinkError>| {
                telemetry.dependency(name, answer.is_ok());
                seen.insert(name.to_owned(), answer.map_or_else(|error| format!("down: {error}"), |()| "up".to_owned()));
            };
            let allow = tools.allow.now();
            if !allow.units.is_empty() {
                note("systemd", tools.systemd.reach().await);
            }
            if !allow.containers.is_empty() {
                note("docker", tools.docker.reach().await);
            }
            if let Some(alertmanager) = &tools.alertmanager {
                note("alertmanager", alertmanager.reach().await);
            }
            if let Some(prometheus) = &tools.prometheus {
                note("prometheus", prometheus.reach().await);
            }
            if let Some(supervisor) = &tools.supervisor
                && !allow.programs.is_empty()
            {
                note("supervisor", supervisor.reach().await);
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

// === impl Checked ===

impl Checked {
    fn of(settings: &Settings) -> Result<Self, String> {
        let notifier = Notifier::new(settings.notify.clone()).map_err(|error| format!("notify: {error}"))?;
        let admin = settings
            .web
            .admin
            .as_ref()
            .map(|secret| Secrets::parse(secret.reveal()).map_err(|error| format!("web.admin: {error}")));
        let tls = settings.web.tls.clone().map(tls).transpose()?;
        Ok(Self { auth: auth(settings)?, admin: admin.transpose()?.map(Auth::Bearer), notifier, tls })
    }
}

// === impl Signals ===

impl Signals {
    fn hear() -> std::io::Result<Self> {
        let [term, int, hup] = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Self { term: term?, int: int?, hup: hup? })
    }
}
