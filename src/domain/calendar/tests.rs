//! Days, weeks and years as they pass in a few places of the world.

use super::*;

const UTC: &str = "UTC0";
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const SYDNEY: &str = "AEST-10AEDT,M10.1.0,M4.1.0/3";

fn always(zone: &str) -> Interval {
    Interval {
        times: Vec::new(),
        weekdays: Vec::new(),
        days_of_month: Vec::new(),
        months: Vec::new(),
        years: Vec::new(),
        zone: TimeZone::posix(zone).unwrap(),
    }
}

fn times(zone: &str, ranges: &[(u16, u16)]) -> Interval {
    let minutes = |clock: u16| 60 * (clock / 100) + clock % 100;
    let range = |(start, end): &(u16, u16)| TimeRange { start: minutes(*start), end: minutes(*end) };
    Interval { times: ranges.iter().map(range).collect(), ..always(zone) }
}

fn days(first: i8, last: i8) -> Vec<DayRange> {
    vec![DayRange { first, last }]
}

/// `2026-03-29 01:30+01`
fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn check(interval: &Interval, inside: &[&str], outside: &[&str]) {
    let intervals = Intervals(vec![interval.clone()]);
    for text in inside {
        assert!(intervals.contains(at(text)), "{text} is inside");
    }
    for text in outside {
        assert!(!intervals.contains(at(text)), "{text} is outside");
    }
}

/// From `from` on: when what holds then is over.
#[track_caller]
fn changes(interval: &Interval, from: &str, expected: &[&str]) {
    let intervals = Intervals(vec![interval.clone()]);
    let mut now = at(from);
    for text in expected {
        let next = intervals.end(now).or(intervals.begin(now)).unwrap_or_else(|| panic!("no change before {text}"));
        assert_eq!(next, at(text), "after {now}");
        now = next;
    }
}

#[test]
fn office_hours_are_those_of_alertmanager() {
    let office = Interval { weekdays: vec![1..=5], ..times(UTC, &[(900, 1700)]) };
    check(
        &office,
        &["2020-05-04 15:04Z", "2020-05-05 10:04Z", "2020-07-08 09:00Z", "2020-07-08 16:59:59.9Z"],
        &["2020-05-03 15:04Z", "2020-05-04 08:59Z", "2020-07-08 08:59:59.9Z", "2020-07-08 17:00Z"],
    );
    let in_sydney = Interval { zone: TimeZone::posix(SYDNEY).unwrap(), ..office };
    check(&in_sydney, &["2021-04-06 13:00+10"], &["2021-04-06 13:00Z"]);
    let in_november = Interval { months: vec![11..=11], ..in_sydney };
    check(&in_november, &["2021-11-01 09:00+11", "2021-10-31 22:00Z"], &["2021-10-31 21:00Z"]);
}

#[test]
fn the_week_begins_on_sunday() {
    let some = Interval { weekdays: vec![1..=3, 6..=6, 0..=0], ..always(UTC) };
    check(
        &some,
        &["2026-07-05 12:00Z", "2026-07-06 12:00Z", "2026-07-08 12:00Z", "2026-07-11 12:00Z"],
        &["2026-07-09 12:00Z", "2026-07-10 12:00Z"],
    );
    changes(&some, "2026-07-05 12:00Z", &["2026-07-09 00:00Z", "2026-07-11 00:00Z", "2026-07-16 00:00Z"]);
}

#[test]
fn days_count_from_both_ends_of_the_month() {
    let last_three = Interval { days_of_month: days(-3, -1), ..always(UTC) };
    check(
        &last_three,
        &["2020-01-31 15:04Z", "2020-01-29 00:00Z", "2020-06-30 00:00Z", "2020-02-29 23:05Z", "2021-02-26 00:00Z"],
        &["2020-01-28 15:04Z", "2020-03-01 00:00Z", "2021-02-25 23:59Z", "2020-04-03 23:59Z"],
    );
    let whole = Interval { days_of_month: days(1, -1), ..always(UTC) };
    check(&whole, &["2021-02-01 00:00Z", "2021-02-28 23:59Z", "2020-12-31 23:59Z"], &[]);
    let to_the_end = Interval { months: vec![6..=6], days_of_month: days(-31, -1), ..always(UTC) };
    check(&to_the_end, &["2020-06-01 00:00Z", "2020-06-30 00:00Z"], &["2020-05-31 23:59Z", "2020-07-01 00:00Z"]);
}

#[test]
fn a_leap_day_exists_only_in_leap_years() {
    let leap_day = Interval { months: vec![2..=2], days_of_month: days(29, 29), ..always(UTC) };
    check(&leap_day, &["2028-02-29 12:00Z"], &["2027-02-28 12:00Z", "2027-03-01 12:00Z", "2028-02-28 12:00Z"]);
    changes(&leap_day, "2028-02-28 12:00Z", &["2028-02-29 00:00Z", "2028-03-01 00:00Z"]);
    let last_day = Interval { months: vec![2..=2], days_of_month: days(-1, -1), ..always(UTC) };
    check(&last_day, &["2028-02-29 12:00Z", "2027-02-28 12:00Z"], &["2028-02-28 12:00Z"]);
    // 2100 is none.
    check(&last_day, &["2100-02-28 12:00Z"], &["2100-03-01 00:00Z"]);
    let beyond = Interval { months: vec![2..=2], days_of_month: days(30, 31), ..always(UTC) };
    check(&beyond, &[], &["2021-02-28 13:00Z", "2020-02-29 13:00Z", "2021-03-02 13:00Z"]);
}

#[test]
fn several_conditions_hold_at_once() {
    let easter = Interval { days_of_month: days(4, 6), months: vec![4..=4], years: vec![2020..=2020], ..always(UTC) };
    check(
        &easter,
        &["2020-04-04 15:04Z", "2020-04-05 00:00Z", "2020-04-06 23:05Z"],
        &["2018-05-03 15:04Z", "2020-04-03 23:59Z", "2020-06-04 23:59Z", "2019-04-06 23:59Z", "2020-04-07 00:00Z"],
    );
    let mixed = Interval {
        weekdays: vec![1..=5, 0..=0],
        months: vec![1..=3],
        days_of_month: days(-7, -1),
        years: vec![2020..=2025, 2030..=2035],
        ..times(UTC, &[(900, 1700)])
    };
    check(
        &mixed,
        &["2021-01-27 09:00Z", "2021-01-28 16:59Z", "2025-03-31 13:00Z"],
        &["2021-01-30 13:00Z", "2021-04-01 13:00Z", "2026-01-30 13:00Z", "2035-01-31 17:01Z"],
    );
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    let friday = Interval { weekdays: vec![5..=5], ..times(UTC, &[(2200, 600)]) };
    check(
        &friday,
        &["2026-07-10 22:00Z", "2026-07-10 23:59Z", "2026-07-11 00:00Z", "2026-07-11 05:59Z"],
        &["2026-07-10 05:00Z", "2026-07-10 21:59Z", "2026-07-11 06:00Z", "2026-07-11 22:00Z"],
    );
    changes(&friday, "2026-07-10 12:00Z", &["2026-07-10 22:00Z", "2026-07-11 06:00Z", "2026-07-17 22:00Z"]);
    let last_night_of_the_year =
        Interval { months: vec![12..=12], days_of_month: days(-1, -1), years: vec![2026..=2026], ..times(UTC, &[(2300, 100)]) };
    check(
        &last_night_of_the_year,
        &["2026-12-31 23:00Z", "2027-01-01 00:59Z"],
        &["2026-12-31 00:30Z", "2027-01-01 01:00Z", "2027-12-31 23:30Z"],
    );
    // An end at 00:00 is midnight, as 24:00 is.
    for end in [0, 2400] {
        let evening = Interval { weekdays: vec![0..=0], ..times(UTC, &[(2000, end)]) };
        check(&evening, &["2026-07-05 20:00Z", "2026-07-05 23:59Z"], &["2026-07-06 00:00Z", "2026-07-05 00:00Z"]);
        changes(&evening, "2026-07-05 21:00:30Z", &["2026-07-06 00:00Z"]);
    }
}

#[test]
fn the_hour_that_does_not_exist_is_in_no_interval() {
    // Berlin, 29 March 2026: 01:59:59 is followed by 03:00.
    check(&times(BERLIN, &[(200, 300)]), &["2026-03-28 02:30+01"], &["2026-03-29 01:59:59+01", "2026-03-29 03:00+02"]);
    changes(&times(BERLIN, &[(215, 245)]), "2026-03-28 12:00+01", &["2026-03-30 02:15+02", "2026-03-30 02:45+02"]);
    let across = times(BERLIN, &[(130, 230)]);
    changes(&across, "2026-03-29 01:45+01", &["2026-03-29 03:00+02", "2026-03-30 01:30+02"]);
    // A night of seven hours.
    changes(&times(BERLIN, &[(2200, 600)]), "2026-03-28 22:00+01", &["2026-03-29 06:00+02"]);
    let sunday = Interval { weekdays: vec![0..=0], ..always(BERLIN) };
    changes(&sunday, "2026-03-28 12:00+01", &["2026-03-29 00:00+01", "2026-03-30 00:00+02"]);
}

#[test]
fn the_hour_that_exists_twice_is_in_it_twice() {
    // Berlin, 25 October 2026: 02:59:59 summer time is followed by 02:00 winter time.
    let half = times(BERLIN, &[(230, 245)]);
    check(&half, &["2026-10-25 02:30+02", "2026-10-25 02:30+01"], &["2026-10-25 02:45+02", "2026-10-25 02:00+01"]);
    changes(&half, "2026-10-25 02:31+02", &["2026-10-25 02:45+02", "2026-10-25 02:30+01", "2026-10-25 02:45+01"]);
    let across = times(BERLIN, &[(130, 230)]);
    changes(&across, "2026-10-25 01:31+02", &["2026-10-25 02:30+02", "2026-10-25 02:00+01", "2026-10-25 02:30+01"]);
    // A night of nine hours, and a day of twenty-five.
    changes(&times(BERLIN, &[(2200, 600)]), "2026-10-24 22:00+02", &["2026-10-25 06:00+01"]);
    let sunday = Interval { weekdays: vec![0..=0], ..always(BERLIN) };
    changes(&sunday, "2026-10-25 00:00+02", &["2026-10-26 00:00+01"]);
}

#[test]
fn the_southern_summer_begins_in_october() {
    let early = times(SYDNEY, &[(130, 330)]);
    // 4 October 2026: 02:00 becomes 03:00. 5 April 2026: 03:00 becomes 02:00.
    changes(&early, "2026-10-04 01:30+10", &["2026-10-04 03:30+11", "2026-10-05 01:30+11"]);
    changes(&early, "2026-04-05 01:30+11", &["2026-04-05 03:30+10", "2026-04-06 01:30+10"]);
    let january = Interval { months: vec![1..=1], ..always(SYDNEY) };
    check(&january, &["2025-12-31 13:00Z", "2026-01-31 12:59Z"], &["2025-12-31 12:59Z", "2026-01-31 13:00Z"]);
}

#[test]
fn overlapping_intervals_are_one_match() {
    let both = Intervals(vec![times(UTC, &[(100, 300), (200, 400)]), times(BERLIN, &[(500, 700)])]);
    // 04:00 UTC is 05:00 in Berlin in winter, so that one goes on where the other ends.
    assert_eq!(both.end(at("2026-01-10 01:10:07Z")), Some(at("2026-01-10 06:00Z")));
    assert_eq!(both.begin(at("2026-01-10 06:00Z")), Some(at("2026-01-11 01:00Z")));
    assert_eq!(both.end(at("2026-01-10 07:00Z")), None, "nothing is under way");
    assert_eq!(both.begin(at("2026-01-10 02:00Z")), None, "one is under way");
}

#[test]
fn what_lies_far_ahead_is_not_looked_for() {
    let january = Interval { months: vec![1..=1], ..always(UTC) };
    let intervals = Intervals(vec![january]);
    assert_eq!(intervals.end(at("2026-01-10 00:00Z")), None);
    assert_eq!(intervals.end(at("2026-01-24 00:00Z")), Some(at("2026-02-01 00:00Z")));
    assert_eq!(intervals.begin(at("2026-06-01 00:00Z")), None);
    assert_eq!(Intervals(vec![always(UTC)]).end(at("2026-01-10 00:00Z")), None, "it never ends");
    assert_eq!(Intervals::default().begin(at("2026-01-10 00:00Z")), None);
    assert_eq!(Intervals(vec![always(UTC)]).end(Timestamp::MAX), None);
    let _ = Intervals(vec![times(BERLIN, &[(2200, 600)])]).end(Timestamp::MIN);
}

/// Each minute of the days around every shift is asked, and the ends must agree with it.
#[test]
fn ends_agree_with_every_minute() {
    for (zone, start) in [
        (BERLIN, "2026-03-28 20:00Z"),
        (BERLIN, "2026-10-24 20:00Z"),
        (SYDNEY, "2026-04-04 08:00Z"),
        (SYDNEY, "2026-10-03 08:00Z"),
    ] {
        for ranges in [&[(2200, 215)][..], &[(130, 230), (245, 250)], &[(0, 2400)], &[(215, 245), (2359, 1)]] {
            let intervals = Intervals(vec![Interval { weekdays: vec![0..=0, 6..=6], ..times(zone, ranges) }]);
            let mut begun = at(start);
            let mut now = begun;
            for _ in 0..3 * 24 * 60 {
                let next = now.checked_add(Duration::from_secs(60)).unwrap();
                if intervals.contains(next) != intervals.contains(now) {
                    let found = intervals.end(begun).or(intervals.begin(begun));
                    assert_eq!(found, Some(next), "{zone} {ranges:?} from {begun}");
                    begun = next;
                }
                now = next;
            }
        }
    }
}
