//! Tables: the answers of several queries, joined by the labels that they share.

use std::collections::BTreeMap;

use plotters::style::RGBColor;
use serde_json::Value;

use super::super::{Answer, Result, list, text};
use super::look::{self, Place, words};
use super::{Area, Shown, frame, size};

struct Column<'a> {
    heading: &'a str,
    /// A label's name, or the query whose value it is.
    of: Of<'a>,
    properties: Vec<&'a Value>,
}

enum Of<'a> {
    Label(&'a str),
    Query(usize),
}

/// By label, and by query.
#[derive(Default)]
struct Row {
    labels: BTreeMap<String, String>,
    values: BTreeMap<usize, f64>,
}

const LINE: i32 = 26;

pub fn table(area: &Area<'_>, shown: &Shown<'_>) -> Result<()> {
    let (width, height) = size(area);
    let columns = columns(shown);
    let rows = rows(shown, &columns);
    let wide = width / i32::try_from(columns.len().max(1)).unwrap_or(i32::MAX);
    for (column, left) in columns.iter().zip((0..).step_by(usize::try_from(wide.max(1)).unwrap_or(1))) {
        words(area, &look::cut(column.heading, 12.0, wide - 8), (left + 6, 10), Place::Left, 12.0, &look::colour("light-blue"))?;
        for (row, top) in rows.iter().zip((22..).step_by(26)).take_while(|(_, top)| top + LINE <= height) {
            let Some((said, cell, letters)) = column.cell(row) else { continue };
            if let Some(colour) = cell {
                frame(area, [left + 2, top, left + wide - 2, top + LINE - 2], &colour, None)?;
            }
            words(area, &look::cut(&said, 12.0, wide - 8), (left + 6, top + LINE / 2 - 1), Place::Left, 12.0, &letters)?;
        }
    }
    frame(area, [0, 20, width, 21], &look::BORDER, None)?;
    if rows.is_empty() {
        return words(area, "No data", (width / 2, height / 2), Place::Middle, 13.0, &look::MUTED);
    }
    Ok(())
}

// === impl Column ===

impl Column<'_> {
    fn property(&self, id: &str) -> &Value {
        self.properties.iter().find(|property| property["id"] == id).map_or(&Value::Null, |property| &property["value"])
    }

    /// Its text, the colour behind it and the colour of its letters.
    fn cell(&self, row: &Row) -> Option<(String, Option<RGBColor>, RGBColor)> {
        let query = match self.of {
            Of::Label(label) => return Some((row.labels.get(label)?.clone(), None, look::TEXT)),
            Of::Query(query) => query,
        };
        let value = *row.values.get(&query)?;
        if let Some((said, colour)) = look::mapped(self.property("mappings"), value) {
            return Some((said, None, colour));
        }
        let said = look::number(value, text(self.property("unit")), self.property("decimals").as_u64());
        if self.property("custom.cellOptions")["type"] == "color-background" {
            return Some((said, Some(look::threshold(self.property("thresholds"), value)), look::WHITE));
        }
        Some((said, None, look::TEXT))
    }
}

/// As the panel's transformations order and name them.
fn columns<'a>(shown: &Shown<'a>) -> Vec<Column<'a>> {
    let Some(organize) = list(&shown.panel.0["transformations"]).find(|one| one["id"] == "organize") else { return Vec::new() };
    let options = &organize["options"];
    let overrides = &shown.panel.0["fieldConfig"]["overrides"];
    let queries: Vec<&str> = shown.panel.targets().map(super::super::Target::name).collect();
    let renamed = options["renameByName"].as_object().into_iter().flatten();
    let mut columns: Vec<(u64, Column<'a>)> = renamed
        .map(|(field, heading)| {
            let heading = text(heading);
            let query = field.strip_prefix("Value #").map_or(0, |name| queries.iter().position(|one| *one == name).unwrap_or(0));
            let of = if field.starts_with("Value") { Of::Query(query) } else { Of::Label(field) };
            let rules = list(overrides).filter(|rule| rule["matcher"]["options"] == heading);
            let properties = rules.flat_map(|rule| list(&rule["properties"])).collect();
            (options["indexByName"][field.as_str()].as_u64().unwrap_or_default(), Column { heading, of, properties })
        })
        .collect();
    columns.sort_by_key(|(place, _)| *place);
    columns.into_iter().map(|(_, column)| column).collect()
}

fn rows(shown: &Shown<'_>, columns: &[Column<'_>]) -> Vec<Row> {
    let mut rows: BTreeMap<Vec<String>, Row> = BTreeMap::new();
    for (query, answer) in shown.answers.iter().enumerate() {
        let Answer::Now(samples) = answer else { continue };
        for sample in samples {
            let row = rows.entry(sample.labels.values().cloned().collect()).or_default();
            row.labels.clone_from(&sample.labels);
            row.values.insert(query, sample.value);
        }
    }
    let mut rows: Vec<Row> = rows.into_values().collect();
    let by = list(&shown.panel.0["options"]["sortBy"]).next().map(|sort| text(&sort["displayName"]));
    if let Some(Of::Query(query)) = columns.iter().find(|column| Some(column.heading) == by).map(|column| &column.of) {
        let of = |row: &Row| row.values.get(query).copied().unwrap_or(f64::NEG_INFINITY);
        rows.sort_by(|one, other| of(other).total_cmp(&of(one)));
    }
    rows
}
