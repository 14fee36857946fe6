//! The webhook's body, version 4 (Alertmanager) or 1 (Grafana), into alerts that are checked and bounded.
//!
//! Unknown fields are taken: both senders add some now and then. One bad alert
//! is refused with its reason and the others are kept, because a 4xx for the
//! whole body would come back at every group interval.

use crate::domain::alert::{Alert, AlertStatus, Labels};
use crate::domain::id::Fingerprint;
use crate::domain::target::cut;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Write};

/// What a body held.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    pub alerts: Vec<Alert>,
    pub refused: Vec<Refused>,
    /// Alerts with a fingerprint that came again later in the body; the later one counts.
    pub repeated: usize,
    /// Alerts that the sender left out (`max_alerts`).
    pub truncated: u64,
}

/// An alert that can't be taken, by its place in the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub index: usize,
    pub reason: String,
}

/// Alertmanager sets no limit; a rule has some twenty.
const PAIRS_MAX: usize = 256;
/// All names and values together: twice the largest that was met in the field.
const TEXT_MAX: usize = 128 * 1_024;
/// A longer annotation is kept cut: it is for people to read.
const ANNOTATION_MAX: usize = 4 * 1_024;
const FINGERPRINT_MAX: usize = 128;

/// # Errors
/// Why nothing of the body can be used, with the place.
pub fn read(body: &[u8]) -> Result<Batch, String> {
    let raw: RawBody<'_> = object(body)?;
    if let Some(version) = raw.version.as_deref().filter(|version| !matches!(*version, "4" | "1")) {
        return Err(format!("version {:?} is not known: heald takes \"4\" (Alertmanager) and \"1\" (Grafana)", cut(version)));
    }
    let Some(raw_alerts) = raw.alerts else {
        return Err("\"alerts\" is missing: is this Alertmanager's default webhook body?".to_owned());
    };
    let mut batch = Batch {
        alerts: Vec::with_capacity(raw_alerts.len()),
        refused: Vec::new(),
        repeated: 0,
        truncated: raw.truncated.unwrap_or(0),
    };
    let mut places = HashMap::with_capacity(raw_alerts.len());
    for (index, raw) in raw_alerts.iter().enumerate() {
        match read_alert(raw.get()) {
            Err(reason) => batch.refused.push(Refused { index, reason }),
            Ok(alert) => {
                if let Some(place) = places.get(&alert.fingerprint) {
                    let place: usize = *place;
                    batch.alerts[place] = alert;
                    batch.repeated += 1;
                } else {
                    places.insert(alert.fingerprint.clone(), batch.alerts.len());
                    batch.alerts.push(alert);
                }
            }
        }
    }
    Ok(batch)
}

fn read_alert(text: &str) -> Result<Alert, String> {
    let raw: RawAlert<'_> = object(text.as_bytes()).map_err(|error| without_place(&error))?;
    let status = match raw.status.as_deref() {
        Some("firing") => AlertStatus::Firing,
        Some("resolved") => AlertStatus::Resolved,
        Some(other) => return Err(format!("status {:?}: only \"firing\" and \"resolved\" are known", cut(other))),
        None => return Err("status is missing: \"firing\" or \"resolved\"".to_owned()),
    };
    let starts_at = raw.starts_at.ok_or("startsAt is missing: a time such as 2026-11-22T01:47:01Z")?;
    let starts_at = starts_at
        .parse()
        .map_err(|_| format!("startsAt {:?} is no time: write it like 2026-11-22T01:47:01Z", cut(&starts_at)))?;
    let Pairs(labels) = raw.labels.unwrap_or_default();
    check_size("labels", &labels)?;
    let Cuts(annotations) = raw.annotations.unwrap_or_default();
    check_size("annotations", &annotations)?;
    let fingerprint = match raw.fingerprint.as_deref() {
        Some(text) if is_fingerprint(text) => Fingerprint::from(text),
        _ => fingerprint(&labels),
    };
    Ok(Alert { fingerprint, status, starts_at, labels, annotations })
}

/// An object only: serde would take an array for a struct, field by field.
fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => serde_json::from_slice(body).map_err(|error| format!("it can't be read: {error}")),
        Some(_) => Err(match serde_json::from_slice::<&RawValue>(body) {
            Ok(value) => format!("{} is no JSON object", cut(value.get())),
            Err(error) => format!("it is no JSON: {error}"),
        }),
        None => Err("it is empty".to_owned()),
    }
}

/// Within one alert the place is of no use to the reader: it counts from the alert's own start.
fn without_place(error: &str) -> String {
    let error = error.rsplit_once(" at line ").map_or(error, |(reason, _)| reason);
    error.strip_prefix("it can't be read: ").unwrap_or(error).to_owned()
}

fn check_size(what: &str, pairs: &Labels) -> Result<(), String> {
    let size: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > TEXT_MAX {
        return Err(format!("the {what} take {size} bytes: at most {TEXT_MAX} are taken"));
    }
    Ok(())
}

/// Any plain word will do; what could upset a log or a page is replaced by heald's own.
fn is_fingerprint(text: &str) -> bool {
    !text.is_empty() && text.len() <= FINGERPRINT_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// For senders that name none: 16 hex digits over the sorted labels. 0xff can't occur in UTF-8, so it separates.
fn fingerprint(labels: &Labels) -> Fingerprint {
    let mut hash = Sha256::new();
    for (name, value) in labels {
        hash.update(name);
        hash.update([0xff]);
        hash.update(value);
        hash.update([0xff]);
    }
    let text = hash.finalize()[..8].iter().fold(String::with_capacity(16), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    Fingerprint(text.into())
}

#[derive(Deserialize)]
struct RawBody<'a> {
    #[serde(borrow, default)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    alerts: Option<Vec<&'a RawValue>>,
    #[serde(rename = "truncatedAlerts", default)]
    truncated: Option<u64>,
}

#[derive(Deserialize)]
struct RawAlert<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "startsAt", default)]
    starts_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    fingerprint: Option<Cow<'a, str>>,
    #[serde(default)]
    labels: Option<Pairs>,
    #[serde(default)]
    annotations: Option<Cuts>,
}

/// Labels: names and values, all of them strings.
#[derive(Default)]
struct Pairs(Labels);

/// Annotations: long ones are cut while they are read, so that a huge one is never held.
#[derive(Default)]
struct Cuts(Labels);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(PairVisitor { what: "labels", value_max: None }).map(Self)
    }
}

impl<'de> Deserialize<'de> for Cuts {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(PairVisitor { what: "annotations", value_max: Some(ANNOTATION_MAX) }).map(Self)
    }
}

struct PairVisitor {
    what: &'static str,
    value_max: Option<usize>,
}

impl<'de> Visitor<'de> for PairVisitor {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as an object", self.what)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Labels, M::Error> {
        let mut pairs = Labels::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(PairValue { what: self.what, name: &name, max: self.value_max })?;
            pairs.insert(name, value);
            if pairs.len() > PAIRS_MAX {
                return Err(M::Error::custom(format_args!("more than {PAIRS_MAX} {}", self.what)));
            }
        }
        Ok(pairs)
    }
}

/// One value; its errors name it.
struct PairValue<'n> {
    what: &'static str,
    name: &'n str,
    max: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for PairValue<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<String, D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for PairValue<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string as the value of {:?} in the {}", cut(self.name), self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        let Some(max) = self.max.filter(|max| text.len() > *max) else { return Ok(text.to_owned()) };
        let mut end = max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Ok(format!("{}… [cut, {} bytes in all]", &text[..end], text.len()))
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
