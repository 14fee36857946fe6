//! The journal as it grows, as server-sent events: `id:` is the record's number, so a client that lost the
//! connection goes on where it was.

use super::control::{ApiError, Control};
use crate::domain::id::{IncidentId, Seq};
use crate::run::handle::Handle;
use crate::run::view::EventView;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use tokio::sync::watch;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Records after this one; left out: only what is yet to come.
    after: Option<u64>,
    /// Only this incident's.
    incident: Option<u64>,
}

/// A reader's place in the journal.
struct Reader {
    handle: Handle,
    committed: watch::Receiver<Seq>,
    stopped: watch::Receiver<bool>,
    after: Seq,
    incident: Option<IncidentId>,
    read: VecDeque<EventView>,
}

/// Records per question to the loop: a long timeline must not hold it up.
const PAGE: usize = 200;

pub(super) async fn stream(
    State(control): State<Control>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let Query(asked) = asked.map_err(|error| {
        ApiError(StatusCode::BAD_REQUEST, format!("after= and incident= take numbers: {}", error.body_text()))
    })?;
    let committed = control.handle.committed();
    let last: Option<u64> = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let after = last.or(asked.after).map_or_else(|| *committed.borrow(), Seq);
    let reader = Reader {
        handle: control.handle,
        committed,
        stopped: control.stopped,
        after,
        incident: asked.incident.map(IncidentId),
        read: VecDeque::new(),
    };
    let events = stream::unfold(reader, async |mut reader| {
        let event = reader.next().await?;
        Some((event, reader))
    });
    Ok(Sse::new(events.map(|event| Ok::<_, Infallible>(sse(&event)))).keep_alive(KeepAlive::default()))
}

fn sse(view: &EventView) -> Event {
    let event = Event::default().id(view.seq.to_string());
    // Views always serialise; JSON holds no raw line break.
    event.json_data(view).unwrap_or_else(|_| Event::default().id(view.seq.to_string()))
}

// === impl Reader ===

impl Reader {
    /// `None` when heald stops.
    async fn next(&mut self) -> Option<EventView> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Some(event);
            }
            // Taken before the question: what it covers is in the answer.
            let committed = *self.committed.borrow_and_update();
            let page = self.handle.events(self.after, self.incident, PAGE).await.ok()?;
            let whole = page.len() < PAGE;
            let last = page.last().map(|event| event.seq);
            self.read.extend(page);
            self.after = self.after.max(last.unwrap_or(self.after));
            if whole {
                self.after = self.after.max(committed);
            }
            if self.read.is_empty() {
                tokio::select! {
                    changed = self.committed.changed() => changed.ok()?,
                    _ = self.stopped.wait_for(|stop| *stop) => return None,
                }
            }
        }
    }
}
