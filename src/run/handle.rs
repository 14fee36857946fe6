//! The way into the loop for everybody else: verbs, never its channels.

use super::explain::Seen;
use super::in_force::{InForce, Reload};
use super::view::{EventView, Explanation, IncidentView, Status};
use crate::domain::alert::{Alert, Labels, ListedAlert};
use crate::domain::id::{IncidentId, PlaybookId, Seq};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

// === impl Reply ===

impl Reply {
    /// Nobody waits any more: the sender hung up, and will come again.
    pub(super) fn send(self) {
        match self {
            Self::Deliver(to, receipt) => drop(to.send(Ok(receipt))),
            Self::Order(to, answer) => drop(to.send(answer)),
        }
    }

    pub(super) fn refuse(self, why: &str) {
        let error = Unavailable::Store(why.to_owned());
        match self {
            Self::Deliver(to, _) => drop(to.send(Err(error))),
            Self::Order(to, _) => drop(to.send(Err(error.into()))),
        }
    }
}

#[cfg(test)]
pub(crate) mod fake;
mod order;

pub use order::{Letter, PersonOrder, PressedButton};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) inbox: mpsc::Sender<Request>,
    pub(super) committed: watch::Receiver<Seq>,
}

/// What became of each alert of a delivery. All counts add up to the alerts delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Opened an incident.
    pub opened: usize,
    /// Joined an open one.
    pub attached: usize,
    /// Known already: nothing written.
    pub duplicate: usize,
    pub resolved: usize,
    /// No playbook matches: counted, and kept in memory for `status`.
    pub unmatched: usize,
    /// Its host label names another host.
    pub other_host: usize,
}

/// Could not be taken now; the sender is to come again (503).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    #[error("heald is stopping")]
    Stopping,
    #[error("heald has too much to do")]
    Full,
    #[error("the journal can't be written: {0}")]
    Store(String),
    #[error("the journal can't be read: {0}")]
    Unread(String),
    #[error("escalate-only: {0}")]
    EscalateOnly(String),
}

/// What would be done, and why, or why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// About an alert with these labels, if it fired now.
    Labels(Labels),
    /// The same, with its annotations, which templates may speak of.
    Alert {
        labels: Labels,
        #[serde(default)]
        annotations: Labels,
    },
    /// About a playbook by a person's order ([`PersonOrder::Run`]).
    Run { playbook: PlaybookId, labels: Labels },
    /// About an open incident.
    Incident(IncidentId),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// It can't be done, and why: 409.
    #[error("{0}")]
    Refused(String),
    /// No such incident: 404.
    #[error("there is no incident {0}")]
    NotFound(IncidentId),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

#[derive(Debug)]
pub(super) enum Request {
    Deliver {
        alerts: Vec<Alert>,
        reply: oneshot::Sender<Result<Receipt, Unavailable>>,
    },
    Reload(Reload),
    Order {
        order: PersonOrder,
        by: String,
        letter: Option<Letter>,
        reply: oneshot::Sender<Result<String, OrderError>>,
    },
    RefusedInChat {
        channel: String,
        who: String,
        what: String,
        reply: oneshot::Sender<()>,
    },
    /// Nobody waits for it.
    ChatBroken {
        channel: String,
        why: String,
    },
    Heard {
        channel: String,
        reply: oneshot::Sender<Option<i64>>,
    },
    OnCall {
        reply: oneshot::Sender<Vec<String>>,
    },
    /// The loop's own: what Alertmanager lists.
    Listed {
        answer: Result<Vec<ListedAlert>, String>,
    },
    /// Nobody waits for it.
    AlertsLost {
        why: String,
    },
    Status {
        reply: oneshot::Sender<Status>,
    },
    Explain {
        question: Question,
        reply: Explained,
    },
    /// The loop's own: the look that an explanation needs is back.
    Seen {
        question: Question,
        seen: Box<Seen>,
        reply: Explained,
    },
    Incidents {
        reply: oneshot::Sender<Vec<IncidentView>>,
    },
    Incident {
        id: IncidentId,
        reply: oneshot::Sender<Option<IncidentView>>,
    },
    Review(super::review::Asked),
    Events {
        after: Seq,
        incident: Option<IncidentId>,
        limit: usize,
        reply: oneshot::Sender<Vec<EventView>>,
    },
}

pub(super) type Explained = oneshot::Sender<Result<Explanation, OrderError>>;

/// Sent once the round is on disk, or refused when it is not.
#[derive(Debug)]
pub(super) enum Reply {
    Deliver(oneshot::Sender<Result<Receipt, Unavailable>>, Receipt),
    Order(oneshot::Sender<Result<String, OrderError>>, Result<String, OrderError>),
}

/// Enough for a burst of one webhook per connection; past that the sender waits, then gets 503.
pub(super) const INBOX: usize = 1_024;
/// How long a full inbox is waited for; well inside Alertmanager's own patience.
const PATIENCE: Duration = Duration::from_secs(3);

// === impl Handle ===

impl Handle {
    /// Answers once the alerts are on disk.
    ///
    /// # Errors
    /// None of them is on disk then.
    pub async fn deliver(&self, alerts: Vec<Alert>) -> Result<Receipt, Unavailable> {
        self.ask(|reply| Request::Deliver { alerts, reply }).await?
    }

    /// `by`: who asks, for the journal.
    ///
    /// # Errors
    /// Why it can't be done.
    pub async fn order(&self, order: PersonOrder, by: String) -> Result<String, OrderError> {
        self.ask(|reply| Request::Order { order, by, letter: None, reply }).await?
    }

    /// As [`Handle::order`], from a chat.
    ///
    /// # Errors
    /// Why it can't be done; a button also where it was used before, is over, or was made for another question.
    pub async fn order_by_letter(&self, order: PersonOrder, by: String, letter: Letter) -> Result<String, OrderError> {
        self.ask(|reply| Request::Order { order, by, letter: Some(letter), reply }).await?
    }

    /// Somebody in a chat was refused: for the journal and the metrics.
    ///
    /// # Errors
    /// The loop is gone or does not answer.
    pub async fn refused_in_chat(&self, channel: String, who: String, what: String) -> Result<(), Unavailable> {
        self.ask(|reply| Request::RefusedInChat { channel, who, what, reply }).await
    }

    /// The chat's number of the last message whose order is on disk.
    ///
    /// # Errors
    /// The loop is gone or does not answer.
    pub async fn heard(&self, channel: String) -> Result<Option<i64>, Unavailable> {
        self.ask(|reply| Request::Heard { channel, reply }).await
    }

    /// Who is on duty now, by level, one line each.
    ///
    /// # Errors
    /// The loop is gone or does not answer.
    pub async fn on_call(&self) -> Result<Vec<String>, Unavailable> {
        self.ask(|reply| Request::OnCall { reply }).await
    }

    /// Answers once it is in force: whatever is decided from then on goes by it.
    ///
    /// # Errors
    /// What was in force stays so.
    pub async fn reload(&self, in_force: InForce) -> Result<(), Unavailable> {
        let in_force = Box::new(in_force);
        self.ask(|reply| Request::Reload(Reload { in_force, reply })).await?
    }

    /// # Errors
    /// The loop is gone or does not answer.
    pub async fn status(&self) -> Result<Status, Unavailable> {
        self.ask(|reply| Request::Status { reply }).await
    }

    /// Looks at the target, asks every guard, and does nothing.
    ///
    /// # Errors
    /// There is no such open incident, or the loop is gone or does not answer.
    pub async fn explain(&self, question: Question) -> Result<Explanation, OrderError> {
        self.ask(|reply| Request::Explain { question, reply }).await?
    }

    /// Open incidents, and the last closed ones; oldest first.
    ///
    /// # Errors
    /// The loop is gone or does not answer.
    pub async fn incidents(&self) -> Result<Vec<IncidentView>, Unavailable> {
        self.ask(|reply| Request::Incidents { reply }).await
    }

    /// With its events.
    ///
    /// # Errors
    /// The loop is gone or does not answer.
    pub async fn incident(&self, id: IncidentId) -> Result<Option<IncidentView>, Unavailable> {
        self.ask(|reply| Request::Incident { id, reply }).await
    }

    /// Journal records after `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The loop is gone or does not answer.
    pub async fn events(&self, after: Seq, incident: Option<IncidentId>, limit: usize) -> Result<Vec<EventView>, Unavailable> {
        self.ask(|reply| Request::Events { after, incident, limit, reply }).await
    }

    /// Alerts did not get here whole; people are told, at most once an hour. Forgotten when the loop is too busy: the
    /// sender comes again.
    pub fn alerts_lost(&self, why: String) {
        drop(self.inbox.try_send(Request::AlertsLost { why }));
    }

    /// Nobody can be heard in a chat; people are told elsewhere, at most once an hour. Forgotten when the loop is too
    /// busy: it will be said again.
    pub fn chat_broken(&self, channel: String, why: String) {
        drop(self.inbox.try_send(Request::ChatBroken { channel, why }));
    }

    /// The last journal record on disk; changes with every commit.
    pub fn committed(&self) -> watch::Receiver<Seq> {
        self.committed.clone()
    }

    pub(super) async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send_timeout(request(reply), PATIENCE).await.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => Unavailable::Full,
            mpsc::error::SendTimeoutError::Closed(_) => Unavailable::Stopping,
        })?;
        answer.await.map_err(|_| Unavailable::Stopping)
    }
}
