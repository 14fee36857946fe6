//! `sqlite.corrupt`, `sqlite.lock`.

use super::keep::{Spoilt, keeping, place, spoil};
use super::{FaultKind, Held, Mark, Undo, said};
use crate::domain::target::TargetKind;
use crate::link::Tools;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OpenFlags};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::path::Path;
use std::time::Duration;

/// Overwrites pages in the middle of a SQLite file. The original is kept beside it and put back, unless somebody has repaired
/// the file meanwhile.
///
/// The pages are those on the disk: stop its writers, or name a database of the lab.
///
/// ```yaml
/// - sqlite.corrupt: { database: /srv/shop/shop.db }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Corrupt {
    database: String,
}

/// Holds a write lock on a SQLite file: nobody else can write. Undone by letting it go, also when the drill dies.
///
/// ```yaml
/// - sqlite.lock: { database: /srv/shop/shop.db }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    database: String,
}

const SECTOR: u64 = 4_096;
/// Enough pages that a check can't miss them.
const PAGES_MAX: u64 = 4;
const BUSY: Duration = Duration::from_secs(5);

impl FaultKind for Corrupt {
    const KIND: &'static str = "sqlite.corrupt";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        Ok(vec![Mark::of(TargetKind::Database, &self.database)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            let size = place(tools, &self.database)?.present().map_err(said)?.size;
            let pages = size / SECTOR;
            if pages < 3 {
                return Err(format!("{} has {size} bytes: there is no middle to spoil", self.database));
            }
            let spoilt = Spoilt::Block { at: pages / 2 * SECTOR, len: PAGES_MAX.min(pages - pages / 2) * SECTOR };
            keeping(tools, &self.database, spoilt)
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, undo: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move { spoil(tools, undo).map(|()| None) }.boxed()
    }
}

impl FaultKind for Lock {
    const KIND: &'static str = "sqlite.lock";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        Ok(vec![Mark::of(TargetKind::Database, &self.database)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            place(tools, &self.database)?.present().map_err(said)?;
            Ok(Undo::Nothing)
        }
        .boxed()
    }

    fn inject<'a>(&'a self, _: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(Path::new(&self.database), flags).map_err(said)?;
            connection.busy_timeout(BUSY).map_err(said)?;
            connection.execute_batch("BEGIN IMMEDIATE").map_err(said)?;
            Ok(Some(Box::new(connection) as Box<dyn Any + Send>))
        }
        .boxed()
    }
}
