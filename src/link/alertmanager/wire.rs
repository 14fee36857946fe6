//! What stands in Alertmanager's answers (API v2, versions 0.25 to 0.34), as far as heald reads it.
//!
//! Fields that are not known are passed over; one that is needed and does not fit makes the answer unreadable.

use crate::domain::alert::{Labels, ListedAlert};
use crate::domain::decide::SILENCED_BY;
use crate::domain::id::Fingerprint;
use crate::domain::target::cut;
use jiff::Timestamp;
use serde::Deserialize;

/// An alert that fires by Alertmanager's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub fingerprint: Fingerprint,
    state: State,
    silences: Vec<String>,
    inhibitors: Vec<String>,
}

/// What is true of some alerts together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// At least one fires, and nothing suppresses it.
    Firing,
    /// All that fire are suppressed; by these, sorted.
    Suppressed {
        silences: Vec<String>,
        inhibitors: Vec<String>,
    },
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Active,
    /// New; whether something suppresses it was not looked at yet.
    Unprocessed,
    Suppressed,
    #[serde(untagged)]
    Other(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    fingerprint: Fingerprint,
    ends_at: Option<Timestamp>,
    status: RawStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStatus {
    state: State,
    #[serde(default)]
    silenced_by: Vec<String>,
    #[serde(default)]
    inhibited_by: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawWhole {
    fingerprint: Fingerprint,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    labels: Labels,
    #[serde(default)]
    annotations: Labels,
}

/// `now` is the answer's own `Date`: two machines' clocks differ, and a wrong one must not make an alert end.
pub(super) fn listed(body: &[u8], now: Timestamp) -> Result<Vec<Listed>, String> {
    let all: Vec<Raw> = parse(body)?;
    let firing = all.into_iter().filter(|raw| fires(raw.ends_at, now));
    Ok(firing
        .map(|Raw { fingerprint, status, .. }| Listed {
            fingerprint,
            state: status.state,
            silences: status.silenced_by,
            inhibitors: status.inhibited_by,
        })
        .collect())
}

/// Sorted by fingerprint.
pub(super) fn listed_alerts(body: &[u8], now: Timestamp) -> Result<Vec<ListedAlert>, String> {
    let all: Vec<RawWhole> = parse(body)?;
    let firing = all.into_iter().filter(|raw| fires(raw.ends_at, now));
    let mut listed: Vec<ListedAlert> = firing
        .map(|RawWhole { fingerprint, starts_at, labels, annotations, .. }| ListedAlert {
            fingerprint,
            starts_at,
            labels,
            annotations,
        })
        .collect();
    listed.sort_by(|one, two| one.fingerprint.cmp(&two.fingerprint));
    Ok(listed)
}

/// # Errors
/// A state that is not known: nothing may be concluded from it.
pub(super) fn standing(listed: &[Listed], wanted: &[Fingerprint]) -> Result<Standing, String> {
    let mine = || listed.iter().filter(|listed| wanted.contains(&listed.fingerprint));
    if mine().any(|listed| matches!(listed.state, State::Active | State::Unprocessed)) {
        return Ok(Standing::Firing);
    }
    if let Some(State::Other(word)) = mine().map(|listed| &listed.state).find(|state| matches!(state, State::Other(_))) {
        return Err(format!("it names the state {:?}, which is not known", cut(word)));
    }
    if mine().next().is_none() {
        return Ok(Standing::Gone);
    }
    let sorted = |of: fn(&Listed) -> &Vec<String>| {
        let mut all: Vec<String> = mine().flat_map(of).cloned().collect();
        all.sort();
        all.dedup();
        all
    };
    Ok(Standing::Suppressed { silences: sorted(|listed| &listed.silences), inhibitors: sorted(|listed| &listed.inhibitors) })
}

/// Whose silence it is, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Silence {
    pub id: String,
    pub comment: String,
    pub created_by: String,
    pub status: SilenceStatus,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct SilenceStatus {
    /// active, pending or expired
    pub state: String,
}

// === impl Silence ===

impl Silence {
    /// Made by heald while it repaired, for the incident that the comment names.
    pub fn is_own(&self, comment: &str) -> bool {
        self.created_by == SILENCED_BY && self.comment == comment
    }

    /// `ops: swap of the disk`, on one line.
    pub fn text(&self) -> Option<String> {
        match (self.created_by.is_empty(), self.comment.is_empty()) {
            (true, true) => None,
            (false, true) => Some(format!("by {}", cut(&self.created_by))),
            (true, false) => Some(cut(&self.comment)),
            (false, false) => Some(format!("{}: {}", cut(&self.created_by), cut(&self.comment))),
        }
    }
}

pub(super) fn silence(body: &[u8]) -> Option<Silence> {
    parse(body).ok()
}

pub(super) fn silences(body: &[u8]) -> Result<Vec<Silence>, String> {
    parse(body)
}

/// As a matcher's value; both of Alertmanager's parsers, the classic and the UTF-8 one, undo just these three.
pub(super) fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// The header of that name.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// Go's zero time means that no end is known.
fn fires(ends_at: Option<Timestamp>, now: Timestamp) -> bool {
    ends_at.is_none_or(|end| end > now || end < Timestamp::UNIX_EPOCH)
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("its answer can't be read: {}", cut(&error.to_string())))
}
