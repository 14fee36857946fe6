//! `time_intervals:` as in Alertmanager's configuration file, so that they can be copied from there.

use crate::domain::calendar::{DayRange, Interval, Intervals, TimeRange};
use crate::domain::target::cut;
use crate::yaml::{Fields, File, Kind, Node, nearest, quote, text};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
const WHERE: &str = "summer time moves the hours: write `location: UTC`, or a place as in `location: Europe/Berlin`";

/// By name. An entry with mistakes still claims its name, so that nobody is told that it does not exist.
pub fn read(fields: &mut Fields<'_>) -> BTreeMap<String, Intervals> {
    let file = fields.file();
    let mut found = BTreeMap::new();
    for node in items(file, fields.node("time_intervals")) {
        let Some(mut fields) = Fields::of(file, node) else { continue };
        for key in ["name", "time_intervals"] {
            if !fields.has(key) {
                fields.missing(key, "write `{ name: nightly, time_intervals: [{ times: […], location: UTC }] }`");
            }
        }
        let name = fields.node("name").and_then(|node| Some((node.at, text(file, node)?)));
        let entries = items(file, fields.node("time_intervals"));
        let intervals = Intervals(entries.iter().filter_map(|node| Some(interval(Fields::of(file, node)?))).collect());
        fields.end();
        if let Some((at, name)) = name {
            if found.contains_key(&name) {
                file.refuse(at, format!("{} is named twice", quote(&name)));
            }
            found.insert(name, intervals);
        }
    }
    found
}

/// Names of intervals below `key`, each known.
pub fn names(fields: &mut Fields<'_>, key: &'static str, known: &BTreeMap<String, Intervals>) -> Vec<String> {
    let file = fields.file();
    let named = fields.texts(key).unwrap_or_default();
    for (at, name) in &named {
        if !known.contains_key(name) {
            file.refuse(*at, format!("{} is no name in `time_intervals:`{}", quote(name), hint(name, known.keys())));
        }
    }
    named.into_iter().map(|(_, name)| name).collect()
}

/// `; did you mean …?`, or what there is.
pub fn hint<'k>(name: &str, known: impl Iterator<Item = &'k String>) -> String {
    let known: Vec<&str> = known.map(String::as_str).collect();
    match (nearest(name, &known), known.len()) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, 0) => "; there is none".to_owned(),
        (None, 1..=9) => format!("; known are {}", cut(&known.join(", "))),
        (None, _) => String::new(),
    }
}

/// An interval without a condition would hold always: most likely a mistake, and here a costly one.
fn interval(mut fields: Fields<'_>) -> Interval {
    let file = fields.file();
    let read = Interval {
        times: items(file, fields.node("times")).iter().filter_map(|node| times(file, node)).collect(),
        weekdays: ranges(&mut fields, "weekdays", |text| words(text, &DAYS, 0, false, "sunday to saturday")),
        days_of_month: ranges(&mut fields, "days_of_month", days),
        months: ranges(&mut fields, "months", |text| words(text, &MONTHS, 1, true, "january to december, or 1 to 12")),
        years: ranges(&mut fields, "years", years),
        zone: zone(&mut fields),
    };
    if !["times", "weekdays", "days_of_month", "months", "years"].iter().any(|key| fields.has(key)) {
        file.refuse_with_help(fields.at(), "no condition: it would hold always", "add times, weekdays, days_of_month or months");
    }
    fields.end();
    read
}

/// UTC stands in where there is a mistake: nobody sees it.
fn zone(fields: &mut Fields<'_>) -> TimeZone {
    let file = fields.file();
    if !fields.has("location") {
        fields.missing("location", WHERE);
    }
    let Some((at, name)) = fields.node("location").and_then(|node| Some((node.at, text(file, node)?))) else {
        return TimeZone::UTC;
    };
    if name == "UTC" {
        return TimeZone::UTC;
    }
    if name == "Local" {
        file.refuse_with_help(at, "`Local` is whatever this machine is set to", WHERE);
        return TimeZone::UTC;
    }
    match TimeZone::get(&name).ok().filter(|zone| !zone.is_unknown()) {
        Some(zone) => zone,
        None => {
            let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let what = format!("{} is no time zone{}", quote(&name), hint(&name, known.iter()));
            let help =
                if known.is_empty() { "this machine has no time zone database: install tzdata, or use UTC" } else { WHERE };
            file.refuse_with_help(at, what, help);
            TimeZone::UTC
        }
    }
}

fn times(file: &File<'_>, node: &Node) -> Option<TimeRange> {
    let mut fields = Fields::of(file, node)?;
    let mut clock = |key| {
        if !fields.has(key) {
            fields.missing(key, "write `{ start_time: \"22:00\", end_time: \"06:00\" }`");
        }
        let node = fields.node(key)?;
        let found = text(file, node)?;
        let minute = minute(&found).filter(|minute| *minute < 1_440 || key == "end_time");
        if minute.is_none() {
            let to = if key == "end_time" { "24:00" } else { "23:59" };
            file.refuse(node.at, format!("{} is no time of day: write it as in 09:30, from 00:00 to {to}", quote(&found)));
        }
        minute
    };
    let (start, end) = (clock("start_time"), clock("end_time"));
    fields.end();
    let (start, end) = (start?, end?);
    if start == end {
        let help = "the whole day is `{ start_time: \"00:00\", end_time: \"24:00\" }`";
        file.refuse_with_help(node.at, "`start_time` and `end_time` are the same", help);
        return None;
    }
    Some(TimeRange { start, end })
}

/// Two digits each, as Alertmanager wants them.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| text.len() == 2 && text.chars().all(|c| c.is_ascii_digit()));
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60 && 60 * hours + minutes <= 1_440).then_some(60 * hours + minutes)
}

// === ranges ===

fn ranges<T>(fields: &mut Fields<'_>, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
    let file = fields.file();
    if let Some(Node { at, kind: Kind::List(items), .. }) = fields.node(key)
        && items.is_empty()
    {
        file.refuse_with_help(*at, "an empty list", "remove the line: without it every one counts");
    }
    let parsed = fields.texts(key).unwrap_or_default().into_iter().filter_map(|(at, text)| {
        let refuse = |why| file.refuse(at, format!("{} is not taken: {why}", quote(&text)));
        parse(&text).map_err(refuse).ok()
    });
    parsed.collect()
}

/// `a:b`, or one alone.
fn ends<T>(text: &str, parse: impl Fn(&str) -> Option<T>, form: &str) -> Result<(T, T), String> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    match (parse(first), parse(last)) {
        (Some(first), Some(last)) => Ok((first, last)),
        (first, _) => Err(format!("{} is none of {form}", quote(if first.is_none() { text_of(text) } else { last }))),
    }
}

fn text_of(text: &str) -> &str {
    text.split_once(':').map_or(text, |(first, _)| first)
}

/// Names in any case; the first of them stands for `base`.
fn words(text: &str, names: &[&str], base: i8, numbers: bool, form: &str) -> Result<RangeInclusive<i8>, String> {
    let parse = |word: &str| {
        let place = match names.iter().position(|name| name.eq_ignore_ascii_case(word)) {
            Some(place) => place,
            None => word.parse::<usize>().ok().filter(|_| numbers)?.checked_sub(1).filter(|place| *place < names.len())?,
        };
        i8::try_from(place).ok().map(|place| place + base)
    };
    let (first, last) = ends(text, parse, form)?;
    if first > last {
        return Err(format!("it ends before it begins; {} is the first: write it as two ranges", names[0]));
    }
    Ok(first..=last)
}

fn days(text: &str) -> Result<DayRange, String> {
    let parse = |word: &str| word.parse::<i8>().ok().filter(|day| (1..=31).contains(&day.abs()));
    let (first, last) = ends(text, parse, "1 to 31, or -1 to -31 from the end of the month")?;
    // In the shortest month; the longer ones can't be told.
    let in_february = |day: i8| if day < 0 { 28 + day } else { day };
    if (first < 0 && last > 0) || in_february(first) > in_february(last) {
        return Err("it ends before it begins; days from the end are negative: '-3:-1' are the last three".to_owned());
    }
    Ok(DayRange { first, last })
}

fn years(text: &str) -> Result<RangeInclusive<i16>, String> {
    let parse = |word: &str| word.parse::<i16>().ok().filter(|year| (1970..=9999).contains(year));
    let (first, last) = ends(text, parse, "1970 to 9999")?;
    if first > last {
        return Err("it ends before it begins".to_owned());
    }
    Ok(first..=last)
}

/// The items of a list; another value is refused.
fn items<'a>(file: &File<'_>, node: Option<&'a Node>) -> &'a [Node] {
    match node {
        Some(Node { kind: Kind::List(items), at, .. }) => {
            if items.is_empty() {
                file.refuse_with_help(*at, "an empty list", "remove the line, or put something in");
            }
            items
        }
        Some(node) => {
            file.refuse(node.at, format!("{} where a list is expected", node.noun()));
            &[]
        }
        None => &[],
    }
}
