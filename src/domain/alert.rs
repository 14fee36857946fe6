//! An alert as it arrived: labels are data, nothing more.

use super::id::Fingerprint;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub type Labels = BTreeMap<String, String>;

/// One alert of a webhook body, checked and bounded by `ingest/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub fingerprint: Fingerprint,
    pub status: AlertStatus,
    pub starts_at: Timestamp,
    pub labels: Labels,
    pub annotations: Labels,
}

/// One that fires by Alertmanager's own list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAlert {
    pub fingerprint: Fingerprint,
    pub starts_at: Timestamp,
    pub labels: Labels,
    pub annotations: Labels,
}

/// The alert's own status; the group's is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    Firing,
    Resolved,
}

/// Labels and annotations as one JSON text.
///
/// An open incident keeps them for its templates but reads them seldom: as a
/// text they take a third of the memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertContext(Box<str>);

/// The label `remediate`: what the rule's author lets heald do. Ordered by strictness; missing or unknown is `auto`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remediate {
    #[default]
    Auto,
    Ask,
    Never,
}

// === impl Remediate ===

impl Remediate {
    pub fn of(labels: &Labels) -> Self {
        match labels.get("remediate").map(String::as_str) {
            Some("ask") => Self::Ask,
            Some("never") => Self::Never,
            _ => Self::Auto,
        }
    }
}

// === impl Alert ===

impl Alert {
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    pub fn context(&self) -> AlertContext {
        AlertContext::new(&self.labels, &self.annotations)
    }
}

// === impl AlertContext ===

impl AlertContext {
    pub fn new(labels: &Labels, annotations: &Labels) -> Self {
        // Maps of strings always serialise.
        let text = serde_json::to_string(&(labels, annotations)).unwrap_or_else(|_| "[{},{}]".to_owned());
        Self(text.into_boxed_str())
    }

    /// Labels, then annotations.
    pub fn read(&self) -> (Labels, Labels) {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}
