//! The picture: left the watchdogs, right heald; above what of each minute the service answered, below the restarts.
//!
//! It brings its own ground, so that it reads the same on a light and on a dark page.

use super::{Result, percent};
use heald::simulate::scenario::FaultKind;
use heald::simulate::{Column, Report, Scenario};
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea as _, PathElement, Rectangle, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontDesc, FontFamily, FontStyle, RGBColor, TextStyle};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const GROUND: RGBColor = RGBColor(0x11, 0x12, 0x17);
const PANEL: RGBColor = RGBColor(0x18, 0x1b, 0x1f);
const BORDER: RGBColor = RGBColor(0x2c, 0x2f, 0x36);
const TEXT: RGBColor = RGBColor(0xe6, 0xe7, 0xec);
const MUTED: RGBColor = RGBColor(0xa4, 0xa5, 0xb0);
const UP: RGBColor = RGBColor(0x3f, 0x8f, 0x4f);
const DOWN: RGBColor = RGBColor(0xe0, 0x4f, 0x5f);
const RESTART: RGBColor = RGBColor(0xe8, 0xa8, 0x38);

const SIZE: (u32, u32) = (960, 560);
const HEAD: i32 = 84;
/// Of each half: where its two charts begin and end, and the scale beside them.
const HALVES: [(i32, i32); 2] = [(16, 472), (488, 944)];
const SCALE: i32 = 52;
const CHARTS: [(i32, i32); 2] = [(174, 294), (348, 468)];
const MARKS: i32 = 500;

pub fn svg(scenario: &Scenario, report: &Report) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&GROUND).map_err(|error| error.to_string())?;
        words(&root, "One hour of the same flaky service", (16, 26), HPos::Left, 20.0, &TEXT)?;
        let how = "Simulated: the same faults at the same times; heald's own loop, guards and journal on virtual time.";
        words(&root, how, (16, 54), HPos::Left, 13.0, &MUTED)?;
        let columns = [("Two naive watchdogs", &report.watchdogs), ("heald", &report.heald)];
        let most = columns.iter().flat_map(|(_, column)| &column.timeline.restarts).copied().max().unwrap_or(1).max(1);
        for ((name, column), (left, right)) in columns.into_iter().zip(HALVES) {
            half(&root, name, column, most, (left, right))?;
            faults(&root, scenario, (left + SCALE, right - 14))?;
        }
        root.present().map_err(|error| error.to_string())?;
    }
    Ok(svg)
}

fn half(root: &Area<'_>, name: &str, column: &Column, most: u32, (left, right): (i32, i32)) -> Result<()> {
    boxed(root, [left, HEAD, right, 544], &PANEL)?;
    outline(root, [left, HEAD, right, 544])?;
    words(root, name, (left + 14, HEAD + 20), HPos::Left, 16.0, &TEXT)?;
    let sums = format!("{} restarts, available {}", column.restarts, percent(column.availability));
    words(root, &sums, (left + 14, HEAD + 46), HPos::Left, 15.0, &TEXT)?;
    let plot = (left + SCALE, right - 14);
    let minutes = i32::try_from(column.timeline.available.len()).unwrap_or(60).max(1);
    let across = |minute: i32| plot.0 + (plot.1 - plot.0) * minute / minutes;

    let [(top, bottom), (high, low)] = CHARTS;
    words(root, "Answered, of each minute", (plot.0, top - 14), HPos::Left, 13.0, &MUTED)?;
    words(root, "Restarts in each minute", (plot.0, high - 14), HPos::Left, 13.0, &MUTED)?;
    for (mark, at) in [("100 %", top), ("50 %", (top + bottom) / 2), ("0 %", bottom)] {
        words(root, mark, (plot.0 - 8, at), HPos::Right, 12.0, &MUTED)?;
    }
    for (minute, share) in (0..).zip(&column.timeline.available) {
        let (from, to) = (across(minute), across(minute + 1) - 1);
        let edge = bottom - pixels(f64::from(bottom - top) * share);
        boxed(root, [from, top, to, bottom], &DOWN)?;
        if edge < bottom {
            boxed(root, [from, edge, to, bottom], &UP)?;
        }
    }
    for count in 0..=most {
        let at = low - pixels(f64::from(low - high) * f64::from(count) / f64::from(most));
        words(root, &count.to_string(), (plot.0 - 8, at), HPos::Right, 12.0, &MUTED)?;
        line(root, [(plot.0, at), (plot.1, at)], &BORDER)?;
    }
    for (minute, count) in (0..).zip(&column.timeline.restarts) {
        let up = pixels(f64::from(low - high) * f64::from(*count) / f64::from(most));
        if up > 0 {
            boxed(root, [across(minute), low - up, across(minute + 1) - 1, low], &RESTART)?;
        }
    }
    for minute in (0..=minutes).step_by(10) {
        line(root, [(across(minute), low), (across(minute), low + 5)], &MUTED)?;
        words(root, &minute.to_string(), (across(minute), low + 14), HPos::Center, 12.0, &MUTED)?;
    }
    Ok(())
}

/// A mark where each fault begins; longer ones for what does not pass by itself.
fn faults(root: &Area<'_>, scenario: &Scenario, (left, right): (i32, i32)) -> Result<()> {
    for fault in &scenario.faults {
        let at = left + pixels(f64::from(right - left) * fault.at.as_secs_f64() / 3_600.0);
        let passes = matches!(fault.kind, FaultKind::Blip | FaultKind::SelfHeals);
        let long = if passes { 6 } else { 14 };
        boxed(root, [at - 1, MARKS + 14 - long, at + 1, MARKS + 14], if passes { &MUTED } else { &DOWN })?;
    }
    let said = "minutes; below them the faults: short marks pass by themselves";
    words(root, said, ((left + right) / 2, MARKS + 30), HPos::Center, 12.0, &MUTED)
}

fn boxed(area: &Area<'_>, [left, top, right, bottom]: [i32; 4], fill: &RGBColor) -> Result<()> {
    area.draw(&Rectangle::new([(left, top), (right, bottom)], fill.filled())).map_err(|error| error.to_string())
}

fn outline(area: &Area<'_>, [left, top, right, bottom]: [i32; 4]) -> Result<()> {
    area.draw(&Rectangle::new([(left, top), (right, bottom)], BORDER.stroke_width(1))).map_err(|error| error.to_string())
}

fn line(area: &Area<'_>, points: [(i32, i32); 2], colour: &RGBColor) -> Result<()> {
    area.draw(&PathElement::new(points, colour.stroke_width(1))).map_err(|error| error.to_string())
}

/// `at`: the middle of its height.
fn words(area: &Area<'_>, words: &str, at: (i32, i32), side: HPos, size: f64, colour: &RGBColor) -> Result<()> {
    // Without a font at hand plotters guesses, and writes a 1.24th of the size: undone, so that `size` is pixels.
    let font = FontDesc::new(FontFamily::SansSerif, size * 1.24, FontStyle::Normal);
    let style = TextStyle { color: colour.to_backend_color(), ..TextStyle::from(font) }.pos(Pos::new(side, VPos::Center));
    area.draw_text(words, &style, at).map_err(|error| error.to_string())
}

fn pixels(value: f64) -> i32 {
    #[allow(clippy::cast_possible_truncation, reason = "some hundred pixels")]
    let whole = value.round() as i32;
    whole
}
