//! Names for things: each a type of its own, so that one can't be passed for another.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Position of a record in the journal: 1 for the first, then without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// An incident is named after the journal record that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub u64);

/// One run of one rung: its incident and its number there, counted from 1.
///
/// Every answer from outside carries it, so that a late result of an earlier
/// attempt can be recorded without being believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    pub incident: IncidentId,
    pub number: u32,
}

/// The `playbook:` of a front matter: lower-case words joined by hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlaybookId(pub Box<str>);

/// SHA-256, in hex, over a playbook's text and what the configuration overrides in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub Box<str>);

/// Alertmanager's name for a label set (16 hex digits there; any text is taken).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub Box<str>);

// === impl ids ===

macro_rules! display_inner {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display_inner!(Seq, IncidentId, PlaybookId, Revision, Fingerprint);

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.incident, self.number)
    }
}

impl From<&str> for PlaybookId {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&str> for Fingerprint {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}
