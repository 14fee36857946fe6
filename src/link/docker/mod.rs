//! The Docker engine over its Unix socket.
//!
//! The engine has no jobs to wait for: a call returns when it is done, and one that is given up may
//! still be carried out. Errors are told apart by status code, never by text.

use super::{LinkError, clock};
use crate::domain::look::Surroundings;
use around::Composed;
use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum, HealthStatusEnum};
use bollard::query_parameters::{
    EventsOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder, RestartContainerOptionsBuilder,
    StartContainerOptions, StopContainerOptionsBuilder,
};
use futures_util::StreamExt;
use state::{Event, may_be_stopping, who_stopped};
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

mod around;
mod blueprint;
mod calls;
mod compose;
mod detail;
mod exec;
mod list;
mod logs;
mod oom;
mod prune;
mod raw;
mod restore;
mod state;
mod survey;
mod swap;
mod touch;

pub use compose::Composition;
pub use detail::Detail;
pub use exec::Executed;
pub use list::Listed;
pub use prune::{Kept, Pruned};
pub use state::{ContainerState, Health, Status, Stop, container_state};
pub use survey::Found;
pub use swap::{Change, DEPENDANTS_MAX, Hindrance, Swapped};

/// One engine.
#[derive(Debug)]
pub struct Docker {
    socket: String,
    /// Stops that this heald asked for: the container's id, and the `StartedAt` that they ended.
    /// Such a stop is no person's wish. At most one entry per allowed container.
    stops: Mutex<HashMap<String, String>>,
    /// Pauses that this heald asked for, in the same form. Like the stops they are forgotten when heald ends: a pause
    /// that nobody remembers is a person's.
    pauses: Mutex<HashMap<String, String>>,
    /// Containers are made anew, put back and removed one at a time.
    swaps: tokio::sync::Mutex<()>,
    raw: OnceLock<reqwest::Client>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Restart { grace: Duration },
    Start,
    Stop { grace: Duration },
}

/// One answer of the engine.
struct Inspected {
    container: ContainerState,
    finished: Option<jiff::Timestamp>,
    /// With a slash before it.
    name: Option<String>,
    composed: Composed,
}

/// The engine is on the same machine: an inspection takes milliseconds.
const READ_MAX: Duration = Duration::from_secs(3);
/// The `stop` event follows the container's end by a few milliseconds, a restart's start by some more.
const STORY: Duration = Duration::from_millis(500);
/// What the engine itself remembers (`eventsLimit`, daemon/events/events.go in moby).
const EVENTS_MAX: usize = 256;

// === impl Docker ===

impl Docker {
    /// `unix:///var/run/docker.sock`, or the path alone. Connects at the first call.
    pub fn new(host: &str) -> Self {
        let socket = host.strip_prefix("unix://").unwrap_or(host).to_owned();
        let (stops, pauses) = (Mutex::default(), Mutex::default());
        Self { socket, stops, pauses, swaps: tokio::sync::Mutex::default(), raw: OnceLock::new() }
    }

    pub fn socket(&self) -> &str {
        &self.socket
    }

    /// Whether the engine answers.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] says why it does not.
    pub async fn reach(&self) -> Result<(), LinkError> {
        let client = self.client(READ_MAX)?;
        self.read("ping", client.ping()).await.map(drop)
    }

    /// Reads a container and, where it is down, who ended it.
    ///
    /// # Errors
    /// [`LinkError::Missing`]; [`LinkError::NotSent`] when the engine is away or hung.
    pub async fn container(&self, name: &str) -> Result<ContainerState, LinkError> {
        let Inspected { container, finished, .. } = self.inspect(name).await?;
        self.story(name, container, finished).await
    }

    /// As [`Docker::container`], with [`ContainerState::around`]; for the look before a decision.
    ///
    /// # Errors
    /// As [`Docker::container`].
    pub async fn container_around(&self, name: &str) -> Result<ContainerState, LinkError> {
        let Inspected { container, finished, name: own, composed } = self.inspect(name).await?;
        let mut around = around::around(name, own.as_deref(), &container.id, &composed);
        let container = self.story(name, container, finished).await?;
        if !container.is_up()
            && !composed.needs.is_empty()
            && let Some(project) = &composed.project
        {
            around.needs_down = around::needs_down(&composed.needs, &self.project(project).await?);
        }
        Ok(ContainerState { around, ..container })
    }

    /// Who ended it, where it is down.
    async fn story(
        &self,
        name: &str,
        mut container: ContainerState,
        finished: Option<jiff::Timestamp>,
    ) -> Result<ContainerState, LinkError> {
        if container.status == Status::Paused {
            container.paused_by_heald = self.pauses().get(&container.id) == Some(&container.started_at);
        }
        if !matches!(container.status, Status::Exited | Status::Dead) {
            return Ok(container);
        }
        let mut events = self.events(&container).await;
        // An end this young may be half of a `docker stop` or `docker restart`: wait for the other half.
        let age = finished.map_or(STORY, clock::since);
        if age < STORY && may_be_stopping(&events) {
            tokio::time::sleep(STORY - age).await;
            container = self.inspect(name).await?.container;
            if !matches!(container.status, Status::Exited | Status::Dead) {
                return Ok(container);
            }
            events = self.events(&container).await;
        }
        container.stop = match who_stopped(&events) {
            Stop::Person | Stop::Unseen if self.is_ours(&container) => Stop::Heald,
            other => other,
        };
        Ok(container)
    }

    /// Restarts, starts or stops it; already started or stopped is success.
    ///
    /// The call goes on when this future is dropped: engines before 24.0.7 leave a container stopped
    /// when the client hangs up in the middle of a restart (moby issue 46688).
    ///
    /// # Errors
    /// [`LinkError::Unknown`] when the engine may still be carrying it out.
    pub async fn act(&self, verb: Verb, name: &str, deadline: Instant) -> Result<(), LinkError> {
        let limit = deadline.saturating_duration_since(Instant::now());
        // Whole seconds, so rounded up; the engine's grace lies within.
        let client = self.client(limit + Duration::from_secs(1))?;
        let before = self.inspect(name).await.map_err(LinkError::before_sending)?.container;
        if before.status == Status::Running && verb != Verb::Start {
            self.stops().insert(before.id.clone(), before.started_at.clone());
        }
        let subject = name.to_owned();
        let call = tokio::spawn(async move {
            let seconds = |grace: Duration| i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
            let answer = match verb {
                Verb::Restart { grace } => {
                    let options = RestartContainerOptionsBuilder::default().t(seconds(grace)).build();
                    client.restart_container(&subject, Some(options)).await
                }
                Verb::Start => client.start_container(&subject, None::<StartContainerOptions>).await,
                Verb::Stop { grace } => {
                    let options = StopContainerOptionsBuilder::default().t(seconds(grace)).build();
                    client.stop_container(&subject, Some(options)).await
                }
            };
            answer.map_err(|error| from_engine(&error, &subject))
        });
        let answer = match timeout_at(deadline, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Err(LinkError::Unknown(format!("{name}: the call broke off: {error}"))),
            Err(_) => Err(LinkError::Unknown(format!("{name}: the engine has not answered within {:.1} s", limit.as_secs_f32()))),
        };
        fail::fail_point!("after-send");
        // Refused, and it runs on: a later stop of the same run is somebody else's.
        if matches!(&answer, Err(error) if !error.is_blind())
            && let Ok(Inspected { container: after, .. }) = self.inspect(name).await
            && after.status == Status::Running
            && after.started_at == before.started_at
        {
            self.stops().remove(&before.id);
        }
        answer
    }

    /// All containers, running or not.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] when the engine is away or hung.
    pub async fn list(&self) -> Result<Vec<Listed>, LinkError> {
        self.list_only(None).await
    }

    /// The containers of a Compose project, but those of `docker compose run`.
    async fn project(&self, project: &str) -> Result<Vec<Listed>, LinkError> {
        let labels = [(around::PROJECT, project), (around::ONEOFF, "False")];
        let only = labels.map(|(name, value)| format!("{name}={value}")).to_vec();
        self.list_only(Some(HashMap::from([("label", only)]))).await
    }

    async fn list_only(&self, only: Option<HashMap<&str, Vec<String>>>) -> Result<Vec<Listed>, LinkError> {
        let client = self.client(READ_MAX)?;
        let mut options = ListContainersOptionsBuilder::default().all(true);
        if let Some(only) = &only {
            options = options.filters(only);
        }
        let containers = self.read("list", client.list_containers(Some(options.build()))).await?;
        // What is kept aside is down by intent, and nobody's to look after.
        let listed = containers.into_iter().filter_map(Listed::of);
        Ok(listed.filter(|container| !container.name.ends_with(blueprint::ASIDE)).collect())
    }

    async fn inspect(&self, name: &str) -> Result<Inspected, LinkError> {
        let found = self.answer(name).await?;
        read_container(found).ok_or_else(|| LinkError::Refused(format!("{name}: the engine's answer lacks the state")))
    }

    /// The engine's whole answer on a container.
    async fn answer(&self, name: &str) -> Result<ContainerInspectResponse, LinkError> {
        let client = self.client(READ_MAX)?;
        let found = self.read(name, client.inspect_container(name, None::<InspectContainerOptions>)).await?;
        // The engine also takes the first digits of an id for a name.
        let is_it =
            found.name.as_deref().is_some_and(|other| other.trim_start_matches('/') == name) || found.id.as_deref() == Some(name);
        if !is_it {
            return Err(LinkError::Missing(format!("{name}: no container of that name")));
        }
        Ok(found)
    }

    /// What the engine remembers of the container since its last start. Where it can't be asked
    /// (a socket proxy that refuses), nothing is known, which is an answer too.
    async fn events(&self, container: &ContainerState) -> Vec<Event> {
        let Ok(client) = self.client(READ_MAX) else { return Vec::new() };
        let Ok(since) = container.started_at.parse::<jiff::Timestamp>() else { return Vec::new() };
        let stamp = |at: jiff::Timestamp| format!("{}.{:09}", at.as_second(), at.subsec_nanosecond());
        let only = HashMap::from([
            ("type", vec!["container".to_owned()]),
            ("container", vec![container.id.clone()]),
            ("event", ["start", "kill", "die", "stop"].map(str::to_owned).to_vec()),
        ]);
        let options = EventsOptionsBuilder::default().since(&stamp(since)).until(&stamp(clock::wall())).filters(&only).build();
        let stream = client.events(Some(options)).take(EVENTS_MAX);
        let all = stream.filter_map(|event| async {
            let event = event.ok()?;
            let name = event.actor.and_then(|actor| actor.attributes?.remove("name")).unwrap_or_default();
            Event::of(event.action.as_deref()?, &name)
        });
        let all = all.collect();
        timeout(READ_MAX, all).await.unwrap_or_default()
    }

    fn is_ours(&self, container: &ContainerState) -> bool {
        self.stops().get(&container.id) == Some(&container.started_at)
    }

    fn stops(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pauses(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cheap: nothing is connected before the first request.
    fn client(&self, limit: Duration) -> Result<bollard::Docker, LinkError> {
        let seconds = limit.as_secs() + u64::from(limit.subsec_nanos() > 0);
        bollard::Docker::connect_with_unix(&self.socket, seconds, bollard::API_DEFAULT_VERSION)
            .map_err(|error| LinkError::NotSent(format!("{}: {error}", self.socket)))
    }

    /// The client's own limit ends at the headers; this one includes the body.
    async fn read<T>(&self, subject: &str, call: impl Future<Output = Result<T, Error>>) -> Result<T, LinkError> {
        match timeout(READ_MAX, call).await {
            Ok(answer) => answer.map_err(|error| from_engine(&error, subject).before_sending()),
            Err(_) => Err(LinkError::NotSent(format!("{}: no answer within {READ_MAX:?}", self.socket))),
        }
    }
}

fn from_engine(error: &Error, subject: &str) -> LinkError {
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            by_status(*status_code, format!("{subject}: {message} ({status_code})"))
        }
        Error::SocketNotFoundError(path) => LinkError::NotSent(format!("{path}: no such socket")),
        Error::HyperLegacyError { err } if err.is_connect() => {
            LinkError::NotSent(format!("the engine can't be reached: {}", super::http::root(err)))
        }
        Error::RequestTimeoutError => LinkError::Unknown(format!("{subject}: the engine has not answered in time")),
        other => LinkError::Unknown(format!("{subject}: {}", super::http::root(other))),
    }
}

fn by_status(status: u16, why: String) -> LinkError {
    match status {
        404 => LinkError::Missing(why),
        401 | 403 => LinkError::Denied(why),
        409 => LinkError::Conflict(why),
        // A proxy in front of the engine; the engine itself never says so.
        502 | 503 => LinkError::NotSent(why),
        504 => LinkError::Unknown(why),
        _ => LinkError::Refused(why),
    }
}

fn read_container(found: ContainerInspectResponse) -> Option<Inspected> {
    let state = found.state?;
    let started_at = state.started_at.unwrap_or_default();
    let status = status(state.status?)?;
    let container = ContainerState {
        id: found.id?,
        status,
        health: state.health.and_then(|health| health.status).and_then(health),
        exit_code: state.exit_code.unwrap_or_default(),
        oom_killed: state.oom_killed.unwrap_or_default(),
        error: state.error.unwrap_or_default(),
        running_for: started_at.parse().ok().filter(|_| status == Status::Running).map(clock::since),
        started_at,
        stop: Stop::Unseen,
        paused_by_heald: false,
        around: Surroundings::default(),
    };
    let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
    let finished = state.finished_at.and_then(|at| at.parse().ok());
    Some(Inspected { container, finished, name: found.name, composed: Composed::of(labels) })
}

fn health(status: HealthStatusEnum) -> Option<Health> {
    match status {
        HealthStatusEnum::STARTING => Some(Health::Starting),
        HealthStatusEnum::HEALTHY => Some(Health::Healthy),
        HealthStatusEnum::UNHEALTHY => Some(Health::Unhealthy),
        HealthStatusEnum::EMPTY | HealthStatusEnum::NONE => None,
    }
}

fn status(status: ContainerStateStatusEnum) -> Option<Status> {
    use ContainerStateStatusEnum as S;
    match status {
        S::CREATED => Some(Status::Created),
        // On its way down, and still running (Podman's engine says so).
        S::RUNNING | S::STOPPING => Some(Status::Running),
        S::PAUSED => Some(Status::Paused),
        S::RESTARTING => Some(Status::Restarting),
        S::REMOVING => Some(Status::Removing),
        S::EXITED => Some(Status::Exited),
        S::DEAD => Some(Status::Dead),
        S::EMPTY => None,
    }
}

// === impl Verb ===

impl Verb {
    pub fn grace(self) -> Duration {
        match self {
            Self::Restart { grace } | Self::Stop { grace } => grace,
            Self::Start => Duration::ZERO,
        }
    }
}
