//! What must be in a database: queries with one value as their answer.

use crate::domain::target::cut;
use crate::domain::template::is_template;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `{ query: "SELECT count(*) FROM orders", at_least: 1 }`: exactly one of `is` and `at_least`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// One SELECT, whose first column of its first row counts. No templates: a label must not become SQL.
    query: String,
    /// The value itself: a text, a number, true, false or null.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    is: Option<Value>,
    /// A number that the value must not be below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    pub query: String,
    wanted: Wanted,
}

#[derive(Clone, Debug, PartialEq)]
enum Wanted {
    Is(Value),
    AtLeast(f64),
}

const QUERIES_MAX: usize = 20;
/// Of a text that goes into the facts.
const SHOWN: usize = 200;

/// `is: null` is a value, too.
fn some<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(input).map(Some)
}

// === impl Expected ===

impl Expected {
    /// # Errors
    /// What does not fit.
    pub fn all(expected: &[Self]) -> Result<Vec<Expect>, String> {
        if expected.len() > QUERIES_MAX {
            return Err(format!("expect: {} queries, and {QUERIES_MAX} at most", expected.len()));
        }
        expected.iter().map(Self::parse).collect()
    }

    fn parse(&self) -> Result<Expect, String> {
        let query = self.query.trim();
        let refuse = |why: &str| Err(format!("query {:?}: {why}", cut(query)));
        if is_template(query) {
            return refuse("it holds a template, and a label must not become SQL");
        }
        let first = query.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        if !matches!(first.as_str(), "SELECT" | "WITH") {
            return refuse("only SELECT is taken");
        }
        let wanted = match (&self.is, self.at_least) {
            (Some(value), None) if !value.is_array() && !value.is_object() => Wanted::Is(value.clone()),
            (None, Some(number)) if number.is_finite() => Wanted::AtLeast(number),
            _ => return refuse("write `is:` with one value, or `at_least:` with a number"),
        };
        Ok(Expect { query: query.to_owned(), wanted })
    }
}

// === impl Expect ===

impl Expect {
    pub fn at_least(query: &str, min: f64) -> Self {
        Self { query: query.to_owned(), wanted: Wanted::AtLeast(min) }
    }

    pub(super) fn ask(&self, connection: &Connection) -> rusqlite::Result<Value> {
        connection.query_row(&self.query, [], |row| {
            Ok(match row.get_ref(0)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).chars().take(SHOWN).collect::<String>().into(),
                ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()).into(),
            })
        })
    }

    /// # Errors
    /// What it is instead.
    pub(super) fn judge(&self, found: &Value) -> Result<(), String> {
        let query = &self.query;
        match &self.wanted {
            Wanted::AtLeast(min) => match found.as_f64() {
                Some(number) if number >= *min => Ok(()),
                Some(_) => Err(format!("`{query}` gives {found}, and at least {min} is expected")),
                None => Err(format!("`{query}` gives {found}, and a number is expected")),
            },
            // SQLite has no booleans, and 1 is 1.0 to it.
            Wanted::Is(Value::Bool(wanted)) if found.as_i64() == Some(i64::from(*wanted)) => Ok(()),
            Wanted::Is(wanted) if wanted == found || (wanted.is_number() && wanted.as_f64() == found.as_f64()) => Ok(()),
            Wanted::Is(wanted) => Err(format!("`{query}` gives {found}, and {wanted} is expected")),
        }
    }
}
