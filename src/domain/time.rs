//! Time as decisions see it: passed in, never asked for.
//!
//! heald's own time never runs backwards and no clock step enlarges a budget
//! (see `run/clock.rs`, the only file that reads a clock).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// Milliseconds since the Unix epoch on heald's own, never decreasing clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

/// A duration as Prometheus and Alertmanager write it: `30s`, `5m`, `1h30m`, `500ms`, `1d`.
///
/// Serialised in the same form. Range: 1 ms to 366 days, except where a field says that `0s` is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

// === impl Time ===

impl Time {
    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;
    fn add(self, span: Duration) -> Time {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Time(self.0.saturating_add(millis))
    }
}

/// RFC 3339 in UTC with milliseconds, as every interface of heald prints it.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(stamp) => write!(f, "{stamp:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

// === impl Span ===

const UNITS: [(&str, u64); 7] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000), ("y", 31_536_000_000)];

const SPAN_MAX: Duration = Duration::from_secs(366 * 86_400);

impl std::str::FromStr for Span {
    type Err = String;

    /// Prometheus's grammar: numbers with a unit each, units only once and from large to small.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{text:?} is no duration: {why} (write 30s, 5m or 1h30m)");
        if text == "0" {
            return Ok(Span(Duration::ZERO));
        }
        let mut rest = text;
        let mut millis: u64 = 0;
        let mut last_unit = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| wrong("it lacks a unit"))?;
            let number: u64 = rest[..digits].parse().map_err(|_| wrong("a number is missing"))?;
            rest = &rest[digits..];
            let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let unit = &rest[..end];
            let factor = UNITS
                .iter()
                .find_map(|(name, factor)| (*name == unit).then_some(*factor))
                .ok_or_else(|| wrong(&format!("unit {unit:?} is unknown")))?;
            if factor >= last_unit {
                return Err(wrong("units go from large to small, each once"));
            }
            last_unit = factor;
            millis =
                number.checked_mul(factor).and_then(|part| millis.checked_add(part)).ok_or_else(|| wrong("it is too long"))?;
            rest = &rest[end..];
        }
        let span = Duration::from_millis(millis);
        match text {
            "" => Err(wrong("it is empty")),
            _ if span > SPAN_MAX => Err(wrong("at most 366 days")),
            _ => Ok(Span(span)),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return f.write_str("0s");
        }
        for (unit, factor) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
            if millis >= factor {
                write!(f, "{}{unit}", millis / factor)?;
                millis %= factor;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_prometheus_reads_them() {
        for (text, millis) in [("30s", 30_000), ("1h30m", 5_400_000), ("500ms", 500), ("1d", 86_400_000), ("0s", 0)] {
            assert_eq!(text.parse::<Span>().unwrap().0.as_millis(), millis, "{text}");
        }
        for text in ["", "5", "-1s", "1 day", "5x", "1m1h", "1s1s", "10000h", "s", "99999999999999999999s"] {
            let error = text.parse::<Span>().unwrap_err();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn durations_print_as_they_are_read() {
        for text in ["30s", "1h30m", "500ms", "1d", "0s", "1m2s3ms"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn time_saturates_instead_of_wrapping() {
        assert_eq!(Time(5).since(Time(9)), Duration::ZERO);
        assert_eq!(Time(i64::MAX) + Duration::from_secs(1), Time(i64::MAX));
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00.000Z");
    }
}
