//! `sqlite`: whether a database is sound and holds what it should.

use super::{Look, ProbeKind, Verdict, object, object_of};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::target::{AllowList, TargetKind};
use crate::link::Tools;
use crate::link::beneath::{Ground, check_path, not_allowed};
use crate::link::sqlite::{Depth, Expect, Expected, Limits, Verdict as Sound, check};
use crate::link::until::{Until, off_runtime};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// Passes when a SQLite database is sound (`PRAGMA quick_check`) and holds what is expected in it.
///
/// It reads only, keeps no writer waiting and leaves nothing behind. Damaged, missing, empty or not as expected fails; locked,
/// not readable or not done within 20 s is unknown. The check does not see a flipped byte of a text, nor an empty table: `expect`
/// does. The file must be named under `targets: databases:`.
///
/// ```yaml
/// - sqlite: { database: /var/lib/shop/shop.db, expect: [{ query: "SELECT count(*) FROM orders", at_least: 1 }] }
/// ```
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
struct Sqlite {
    database: String,
    expect: Vec<Expect>,
}

const TIMEOUT: Duration = Duration::from_secs(20);

// === impl ProbeKind for Params ===

impl ProbeKind for Params {
    const KIND: &'static str = "sqlite";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Database);

    fn form(&self) -> Result<StepObject, String> {
        Expected::all(&self.expect)?;
        object(TargetKind::Database, self.database.as_ref())
    }

    fn ready(self, probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        let database = object_of(probe, TargetKind::Database)?.name().to_owned();
        check_path(&database)?;
        Ok(Box::new(Sqlite { database, expect: Expected::all(&self.expect)? }))
    }
}

// === impl Look for Sqlite ===

impl Look for Sqlite {
    fn is_costly(&self) -> bool {
        true
    }

    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        match allow.databases.contains(&self.database) {
            true => Ok(()),
            false => Err(not_allowed(&self.database, "databases")),
        }
    }

    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        let allow = tools.allow.now();
        if let Err(why) = self.admit(&allow) {
            return std::future::ready((ProbeVerdict::Unknown, why)).boxed();
        }
        let (ground, asked) = (Ground::with_databases(allow), self.clone());
        off_runtime(Instant::now() + TIMEOUT, move |until| asked.judge(&ground, until))
            .map(|judged| match judged {
                Ok(Some(verdict)) => verdict,
                Ok(None) => (ProbeVerdict::Unknown, "the file system does not answer".to_owned()),
                Err(why) => (ProbeVerdict::Unknown, why),
            })
            .boxed()
    }
}

impl Sqlite {
    fn judge(&self, ground: &Ground, until: &Until) -> Verdict {
        // Not through a link, nor another name of the file.
        let place = match ground.place(&self.database).and_then(|place| place.file().map(|_| place)) {
            Ok(place) => place,
            Err(trouble) => return (ProbeVerdict::Unknown, trouble.to_string()),
        };
        let limits = Limits { deadline: until.deadline(), ..Limits::within(TIMEOUT, until.called_off()) };
        match check(&PathBuf::from(place.path()), Depth::Quick, &self.expect, &limits) {
            Ok(report) => match report.verdict {
                Sound::Sound => (ProbeVerdict::Pass, "sound".to_owned()),
                Sound::Bad(why) => (ProbeVerdict::Fail, why.chars().take(300).collect()),
            },
            Err(why) => (ProbeVerdict::Unknown, why),
        }
    }
}
