//! Colours, units, thresholds and texts, as Grafana's dark theme has them.

use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontDesc, FontFamily, FontStyle, RGBColor, TextStyle};
use serde_json::Value;

use super::super::{Result, list, text};
use super::Area;

pub const GROUND: RGBColor = RGBColor(0x11, 0x12, 0x17);
pub const PANEL: RGBColor = RGBColor(0x18, 0x1b, 0x1f);
pub const BORDER: RGBColor = RGBColor(0x2c, 0x2f, 0x36);
pub const EMPTY: RGBColor = RGBColor(0x26, 0x29, 0x30);
pub const TEXT: RGBColor = RGBColor(0xd8, 0xd9, 0xe0);
pub const MUTED: RGBColor = RGBColor(0x8e, 0x8f, 0x9b);
pub const WHITE: RGBColor = RGBColor(0xff, 0xff, 0xff);

const PALETTE: [&str; 10] =
    ["green", "yellow", "blue", "orange", "red", "light-blue", "purple", "dark-purple", "dark-green", "dark-yellow"];

pub enum Place {
    Left,
    Middle,
    Right,
}

/// Grafana's names of colours.
pub fn colour(name: &str) -> RGBColor {
    match name {
        "green" => RGBColor(0x56, 0xa6, 0x4b),
        "yellow" => RGBColor(0xe0, 0xb4, 0x00),
        "blue" => RGBColor(0x32, 0x74, 0xd9),
        "orange" => RGBColor(0xe5, 0x7a, 0x1a),
        "red" => RGBColor(0xe0, 0x2f, 0x44),
        "light-blue" => RGBColor(0x8a, 0xb8, 0xff),
        "purple" => RGBColor(0xa3, 0x52, 0xcc),
        "dark-purple" => RGBColor(0x70, 0x5d, 0xa0),
        "dark-green" => RGBColor(0x37, 0x87, 0x2d),
        "dark-yellow" => RGBColor(0xb8, 0x8a, 0x1a),
        _ => RGBColor(0x52, 0x54, 0x5c),
    }
}

pub fn of_palette(index: usize) -> RGBColor {
    colour(PALETTE[index % PALETTE.len()])
}

/// Of `{"steps": [{"color", "value"}]}`: the last step that the value has reached.
pub fn threshold(thresholds: &Value, value: f64) -> RGBColor {
    let reached = list(&thresholds["steps"]).filter(|step| step["value"].as_f64().is_none_or(|from| value >= from));
    reached.last().map_or(MUTED, |step| colour(text(&step["color"])))
}

/// The text and colour that a mapping gives a value.
pub fn mapped(mappings: &Value, value: f64) -> Option<(String, RGBColor)> {
    let result = list(mappings).find_map(|one| {
        let options = &one["options"];
        match text(&one["type"]) {
            "value" => options.as_object()?.iter().find(|(key, _)| key.parse() == Ok(value)).map(|(_, result)| result),
            "range" => (options["from"].as_f64()? <= value && value <= options["to"].as_f64()?).then(|| &options["result"]),
            "special" => (options["match"] == "nan" && value.is_nan()).then(|| &options["result"]),
            _ => None,
        }
    })?;
    Some((text(&result["text"]).to_owned(), colour(text(&result["color"]))))
}

/// A number as Grafana writes it in that unit.
pub fn number(value: f64, unit: &str, decimals: Option<u64>) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    match unit {
        "percentunit" => format!("{}%", plain(value * 100.0, decimals.or(Some(0)))),
        "s" => seconds(value, decimals),
        "bytes" => scaled(value, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"], decimals),
        "cps" => format!("{} c/s", plain(value, decimals)),
        "reqps" => format!("{} req/s", plain(value, decimals)),
        _ if value.abs() >= 10_000.0 => scaled(value, 1000.0, &["", "K", "M", "G", "T"], decimals).replace(' ', ""),
        _ => plain(value, decimals),
    }
}

fn seconds(value: f64, decimals: Option<u64>) -> String {
    let (scale, unit) = match value.abs() {
        0.0 => (1.0, "s"),
        size if size < 0.001 => (1e-6, "µs"),
        size if size < 1.0 => (0.001, "ms"),
        size if size < 120.0 => (1.0, "s"),
        size if size < 7_200.0 => (60.0, "min"),
        size if size < 172_800.0 => (3_600.0, "h"),
        _ => (86_400.0, "d"),
    };
    format!("{} {unit}", plain(value / scale, decimals.map(|decimals| if unit == "ms" { 0 } else { decimals })))
}

fn scaled(value: f64, base: f64, units: &[&str], decimals: Option<u64>) -> String {
    let mut left = value;
    let mut unit = 0;
    while left.abs() >= base && unit + 1 < units.len() {
        left /= base;
        unit += 1;
    }
    format!("{} {}", plain(left, decimals), units[unit])
}

/// Without decimals given: as many as tell something.
fn plain(value: f64, decimals: Option<u64>) -> String {
    let decimals = decimals.and_then(|decimals| usize::try_from(decimals).ok());
    let digits = decimals.unwrap_or(if value.fract().abs() < 1e-9 || value.abs() >= 100.0 {
        0
    } else if value.abs() >= 1.0 {
        1
    } else {
        2
    });
    format!("{value:.digits$}")
}

/// Of the wall clock, in UTC.
pub fn clock(seconds: f64, form: &str) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "whole seconds of this century")]
    let at = jiff::Timestamp::from_second(seconds as i64).unwrap_or_default();
    at.strftime(form).to_string()
}

/// About what a text takes, in pixels: browsers choose the font.
pub fn width(words: &str, size: f64) -> i32 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "some hundred pixels")]
    let pixels = (words.chars().count() as f64 * size * 0.55).ceil() as i32;
    pixels
}

/// Cut to what fits.
pub fn cut(words: &str, size: f64, room: i32) -> String {
    if width(words, size) <= room {
        return words.to_owned();
    }
    let mut kept = String::new();
    for letter in words.chars() {
        kept.push(letter);
        if width(&kept, size) + width("…", size) > room {
            kept.pop();
            break;
        }
    }
    format!("{kept}…")
}

pub fn style(size: f64, colour: &RGBColor) -> TextStyle<'static> {
    let font = FontDesc::new(FontFamily::SansSerif, size, FontStyle::Normal);
    TextStyle { color: colour.to_backend_color(), ..TextStyle::from(font) }
}

/// `at`: the middle of its height, and the end or middle that `place` says.
pub fn words(area: &Area<'_>, words: &str, at: (i32, i32), place: Place, size: f64, colour: &RGBColor) -> Result<()> {
    let side = match place {
        Place::Left => HPos::Left,
        Place::Middle => HPos::Center,
        Place::Right => HPos::Right,
    };
    let style = style(size, colour).pos(Pos::new(side, VPos::Center));
    area.draw_text(words, &style, at).map_err(|error| error.to_string())
}
