//! The journal of each day, put to the configuration that wrote it: no decision may come out otherwise.

use crate::books;
use crate::life::WITHOUT;
use heald::domain::policy::Policy;
use heald::domain::time::Time;
use heald::run::InForce;
use heald::run::replay::{Replay, Rules, Totals};
use heald::store::Row;
use std::sync::Arc;
use std::time::Duration;

/// As [`crate::life::Life`] has them.
fn rules() -> Rules {
    let in_force = InForce {
        host_label: "host".to_owned(),
        allow: books::allow(),
        group_interval: Duration::from_secs(120),
        policy: Policy::default(),
        books: books::all().into_iter().map(|book| (Arc::new(book), Arc::from(""))).collect(),
    };
    Rules { host: Some("h".to_owned()), in_force, admit: Box::new(|_| Ok(())), admit_probe: Box::new(|_| Ok(())) }
}

/// Not asked where a guard was taken away: it is there again for a replay.
pub fn agrees(rows: &[Row]) -> Totals {
    if WITHOUT.get().is_some() {
        return Totals::default();
    }
    let mut replay = Replay::new(rules(), Time(0));
    let mut found: Vec<_> = rows.iter().flat_map(|row| replay.record(row.clone())).collect();
    let (last, totals) = replay.finish();
    found.extend(last);
    assert!(found.is_empty(), "the same configuration decides otherwise: {totals:#?}\n{found:#?}");
    assert_eq!((totals.headless, totals.elsewhere), (0, 0));
    totals
}
