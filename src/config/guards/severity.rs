//! `severity:` — how much may be tried, by what is wrong.

use super::{ATTEMPTS_MAX, DAY, SECOND, YEAR};
use crate::domain::id::PlaybookId;
use crate::domain::playbook::{FailureClass, Severity};
use crate::domain::policy::{Cap, SeverityPolicy};
use crate::yaml::Fields;
use std::time::Duration;

/// The playbooks' names are looked at when the playbooks are known.
pub fn read(mut fields: Fields<'_>) -> SeverityPolicy {
    let mut policy = SeverityPolicy::default();
    if let Some(fields) = fields.fields("several") {
        policy.several = cap(fields, policy.several);
    }
    for class in FailureClass::ALL {
        if let Some(fields) = fields.fields(class.label()) {
            let default = policy.by_class.get(&class).copied().unwrap_or_default();
            policy.by_class.insert(class, cap(fields, default));
        }
    }
    for severity in Severity::ALL {
        if let Some(fields) = fields.fields(severity.label()) {
            policy.by_severity.insert(severity, cap(fields, Cap::default()));
        }
    }
    if let Some(fields) = fields.fields("playbooks") {
        let file = fields.file();
        let read = fields.entries().iter().filter_map(|(key, node)| {
            let cap = cap(Fields::of(file, node)?, Cap::default());
            Some((PlaybookId::from(key.name.as_str()), cap))
        });
        policy.by_playbook = read.collect();
    }
    fields.end();
    policy
}

/// What is not written stays as it was.
fn cap(mut fields: Fields<'_>, default: Cap) -> Cap {
    let read = Cap {
        attempts: fields.number("attempts", 0..=ATTEMPTS_MAX).or(default.attempts),
        within: fields.span("within", SECOND..=YEAR).or(default.within),
        patience: fields.span("patience", Duration::ZERO..=DAY).or(default.patience),
    };
    fields.end();
    read
}
