//! Time intervals in the form of Alertmanager's `time_intervals`, with a named time zone.
//!
//! What counts is the clock on the wall of that zone, as in Alertmanager: an hour that the zone skips is in no
//! interval, an hour that it repeats is in it twice. Two differences: the zone is always named, and an end before
//! its start means overnight. The zone is handed in; nothing here reads a file.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The intervals under one name; any of them is enough.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intervals(pub Vec<Interval>);

/// One entry: everything that it names must hold; of a list, one item. An empty list asks for nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    pub times: Vec<TimeRange>,
    /// Sunday is 0.
    pub weekdays: Vec<RangeInclusive<i8>>,
    pub days_of_month: Vec<DayRange>,
    /// January is 1.
    pub months: Vec<RangeInclusive<i8>>,
    pub years: Vec<RangeInclusive<i16>>,
    pub zone: TimeZone,
}

/// Minutes since midnight, without `end`. With `end` before `start` it goes on into the next day, and the
/// conditions on the day are those of the day on which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// 0 to 1439.
    pub start: u16,
    /// 0 to 1440; never the same as `start`.
    pub end: u16,
}

/// Days of a month, both ends included; negative ones count from its end: -1 is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    pub first: i8,
    pub last: i8,
}

/// How far ahead an end or a begin is looked for; who waits longer asks again.
pub const AHEAD_MAX: Duration = Duration::from_secs(8 * 86_400);
const DAY: i64 = 86_400;

// === impl Intervals ===

impl Intervals {
    pub fn contains(&self, at: Timestamp) -> bool {
        self.0.iter().any(|interval| interval.contains(at))
    }

    /// When the present match is over; None where there is none, or where it lasts longer than [`AHEAD_MAX`].
    pub fn end(&self, at: Timestamp) -> Option<Timestamp> {
        if self.contains(at) { self.change(at) } else { None }
    }

    /// When the next match begins; None where there is one now, or none within [`AHEAD_MAX`].
    pub fn begin(&self, at: Timestamp) -> Option<Timestamp> {
        if self.contains(at) { None } else { self.change(at) }
    }

    /// Goes from one moment at which anything may change to the next: a few for each day.
    fn change(&self, at: Timestamp) -> Option<Timestamp> {
        let (now, limit) = (self.contains(at), at.checked_add(AHEAD_MAX).ok()?);
        let mut next = at;
        loop {
            next = self.0.iter().filter_map(|interval| interval.border(next)).min()?;
            if next > limit {
                return None;
            }
            if self.contains(next) != now {
                return Some(next);
            }
        }
    }
}

// === impl Interval ===

impl Interval {
    fn contains(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at);
        let minute = 60 * local.hour().unsigned_abs() as u16 + local.minute().unsigned_abs() as u16;
        if self.times.is_empty() {
            return self.on(local.date());
        }
        let began_today = self.times.iter().any(|range| minute >= range.start && (range.overnight() || minute < range.end));
        let began_yesterday = self.times.iter().any(|range| range.overnight() && minute < range.end);
        (began_today && self.on(local.date())) || (began_yesterday && local.date().yesterday().is_ok_and(|date| self.on(date)))
    }

    /// The conditions on the day.
    fn on(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset();
        any(&self.weekdays, |days| days.contains(&weekday))
            && any(&self.days_of_month, |days| days.contains(date))
            && any(&self.months, |months| months.contains(&date.month()))
            && any(&self.years, |years| years.contains(&date.year()))
    }

    /// The next moment at which it may begin or end. Up to the zone's next shift its clock runs evenly.
    fn border(&self, at: Timestamp) -> Option<Timestamp> {
        let local = self.zone.to_datetime(at);
        let second = 3_600 * i64::from(local.hour()) + 60 * i64::from(local.minute()) + i64::from(local.second());
        let marks = self.times.iter().flat_map(|range| [range.start, range.end]).map(|minute| 60 * i64::from(minute));
        let mark = marks.filter(|mark| *mark > second).min().unwrap_or(DAY);
        let by_clock = Timestamp::from_second(at.as_second() + mark - second).ok();
        let shift = self.zone.following(at).next().map(|shift| shift.timestamp());
        by_clock.into_iter().chain(shift).min()
    }
}

/// No condition holds always.
fn any<T>(list: &[T], test: impl FnMut(&T) -> bool) -> bool {
    list.is_empty() || list.iter().any(test)
}

// === impl TimeRange ===

impl TimeRange {
    fn overnight(self) -> bool {
        self.end < self.start
    }
}

// === impl DayRange ===

impl DayRange {
    /// What lies beyond the month's end is left out, never moved into the month.
    fn contains(self, date: Date) -> bool {
        let from_end = |day: i8| if day < 0 { date.days_in_month() + day + 1 } else { day };
        (from_end(self.first)..=from_end(self.last)).contains(&date.day())
    }
}

#[cfg(test)]
mod tests;
