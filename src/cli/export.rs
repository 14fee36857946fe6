//! `heald export`: the journal as JSON lines.

use super::Failure;
use super::journal::{Journal, Since, state_folder};
use super::print::out;
use crate::domain::id::{IncidentId, PlaybookId, Seq};
use crate::domain::incident::IncidentEvent;
use crate::store::{Reader, Record};
use std::collections::HashMap;
use std::path::PathBuf;

/// Print the journal as JSON lines, one record each; heald may be running.
///
/// A line is {"seq", "at", "wall", "incident", "playbook", "event"}: `at` in milliseconds on heald's own clock, `wall`
/// the wall clock, `event` with its `kind` as docs/replay.md lists them. Records of the whole house (pause, hold, …)
/// have no incident. Labels and annotations of alerts are in it as they came.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder of the journal [default: `state` of --config.file, or /var/lib/heald]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The configuration file; only its `state` is read.
    #[arg(long = "config.file", value_name = "FILE", conflicts_with = "state")]
    config_file: Option<PathBuf>,
    /// Only what was recorded since: 7d (before the last record) or 2026-11-22T06:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
}

/// Written at once.
const CHUNK: usize = 64 * 1_024;

pub fn run(args: Args) -> Result<(), Failure> {
    let dir = state_folder(args.state, args.config_file.as_deref())?;
    let after = |reader: &Reader| match args.since {
        Some(since) => start(reader, since).map_err(|error| Failure::Usage(error.to_string())),
        None => Ok(Seq(0)),
    };
    let mut journal = Journal::folder(&dir, after)?;
    let mut playbooks: HashMap<IncidentId, PlaybookId> = HashMap::new();
    let mut text = String::new();
    while let Some(row) = journal.next()? {
        let playbook = match &row.record {
            Record::House(_) => None,
            Record::Incident { id, event } => {
                if let IncidentEvent::Opened { playbook, .. } = event {
                    playbooks.insert(*id, playbook.clone());
                } else if !playbooks.contains_key(id)
                    && let Some(summary) =
                        journal.reader().map(|reader| reader.incident(*id)).transpose().ok().flatten().flatten()
                {
                    playbooks.insert(*id, summary.playbook);
                }
                playbooks.get(id)
            }
        };
        text += &row.to_line(playbook).map_err(|error| Failure::Refused(error.to_string()))?;
        text.push('\n');
        if text.len() >= CHUNK {
            out(&text)?;
            text.clear();
        }
    }
    out(&text)
}

fn start(reader: &Reader, since: Since) -> Result<Seq, crate::store::ReadError> {
    reader.before(since.time(reader.last()?))
}
