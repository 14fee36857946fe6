//! systemd over D-Bus: one connection, made when first needed and made anew after a loss.
//!
//! A bus reply is a job path, not a result: [`Systemd::job`] listens for `JobRemoved` before it sends.
//! Whether the unit then stays up is for the verification to see.

use super::LinkError;
use futures_util::StreamExt;
use proxy::{JobRemovedStream, ManagerProxy, SdError};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use zbus::proxy::CacheProperties;

mod around;
pub mod drop_in;
mod hand;
pub mod journal;
mod proxy;
mod read;
mod state;
mod survey;

pub use hand::{Home, Property, Whom};
pub use state::{UnitState, unit_state};
pub use survey::Installed;

/// The system manager on a bus.
#[derive(Debug)]
pub struct Systemd {
    address: String,
    line: tokio::sync::Mutex<Option<Line>>,
    /// Units that this heald stopped, and when: such a stop is no person's wish. systemd itself
    /// forgets all about a unit that is inactive. At most one entry per allowed unit.
    stops: Mutex<HashMap<String, Instant>>,
    /// Where drop-ins are written that last until the next boot.
    runtime: PathBuf,
}

#[derive(Clone, Debug)]
struct Line {
    connection: zbus::Connection,
    manager: ManagerProxy<'static>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Restart,
    Start,
    Stop,
    Reload,
}

/// How systemd says that a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobResult {
    Done,
    /// The unit could not be started or stopped.
    Failed,
    /// Somebody else's job took its place.
    Canceled,
    /// A unit that it needs failed.
    Dependency,
    /// systemd gave up waiting for it.
    Timeout,
    Other(String),
}

/// Connecting to a bus on the same machine, and reading a unit, take milliseconds; a bus that
/// needs longer is hung, and whoever looks must learn it soon.
const READ_MAX: Duration = Duration::from_secs(3);
/// For one call and its reply. Authorisation by polkit and a busy PID 1 take their time.
const CALL_MAX: Duration = Duration::from_secs(25);
/// A playbook that stops a unit starts it again soon after.
const STOP_REMEMBERED: Duration = Duration::from_secs(600);
/// Between asking for a stop and its job the unit is still up.
const STOP_BEGINS: Duration = Duration::from_secs(5);

// === impl Systemd ===

impl Systemd {
    /// Connects at the first call, so that an absent bus does not keep heald from starting.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            line: tokio::sync::Mutex::new(None),
            stops: Mutex::new(HashMap::new()),
            runtime: PathBuf::from(drop_in::FOLDER),
        }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether the manager answers.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] says why it does not.
    pub async fn reach(&self) -> Result<(), LinkError> {
        self.read(|line| async move { line.manager.system_state().await.map(drop) }).await
    }

    /// Reads a unit. One that does not exist is `load: not-found`, no error.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] when the bus is away or hung, [`LinkError::Denied`] when it may not be read.
    pub async fn unit(&self, name: &str) -> Result<UnitState, LinkError> {
        let unit = self.read(|line| async move { read::unit(&line, name).await }).await?;
        Ok(self.with_stop(unit))
    }

    /// As [`Systemd::unit`], with [`UnitState::around`]; for the look before a decision.
    ///
    /// # Errors
    /// As [`Systemd::unit`].
    pub async fn unit_around(&self, name: &str) -> Result<UnitState, LinkError> {
        let unit = self.read(|line| async move { read::unit_around(&line, name).await }).await?;
        Ok(self.with_stop(unit))
    }

    /// All service units that are enabled, up or failed; for a survey of the host.
    ///
    /// # Errors
    /// As [`Systemd::unit`].
    pub async fn services(&self) -> Result<Vec<Installed>, LinkError> {
        self.read(|line| async move { survey::services(&line).await }).await
    }

    fn with_stop(&self, mut unit: UnitState) -> UnitState {
        let mut stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stopped) = stops.get(&unit.id).map(Instant::elapsed) {
            // Up again, or long ago: the next stop is somebody else's.
            if stopped > STOP_REMEMBERED || (unit.is_up() && stopped > STOP_BEGINS) {
                stops.remove(&unit.id);
            } else {
                unit.stopped_by_heald = unit.active == "inactive";
            }
        }
        unit
    }

    /// Asks for a job in mode `fail`, which never throws out somebody else's, and waits for its end.
    /// `unit` is the canonical name, [`UnitState::id`].
    ///
    /// # Errors
    /// [`LinkError::NotSent`] before the call, [`LinkError::Unknown`] once it may have been received.
    pub async fn job(&self, verb: Verb, unit: &str, deadline: Instant) -> Result<JobResult, LinkError> {
        let ready_by = deadline.min(Instant::now() + READ_MAX);
        let (line, removed) = match timeout_at(ready_by, self.listen()).await {
            Ok(ready) => ready?,
            Err(_) => return Err(LinkError::NotSent(format!("{}: no answer in time", self.address))),
        };
        if verb != Verb::Reload {
            self.remember(unit, verb == Verb::Stop);
        }
        let result = match timeout_at(deadline, watch(&line, removed, verb, unit)).await {
            Ok(result) => result,
            Err(_) => Err(LinkError::Unknown(format!("{unit}: the job was asked for and has not ended yet"))),
        };
        if verb != Verb::Reload && !matches!(&result, Ok(JobResult::Done | JobResult::Timeout) | Err(LinkError::Unknown(_))) {
            self.remember(unit, false);
        }
        result
    }

    /// Clears the failed state and the start limit's counter.
    ///
    /// # Errors
    /// As [`Systemd::job`].
    pub async fn reset_failed(&self, unit: &str, deadline: Instant) -> Result<(), LinkError> {
        self.send(unit, "reset-failed", deadline, |line| async move { line.manager.reset_failed_unit(unit).await }).await
    }

    fn remember(&self, unit: &str, stopped: bool) {
        let mut stops = self.stops.lock().unwrap_or_else(PoisonError::into_inner);
        match stopped {
            true => stops.insert(unit.to_owned(), Instant::now()),
            false => stops.remove(unit),
        };
    }

    async fn line(&self) -> Result<Line, LinkError> {
        let mut slot = self.line.lock().await;
        if let Some(line) = slot.as_ref()
            && !line.connection.is_closed()
        {
            return Ok(line.clone());
        }
        *slot = None;
        let line = match timeout(READ_MAX, self.connect()).await {
            Ok(Ok(line)) => line,
            Ok(Err(error)) => return Err(LinkError::NotSent(format!("{}: {error}", self.address))),
            Err(_) => return Err(LinkError::NotSent(format!("{}: no answer within {READ_MAX:?}", self.address))),
        };
        *slot = Some(line.clone());
        Ok(line)
    }

    async fn connect(&self) -> Result<Line, SdError> {
        let connection = zbus::connection::Builder::address(self.address.as_str()).method_timeout(CALL_MAX).build().await?;
        let manager = ManagerProxy::builder(&connection).cache_properties(CacheProperties::No).build().await?;
        // Without it systemd sends no JobRemoved. It lasts as long as the connection.
        match manager.subscribe().await {
            Ok(()) | Err(SdError::AlreadySubscribed(_)) => Ok(Line { connection, manager }),
            Err(error) => Err(error),
        }
    }

    /// A connection that has just answered, with the ears open. A connection found dead here is replaced once.
    async fn listen(&self) -> Result<(Line, JobRemovedStream), LinkError> {
        let line = self.line().await?;
        // Asking PID 1 something harmless first tells "hung, nothing sent" from "sent, and nobody knows".
        if let (Ok(removed), Ok(_)) = tokio::join!(line.manager.receive_job_removed(), line.manager.system_state()) {
            return Ok((line, removed));
        }
        self.forget(&line).await;
        let line = self.line().await?;
        match line.manager.receive_job_removed().await {
            Ok(removed) => Ok((line, removed)),
            Err(error) => Err(LinkError::NotSent(format!("{}: {error}", self.address))),
        }
    }

    /// A read may be repeated, so a connection that died meanwhile is replaced once, unseen by the caller.
    async fn read<T, F>(&self, ask: impl Fn(Line) -> F) -> Result<T, LinkError>
    where
        F: Future<Output = zbus::Result<T>>,
    {
        let deadline = Instant::now() + READ_MAX;
        let mut last = None;
        for _ in 0..2 {
            let line = match timeout_at(deadline, self.line()).await {
                Ok(line) => line?,
                Err(_) => break,
            };
            match timeout_at(deadline, ask(line.clone())).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) if is_loss(&error) => {
                    self.forget(&line).await;
                    last = Some(error);
                }
                Ok(Err(error)) => return Err(from_call(SdError::ZBus(error), "systemd").before_sending()),
                Err(_) => {
                    // Perhaps only this connection hangs: the next call gets another.
                    self.forget(&line).await;
                    break;
                }
            }
        }
        Err(LinkError::NotSent(match last {
            Some(error) => format!("{}: {error}", self.address),
            None => format!("{}: no answer within {READ_MAX:?}", self.address),
        }))
    }

    async fn forget(&self, line: &Line) {
        let mut slot = self.line.lock().await;
        if slot.as_ref().is_some_and(|now| now.connection.unique_name() == line.connection.unique_name()) {
            *slot = None;
        }
    }
}

/// Sends and listens at the same time: a full signal queue would hold up the reply.
async fn watch(line: &Line, mut removed: JobRemovedStream, verb: Verb, unit: &str) -> Result<JobResult, LinkError> {
    let mut ended: HashMap<String, String> = HashMap::new();
    let call = async {
        match verb {
            Verb::Restart => line.manager.restart_unit(unit, "fail").await,
            Verb::Start => line.manager.start_unit(unit, "fail").await,
            Verb::Stop => line.manager.stop_unit(unit, "fail").await,
            Verb::Reload => line.manager.reload_unit(unit, "fail").await,
        }
    };
    tokio::pin!(call);
    let job = loop {
        tokio::select! {
            answer = &mut call => break answer.map_err(|error| from_call(error, unit))?,
            Some(signal) = removed.next() => note(&signal, &mut ended),
        }
    };
    fail::fail_point!("after-send");
    loop {
        if let Some(result) = ended.remove(job.as_str()) {
            return Ok(JobResult::of(&result));
        }
        match removed.next().await {
            Some(signal) => note(&signal, &mut ended),
            None => {
                return Err(LinkError::Unknown(format!("{unit}: the bus went away while the job ran")));
            }
        }
    }
}

fn note(signal: &proxy::JobRemoved, ended: &mut HashMap<String, String>) {
    if let Ok(args) = signal.args() {
        ended.insert(args.job.to_string(), args.result.to_owned());
    }
}

/// The connection is of no more use, and a new one may be.
fn is_loss(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::InputOutput(error) => error.kind() != std::io::ErrorKind::TimedOut,
        zbus::Error::FDO(error) => matches!(**error, zbus::fdo::Error::Disconnected(_)),
        _ => false,
    }
}

fn from_call(error: SdError, unit: &str) -> LinkError {
    use zbus::fdo::Error as Fdo;
    match error {
        SdError::NoSuchUnit(why) => LinkError::Missing(why),
        SdError::UnitMasked(why) => LinkError::Masked(why),
        SdError::TransactionIsDestructive(why) | SdError::TransactionJobsConflicting(why) | SdError::ShuttingDown(why) => {
            LinkError::Conflict(format!("{unit}: {why}"))
        }
        SdError::OnlyByDependency(why) => LinkError::Denied(why),
        SdError::LoadFailed(why)
        | SdError::BadUnitSetting(why)
        | SdError::JobTypeNotApplicable(why)
        | SdError::TransactionOrderIsCyclic(why)
        | SdError::NoSuchProcess(why)
        | SdError::AlreadySubscribed(why) => LinkError::Refused(format!("{unit}: {why}")),
        SdError::ZBus(zbus::Error::FDO(error)) => match *error {
            Fdo::AccessDenied(why) | Fdo::AuthFailed(why) | Fdo::InteractiveAuthorizationRequired(why) => {
                LinkError::Denied(format!("{unit}: {why}"))
            }
            // The bus itself answered: nobody received the call.
            Fdo::ServiceUnknown(why) | Fdo::NameHasNoOwner(why) => LinkError::NotSent(format!("{unit}: {why}")),
            Fdo::NoReply(why) | Fdo::Timeout(why) | Fdo::TimedOut(why) | Fdo::Disconnected(why) => {
                LinkError::Unknown(format!("{unit}: {why}"))
            }
            other => LinkError::Refused(format!("{unit}: {other}")),
        },
        SdError::ZBus(error @ zbus::Error::MethodError(..)) => LinkError::Refused(format!("{unit}: {error}")),
        SdError::ZBus(error) => LinkError::Unknown(format!("{unit}: {error}")),
    }
}

// === impl JobResult ===

impl JobResult {
    fn of(word: &str) -> Self {
        match word {
            "done" => Self::Done,
            "failed" => Self::Failed,
            "canceled" => Self::Canceled,
            "dependency" => Self::Dependency,
            "timeout" => Self::Timeout,
            other => Self::Other(other.to_owned()),
        }
    }
}
