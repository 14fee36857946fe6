//! A journal to write in, for the tests of this folder.

use super::{Batch, Horizon, Loaded, Mark, Record, Row, Store};
use crate::domain::alert::AlertContext;
use crate::domain::house::HouseEvent;
use crate::domain::id::{Fingerprint, IncidentId, Revision, Seq};
use crate::domain::incident::{AttemptOutcome, IncidentEvent, Outcome, Subject};
use crate::domain::look::{Observation, TargetState};
use crate::domain::target::{Target, TargetKind};
use crate::domain::time::Time;
use jiff::Timestamp;
use std::path::Path;

pub(super) struct Pen {
    pub store: Store,
    pub next: u64,
}

impl Pen {
    pub fn open(dir: &Path) -> (Self, Loaded) {
        let (store, loaded) = Store::open(dir, Horizon::default()).unwrap();
        (Self { store, next: loaded.next_seq.0 }, loaded)
    }

    /// Rows at `at`, without committing them.
    pub fn batch(&self, at: i64, records: Vec<Record>) -> Batch {
        let rows = records.into_iter().zip(self.next..).map(|(record, seq)| row(seq, at, record)).collect();
        Batch { rows, editions: vec![], done: vec![], mark: mark(at) }
    }

    pub fn write(&mut self, batch: &Batch) {
        self.store.commit(batch).unwrap();
        self.next += batch.rows.len() as u64;
    }

    /// A new incident with one failed attempt.
    pub fn incident(&mut self, at: i64) -> IncidentId {
        let id = IncidentId(self.next);
        let batch = self.batch(at, vec![of(id, opened()), of(id, started(1)), of(id, ended(1))]);
        self.write(&batch);
        id
    }

    pub fn finish(&mut self, id: IncidentId, at: i64) {
        let mut batch = self.batch(at, vec![of(id, closed())]);
        batch.done.push(id);
        self.write(&batch);
    }

    pub fn house(&mut self, at: i64, event: HouseEvent) {
        let batch = self.batch(at, vec![Record::House(event)]);
        self.write(&batch);
    }
}

pub(super) fn mark(at: i64) -> Mark {
    Mark { at: Time(at), boottime_ms: at.unsigned_abs(), boot_id: "a boot".to_owned() }
}

pub(super) fn row(seq: u64, at: i64, record: Record) -> Row {
    // Nanoseconds, to see that they come back.
    Row { seq: Seq(seq), at: Time(at), wall: Timestamp::new(1_790_000_000, 123_456_789).unwrap(), record }
}

pub(super) fn of(id: IncidentId, event: IncidentEvent) -> Record {
    Record::Incident { id, event }
}

pub(super) fn target() -> Target {
    Target::new(TargetKind::Unit, "web.service").unwrap()
}

pub(super) fn revision() -> Revision {
    Revision("5eed".into())
}

pub(super) fn opened() -> IncidentEvent {
    let labels = [("name".to_owned(), "wéb \"x\" \u{0} 🦀".to_owned())].into();
    IncidentEvent::Opened {
        playbook: "unit-failed".into(),
        revision: revision(),
        subject: Subject::Target(target()),
        fingerprint: Fingerprint::from("f00d"),
        starts_at: Timestamp::UNIX_EPOCH,
        context: AlertContext::new(&labels, &Default::default()),
        previous: None,
        rungs: 1,
    }
}

pub(super) fn started(attempt: u32) -> IncidentEvent {
    let seen = Observation::new(vec![], TargetState::Stateless, None);
    IncidentEvent::AttemptStarted { attempt, rung: 0, title: "Restart".into(), locks: vec![target()], charged: true, seen }
}

pub(super) fn ended(attempt: u32) -> IncidentEvent {
    IncidentEvent::AttemptEnded { attempt, outcome: AttemptOutcome::NotHealed, text: "still failed".into() }
}

pub(super) fn closed() -> IncidentEvent {
    IncidentEvent::Closed { outcome: Outcome::ResolvedByItself, note: String::new() }
}
