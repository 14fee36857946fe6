//! The shipped Grafana dashboards as data: loaded, asked of a real Prometheus, drawn.
//!
//! The lint test, the live test and the previews share this, so that all three read a dashboard in one way.

#![allow(dead_code, unused_imports, reason = "each crate that includes this uses its own part")]

mod ask;
mod draw;

pub use ask::{Answer, Prometheus, Sample, Series, Span};

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub type Result<T> = std::result::Result<T, String>;

pub struct Board {
    /// Of its file, without the ending.
    pub name: String,
    pub json: Value,
}

#[derive(Clone, Copy)]
pub struct Panel<'a>(pub &'a Value);

/// In Grafana's units: 24 columns, and rows of 30 pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    pub x: u64,
    pub y: u64,
    pub w: u64,
    pub h: u64,
}

#[derive(Clone, Copy)]
pub struct Target<'a>(pub &'a Value);

/// The previews that docs/dashboards.md shows.
pub fn previews() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dashboards")
}

/// Grafana's own limit.
pub const COLUMNS: u64 = 24;

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/dashboards")
}

// === impl Board ===

impl Board {
    /// Every shipped dashboard, by name.
    ///
    /// # Errors
    /// A file can't be read, or is no JSON.
    pub fn all() -> Result<Vec<Self>> {
        let mut boards = Vec::new();
        for entry in fs::read_dir(folder()).map_err(|error| format!("{}: {error}", folder().display()))? {
            let path = entry.map_err(|error| error.to_string())?.path();
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let json = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            boards.push(Self { name, json });
        }
        boards.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(boards)
    }

    pub fn title(&self) -> &str {
        text(&self.json["title"])
    }

    /// With the rows that only part them.
    pub fn everything(&self) -> impl Iterator<Item = Panel<'_>> {
        list(&self.json["panels"]).map(Panel)
    }

    /// Those that show something.
    pub fn panels(&self) -> impl Iterator<Item = Panel<'_>> {
        self.everything().filter(|panel| panel.kind() != "row")
    }

    pub fn variables(&self) -> impl Iterator<Item = &Value> {
        list(&self.json["templating"]["list"])
    }

    /// Draws what the queries give now into `FOLDER/NAME.svg`.
    ///
    /// # Errors
    /// Prometheus refuses a query, or the file can't be written.
    pub async fn draw(&self, prometheus: &Prometheus, span: &Span, folder: &Path) -> Result<PathBuf> {
        let picture = draw::preview(self, prometheus, span).await.map_err(|why| format!("{}: {why}", self.name))?;
        let file = folder.join(format!("{}.svg", self.name));
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&file, picture))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(file)
    }

    /// The query behind the marks of each repair.
    pub fn repairs(&self) -> Option<&str> {
        let mut marks = list(&self.json["annotations"]["list"]);
        marks.find(|mark| mark["name"] == "Repairs").map(|mark| text(&mark["expr"]))
    }
}

// === impl Panel ===

impl<'a> Panel<'a> {
    pub fn kind(self) -> &'a str {
        text(&self.0["type"])
    }

    pub fn title(self) -> &'a str {
        text(&self.0["title"])
    }

    pub fn unit(self) -> &'a str {
        text(&self.0["fieldConfig"]["defaults"]["unit"])
    }

    pub fn grid(self) -> Grid {
        let of = |key: &str| self.0["gridPos"][key].as_u64().unwrap_or(u64::MAX);
        Grid { x: of("x"), y: of("y"), w: of("w"), h: of("h") }
    }

    pub fn targets(self) -> impl Iterator<Item = Target<'a>> {
        list(&self.0["targets"]).map(Target)
    }
}

// === impl Grid ===

impl Grid {
    pub fn overlaps(self, other: Self) -> bool {
        let apart = self.x + self.w <= other.x || other.x + other.w <= self.x;
        !(apart || self.y + self.h <= other.y || other.y + other.h <= self.y)
    }
}

// === impl Target ===

impl<'a> Target<'a> {
    pub fn name(self) -> &'a str {
        text(&self.0["refId"])
    }

    pub fn expr(self) -> &'a str {
        text(&self.0["expr"])
    }

    pub fn legend(self) -> &'a str {
        text(&self.0["legendFormat"])
    }

    /// One value now, instead of a line over time.
    pub fn is_instant(self) -> bool {
        self.0["instant"] == true
    }
}

/// Empty where there is none: what must not be empty is checked as such.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
