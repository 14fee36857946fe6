//! `journal.vacuum`: old files of systemd's journal make room.

use super::{Act, Call, Form, StepKind};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::size::{Size, words};
use crate::domain::time::Span;
use crate::link::systemd::journal::{self, Vacuumed};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Removes files of this machine's journal that are older than a span, or until it is no larger than a size, as `journalctl
/// --vacuum-time=` and `--vacuum-size=` do.
///
/// Only files that are closed go. Those that are written to now stay, however old their first lines are, unless `rotate: true`
/// closes them first. What went does not come back: a rung with this step needs a *Rollback*, `mode: approve`, or
/// `irreversible: accepted`. heald needs to be allowed to write there (least-privilege.md).
///
/// Facts: `files`, `bytes` (as journalctl adds them up, rounded).
///
/// ```yaml
/// - journal.vacuum: { older_than: 3d }
/// - journal.vacuum: { larger_than: 500MB, rotate: true }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vacuum {
    /// 1h to 366d. Exactly one of this and `larger_than` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    older_than: Option<Span>,
    /// 1MB or more: the size that is left at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    larger_than: Option<Size>,
    /// Also the files that are written to now. false where it is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    rotate: bool,
}

#[derive(Debug)]
struct Vacuuming {
    what: journal::Vacuum,
    rotate: bool,
}

/// It removes files of a few megabytes each; on a busy disk that takes its time.
const DEADLINE: Duration = Duration::from_secs(60);
const AGE_MIN: Duration = Duration::from_secs(3_600);
const SIZE_MIN: u64 = 1_000_000;

// === impl Vacuum ===

impl Vacuum {
    fn what(&self) -> Result<journal::Vacuum, String> {
        match (self.older_than, self.larger_than) {
            (Some(age), None) if age.0 >= AGE_MIN => Ok(journal::Vacuum::OlderThan(age.0)),
            (Some(age), None) => Err(format!("older_than {age} is out of range: 1h to 366d")),
            (None, Some(Size(bytes))) if bytes >= SIZE_MIN => Ok(journal::Vacuum::LargerThan(bytes)),
            (None, Some(size)) => Err(format!("larger_than {size} is out of range: 1MB or more")),
            _ => Err("write one of `older_than: 3d` and `larger_than: 500MB`".to_owned()),
        }
    }
}

// === impl StepKind for Vacuum ===

impl StepKind for Vacuum {
    const KIND: &'static str = "journal.vacuum";

    fn form(&self) -> Result<Form, String> {
        self.what()?;
        // The playbook's target is what the room is made for: it is charged.
        Ok(Form::new(StepObject::Default, Risk::Idempotent, DEADLINE).for_good())
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        Ok(Box::new(Vacuuming { what: self.what()?, rotate: self.rotate }))
    }
}

// === impl Act for Vacuuming ===

impl Act for Vacuuming {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async {
            let limit = call.deadline.saturating_duration_since(Instant::now());
            match journal::vacuum(self.what, self.rotate, limit).await {
                Ok(Some(vacuumed)) => report(vacuumed),
                Ok(None) => Acted::new(ActOutcome::Unknown, "journalctl has not ended in time, and was ended"),
                Err(error) => error.into_acted(),
            }
        }
        .boxed()
    }
}

fn report(Vacuumed { files, bytes }: Vacuumed) -> Acted {
    let detail = match files {
        0 => "nothing of the journal was old enough".to_owned(),
        files => format!("{files} files of the journal removed, {} freed", words(bytes)),
    };
    Acted::new(ActOutcome::Done, detail).knowing(json!({ "files": files, "bytes": bytes }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{planned, step};
    use super::*;
    use crate::action::Action;

    #[test]
    fn it_takes_an_age_or_a_size() {
        for text in ["journal.vacuum: { older_than: 3d }", "journal.vacuum: { larger_than: 500MB, rotate: true }"] {
            let step = step(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(!step.stake.reversible, "{text}: what went does not come back");
            assert_eq!(step.stake.risk, Risk::Idempotent);
            Action::parse(&planned(step, None)).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        for (text, part) in [
            ("journal.vacuum: {}", "write one of"),
            ("journal.vacuum: { older_than: 3d, larger_than: 1GB }", "write one of"),
            ("journal.vacuum: { older_than: 5m }", "1h to 366d"),
            ("journal.vacuum: { larger_than: 5kB }", "1MB or more"),
            ("journal.vacuum: { larger_than: much }", "no size"),
        ] {
            let error = step(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn what_went_is_told() {
        let acted = report(Vacuumed { files: 2, bytes: 24_500_000 });
        assert_eq!(acted.detail, "2 files of the journal removed, 24.5 MB freed");
        assert_eq!(acted.facts.unwrap(), json!({ "files": 2, "bytes": 24_500_000 }));
        assert_eq!(report(Vacuumed::default()).detail, "nothing of the journal was old enough");
    }
}
