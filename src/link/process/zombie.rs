//! Processes that have ended and whose parent has not asked how.

use super::{Row, blocking, group_of, rows};
use crate::link::LinkError;
use std::collections::BTreeMap;

/// A process of a unit that leaves zombies behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    pub row: Row,
    /// At least one.
    pub zombies: usize,
}

/// How many there are on this machine.
///
/// # Errors
/// `/proc` can't be read.
pub async fn count() -> Result<usize, LinkError> {
    blocking(|| Ok(rows()?.iter().filter(|row| row.zombie).count())).await
}

/// The parents of zombies among the processes in `home`, those with the most first.
///
/// # Errors
/// `/proc` can't be read.
pub async fn parents(home: String) -> Result<Vec<Parent>, LinkError> {
    blocking(move || {
        let mut parents = bereft(&rows()?);
        parents.retain(|parent| group_of(parent.row.id.pid).is_within(&home));
        Ok(parents)
    })
    .await
}

fn bereft(rows: &[Row]) -> Vec<Parent> {
    let mut by_parent: BTreeMap<i32, usize> = BTreeMap::new();
    for zombie in rows.iter().filter(|row| row.zombie) {
        *by_parent.entry(zombie.parent).or_default() += 1;
    }
    let living = rows.iter().filter(|row| !row.zombie && !row.kernel);
    let mut parents: Vec<Parent> =
        living.filter_map(|row| Some(Parent { row: row.clone(), zombies: *by_parent.get(&row.id.pid)? })).collect();
    parents.sort_by(|one, other| other.zombies.cmp(&one.zombies).then(one.row.id.cmp(&other.row.id)));
    parents
}

#[cfg(test)]
mod tests {
    use super::super::Id;
    use super::*;

    #[test]
    fn parents_are_found_the_worst_first() {
        let row = |pid, parent, zombie| {
            let id = Id { pid, started: 1 };
            Row { id, parent, name: format!("p{pid}"), zombie, kernel: pid == 2, ticks: 0, resident: 0 }
        };
        let rows = [
            row(1, 0, false),
            row(2, 0, false),
            row(10, 1, false),
            row(11, 10, true),
            row(20, 1, false),
            row(21, 20, true),
            row(22, 20, true),
            row(23, 20, false),
            // A zombie with a zombie: only a living parent can be told.
            row(24, 21, true),
            row(25, 2, true),
        ];
        let found: Vec<_> = bereft(&rows).iter().map(|parent| (parent.row.id.pid, parent.zombies)).collect();
        assert_eq!(found, [(20, 2), (10, 1)]);
    }

    #[tokio::test]
    async fn a_child_that_nobody_asks_for_is_one() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            let rows = blocking(rows).await.unwrap();
            let own = std::process::id().cast_signed();
            if bereft(&rows).iter().any(|parent| parent.row.id.pid == own) {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "it did not become a zombie");
            tokio::task::yield_now().await;
        }
        assert!(count().await.unwrap() > 0);
        child.wait().unwrap();
    }
}
