//! What an answer in JSON must hold: a path, and a condition on what it selects. Pure.
//!
//! Paths are JSONPath (RFC 9535). Both the `http` action and the probe speak it.

use crate::domain::target::cut;
use crate::domain::template::is_template;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json_path::JsonPath;
use std::collections::BTreeMap;

/// `"$.models[*].name": "qwen3"`, or a condition: `"$.devices[0].vram_free": { at_least: 2000000000 }`.
///
/// Several paths must all hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Expectations(BTreeMap<String, Value>);

/// At least one of these; all that are given must hold. `is`, `at_least`, `at_most` and `matches` hold when **some** value
/// that the path selects fits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCondition {
    is: Option<Value>,
    /// No selected value is that; also where nothing is selected.
    is_not: Option<Value>,
    at_least: Option<Number>,
    at_most: Option<Number>,
    /// A regular expression that fits some part of a text.
    matches: Option<String>,
    /// Whether the path selects anything.
    exists: Option<bool>,
}

/// A number, or a text with one: a template becomes a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a number")]
pub enum Number {
    Plain(f64),
    Text(String),
}

/// Ready to judge an answer.
#[derive(Clone, Debug, Default)]
pub struct Expected(Vec<(String, JsonPath, Condition)>);

#[derive(Clone, Debug, Default)]
struct Condition {
    is: Option<Value>,
    is_not: Option<Value>,
    at_least: Option<f64>,
    at_most: Option<f64>,
    matches: Option<Regex>,
    exists: Option<bool>,
}

/// Of what was found, in a message.
const SHOWN: usize = 3;

// === impl Expectations ===

impl Expectations {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What can be checked before the templates are filled in.
    ///
    /// # Errors
    /// Which path or condition, and what would be right.
    pub fn check(&self) -> Result<(), String> {
        self.0.iter().try_for_each(|(path, wanted)| {
            json_path(path)?;
            raw(path, wanted)?.check().map_err(|why| format!("expect {:?}: {why}", cut(path)))
        })
    }

    /// # Errors
    /// As [`Expectations::check`], after the templates are filled in.
    pub fn parse(&self) -> Result<Expected, String> {
        let each = self.0.iter().map(|(path, wanted)| {
            let condition = raw(path, wanted)?.parse().map_err(|why| format!("expect {:?}: {why}", cut(path)))?;
            Ok((path.clone(), json_path(path)?, condition))
        });
        each.collect::<Result<_, String>>().map(Expected)
    }
}

/// `$…` as it is; `models.0.name` is short for `$['models'][0]['name']`.
fn json_path(text: &str) -> Result<JsonPath, String> {
    if is_template(text) {
        return Err(format!("expect {:?}: a path holds no template; put it into the value", cut(text)));
    }
    let plain = |piece: &str| !piece.is_empty() && piece.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let long = match text.starts_with('$') {
        true => text.to_owned(),
        false if text.split('.').all(plain) => {
            let piece = |piece: &str| match piece.parse::<u32>() {
                Ok(index) => format!("[{index}]"),
                Err(_) => format!("['{piece}']"),
            };
            format!("${}", text.split('.').map(piece).collect::<String>())
        }
        false => format!("$.{text}"),
    };
    let wrong = |error| format!("expect {:?} is no JSONPath: {error}; write it as in `$.models[*].name`", cut(text));
    JsonPath::parse(&long).map_err(|error| wrong(error.to_string()))
}

fn raw(path: &str, wanted: &Value) -> Result<RawCondition, String> {
    match wanted {
        Value::Object(_) => serde_json::from_value(wanted.clone()).map_err(|error| format!("expect {:?}: {error}", cut(path))),
        Value::Array(_) => Err(format!("expect {:?}: a list is no condition", cut(path))),
        plain => Ok(RawCondition { is: Some(plain.clone()), ..RawCondition::default() }),
    }
}

// === impl RawCondition ===

impl RawCondition {
    fn check(&self) -> Result<(), String> {
        if *self == Self::default() {
            return Err("it is empty: give is, is_not, at_least, at_most, matches or exists".to_owned());
        }
        for number in [&self.at_least, &self.at_most].into_iter().flatten() {
            number.check()?;
        }
        match &self.matches {
            Some(pattern) if !is_template(pattern) => regex(pattern).map(drop),
            _ => Ok(()),
        }
    }

    fn parse(self) -> Result<Condition, String> {
        self.check()?;
        let Self { is, is_not, at_least, at_most, matches, exists } = self;
        Ok(Condition {
            is,
            is_not,
            at_least: at_least.map(|number| number.value()).transpose()?,
            at_most: at_most.map(|number| number.value()).transpose()?,
            matches: matches.map(|pattern| regex(&pattern)).transpose()?,
            exists,
        })
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|_| format!("{:?} is no regular expression", cut(pattern)))
}

// === impl Number ===

impl Number {
    /// # Errors
    /// No number, as far as it shows before the templates are filled in.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Text(text) if is_template(text) => Ok(()),
            _ => self.value().map(drop),
        }
    }

    /// # Errors
    /// No finite number.
    pub fn value(&self) -> Result<f64, String> {
        let value = match self {
            Self::Plain(value) => Some(*value),
            Self::Text(text) => text.trim().parse().ok(),
        };
        value.filter(|value: &f64| value.is_finite()).ok_or_else(|| match self {
            Self::Plain(value) => format!("{value} is no finite number"),
            Self::Text(text) => format!("{:?} is no number", cut(text)),
        })
    }
}

// === impl Expected ===

impl Expected {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What does not hold of the answer first, with what was found there.
    pub fn unmet(&self, answer: &Value) -> Option<String> {
        self.0.iter().find_map(|(path, query, condition)| {
            let found = query.query(answer).all();
            condition.unmet(&found).map(|why| format!("{}: {why}{}", cut(path), shown(&found)))
        })
    }
}

fn shown(found: &[&Value]) -> String {
    let some: Vec<String> = found.iter().take(SHOWN).map(|value| cut(&value.to_string())).collect();
    match found.len() {
        0 => ", nothing is there".to_owned(),
        more if more > SHOWN => format!(", found {} and {} more", some.join(", "), more - SHOWN),
        _ => format!(", found {}", some.join(", ")),
    }
}

// === impl Condition ===

impl Condition {
    fn unmet(&self, found: &[&Value]) -> Option<String> {
        let some = |fits: &dyn Fn(&Value) -> bool| found.iter().any(|value| fits(value));
        let number = |fits: &dyn Fn(f64) -> bool| some(&|value| as_number(value).is_some_and(fits));
        if let Some(wanted) = &self.is
            && !some(&|value| is_same(wanted, value))
        {
            return Some(format!("none is {}", cut(&wanted.to_string())));
        }
        if let Some(unwanted) = &self.is_not
            && some(&|value| is_same(unwanted, value))
        {
            return Some(format!("one is {}", cut(&unwanted.to_string())));
        }
        if let Some(least) = self.at_least
            && !number(&|value| value >= least)
        {
            return Some(format!("none is at least {least}"));
        }
        if let Some(most) = self.at_most
            && !number(&|value| value <= most)
        {
            return Some(format!("none is at most {most}"));
        }
        if let Some(pattern) = &self.matches
            && !some(&|value| value.as_str().is_some_and(|text| pattern.is_match(text)))
        {
            return Some(format!("none matches {:?}", cut(pattern.as_str())));
        }
        match self.exists {
            Some(true) if found.is_empty() => Some("it is not there".to_owned()),
            Some(false) if !found.is_empty() => Some("it is there".to_owned()),
            _ => None,
        }
    }
}

/// `1` is `1.0`; a text is also a number or truth value of the same spelling, because templates make texts.
fn is_same(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Number(_), Value::Number(_)) => as_number(wanted) == as_number(found),
        (Value::String(text), Value::Number(_) | Value::Bool(_)) => *text == found.to_string(),
        _ => wanted == found,
    }
}

fn as_number(value: &Value) -> Option<f64> {
    value.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expectations(text: Value) -> Expectations {
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn a_condition_holds_of_some_value() {
        let tags = json!({
            "models": [{ "name": "qwen3:8b", "size": 5_200_000_000_u64 }, { "name": "nomic", "size": 1 }],
            "ready": true, "count": 2, "none": null, "free": 1.5
        });
        for (expected, unmet) in [
            (json!({ "$.models[*].name": "nomic" }), None),
            (json!({ "$.models[?@.name == 'nomic'].size": { "at_least": 1 } }), None),
            (json!({ "models.0.name": "qwen3:8b" }), None),
            (json!({ "models[*].name": { "matches": "^qwen3" } }), None),
            (json!({ "ready": true, "count": "2", "free": { "at_least": "1.5", "at_most": 1.5 } }), None),
            (json!({ "count": 2.0, "none": null, "gone": { "exists": false } }), None),
            (json!({ "$.models[*].name": { "is_not": "llama" } }), None),
            (json!({ "$.models[*].name": "llama" }), Some("$.models[*].name: none is \"llama\", found \"qwen3:8b\", \"nomic\"")),
            (json!({ "models[*].size": { "at_most": 0 } }), Some("models[*].size: none is at most 0, found 5200000000, 1")),
            (json!({ "ready": { "is_not": true } }), Some("ready: one is true, found true")),
            (json!({ "error": { "exists": true } }), Some("error: it is not there, nothing is there")),
            (json!({ "ready": { "exists": false } }), Some("ready: it is there, found true")),
            (json!({ "ready": "yes" }), Some("ready: none is \"yes\", found true")),
            (json!({ "count": { "matches": "2" } }), Some("count: none matches \"2\", found 2")),
        ] {
            let judge = expectations(expected.clone()).parse().unwrap();
            assert_eq!(judge.unmet(&tags).as_deref(), unmet, "{expected}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_when_read() {
        for (expected, part) in [
            (json!({ "$.a[": 1 }), "no JSONPath"),
            (json!({ "$.{{ vars.a }}": 1 }), "holds no template"),
            (json!({ "a": [1] }), "a list is no condition"),
            (json!({ "a": {} }), "it is empty"),
            (json!({ "a": { "at_lest": 1 } }), "unknown field `at_lest`"),
            (json!({ "a": { "at_least": "many" } }), "no number"),
            (json!({ "a": { "matches": "(" } }), "no regular expression"),
        ] {
            let error = expectations(expected.clone()).check().unwrap_err();
            assert!(error.contains(part), "{expected}: {error}");
        }
        let later = expectations(json!({ "a": { "at_least": "{{ vars.least }}", "matches": "{{ vars.name }}(" } }));
        later.check().unwrap();
        assert!(later.parse().is_err());
    }
}
