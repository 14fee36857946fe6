//! The journal of each day, put to the configuration that wrote it: no decision may come out otherwise.

use crate::books;
use heald::domain::playbook::Library;
use heald::domain::policy::Policy;
use heald::domain::time::Time;
use heald::run::replay::{Replay, Rules, Totals};
use heald::store::Row;
use std::sync::Arc;
use std::time::Duration;

/// As [`crate::life::Life`] has them.
fn rules() -> Rules {
    Rules {
        host: Some(("host".to_owned(), "h".to_owned())),
        allow: books::allow(),
        group_interval: Duration::from_secs(120),
        policy: Policy::default(),
        library: Library::new(books::all().into_iter().map(Arc::new).collect()),
        admit: Box::new(|_| Ok(())),
        admit_probe: Box::new(|_| Ok(())),
    }
}

pub fn agrees(rows: &[Row]) -> Totals {
    let mut replay = Replay::new(rules(), Time(0));
    let mut found: Vec<_> = rows.iter().flat_map(|row| replay.record(row.clone())).collect();
    let (last, totals) = replay.finish();
    found.extend(last);
    assert!(found.is_empty(), "the same configuration decides otherwise: {totals:#?}\n{found:#?}");
    assert_eq!((totals.headless, totals.elsewhere), (0, 0));
    totals
}
