//! What `heald drill run` said of one drill.

use serde_json::Value;

use crate::lab::Output;

#[derive(Debug)]
pub struct Came {
    pub passed: bool,
    /// For the table: how long it took, or what went wrong.
    pub text: String,
    pub recovery_ms: Option<u64>,
    /// All of it.
    pub report: String,
}

impl Came {
    /// Of a run with `-o json`: a list with one entry, or none where it was refused.
    pub fn of(ran: &Output) -> Self {
        let entries: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let entry = &entries[0];
        if entry.is_null() {
            let said = format!("{}{}", ran.stdout, ran.stderr);
            let text = said.lines().find_map(|line| line.strip_prefix("heald: refused: ")).unwrap_or("no report").to_owned();
            return Self { passed: false, text, recovery_ms: None, report: said };
        }
        let seconds = |key: &str| entry[key].as_u64().map(|ms| format!("{:.1} s", ms as f64 / 1_000.0));
        let why = entry["why"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
        let text = match (ran.code, seconds("recovery_ms"), entry["expected"].as_str()) {
            (0, _, Some("refused")) => "left alone".to_owned(),
            (0, _, Some("escalated")) => "a person was called".to_owned(),
            (0, Some(healed), _) if entry["posted"] == true => format!("{healed} (alert posted)"),
            (0, Some(healed), _) => format!("{healed} (detected in {})", seconds("detect_ms").unwrap_or_default()),
            _ => why,
        };
        let recovery_ms = entry["recovery_ms"].as_u64();
        Self { passed: ran.code == 0, text, recovery_ms, report: format!("{entry:#}\n{}", ran.stderr) }
    }
}
