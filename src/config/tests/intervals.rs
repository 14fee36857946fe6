//! What people write for Alertmanager, and what of it heald refuses.

use super::{check, reading};
use jiff::Timestamp;

/// One interval in `location: UTC` with one mistake; columns count in that line.
#[track_caller]
fn refused(interval: &str, expected: &str) {
    check(&format!("time_intervals:\n- name: x\n  time_intervals:\n  - {interval}"), expected);
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn alertmanagers_form_is_taken() {
    let settings = reading(
        "playbooks: [p]\n\
         time_intervals:\n\
         - name: business-hours\n\
        \x20 time_intervals:\n\
        \x20 - weekdays: ['Monday:wednesday', 'saturday', 'sunday']\n\
        \x20   times:\n\
        \x20   - start_time: '13:00'\n\
        \x20     end_time: 15:00\n\
        \x20   days_of_month: ['1', 10, '20:-1']\n\
        \x20   years: ['2020:2023', 2030]\n\
        \x20   months: ['january:march', 'May', '7:8', 12]\n\
        \x20   location: UTC\n\
        \x20 - times: [{ start_time: '22:00', end_time: '06:00' }, { start_time: '12:00', end_time: '24:00' }]\n\
        \x20   years: [2040]\n\
        \x20   location: Australia/Sydney\n\
         - { name: new-year, time_intervals: [{ months: [1], days_of_month: [1], location: Europe/Berlin }] }\n",
    )
    .unwrap();
    let intervals = &settings.guards.intervals;
    assert_eq!(intervals.keys().collect::<Vec<_>>(), ["business-hours", "new-year"]);
    let hours = &intervals["business-hours"];
    for inside in ["2021-01-10 13:00Z", "2021-01-30 14:24Z", "2023-12-25 14:59Z", "2040-07-01 22:00+10", "2041-01-01 05:59+11"] {
        assert!(hours.contains(at(inside)), "{inside}");
    }
    for outside in ["2021-01-09 13:00Z", "2021-01-20 12:59Z", "2021-02-02 13:00Z", "2021-06-01 13:00Z", "2040-07-01 07:00+10"] {
        assert!(!hours.contains(at(outside)), "{outside}");
    }
    let new_year = &intervals["new-year"];
    assert_eq!(new_year.begin(at("2025-12-31 12:00Z")), Some(at("2025-12-31 23:00Z")));
    assert_eq!(new_year.end(at("2026-01-01 12:00Z")), Some(at("2026-01-01 23:00Z")));
}

#[test]
fn the_zone_is_always_named() {
    refused("weekdays: [sunday]", "heald.yaml:4:5: key `location` is missing");
    for (zone, expected) in [
        ("Europe/Berlim", "heald.yaml:4:37: \"Europe/Berlim\" is no time zone; did you mean `Europe/Berlin`?"),
        ("Local", "heald.yaml:4:37: `Local` is whatever this machine is set to"),
        ("Etc/Unknown", "heald.yaml:4:37: \"Etc/Unknown\" is no time zone"),
        ("../passwd", "heald.yaml:4:37: \"../passwd\" is no time zone"),
        ("+02:00", "heald.yaml:4:37: \"+02:00\" is no time zone"),
        ("''", "heald.yaml:4:37: an empty text"),
    ] {
        refused(&format!("{{ weekdays: [sunday], location: {zone} }}"), expected);
    }
}

#[test]
fn times_of_day_are_checked() {
    let when = |times: &str| format!("{{ location: UTC, times: {times} }}");
    for (times, expected) in [
        (
            "[{ start_time: '01:99', end_time: '23:59' }]",
            "heald.yaml:4:44: \"01:99\" is no time of day: write it as in 09:30, from 00:00 to 23:59",
        ),
        (
            "[{ start_time: '24:00', end_time: '17:41' }]",
            "heald.yaml:4:44: \"24:00\" is no time of day: write it as in 09:30, from 00:00 to 23:59",
        ),
        (
            "[{ start_time: '12:30', end_time: '24:01' }]",
            "heald.yaml:4:63: \"24:01\" is no time of day: write it as in 09:30, from 00:00 to 24:00",
        ),
        (
            "[{ start_time: 9:30, end_time: '17:00' }]",
            "heald.yaml:4:44: \"9:30\" is no time of day: write it as in 09:30, from 00:00 to 23:59",
        ),
        ("[{ start_time: '17:31', end_time: '17:31' }]", "heald.yaml:4:30: `start_time` and `end_time` are the same"),
        ("[{ start_time: '14:03' }]", "heald.yaml:4:30: key `end_time` is missing"),
        (
            "[{ start_time: '14:03', end_time: '15:00', end: 1 }]",
            "heald.yaml:4:72: unknown key `end`; known are start_time, end_time",
        ),
        ("[]", "heald.yaml:4:29: an empty list"),
        ("'09:00'", "heald.yaml:4:29: a text where a list is expected"),
    ] {
        refused(&when(times), expected);
    }
}

#[test]
fn ranges_of_days_are_checked() {
    for (key, value, expected) in [
        (
            "weekdays",
            "friday:monday",
            "\"friday:monday\" is not taken: it ends before it begins; sunday is the first: write it as two ranges",
        ),
        ("weekdays", "blurgsday:monday", "\"blurgsday:monday\" is not taken: \"blurgsday\" is none of sunday to saturday"),
        ("weekdays", "1:3", "\"1:3\" is not taken: \"1\" is none of sunday to saturday"),
        ("days_of_month", "0", "\"0\" is not taken: \"0\" is none of 1 to 31, or -1 to -31 from the end of the month"),
        ("days_of_month", "1:50", "\"1:50\" is not taken: \"50\" is none of 1 to 31, or -1 to -31 from the end of the month"),
        (
            "days_of_month",
            "-15:5",
            "\"-15:5\" is not taken: it ends before it begins; days from the end are negative: '-3:-1' are the last three",
        ),
        (
            "days_of_month",
            "10:-25",
            "\"10:-25\" is not taken: it ends before it begins; days from the end are negative: '-3:-1' are the last three",
        ),
        ("months", "martius:june", "\"martius:june\" is not taken: \"martius\" is none of january to december, or 1 to 12"),
        ("months", "0", "\"0\" is not taken: \"0\" is none of january to december, or 1 to 12"),
        ("months", "5:30", "\"5:30\" is not taken: \"30\" is none of january to december, or 1 to 12"),
        (
            "months",
            "december:january",
            "\"december:january\" is not taken: it ends before it begins; january is the first: write it as two ranges",
        ),
        ("years", "2022:2020", "\"2022:2020\" is not taken: it ends before it begins"),
        ("years", "26", "\"26\" is not taken: \"26\" is none of 1970 to 9999"),
    ] {
        let column = key.len() + 25;
        refused(&format!("{{ location: UTC, {key}: ['{value}'] }}"), &format!("heald.yaml:4:{column}: {expected}"));
    }
}

#[test]
fn lists_and_names_are_checked() {
    refused("{ location: UTC }", "heald.yaml:4:5: no condition: it would hold always");
    refused("{ location: UTC, months: [] }", "heald.yaml:4:30: an empty list");
    refused("{ location: UTC, month: [1], years: [2026] }", "heald.yaml:4:22: unknown key `month`; did you mean `months`?");
    let sunday = "[{ weekdays: [sunday], location: UTC }]";
    for (text, expected) in [
        ("time_intervals: {}".to_owned(), "heald.yaml:1:17: a map where a list is expected"),
        ("time_intervals: []".to_owned(), "heald.yaml:1:17: an empty list"),
        (format!("time_intervals: [{{ time_intervals: {sunday} }}]"), "heald.yaml:1:18: key `name` is missing"),
        ("time_intervals: [{ name: x }]".to_owned(), "heald.yaml:1:18: key `time_intervals` is missing"),
        ("time_intervals: [{ name: x, time_intervals: [] }]".to_owned(), "heald.yaml:1:45: an empty list"),
        (
            format!("time_intervals: [{{ name: x, time_intervals: {sunday} }}, {{ name: x, time_intervals: {sunday} }}]"),
            "heald.yaml:1:96: \"x\" is named twice",
        ),
    ] {
        check(&text, expected);
    }
}
