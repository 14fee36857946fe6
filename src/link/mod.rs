//! The ways to the outside: one connection each to systemd, Docker and supervisord, one HTTP client, the APIs of Alertmanager and
//! Prometheus, Redis, a resolver, and programs of this host.
//!
//! `action/`, `probe/` and `collect/` use them; none of them decides anything. Every call ends at a
//! deadline, and every error says whether something may have happened.

use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::target::{AllowList, Target, TargetKind};
use std::sync::{Arc, PoisonError, RwLock};

pub mod alertmanager;
pub mod beneath;
pub mod clock;
pub mod command;
pub mod dns;
pub mod docker;
pub mod expect;
pub mod http;
pub mod own;
pub mod process;
pub mod prometheus;
pub mod redis;
mod schema;
pub mod secret;
pub mod slack;
pub mod sqlite;
pub mod supervisor;
pub mod systemd;
pub mod telegram;
pub mod until;

/// What actions and probes work with. Made once, shared by all.
#[derive(Clone, Debug)]
pub struct Tools {
    pub systemd: Arc<systemd::Systemd>,
    pub docker: Arc<docker::Docker>,
    pub http: reqwest::Client,
    /// `None` where none is configured.
    pub alertmanager: Option<Arc<alertmanager::Alertmanager>>,
    pub prometheus: Option<Arc<prometheus::Prometheus>>,
    pub supervisor: Option<Arc<supervisor::Supervisor>>,
    pub allow: Allowed,
}

/// The allow-list in force, shared by all who hold a clone of it.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Arc<RwLock<Arc<AllowList>>>);

/// Why a call to systemd or Docker came to nothing, by what may be done next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The way is broken; nothing was sent.
    #[error("{0}")]
    NotSent(String),
    /// Sent, and no answer in time: it may or may not have happened.
    #[error("{0}")]
    Unknown(String),
    #[error("{0}")]
    Missing(String),
    #[error("{0}")]
    Masked(String),
    #[error("{0}")]
    Denied(String),
    /// Somebody else's job is in the way.
    #[error("{0}")]
    Conflict(String),
    /// It answered, and the answer was no.
    #[error("{0}")]
    Refused(String),
}

/// Whether heald may connect to `host:port`.
///
/// # Errors
/// What is wrong with it, or what to do.
pub(crate) fn admit_address(address: &str, allow: &AllowList) -> Result<(), String> {
    if allow.addresses.contains(address) {
        return Ok(());
    }
    let address = crate::domain::target::cut(address);
    Err(format!(
        "{address} is not on the allow-list; to let heald connect to it, add it under `targets: addresses:` of the configuration"
    ))
}

/// Whether heald may run the program: an argument vector's first.
///
/// # Errors
/// What is wrong with it, or what to do.
pub(crate) fn admit_command(argv: &[String], allow: &AllowList) -> Result<(), String> {
    let program = argv.first().map(String::as_str).unwrap_or_default();
    command::check_program(program)?;
    if allow.commands.contains(program) {
        return Ok(());
    }
    let program = crate::domain::target::cut(program);
    Err(format!(
        "{program} is not on the allow-list; to let heald run it, add it under `targets: commands:` of the configuration"
    ))
}

// === impl Tools ===

impl Tools {
    /// The last lines that a unit or a container wrote; `None` for what writes none.
    ///
    /// # Errors
    /// Why there are none, in words for people.
    pub async fn logs(&self, target: &Target, lines: u32) -> Option<Result<String, String>> {
        match target.kind() {
            TargetKind::Unit => Some(systemd::journal::last(target.name(), lines).await),
            TargetKind::Container => Some(self.docker.logs(target.name(), lines).await.map_err(|error| error.to_string())),
            _ => None,
        }
    }
}

// === impl Allowed ===

impl Allowed {
    pub fn new(list: AllowList) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(list))))
    }

    /// As it is now: who judges by it asks again each time.
    pub fn now(&self) -> Arc<AllowList> {
        // Whoever writes only swaps a pointer: nothing can be half done.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn replace(&self, list: AllowList) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
    }
}

// === impl LinkError ===

impl LinkError {
    /// Nothing is known about the target, as against: it is known to be gone or forbidden.
    pub fn is_blind(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::Unknown(_))
    }

    /// What an action reports.
    pub fn into_acted(self) -> Acted {
        let outcome = match &self {
            Self::NotSent(_) => ActOutcome::NotSent,
            Self::Unknown(_) => ActOutcome::Unknown,
            Self::Missing(_) => ActOutcome::Impossible(Impossible::NotFound),
            Self::Masked(_) => ActOutcome::Impossible(Impossible::Masked),
            Self::Denied(_) => ActOutcome::Impossible(Impossible::AccessDenied),
            Self::Conflict(_) => ActOutcome::Conflict,
            Self::Refused(_) => ActOutcome::Failed,
        };
        Acted::new(outcome, self.to_string())
    }

    /// Nothing was changed by a call that only reads, whatever became of it.
    pub fn before_sending(self) -> Self {
        match self {
            Self::Unknown(why) => Self::NotSent(why),
            other => other,
        }
    }
}
