//! `sqlite.check`: whether a database is sound and holds what it should.

use super::super::{Act, Call, Form, StepKind, object};
use super::{DEADLINE, admit, database_of, failed, limits, off, path_of, place_of};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::{AllowList, TargetKind, cut};
use crate::link::sqlite::{Depth, Expect, Expected, Verdict, check};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Checks a SQLite database: `PRAGMA integrity_check`, then what is expected in it. Reads only, and leaves nothing behind.
///
/// The integrity check sees torn pages and broken indexes; it does not see a flipped byte of a text, nor that a table is empty:
/// that is what `expect` is for. A database in use is read with its log, without keeping its writers waiting. Damaged, missing
/// or not as expected is `failed`; what could not be read (locked, no permission, no time) is `not_sent`, for nothing is known.
/// The file must be named under `targets: databases:`.
///
/// Facts: `sound` (true or false), `why` (null where it is sound), `values` (of the queries, in their order).
///
/// ```yaml
/// - sqlite.check:
///     database: /var/lib/shop/shop.db
///     expect: [{ query: "SELECT count(*) FROM orders", at_least: 1 }]
///   register: db
///   optional: true
/// - sqlite.checkpoint: { database: /var/lib/shop/shop.db }
///   when: steps.db.sound
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Another file than the playbook's target: absolute, as `targets: databases:` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    /// At most 20 queries with one value each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    expect: Vec<Expected>,
}

#[derive(Clone, Debug)]
struct Check {
    database: String,
    expect: Vec<Expect>,
}

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "sqlite.check";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Database);

    fn form(&self) -> Result<Form, String> {
        Expected::all(&self.expect)?;
        Ok(Form::new(object(TargetKind::Database, self.database.as_ref())?, Risk::Read, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        Ok(Box::new(Check { database: database_of(step)?, expect: Expected::all(&self.expect)? }))
    }
}

// === impl Act for Check ===

impl Act for Check {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        admit(allow, &self.database)
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        let Self { database, expect } = self.clone();
        let work = off(call, &self.database, move |ground, until| {
            let place = place_of(ground, &database)?;
            let report = check(&path_of(&place), Depth::Integrity, &expect, &limits(until));
            report.map_err(|why| failed(&database, why))
        });
        work.map(|report| {
            let report = match report {
                Ok(report) => report,
                // Nothing was sent, and nothing is known.
                Err(acted) if acted.outcome == ActOutcome::Failed => return Acted { outcome: ActOutcome::NotSent, ..acted },
                Err(acted) => return acted,
            };
            let path = cut(&self.database);
            match report.verdict {
                Verdict::Sound => Acted::new(ActOutcome::Done, format!("{path} is sound"))
                    .knowing(json!({ "sound": true, "why": null, "values": report.values })),
                Verdict::Bad(why) => {
                    let why: String = why.chars().take(500).collect();
                    let facts = json!({ "sound": false, "why": &why, "values": report.values });
                    Acted::new(ActOutcome::Failed, format!("{path} is not sound: {why}")).knowing(facts)
                }
            }
        })
        .boxed()
    }
}
