//! The journal as JSON lines, one record each: `heald export` writes them, `heald replay` reads them back.

use super::{ReadError, Record, Row};
use crate::domain::house::HouseEvent;
use crate::domain::id::{IncidentId, PlaybookId, Seq};
use crate::domain::incident::IncidentEvent;
use crate::domain::time::Time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Fields are only ever added.
#[derive(Serialize)]
struct Written<'a> {
    seq: Seq,
    at: Time,
    wall: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<IncidentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    playbook: Option<&'a PlaybookId>,
    event: Event<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Event<'a> {
    Incident(&'a IncidentEvent),
    House(&'a HouseEvent),
}

#[derive(Deserialize)]
struct Read<'a> {
    seq: Seq,
    at: Time,
    wall: Timestamp,
    #[serde(default)]
    incident: Option<IncidentId>,
    #[serde(borrow)]
    event: &'a RawValue,
}

// === impl Row ===

impl Row {
    /// `{"seq":…,"at":…,"wall":…,"incident":…,"playbook":…,"event":{"kind":…}}`, without the end of the line.
    /// A record of the whole house has neither incident nor playbook.
    ///
    /// # Errors
    /// It can't be written as JSON; no record of the journal is like that.
    pub fn to_line(&self, playbook: Option<&PlaybookId>) -> Result<String, ReadError> {
        let (incident, event) = match &self.record {
            Record::Incident { id, event } => (Some(*id), Event::Incident(event)),
            Record::House(event) => (None, Event::House(event)),
        };
        let line = Written { seq: self.seq, at: self.at, wall: self.wall, incident, playbook, event };
        serde_json::to_string(&line).map_err(|error| ReadError::Corrupt { why: format!("record {}: {error}", self.seq) })
    }

    /// # Errors
    /// Why it is no record of a journal.
    pub fn from_line(line: &str) -> Result<Self, String> {
        let read: Read<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let event = read.event.get();
        let record = match read.incident {
            Some(id) => serde_json::from_str(event).map(|event| Record::Incident { id, event }),
            None => serde_json::from_str(event).map(Record::House),
        };
        let record = record.map_err(|error| format!("record {}: {error}", read.seq))?;
        Ok(Self { seq: read.seq, at: read.at, wall: read.wall, record })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{closed, of, opened, row, started};
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let id = IncidentId(1);
        let house = Record::House(HouseEvent::Resumed { by: "ann".into() });
        for (seq, record) in [of(id, opened()), of(id, started(1)), of(id, closed()), house].into_iter().enumerate() {
            let row = row(seq as u64 + 1, 1_000, record);
            let line = row.to_line(Some(&"unit-failed".into())).unwrap();
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(Row::from_line(&line).unwrap(), row, "{line}");
        }
    }

    #[test]
    fn a_line_names_its_incident_and_playbook() {
        let line = row(7, 1_000, of(IncidentId(3), closed())).to_line(Some(&"unit-failed".into())).unwrap();
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["incident"], 3);
        assert_eq!((&json["playbook"], &json["event"]["kind"]), (&"unit-failed".into(), &"closed".into()), "{line}");
        let house = row(8, 1_000, Record::House(HouseEvent::Ended)).to_line(None).unwrap();
        assert!(!house.contains("incident") && !house.contains("playbook"), "{house}");
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for line in ["", "{}", "[1]", r#"{"seq":1,"at":1,"wall":"2026-11-22T00:00:00Z","event":{"kind":"nonsense"}}"#] {
            assert!(Row::from_line(line).is_err(), "{line}");
        }
    }
}
