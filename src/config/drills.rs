//! `drills:` — what may be broken on purpose, and when.

use super::secret::Places;
use super::{intervals, targets};
use crate::domain::calendar::Intervals;
use crate::domain::target::AllowList;
use crate::drill::{Schedule, Settings};
use crate::yaml::{Fields, Kind, read as read_node};
use serde_json::Value;
use std::collections::BTreeMap;

/// Problems go to the file.
pub fn read(mut fields: Fields<'_>, places: &Places<'_>, known: &BTreeMap<String, Intervals>) -> Settings {
    let settings = Settings {
        lab: fields.get("lab").unwrap_or_default(),
        allowed: fields.fields("allowed").map_or_else(AllowList::default, targets::read),
        vars: fields.fields("vars").map(|fields| vars(&fields)).unwrap_or_default(),
        schedule: fields.fields("schedule").map(|fields| schedule(fields, known)).unwrap_or_default(),
        reports: fields.text("reports").map(|path| places.path(&path)),
    };
    fields.end();
    settings
}

/// By drill: whether there is one of that name is asked of the drills.
fn vars(fields: &Fields<'_>) -> BTreeMap<String, BTreeMap<String, Value>> {
    let file = fields.file();
    let mut found = BTreeMap::new();
    for (key, node) in fields.entries() {
        let Kind::Map(entries) = &node.kind else {
            file.refuse(node.at, format!("{} where the values of the drill's `vars` are expected", node.noun()));
            continue;
        };
        let values = entries.iter().filter_map(|(name, node)| Some((name.name.clone(), read_node(file, node)?)));
        found.insert(key.name.clone(), values.collect());
    }
    found
}

fn schedule(mut fields: Fields<'_>, known: &BTreeMap<String, Intervals>) -> Schedule {
    let schedule = Schedule {
        window: intervals::names(&mut fields, "window", known),
        unattended: fields.get("unattended").unwrap_or_default(),
    };
    fields.end();
    schedule
}
