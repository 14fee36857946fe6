//! Sizes as people write them, `10MB`, and shares of a whole, `10%`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Bytes: a whole number with a unit, as in `10MB` or `512KiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

/// `500MB`, or a share of the whole: `10%`, `7.5%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    Bytes(Size),
    /// In tenths: 0 to 1000.
    PerMille(u16),
}

/// The largest first.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

// === impl Size ===

impl Size {
    /// In the unit that makes the shortest whole number.
    fn exact(self) -> Option<(u64, &'static str)> {
        let whole = UNITS.iter().filter(|(_, factor)| self.0.is_multiple_of(*factor));
        whole.map(|(unit, factor)| (self.0 / factor, *unit)).min_by_key(|(number, _)| *number).filter(|_| self.0 > 0)
    }
}

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let factor = UNITS.iter().find(|(known, _)| *known == unit.trim()).map(|(_, factor)| *factor);
        match (digits.parse::<u64>(), factor) {
            (Ok(number), Some(factor)) => number.checked_mul(factor).map(Size),
            _ => None,
        }
        .ok_or_else(|| {
            let text = super::target::cut(text);
            format!("{text:?} is no size: a whole number with B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, as in 10MB")
        })
    }
}

/// To three digits, for people: `1.2MB`. Whole sizes print as they are read.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        if let Some((number, unit)) = self.exact().filter(|(number, _)| *number < 10_000) {
            return write!(f, "{number}{unit}");
        }
        for (unit, factor) in UNITS.into_iter().filter(|(unit, _)| !unit.contains('i')) {
            if bytes >= factor {
                let tenths = bytes / (factor / 10).max(1);
                return write!(f, "{}.{}{unit}", tenths / 10, tenths % 10);
            }
        }
        f.write_str("0B")
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        // Exactly: it is read again.
        let (number, unit) = self.exact().unwrap_or((self.0, "B"));
        out.collect_str(&format_args!("{number}{unit}"))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

/// For people, always with one digit behind the point: `1.4 GB`.
pub fn words(bytes: u64) -> String {
    let decimal = UNITS.iter().filter(|(unit, factor)| !unit.contains('i') && *factor > 1);
    match decimal.into_iter().find(|(_, factor)| bytes >= *factor) {
        Some((unit, factor)) => {
            let tenths = bytes / (factor / 10);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

// === impl Amount ===

impl Amount {
    /// In bytes of a whole.
    pub fn of(self, whole: u64) -> u64 {
        match self {
            Self::Bytes(Size(bytes)) => bytes,
            Self::PerMille(share) => u64::try_from(u128::from(whole) * u128::from(share) / 1_000).unwrap_or(u64::MAX),
        }
    }
}

impl std::str::FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(number) = text.strip_suffix('%') else { return text.parse().map(Self::Bytes) };
        let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str, max: usize| !text.is_empty() && text.len() <= max && text.bytes().all(|b| b.is_ascii_digit());
        if digits(whole, 3) && digits(tenth, 1) {
            let share = whole.parse::<u16>().unwrap_or(u16::MAX).saturating_mul(10) + tenth.parse::<u16>().unwrap_or(0);
            if share <= 1_000 {
                return Ok(Self::PerMille(share));
            }
        }
        Err(format!("{:?} is no share: write 0% to 100%, with one decimal at most", super::target::cut(text)))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(size) => size.fmt(f),
            Self::PerMille(share) if share % 10 == 0 => write!(f, "{}%", share / 10),
            Self::PerMille(share) => write!(f, "{}.{}%", share / 10, share % 10),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bytes(size) => size.serialize(out),
            Self::PerMille(_) => out.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [("10MB", 10_000_000), ("4KiB", 4_096), ("0B", 0), ("1 GB", 1_000_000_000)] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "10", "MB", "1.5MB", "-1B", "10mb", "99999999999TB"] {
            assert!(text.parse::<Size>().unwrap_err().contains("no size"), "{text}");
        }
        for bytes in [0, 1, 999, 1_000, 4_096, 1_234_567, u64::MAX] {
            let text = serde_json::to_string(&Size(bytes)).unwrap();
            assert_eq!(serde_json::from_str::<Size>(&text).unwrap(), Size(bytes), "{text}");
        }
        assert_eq!(Size(1_234_567).to_string(), "1.2MB");
        assert_eq!(Size(4_096).to_string(), "4KiB");
    }

    #[test]
    fn amounts_are_sizes_or_shares() {
        assert_eq!("10%".parse::<Amount>().unwrap().of(2_000), 200);
        assert_eq!("7.5%".parse::<Amount>().unwrap().of(1_000), 75);
        assert_eq!("100MB".parse::<Amount>().unwrap().of(1), 100_000_000);
        for text in ["101%", "%", "1.25%", "-1%", "x%"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
        assert_eq!("7.5%".parse::<Amount>().unwrap().to_string(), "7.5%");
    }
}
