//! supervisord by XML-RPC over its Unix socket.
//!
//! The interface: <http://supervisord.org/api.html>. Whoever may use the socket controls every program.

mod program;
mod xml;

use super::LinkError;
use super::http::root;
use reqwest::StatusCode;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;
use xml::Fault;

pub use program::Restarted;

/// One supervisord.
#[derive(Debug)]
pub struct Supervisor {
    socket: PathBuf,
    http: reqwest::Client,
}

/// A program, or one process of a program that has several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    pub name: String,
    pub group: String,
    pub state: State,
    /// Of the last start, in seconds since 1970; None before the first. supervisord counts in 32 bits.
    pub start: Option<u32>,
    /// Of the last end; 0 while it runs.
    pub exit_status: i32,
    /// 0 where no process runs.
    pub pid: u32,
    /// supervisord's own time of the answer, in seconds since 1970.
    pub now: Option<u32>,
    /// Why the last start failed; mostly empty.
    pub spawn_error: String,
}

/// supervisord's words (`ProcessStates` in supervisor/states.py).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    Stopped,
    Starting,
    Running,
    Backoff,
    Stopping,
    Exited,
    Fatal,
    #[default]
    Unknown,
}

/// It is on the same machine, and answers from memory.
const READ_MAX: Duration = Duration::from_secs(3);
/// A program takes about 1.5 KB.
const ANSWER_MAX: usize = 8 << 20;

// === impl Supervisor ===

impl Supervisor {
    /// Connects at the first call.
    ///
    /// # Errors
    /// The client's own reason.
    pub fn new(socket: &Path) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .unix_socket(socket)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // supervisord answers one call and hangs up.
            .pool_max_idle_per_host(0)
            // Nothing here is encrypted.
            .tls_certs_only([])
            .build()
            .map_err(|error| format!("the client of {} can't be made: {}", socket.display(), root(&error)))?;
        Ok(Self { socket: socket.to_owned(), http })
    }

    /// All programs, running or not.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] when it is away or hung; [`LinkError::Refused`] with its fault, also while it shuts down.
    pub async fn programs(&self) -> Result<Vec<Program>, LinkError> {
        let answer = self.read(xml::request("supervisor.getAllProcessInfo", &[])).await?;
        xml::programs(&answer).map_err(|fault| self.refused(&fault))
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// As [`Supervisor::programs`].
    pub async fn reach(&self) -> Result<(), LinkError> {
        let answer = self.read(xml::request("supervisor.getState", &[])).await?;
        xml::nothing(&answer).map_err(|fault| self.refused(&fault))
    }

    async fn read(&self, body: String) -> Result<String, LinkError> {
        let read = timeout(READ_MAX, self.call(body)).await;
        let answer = read.map_err(|_| LinkError::NotSent(format!("{}: no answer within {READ_MAX:?}", self.socket.display())))?;
        answer.map_err(LinkError::before_sending)
    }

    fn refused(&self, fault: &Fault) -> LinkError {
        LinkError::Refused(format!("{}: {fault}", self.socket.display()))
    }

    /// The body of the answer.
    async fn call(&self, body: String) -> Result<String, LinkError> {
        let shown = self.socket.display();
        let lost = |error: reqwest::Error| match error.is_connect() {
            true => LinkError::NotSent(format!("{shown}: {}", root(&error))),
            false => LinkError::Unknown(format!("{shown}: {}", root(&error))),
        };
        let request = self.http.post("http://supervisor/RPC2").header("content-type", "text/xml").body(body);
        let mut answer = request.send().await.map_err(lost)?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(LinkError::Denied(format!("{shown}: it asks for a password"))),
            status => return Err(LinkError::Refused(format!("{shown}: {status}"))),
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(lost)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_MAX {
                return Err(LinkError::Refused(format!("{shown}: an answer of more than {ANSWER_MAX} bytes")));
            }
        }
        String::from_utf8(body).map_err(|_| LinkError::Refused(format!("{shown}: the answer is not UTF-8")))
    }
}

// === impl Program ===

impl Program {
    /// As `supervisorctl` takes it: `group:name`, or `name` where both are equal.
    pub fn full_name(&self) -> String {
        if self.name == self.group { self.name.clone() } else { format!("{}:{}", self.group, self.name) }
    }
}

// === impl State ===

impl State {
    pub const ALL: [State; 8] =
        [Self::Stopped, Self::Starting, Self::Running, Self::Backoff, Self::Stopping, Self::Exited, Self::Fatal, Self::Unknown];

    pub fn label(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Backoff => "BACKOFF",
            Self::Stopping => "STOPPING",
            Self::Exited => "EXITED",
            Self::Fatal => "FATAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// A word of a later supervisord is unknown too.
    fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.label() == word).unwrap_or(Self::Unknown)
    }
}
