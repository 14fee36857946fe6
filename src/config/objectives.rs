//! `recovery_objectives:` — what was promised of a service, by a target's name or the alert's label `service`.

use crate::domain::policy::Objective;
use crate::yaml::Fields;
use std::collections::BTreeMap;
use std::time::Duration;

/// A year is no objective any more; `0s` is one only for data.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

pub fn read(fields: &Fields<'_>) -> BTreeMap<String, Objective> {
    let file = fields.file();
    let each = fields.entries().iter().filter_map(|(key, node)| {
        let mut fields = Fields::of(file, node)?;
        let rto = fields.span("rto", Duration::from_secs(1)..=LONGEST);
        let rpo = fields.span("rpo", Duration::ZERO..=LONGEST);
        if !fields.has("rto") && !fields.has("rpo") {
            file.refuse_with_help(node.at, "an objective without a promise", "write `{ rto: 15m, rpo: 15m }`, or one of both");
        }
        fields.end();
        Some((key.name.clone(), Objective { rto, rpo }))
    });
    each.collect()
}
