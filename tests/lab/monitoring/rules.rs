//! Rule files, and the shipped ones at the lab's pace.

use std::{fs, path::Path};

use super::super::{Context as _, Result};

#[derive(Clone, Debug)]
pub struct RuleFile {
    /// A file name, `x.yml`; also its identity when rules are replaced.
    pub name: String,
    pub text: String,
}

/// How long the lab lets conditions hold. Only durations are replaced: the expressions, labels
/// and annotations that are tested are the ones that are shipped.
#[derive(Clone, Debug)]
pub struct Pace {
    pub hold: String,
    pub keep_firing: String,
}

impl Default for Pace {
    fn default() -> Self {
        Self { hold: "0s".into(), keep_firing: "0s".into() }
    }
}

impl RuleFile {
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).context(format!("read rules {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, text })
    }

    /// The same rules with other values of `for`, `keep_firing_for` and the group's `interval`,
    /// wherever these are keys at the start of a line.
    pub fn at(mut self, pace: &Pace) -> Self {
        let lines = self.text.lines().map(|line| {
            let body = line.trim_start_matches([' ', '-']);
            let indent = &line[..line.len() - body.len()];
            match body.split_once(':') {
                Some(("for", _)) => format!("{indent}for: {}", pace.hold),
                Some(("keep_firing_for", _)) => {
                    format!("{indent}keep_firing_for: {}", pace.keep_firing)
                }
                Some(("interval", _)) => format!("{indent}interval: 1s"),
                _ => line.to_owned(),
            }
        });
        self.text = lines.collect::<Vec<_>>().join("\n") + "\n";
        self
    }
}
