//! `sqlite.*`: databases of other programs, one file per kind. How they are read, [`crate::link::sqlite`] knows.

use super::{Call, object_of};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::target::{AllowList, TargetKind, cut};
use crate::link::beneath::{Ground, Place, Trouble, check_path};
use crate::link::sqlite::{BESIDE, Limits};
use crate::link::until::{Until, off_runtime};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

mod backup;
mod check;
mod checkpoint;
mod restore;

pub(super) use backup::Params as Backup;
pub(super) use check::Params as Check;
pub(super) use checkpoint::Params as Checkpoint;
pub(super) use restore::Params as Restore;

#[cfg(test)]
mod tests;

/// For reading all of a large database.
const DEADLINE: Duration = Duration::from_secs(600);

/// The database of a rendered step.
fn database_of(step: &PlannedStep) -> Result<String, String> {
    let path = object_of(step, TargetKind::Database)?;
    check_path(&path)?;
    Ok(path)
}

/// # Errors
/// `targets: databases:` does not name it, word for word.
fn admit(allow: &AllowList, database: &str) -> Result<(), String> {
    match allow.databases.contains(database) {
        true => Ground::with_databases(Arc::new(allow.clone())).admit(database).map_err(|trouble| trouble.to_string()),
        false => Err(crate::link::beneath::not_allowed(database, "databases")),
    }
}

/// Where the database is. It, and what SQLite keeps beside it, are regular files with one name, or not there.
fn place_of(ground: &Ground, database: &str) -> Result<Place, Trouble> {
    let place = ground.place(database)?;
    place.file()?;
    BESIDE.iter().try_for_each(|ending| place.beside(ending).file().map(drop))?;
    Ok(place)
}

fn path_of(place: &Place) -> PathBuf {
    PathBuf::from(place.path())
}

fn limits(until: &Until) -> Limits {
    let span = until.deadline().saturating_duration_since(Instant::now());
    Limits { deadline: until.deadline(), ..Limits::within(span, until.called_off()) }
}

/// SQLite's own no, in words.
fn failed(path: &str, why: impl std::fmt::Display) -> Trouble {
    Trouble::Failed(format!("{}: {why}", cut(path)))
}

/// Blocking work off the runtime; what is allowed is asked once more before.
async fn off<T: Send + 'static>(
    call: &Call<'_>,
    database: &str,
    work: impl FnOnce(&Ground, &Until) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Acted> {
    let allow = call.tools.allow.now();
    if let Err(why) = admit(&allow, database) {
        return Err(Acted::new(ActOutcome::Impossible(Impossible::BadParameters), why));
    }
    let ground = Ground::with_databases(allow);
    match off_runtime(call.deadline, move |until| work(&ground, until)).await {
        Ok(Some(Ok(done))) => Ok(done),
        Ok(Some(Err(trouble))) => Err(trouble.into_acted()),
        Ok(None) => Err(Acted::new(ActOutcome::Unknown, "the file system did not answer by the step's deadline")),
        Err(why) => Err(Acted::new(ActOutcome::Unknown, format!("cut off: {why}"))),
    }
}
