//! A dashboard as a picture, drawn from what its queries gave. A preview, no Grafana: it knows the five kinds of panels
//! that the shipped dashboards use, and says so where it meets another.

mod cells;
mod lines;
mod look;
mod table;

use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea as _, Rectangle, SVGBackend};
use plotters::style::{Color as _, RGBColor};

use super::{Answer, Board, COLUMNS, Grid, Panel, Prometheus, Result, Span};
use look::{Place, words};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What a panel's queries gave, in their order.
struct Shown<'a> {
    panel: Panel<'a>,
    answers: Vec<Answer>,
    span: Span,
}

/// Pixels; a column of Grafana's on a screen 1200 wide, and its rows with the gap.
const COLUMN: u64 = 50;
const ROW: u64 = 34;
const GAP: i32 = 4;
const HEAD: u64 = 56;
const TITLE: i32 = 26;

/// Asks every query and draws every panel; the SVG's text.
///
/// # Errors
/// Prometheus refuses a query, or a panel is of an unknown kind.
pub async fn preview(board: &Board, prometheus: &Prometheus, span: &Span) -> Result<String> {
    let mut shown = Vec::new();
    for panel in board.everything() {
        let mut answers = Vec::new();
        for target in panel.targets() {
            answers.push(prometheus.ask(target, span).await.map_err(|why| format!("{:?}: {why}", panel.title()))?);
        }
        shown.push(Shown { panel, answers, span: *span });
    }
    picture(board, &shown, span)
}

fn picture(board: &Board, shown: &[Shown<'_>], span: &Span) -> Result<String> {
    let rows = shown.iter().map(|one| one.panel.grid()).map(|grid| grid.y + grid.h).max().unwrap_or_default();
    let size = (pixels(COLUMNS * COLUMN)? + 2 * GAP.unsigned_abs(), pixels(HEAD + rows * ROW)? + 2 * GAP.unsigned_abs());
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&look::GROUND).map_err(|error| error.to_string())?;
        let times = format!(
            "Preview drawn from query results, not Grafana. {} to {} UTC",
            look::clock(span.start, "%Y-%m-%d %H:%M"),
            look::clock(span.end, "%Y-%m-%d %H:%M")
        );
        words(&root, board.title(), (14, 20), Place::Left, 18.0, &look::TEXT)?;
        words(&root, &times, (14, 42), Place::Left, 11.0, &look::MUTED)?;
        for one in shown {
            one.draw(&root)?;
        }
        root.present().map_err(|error| error.to_string())?;
    }
    Ok(svg)
}

// === impl Shown ===

impl Shown<'_> {
    fn draw(&self, root: &Area<'_>) -> Result<()> {
        let [left, top, right, bottom] = corners(self.panel.grid())?;
        if self.panel.kind() == "row" {
            return words(root, self.panel.title(), (left + 8, (top + bottom) / 2), Place::Left, 14.0, &look::TEXT);
        }
        frame(root, [left, top, right, bottom], &look::PANEL, Some(&look::BORDER))?;
        if self.panel.kind() == "stat" {
            let area = inside(root, [left, top, right, bottom]);
            return cells::stat(&area, self);
        }
        words(root, self.panel.title(), (left + 10, top + 14), Place::Left, 13.0, &look::TEXT)?;
        let area = inside(root, [left + 8, top + TITLE, right - 8, bottom - 6]);
        match self.panel.kind() {
            "timeseries" => lines::chart(&area, self),
            "state-timeline" => lines::timeline(&area, self),
            "bargauge" => cells::bars(&area, self),
            "table" => table::table(&area, self),
            other => Err(format!("{:?}: no preview of a {other}", self.panel.title())),
        }
    }
}

fn corners(grid: Grid) -> Result<[i32; 4]> {
    let at = |value: u64| i32::try_from(value).map_err(|error| error.to_string());
    let (left, top) = (at(grid.x * COLUMN)? + GAP, at(HEAD + grid.y * ROW)? + GAP);
    let (right, bottom) = (at((grid.x + grid.w) * COLUMN)?, at(HEAD + (grid.y + grid.h) * ROW)?);
    Ok([left, top, right - GAP / 2, bottom - GAP / 2])
}

fn inside<'a>(root: &Area<'a>, corners: [i32; 4]) -> Area<'a> {
    let [left, top, right, bottom] = corners;
    root.clone().shrink((left, top), ((right - left).max(1), (bottom - top).max(1)))
}

fn frame(area: &Area<'_>, corners: [i32; 4], fill: &RGBColor, line: Option<&RGBColor>) -> Result<()> {
    let [left, top, right, bottom] = corners;
    let at = [(left, top), (right, bottom)];
    area.draw(&Rectangle::new(at, fill.filled())).map_err(|error| error.to_string())?;
    let line = line.map(|line| area.draw(&Rectangle::new(at, line.stroke_width(1))));
    line.transpose().map(|_| ()).map_err(|error| error.to_string())
}

fn size(area: &Area<'_>) -> (i32, i32) {
    let (width, height) = area.dim_in_pixel();
    (i32::try_from(width).unwrap_or(i32::MAX), i32::try_from(height).unwrap_or(i32::MAX))
}

fn pixels(value: u64) -> Result<u32> {
    u32::try_from(value).map_err(|error| error.to_string())
}
