//! Reviews of incidents, open or over: read from the journal, beside the loop.

use super::Driver;
use super::handle::{Handle, Request, Unavailable};
use super::show::{EVENTS_MAX, stamp};
use super::world::World;
use crate::domain::id::{IncidentId, Seq};
use crate::domain::incident::IncidentEvent;
use crate::domain::playbook::Playbook;
use crate::domain::policy::Objective;
use crate::domain::time::{Span, Time};
use crate::review::{Brief, Digest, Earlier, Fact, Known, REPEATS_WITHIN, Review};
use crate::store::{ReadError, Reader, Record, Summary, Which};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What is asked of the journal.
#[derive(Debug)]
pub(super) enum Asked {
    One { id: IncidentId, reply: oneshot::Sender<Result<Option<Review>, Unavailable>> },
    Since { span: Span, reply: oneshot::Sender<Result<Digest, Unavailable>> },
}

/// What the loop lends the reader.
struct Desk {
    host: String,
    now: Time,
    wall: Timestamp,
    /// In force, and those that open incidents are pinned to.
    books: Vec<Arc<Playbook>>,
    objectives: BTreeMap<String, Objective>,
}

/// A digest counts the newest so many: some seconds of reading.
const DIGEST_MAX: usize = 10_000;
/// Incidents per question to the journal.
const PAGE: usize = 500;
/// Of one playbook and target.
const EARLIER_MAX: usize = 1_000;

impl Handle {
    /// Of an incident that is open or over; `None`: the journal holds none of that number (any more).
    ///
    /// # Errors
    /// The loop is gone or does not answer, or the journal can't be read.
    pub async fn review(&self, id: IncidentId) -> Result<Option<Review>, Unavailable> {
        self.ask(|reply| Request::Review(Asked::One { id, reply })).await?
    }

    /// Of the incidents that were opened within the last `span`.
    ///
    /// # Errors
    /// As [`Handle::review`].
    pub async fn review_since(&self, span: Span) -> Result<Digest, Unavailable> {
        self.ask(|reply| Request::Review(Asked::Since { span, reply })).await?
    }
}

// === impl Asked ===

impl Asked {
    pub fn refuse(self, why: Unavailable) {
        match self {
            Self::One { reply, .. } => drop(reply.send(Err(why))),
            Self::Since { reply, .. } => drop(reply.send(Err(why))),
        }
    }
}

impl<W: World> Driver<W> {
    pub(super) fn review(&self, asked: Asked) {
        let desk = Desk {
            host: self.config.host.clone(),
            now: self.clock.now(),
            wall: self.clock.wall(),
            books: self.library.books().iter().chain(self.pinned.values()).cloned().collect(),
            objectives: self.config.in_force.policy.objectives.clone(),
        };
        self.read(move |reader| {
            let unread = |error: ReadError| Unavailable::Unread(error.to_string());
            // Whoever asked may have gone.
            match asked {
                Asked::One { id, reply } => drop(reply.send(desk.review(reader, id).map_err(unread))),
                Asked::Since { span, reply } => drop(reply.send(desk.digest(reader, span.0).map_err(unread))),
            }
        });
    }
}

// === impl Desk ===

impl Desk {
    fn review(&self, reader: &Reader, id: IncidentId) -> Result<Option<Review>, ReadError> {
        let facts = facts(reader, id)?;
        let Some(IncidentEvent::Opened { playbook, subject, .. }) = facts.first().map(|fact| &fact.event) else {
            return Ok(None);
        };
        let since = before(facts[0].at, REPEATS_WITHIN);
        let same = reader.episodes(playbook, subject, since, id, EARLIER_MAX)?;
        let earlier = same.iter().rev().map(earlier).collect();
        Ok(Review::of(id, &facts, &self.known(&facts, earlier)))
    }

    fn digest(&self, reader: &Reader, span: Duration) -> Result<Digest, ReadError> {
        let since = before(self.now, span);
        let (mut briefs, mut last, mut cut) = (Vec::new(), None, false);
        'pages: loop {
            let page = reader.incidents(Which::All, last, PAGE)?;
            for summary in &page {
                if summary.opened_at < since {
                    break 'pages;
                }
                if briefs.len() == DIGEST_MAX {
                    cut = true;
                    break 'pages;
                }
                let facts = facts(reader, summary.id)?;
                let known = self.known(&facts, Vec::new());
                briefs.extend(Review::of(summary.id, &facts, &known).as_ref().map(Brief::from));
            }
            last = page.last().map(|summary| summary.id);
            if page.len() < PAGE {
                break;
            }
        }
        let from = self.wall.checked_sub(span).unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(Digest::of(&self.host, from, self.wall, cut, &briefs))
    }

    fn known(&self, facts: &[Fact], earlier: Vec<Earlier>) -> Known {
        let book = match facts.first().map(|fact| &fact.event) {
            Some(IncidentEvent::Opened { playbook, revision, .. }) => {
                let same = self.books.iter().find(|book| book.revision == *revision);
                same.or_else(|| self.books.iter().find(|book| book.id == *playbook))
            }
            _ => None,
        };
        Known {
            host: self.host.clone(),
            now: self.now,
            book: book.map(|book| (&**book).into()),
            earlier,
            objectives: self.objectives.clone(),
        }
    }
}

fn facts(reader: &Reader, id: IncidentId) -> Result<Vec<Fact>, ReadError> {
    let rows = reader.events(Seq(0), Some(id), EVENTS_MAX)?;
    let facts = rows.into_iter().filter_map(|row| match row.record {
        Record::Incident { event, .. } => Some(Fact { at: row.at, wall: row.wall, event }),
        Record::House(_) => None,
    });
    Ok(facts.collect())
}

fn earlier(summary: &Summary) -> Earlier {
    Earlier { id: summary.id, opened_at: stamp(summary.opened_at), outcome: summary.outcome.map(|outcome| outcome.label()) }
}

fn before(at: Time, span: Duration) -> Time {
    Time(at.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
}
