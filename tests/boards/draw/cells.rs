//! Panels of single values: a number, and a bar for each.

use plotters::style::RGBColor;
use serde_json::Value;

use super::super::{Answer, Result, Sample};
use super::look::{self, Place, words};
use super::{Area, Shown, frame, size};

const LINE_MAX: i32 = 26;

/// One big number on the colour of its threshold.
pub fn stat(area: &Area<'_>, shown: &Shown<'_>) -> Result<()> {
    let (width, height) = size(area);
    let samples = samples(shown);
    let (said, colour) = match samples.first() {
        None => ("No data".to_owned(), look::EMPTY),
        Some(sample) if shown.panel.0["options"]["textMode"] == "name" => {
            (name(shown, 0, &sample.labels), shown.colour(sample.value))
        }
        Some(sample) => shown.say(sample.value),
    };
    frame(area, [0, 0, width, height], &colour, None)?;
    words(area, shown.panel.title(), (width / 2, 16), Place::Middle, 12.0, &look::WHITE)?;
    let big = [44.0, 36.0, 28.0, 20.0].into_iter().find(|big| look::width(&said, *big) < width - 16).unwrap_or(16.0);
    words(area, &said, (width / 2, (height + 20) / 2), Place::Middle, big, &look::WHITE)
}

/// A bar for each value, the longest first.
pub fn bars(area: &Area<'_>, shown: &Shown<'_>) -> Result<()> {
    let (width, height) = size(area);
    let mut samples: Vec<&Sample> = samples(shown);
    if samples.is_empty() {
        let none = shown.panel.0["fieldConfig"]["defaults"]["noValue"].as_str().unwrap_or("No data");
        return words(area, none, (width / 2, height / 2), Place::Middle, 13.0, &look::MUTED);
    }
    samples.sort_by(|one, other| other.value.total_cmp(&one.value));
    let names: Vec<String> = samples.iter().map(|sample| name(shown, 0, &sample.labels)).collect();
    let left = names.iter().map(|name| look::width(name, 12.0)).max().unwrap_or_default().min(width * 2 / 5) + 8;
    let right = 64;
    let full = shown.panel.0["fieldConfig"]["defaults"]["max"].as_f64();
    let full = full.unwrap_or_else(|| samples.iter().map(|sample| sample.value).fold(f64::MIN_POSITIVE, f64::max));
    let rows = i32::try_from(samples.len()).unwrap_or(i32::MAX);
    let line = (height / rows).clamp(1, LINE_MAX);
    for (row, (sample, name)) in (0..rows).zip(samples.iter().zip(&names)) {
        let (top, middle) = (row * line, row * line + line / 2);
        if top + line > height {
            break;
        }
        let (said, colour) = shown.say(sample.value);
        let size = f64::from(line - 3).clamp(8.0, 12.0);
        words(area, &look::cut(name, size, left - 8), (left - 8, middle), Place::Right, size, &look::TEXT)?;
        let thick = (line - 6).max(2) / 2;
        frame(area, [left, middle - thick, width - right, middle + thick], &look::EMPTY, None)?;
        #[allow(clippy::cast_possible_truncation, reason = "some hundred pixels")]
        let long = (f64::from(width - right - left) * (sample.value / full).clamp(0.0, 1.0)) as i32;
        if long > 0 {
            frame(area, [left, middle - thick, left + long, middle + thick], &colour, None)?;
        }
        words(area, &said, (width - right + 8, middle), Place::Left, size, &look::TEXT)?;
    }
    Ok(())
}

// === impl Shown ===

impl Shown<'_> {
    fn defaults(&self) -> &Value {
        &self.panel.0["fieldConfig"]["defaults"]
    }

    pub fn colour(&self, value: f64) -> RGBColor {
        look::threshold(&self.defaults()["thresholds"], value)
    }

    /// A value's text and colour, by the panel's mappings, unit and thresholds.
    pub fn say(&self, value: f64) -> (String, RGBColor) {
        let text = || look::number(value, self.panel.unit(), self.defaults()["decimals"].as_u64());
        look::mapped(&self.defaults()["mappings"], value).unwrap_or_else(|| (text(), self.colour(value)))
    }
}

fn samples<'a>(shown: &'a Shown<'_>) -> Vec<&'a Sample> {
    let all = shown.answers.iter().filter_map(|answer| match answer {
        Answer::Now(samples) => Some(samples),
        Answer::OverTime(_) => None,
    });
    all.flatten().collect()
}

/// A series' name by the legend of its query: `{{label}}` is filled in, with nothing where there is no such label.
pub fn name(shown: &Shown<'_>, query: usize, labels: &std::collections::BTreeMap<String, String>) -> String {
    let mut name = shown.panel.targets().nth(query).map_or("", super::super::Target::legend).to_owned();
    for (label, value) in labels {
        name = name.replace(&format!("{{{{{label}}}}}"), value);
    }
    while let Some((before, (_, after))) = name.split_once("{{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?)))
    {
        name = format!("{before}{after}");
    }
    name
}
