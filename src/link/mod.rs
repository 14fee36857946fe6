//! The ways to the outside: one connection each to systemd, Docker and supervisord, one HTTP client, Alertmanager's API.
//!
//! `action/`, `probe/` and `collect/` use them; none of them decides anything. Every call ends at a
//! deadline, and every error says whether something may have happened.

use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::target::AllowList;
use std::sync::{Arc, PoisonError, RwLock};

pub mod alertmanager;
pub mod clock;
pub mod docker;
pub mod http;
pub mod own;
mod schema;
pub mod slack;
pub mod supervisor;
pub mod systemd;
pub mod telegram;

/// What actions and probes work with. Made once, shared by all.
#[derive(Clone, Debug)]
pub struct Tools {
    pub systemd: Arc<systemd::Systemd>,
    pub docker: Arc<docker::Docker>,
    pub http: reqwest::Client,
    /// `None` where none is configured.
    pub alertmanager: Option<Arc<alertmanager::Alertmanager>>,
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
