//! A loop for the tests of those who only know the [`Handle`]: it remembers what it was given and answers what it was told to.

use super::{Handle, INBOX, Letter, OrderError, PersonOrder, Question, Receipt, Request, Unavailable};
use crate::domain::alert::{Alert, AlertContext, Labels};
use crate::domain::event::IncidentEvent;
use crate::domain::id::{Fingerprint, IncidentId, Revision, Seq};
use crate::domain::incident::Subject;
use crate::domain::target::{Target, TargetKind};
use crate::domain::time::{Span, Time};
use crate::review::{Digest, Fact, Known, Review};
use crate::run::review::Asked;
use crate::run::view::{EventView, Explanation, IncidentView, Status};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot, watch};

#[derive(Debug)]
pub(crate) struct FakeLoop {
    pub handle: Handle,
    state: Arc<Mutex<FakeState>>,
    committed: watch::Sender<Seq>,
}

#[derive(Debug, Default)]
pub(crate) struct FakeState {
    pub delivered: Vec<Alert>,
    pub orders: Vec<(PersonOrder, String)>,
    pub letters: Vec<Letter>,
    /// Who was refused in a chat: channel, who, what.
    pub refused: Vec<(String, String, String)>,
    /// What the chat's last message on disk was.
    pub heard: Option<i64>,
    pub incidents: Vec<IncidentView>,
    pub events: Vec<EventView>,
    pub reviews: Vec<Review>,
    /// For which digests were asked.
    pub spans: Vec<Span>,
    pub unavailable: Option<Unavailable>,
    /// Takes orders and never answers them.
    pub hangs: bool,
    pub unanswered: Vec<oneshot::Sender<Result<String, OrderError>>>,
    /// Answers orders with this instead of yes.
    pub order_error: Option<OrderError>,
    pub lost: Vec<String>,
    pub questions: Vec<Question>,
    pub explanation: Option<Explanation>,
}

impl FakeLoop {
    /// Runs until its handles are gone. Needs a tokio runtime.
    pub fn start() -> Self {
        let (inbox, mut requests) = mpsc::channel(INBOX);
        let (committed, watching) = watch::channel(Seq(0));
        let state = Arc::new(Mutex::new(FakeState::default()));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                answer(&mut shared.lock().unwrap(), request);
            }
        });
        Self { handle: Handle { inbox, committed: watching }, state, committed }
    }

    pub fn state(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap()
    }

    /// As a commit of the real loop does.
    pub fn commit(&self, event: EventView) {
        let seq = event.seq;
        self.state().events.push(event);
        self.committed.send_replace(seq);
    }
}

fn answer(state: &mut FakeState, request: Request) {
    // Whoever asked may have gone.
    match request {
        Request::Deliver { alerts, reply } => {
            let answer =
                state.unavailable.clone().map_or_else(|| Ok(Receipt { opened: alerts.len(), ..Receipt::default() }), Err);
            if answer.is_ok() {
                state.delivered.extend(alerts);
            }
            let _ = reply.send(answer);
        }
        Request::Order { order, by, letter, reply } => {
            state.orders.push((order, by));
            state.letters.extend(letter);
            if state.hangs {
                state.unanswered.push(reply);
                return;
            }
            let _ = reply.send(state.order_error.clone().map_or_else(|| Ok("done".to_owned()), Err));
        }
        Request::Reload(reload) => {
            let _ = reload.reply.send(Ok(()));
        }
        Request::AlertsLost { why } => state.lost.push(why),
        Request::RefusedInChat { channel, who, what, reply } => {
            state.refused.push((channel, who, what));
            let _ = reply.send(());
        }
        Request::Heard { reply, .. } => {
            let _ = reply.send(state.heard);
        }
        Request::OnCall { reply } => {
            let _ = reply.send(vec!["level 2: ann".to_owned()]);
        }
        Request::ChatBroken { channel, why } => state.lost.push(format!("{channel}: {why}")),
        Request::Listed { .. } | Request::Seen { .. } => {}
        Request::Explain { question, reply } => {
            state.questions.push(question);
            let _ = reply.send(state.explanation.clone().ok_or(OrderError::NotFound(IncidentId(0))));
        }
        Request::Status { reply } => {
            let _ = reply.send(Status {
                version: "0".to_owned(),
                host: "web-1".to_owned(),
                state: state.unavailable.as_ref().map_or_else(|| "ok".to_owned(), ToString::to_string),
                paused: None,
                holds: Vec::new(),
                breakers: Vec::new(),
                standing_back: Vec::new(),
                open: [("held".to_owned(), 2)].into(),
                playbooks: Vec::new(),
                records: state.events.last().map_or(Seq(0), |event| event.seq),
                unmatched: Vec::new(),
                dependencies: [("systemd".to_owned(), "up".to_owned())].into(),
            });
        }
        Request::Incidents { reply } => {
            let _ = reply.send(state.incidents.clone());
        }
        Request::Incident { id, reply } => {
            let _ = reply.send(state.incidents.iter().find(|incident| incident.id == id).cloned());
        }
        Request::Review(Asked::One { id, reply }) => {
            let _ = reply.send(Ok(state.reviews.iter().find(|review| review.incident == id).cloned()));
        }
        Request::Review(Asked::Since { span, reply }) => {
            state.spans.push(span);
            let _ = reply.send(Ok(Digest::default()));
        }
        Request::Events { after, incident, limit, reply } => {
            let fits = |event: &&EventView| event.seq > after && (incident.is_none() || event.incident == incident);
            let _ = reply.send(state.events.iter().filter(fits).take(limit).cloned().collect());
        }
    }
}

/// Of an incident that has just been opened.
pub(crate) fn review(id: u64) -> Review {
    let opened = IncidentEvent::Opened {
        playbook: "web-down".into(),
        revision: Revision("3f9a1c55d20be871".into()),
        subject: Subject::Target(Target::new(TargetKind::Unit, "web.service").unwrap()),
        fingerprint: Fingerprint::from("a1b2c3d4e5f60718"),
        starts_at: jiff::Timestamp::UNIX_EPOCH,
        context: AlertContext::new(&[("alertname".to_owned(), "WebDown".to_owned())].into(), &Labels::new()),
        previous: None,
        rungs: 1,
    };
    let fact = Fact { at: Time(0), wall: jiff::Timestamp::UNIX_EPOCH, event: opened };
    Review::of(IncidentId(id), &[fact], &Known::default()).unwrap()
}
