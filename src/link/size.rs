//! A number of bytes as people write it: `500MB`, `2GiB`; what the configuration reads is in domain/size.rs.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A whole number with its unit; the same units as in heald's configuration. Serialised in the largest unit that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

// === impl Size ===

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let factor = UNITS.iter().find(|(known, _)| *known == unit.trim()).map(|(_, factor)| *factor);
        match (digits.parse::<u64>(), factor) {
            (Ok(number), Some(factor)) => number.checked_mul(factor).filter(|bytes| *bytes > 0).map(Self),
            _ => None,
        }
        .ok_or_else(|| {
            let units = UNITS.map(|(unit, _)| unit).join(", ");
            format!("{:?} is no size: a whole number with {units}, as in 10MB", crate::domain::target::cut(text))
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = UNITS.iter().filter(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor));
        let (unit, factor) = fits.max_by_key(|(_, factor)| *factor).unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+ ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$",
            "examples": ["100MB", "2GiB"],
        })
    }
}

/// For people: `1.4 GB`.
pub fn words(bytes: u64) -> String {
    let (unit, factor) = UNITS[1..5].iter().rev().find(|(_, factor)| bytes >= *factor).unwrap_or(&UNITS[0]);
    match factor {
        1 => format!("{bytes} B"),
        _ => format!("{:.1} {unit}", bytes as f64 / *factor as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes, again) in [
            ("1B", 1, "1B"),
            ("100MB", 100_000_000, "100MB"),
            ("1000MB", 1_000_000_000, "1GB"),
            ("2 GiB", 2 << 30, "2GiB"),
            ("1536KiB", 1536 << 10, "1536KiB"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, again), "{text}");
            assert_eq!(again.parse(), Ok(size));
        }
        for text in ["", "5", "MB", "5mb", "-1MB", "1.5GB", "0MB", "99999999999TB", "5 M B"] {
            assert!(text.parse::<Size>().unwrap_err().contains("as in 10MB"), "{text:?}");
        }
        assert_eq!([words(0), words(999), words(1_440_000_000)], ["0 B", "999 B", "1.4 GB"]);
    }
}
