//! Which metrics there are, and of which type: docs/metrics.md and what the exporters served.

use super::root;
use std::collections::BTreeMap;
use std::fs;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Counter,
    Gauge,
    /// The program does not say.
    Untyped,
}

#[derive(Debug)]
pub struct Names(BTreeMap<String, Type>);

// === impl Names ===

impl Names {
    pub fn read() -> Self {
        let mut names = BTreeMap::new();
        let reference = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
        for name in reference.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('|').take(2).last()) {
            // Only the first column: the others quote labels and other programs.
            for name in name.split('`').skip(1).step_by(2) {
                own(&mut names, name.split('{').next().unwrap_or(name));
            }
        }
        assert!(names.len() > 20, "docs/metrics.md names no metrics");
        let recorded = fs::read_to_string(root().join("tests/golden/exporters.txt")).unwrap();
        for line in recorded.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (kind, name) = line.split_once(' ').unwrap();
            let kind = match kind {
                "counter" => Type::Counter,
                "gauge" => Type::Gauge,
                "untyped" => Type::Untyped,
                "histogram" | "summary" => {
                    parts(&mut names, name);
                    Type::Gauge
                }
                other => panic!("tests/golden/exporters.txt: `{other}` is no type"),
            };
            names.insert(name.to_owned(), kind);
        }
        Self(names)
    }

    pub fn of(&self, name: &str) -> Option<Type> {
        self.0.get(name).copied()
    }

    /// The known name that is most like it.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
        heald::yaml::nearest(name, &known)
    }
}

/// The page does not tell types: heald's counters end in `_total`, and a histogram's parts look like what they are.
fn own(names: &mut BTreeMap<String, Type>, name: &str) {
    let kind = if name.ends_with("_total") { Type::Counter } else { Type::Gauge };
    names.insert(name.to_owned(), kind);
    if name.ends_with("_seconds") || name.ends_with("_records") {
        parts(names, name);
    }
}

fn parts(names: &mut BTreeMap<String, Type>, name: &str) {
    for part in ["_bucket", "_count", "_sum"] {
        names.insert(format!("{name}{part}"), Type::Counter);
    }
}
