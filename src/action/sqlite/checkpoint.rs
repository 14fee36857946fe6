//! `sqlite.checkpoint`: puts the write-ahead log into the database.

use super::super::{Act, Call, Form, StepKind, object};
use super::{admit, database_of, failed, limits, off, path_of, place_of};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::{AllowList, TargetKind, cut};
use crate::link::sqlite::{Checkpoint, checkpoint};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Puts a SQLite database's write-ahead log into the database and empties it: `PRAGMA wal_checkpoint(TRUNCATE)`.
///
/// It waits for readers and writers until the step's deadline; if one is still in the way, the step has failed and nothing is
/// lost. A database without a log is left as it is. It opens the file for writing: a transaction that a dead writer left half done
/// is rolled back, as by any program that opens it. Check the database before (`sqlite.check`): a log that is put into a damaged
/// file makes nothing better. The file must be named under `targets: databases:`.
///
/// Facts: `wal_bytes` (before), `pages` (that were in the log; null without one).
///
/// ```yaml
/// - sqlite.checkpoint: { database: /var/lib/shop/shop.db }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Another file than the playbook's target: absolute, as `targets: databases:` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<String>,
}

#[derive(Clone, Debug)]
struct Emptying(String);

const DEADLINE: Duration = Duration::from_secs(30);

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "sqlite.checkpoint";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Database);

    fn form(&self) -> Result<Form, String> {
        Ok(Form::new(object(TargetKind::Database, self.database.as_ref())?, Risk::Idempotent, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        Ok(Box::new(Emptying(database_of(step)?)))
    }
}

// === impl Act for Emptying ===

impl Act for Emptying {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        admit(allow, &self.0)
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        let database = self.0.clone();
        let work = off(call, &self.0, move |ground, until| {
            let place = place_of(ground, &database)?;
            place.present()?;
            let wal = place.beside("-wal").file()?.map_or(0, |stamp| stamp.size);
            let done = checkpoint(&path_of(&place), &limits(until)).map_err(|why| failed(&database, why))?;
            Ok((done, wal))
        });
        work.map(|done| {
            let (done, wal) = match done {
                Ok(done) => done,
                Err(acted) => return acted,
            };
            let path = cut(&self.0);
            let (outcome, detail, pages) = match done {
                Checkpoint::Done { pages } => (ActOutcome::Done, format!("{path}: the log is empty"), Some(pages)),
                Checkpoint::NoLog => (ActOutcome::Done, format!("{path} has no write-ahead log"), None),
                Checkpoint::Busy => (ActOutcome::Failed, format!("{path} is busy: a reader or a writer was in the way"), None),
            };
            Acted::new(outcome, detail).knowing(json!({ "wal_bytes": wal, "pages": pages }))
        })
        .boxed()
    }
}
