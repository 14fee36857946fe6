//! What `heald drill run` said of one drill.

use serde_json::Value;

use crate::lab::Output;

#[derive(Debug)]
pub struct Came {
    pub passed: bool,
    /// For the table: how long it took, or what went wrong.
    pub text: String,
    /// All of it.
    pub report: String,
}

impl Came {
    pub fn of(ran: &Output) -> Self {
        let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let text = format!("exit code {}", ran.code);
        let report = if report.is_null() { format!("{}{}", ran.stdout, ran.stderr) } else { format!("{report:#}") };
        Self { passed: ran.code == 0, text, report }
    }
}
