//! What services a host has: for `heald init`, which asks once.

use super::proxy::SdError;
use super::{Line, read};
use futures_util::future::try_join_all;
use std::collections::BTreeSet;

/// A service unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    pub name: String,
    /// systemd's word: `enabled`, `static`, `generated`, …; empty where it has no file.
    pub file: String,
    /// `active`, `failed`, …; empty where it is not loaded.
    pub active: String,
    /// `Type=`; empty where it is not loaded.
    pub kind: String,
}

pub(super) async fn services(line: &Line) -> zbus::Result<Vec<Installed>> {
    let plain = |error| match error {
        SdError::ZBus(error) => error,
        error => zbus::Error::Failure(error.to_string()),
    };
    let rows = line.manager.list_units().await.map_err(plain)?;
    let loaded: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let files = line.manager.list_unit_files().await.map_err(plain)?;
    let unloaded = files.iter().filter_map(|(path, state)| {
        let name = path.rsplit('/').next()?;
        let told = name.ends_with(".service") && !name.ends_with("@.service") && !loaded.contains(name);
        (told && state == "enabled").then(|| Installed { name: name.to_owned(), file: state.clone(), ..Installed::default() })
    });
    let rows = rows.iter().filter(|row| row.name.ends_with(".service") && matches!(&*row.active, "active" | "failed"));
    let up = try_join_all(rows.map(async |row| {
        let (unit, own) = (read::proxy(line, &row.path, "Unit").await?, read::proxy(line, &row.path, "Service").await?);
        let (file, kind) = tokio::try_join!(unit.get_property("UnitFileState"), own.get_property("Type"))?;
        Ok::<_, zbus::Error>(Installed { name: row.name.clone(), file, active: row.active.clone(), kind })
    }))
    .await?;
    let mut all: Vec<Installed> = up.into_iter().chain(unloaded).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}
