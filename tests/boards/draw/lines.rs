//! Panels over time: lines, stacked bars, and states.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::{ChartBuilder, Circle, LineSeries, Polygon, Rectangle};
use plotters::style::{Color as _, RGBColor};
use regex::Regex;

use super::super::{Answer, Result, list, text};
use super::cells::name;
use super::look::{self, Place, words};
use super::{Area, Shown, frame, size};

struct Line {
    name: String,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// An axis of seconds since 1970 with marks at round times.
struct Times(Range<f64>);

const LEGEND: i32 = 20;
/// Between two marks of the time axis, in seconds.
const STEPS: [f64; 14] =
    [1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0, 86_400.0];
const MARKS: f64 = 7.0;
/// A bar is at least this part of half the width.
const BARS_MAX: f64 = 400.0;

// === impl Times ===

impl Times {
    fn step(&self) -> f64 {
        STEPS.into_iter().find(|step| (self.0.end - self.0.start) / step <= MARKS).unwrap_or(7.0 * 86_400.0)
    }
}

impl Ranged for Times {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.0.start) / (self.0.end - self.0.start);
        #[allow(clippy::cast_possible_truncation, reason = "some hundred pixels")]
        let pixels = (f64::from(to - from) * share).round() as i32;
        from + pixels
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        let (step, end) = (self.step(), self.0.end);
        let first = (self.0.start / step).ceil() * step;
        std::iter::successors(Some(first), |at| Some(at + step)).take_while(|at| *at <= end).collect()
    }

    fn range(&self) -> Range<f64> {
        self.0.clone()
    }
}

impl ValueFormatter<f64> for Times {
    fn format(at: &f64) -> String {
        look::clock(*at, "%H:%M")
    }
}

pub fn chart(area: &Area<'_>, shown: &Shown<'_>) -> Result<()> {
    let (width, height) = size(area);
    let lines = lines(shown);
    legend(area, &lines, height - LEGEND / 2 + 2)?;
    let plot = area.clone().shrink((0, 0), (width, height - LEGEND));
    draw(&plot, shown, &lines).map_err(|error| format!("{:?}: {error}", shown.panel.title()))
}

fn draw(plot: &Area<'_>, shown: &Shown<'_>, lines: &[Line]) -> Result<()> {
    let custom = &shown.panel.0["fieldConfig"]["defaults"]["custom"];
    let (bars, stacked) = (custom["drawStyle"] == "bars", custom["stacking"]["mode"] == "normal");
    let filled = custom["fillOpacity"].as_f64().unwrap_or_default() / 100.0;
    let stacks = stack(lines, stacked);
    let highest = stacks.iter().flatten().map(|point| point.2).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let top = if highest > 0.0 { highest * 1.1 } else { 1.0 };

    let span = shown.span;
    let times = Times(span.start..span.end);
    let form = if times.step() < 60.0 { "%H:%M:%S" } else { "%H:%M" };
    let mut chart = ChartBuilder::on(plot)
        .margin_right(10)
        .margin_top(6)
        .x_label_area_size(18)
        .y_label_area_size(56)
        .build_cartesian_2d(times, 0.0..top)
        .map_err(|error| error.to_string())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(look::BORDER.stroke_width(1))
        .light_line_style(look::PANEL)
        .axis_style(look::BORDER)
        .label_style(look::style(10.0, &look::MUTED))
        .x_label_formatter(&|at| look::clock(*at, form))
        .y_label_formatter(&|value| look::number(*value, shown.panel.unit(), None))
        .y_labels(5)
        .draw()
        .map_err(|error| error.to_string())?;
    // The topmost first, so that what lies at 0 above another does not hide it.
    for (line, points) in lines.iter().zip(&stacks).rev() {
        if bars {
            let half = (span.step * 0.4).max((span.end - span.start) / BARS_MAX);
            let all = points.iter().filter(|(_, from, to)| to > from && to.is_finite());
            let all = all.map(|&(at, from, to)| Rectangle::new([(at - half, from), (at + half, to)], line.colour.filled()));
            chart.draw_series(all).map_err(|error| error.to_string())?;
            continue;
        }
        // A gap ends a line; the next one begins after it.
        for part in points.split(|(_, _, to)| to.is_nan()).filter(|part| !part.is_empty()) {
            if filled > 0.0 {
                let upper = part.iter().map(|&(at, _, to)| (at, to));
                let lower = part.iter().rev().map(|&(at, from, _)| (at, from));
                let shape = Polygon::new(upper.chain(lower).collect::<Vec<_>>(), line.colour.mix(filled));
                chart.draw_series([shape]).map_err(|error| error.to_string())?;
            }
            if let &[(at, _, to)] = part {
                chart.draw_series([Circle::new((at, to), 2, line.colour.filled())]).map_err(|error| error.to_string())?;
            }
            let upper = part.iter().map(|&(at, _, to)| (at, to));
            chart.draw_series(LineSeries::new(upper, line.colour.stroke_width(2))).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// (time, from, to) of every point: one on the other, or each from zero.
fn stack(lines: &[Line], stacked: bool) -> Vec<Vec<(f64, f64, f64)>> {
    let mut ground: std::collections::BTreeMap<u64, f64> = std::collections::BTreeMap::new();
    let mut stacks = Vec::new();
    for line in lines {
        let points = line.points.iter().map(|&(at, value)| {
            if !stacked {
                return (at, 0.0, value);
            }
            let below = ground.entry(at.to_bits()).or_default();
            let from = *below;
            if value.is_finite() {
                *below += value;
            }
            (at, from, from + value)
        });
        stacks.push(points.collect());
    }
    stacks
}

/// A row for each series, coloured by its mapping.
pub fn timeline(area: &Area<'_>, shown: &Shown<'_>) -> Result<()> {
    let (width, height) = size(area);
    let lines = lines(shown);
    let left = lines.iter().map(|line| look::width(&line.name, 12.0)).max().unwrap_or_default().min(width / 3) + 10;
    let rows = i32::try_from(lines.len().max(1)).unwrap_or(i32::MAX);
    let row = ((height - LEGEND) / rows).clamp(1, 34);
    let span = shown.span;
    #[allow(clippy::cast_possible_truncation, reason = "some hundred pixels")]
    let across =
        |at: f64| left + (f64::from(width - left) * ((at - span.start) / (span.end - span.start)).clamp(0.0, 1.0)) as i32;
    for (line, top) in lines.iter().zip((0..rows).map(|at| at * row)) {
        words(area, &line.name, (left - 8, top + row / 2), Place::Right, 12.0, &look::TEXT)?;
        frame(area, [left, top + 3, width, top + row - 3], &look::EMPTY, None)?;
        // Equal neighbours are one box.
        let same = |one: &(f64, f64), other: &(f64, f64)| one.1.total_cmp(&other.1).is_eq() && other.0 - one.0 < span.step * 1.5;
        for part in line.points.chunk_by(same) {
            let ([first, ..], [.., last]) = (part, part) else { continue };
            let (from, to) = (across(first.0), across(last.0 + span.step));
            frame(area, [from, top + 3, to.max(from + 1), top + row - 3], &shown.say(first.1).1, None)?;
        }
    }
    let middle = span.start + (span.end - span.start) / 2.0;
    for (at, place) in [(span.start, Place::Left), (middle, Place::Middle), (span.end, Place::Right)] {
        let down = rows * row + LEGEND / 2;
        words(area, &look::clock(at, "%H:%M"), (across(at), down.min(height - 6)), place, 10.0, &look::MUTED)?;
    }
    Ok(())
}

/// Squares with names, as many as fit.
fn legend(area: &Area<'_>, lines: &[Line], middle: i32) -> Result<()> {
    let (width, _) = size(area);
    let mut left = 8;
    for (index, line) in lines.iter().enumerate() {
        let name = look::cut(&line.name, 11.0, 220);
        let wide = look::width(&name, 11.0) + 28;
        if left + wide > width - 60 && index + 1 < lines.len() {
            let more = format!("+{} more", lines.len() - index);
            return words(area, &more, (left, middle), Place::Left, 11.0, &look::MUTED);
        }
        frame(area, [left, middle - 2, left + 12, middle + 2], &line.colour, None)?;
        words(area, &name, (left + 17, middle), Place::Left, 11.0, &look::TEXT)?;
        left += wide;
    }
    Ok(())
}

fn lines(shown: &Shown<'_>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (query, answer) in shown.answers.iter().enumerate() {
        let Answer::OverTime(series) = answer else { continue };
        for one in series {
            let name = name(shown, query, &one.labels);
            lines.push(Line { colour: look::of_palette(lines.len()), name, points: one.points.clone() });
        }
    }
    for rule in list(&shown.panel.0["fieldConfig"]["overrides"]) {
        let colour = list(&rule["properties"]).find(|property| property["id"] == "color");
        let Some(colour) = colour.map(|property| look::colour(text(&property["value"]["fixedColor"]))) else { continue };
        let wanted = text(&rule["matcher"]["options"]);
        let pattern = Regex::new(wanted.trim_matches('/')).ok().filter(|_| rule["matcher"]["id"] == "byRegexp");
        let named = |line: &&mut Line| pattern.as_ref().map_or(line.name == wanted, |pattern| pattern.is_match(&line.name));
        lines.iter_mut().filter(named).for_each(|line| line.colour = colour);
    }
    lines
}
