//! heald's journal, read from its file: it tells the same whether heald runs, hangs or was killed.

use std::path::PathBuf;
use std::time::Duration;

use heald::domain::incident::IncidentEvent;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::lab::{Context as _, Result, wait_for};

#[derive(Clone, Debug)]
pub struct Record {
    pub seq: i64,
    pub wall: Timestamp,
    pub incident: Option<i64>,
    pub kind: String,
    pub body: Value,
}

pub struct Journal {
    file: PathBuf,
}

// === impl Record ===

impl Record {
    /// As `heald incidents` prints it.
    pub fn text(&self) -> String {
        let event = serde_json::from_value::<IncidentEvent>(self.body.clone());
        event.map_or_else(|_| self.body.to_string(), |event| event.text())
    }

    pub fn line(&self) -> String {
        let incident = self.incident.map_or_else(String::new, |id| format!("#{id} "));
        format!("{}  {incident}{}: {}", self.wall.strftime("%T%.3f"), self.kind, self.text())
    }
}

// === impl Journal ===

impl Journal {
    pub fn of(state: PathBuf) -> Self {
        Self { file: state.join("heald.db") }
    }

    pub fn records(&self) -> Result<Vec<Record>> {
        // Nothing is written by this reader, also not when it is the last to close the file.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = Connection::open_with_flags(&self.file, flags).context(self.file.display())?;
        open.busy_timeout(Duration::from_secs(2))?;
        let mut rows = open.prepare("SELECT seq, wall, incident, kind, body FROM events ORDER BY seq")?;
        let found = rows.query_map([], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?, row.get::<_, String>(4)?))
        })?;
        found
            .map(|row| {
                let (seq, wall, incident, kind, body) = row?;
                Ok(Record { seq, wall: wall.parse()?, incident, kind, body: serde_json::from_str(&body)? })
            })
            .collect()
    }

    pub fn of_kind(&self, kind: &str) -> Result<Vec<Record>> {
        Ok(self.records()?.into_iter().filter(|record| record.kind == kind).collect())
    }

    pub fn count(&self, kind: &str) -> Result<usize> {
        Ok(self.of_kind(kind)?.len())
    }

    /// The first record so far or to come that `fits`.
    pub async fn wait(&self, what: &str, limit: Duration, fits: impl Fn(&Record) -> bool) -> Result<Record> {
        wait_for(what, limit, async || {
            let records = self.records()?;
            let last = records.last().map_or_else(|| "an empty journal".to_owned(), Record::line);
            records.into_iter().find(|record| fits(record)).ok_or_else(|| last.into())
        })
        .await
    }

    pub async fn wait_kind(&self, kind: &str, limit: Duration) -> Result<Record> {
        self.wait(&format!("{kind:?} in the journal"), limit, |record| record.kind == kind).await
    }

    pub fn timeline(&self) -> String {
        match self.records() {
            Ok(records) => records.iter().map(|record| format!("  {}\n", record.line())).collect(),
            Err(error) => format!("  the journal can't be read: {error}\n"),
        }
    }

    /// How long each stage took from a fault to its repair, in one line.
    pub fn stages(&self, fault: Timestamp) -> Result<String> {
        let stages =
            [("opened", "detected after"), ("attempt_started", "permitted"), ("step_ended", "restarted"), ("healed", "verified")];
        let records = self.records()?;
        let (mut line, mut last) = (String::new(), fault);
        for (kind, word) in stages {
            let Some(record) = records.iter().find(|record| record.kind == kind && record.wall >= last) else { break };
            let took = record.wall.duration_since(last).as_secs_f64();
            line += &format!("{word} {took:.2} s, ");
            last = record.wall;
        }
        Ok(format!("{line}in all {:.2} s", last.duration_since(fault).as_secs_f64()))
    }
}
