//! What came of a step. An exit code or a bus reply proves nothing; the probes decide.

use super::look::Evidence;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    pub outcome: ActOutcome,
    /// One line for the timeline: what was answered, or why it was not done.
    pub detail: String,
    /// After the action, where the target has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// What it found or measured, for `register:`; at most [`FACTS_MAX`] bytes of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Value>,
}

/// They are kept in the journal and in memory for as long as the incident is open.
pub const FACTS_MAX: usize = 8 << 10;

/// What follows differs, so the cases do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActOutcome {
    /// Carried out as asked.
    Done,
    /// Carried out, and it failed: the job ended `failed`, the answer was 500.
    Failed,
    /// Somebody else's job is in the way, or cancelled ours. Wait for them.
    Conflict,
    /// Can't succeed by repetition. Nothing was done.
    Impossible(Impossible),
    /// The way to the target is broken; nothing was sent.
    NotSent,
    /// Sent, and no answer in time: it may or may not have happened.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impossible {
    NotFound,
    Masked,
    StartLimitHit,
    AccessDenied,
    /// Not the container that was looked at: removed and made anew under the same name.
    Replaced,
    Paused,
    /// The rendered parameters don't fit, or the allow-list says no.
    BadParameters,
    /// The world is not as it must be for it: a port that a stranger holds, a file that is a link.
    Refused,
}

// === impl Acted ===

impl Acted {
    pub fn new(outcome: ActOutcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into(), evidence: None, facts: None }
    }

    /// With what it found or measured: a JSON object. What is larger than [`FACTS_MAX`] is left out, and says so.
    pub fn knowing(mut self, facts: Value) -> Self {
        let size = serde_json::to_string(&facts).map_or(usize::MAX, |text| text.len());
        self.facts = Some(if size <= FACTS_MAX { facts } else { serde_json::json!({ "too_large": size }) });
        self
    }

    /// Without what passwords, tokens and keys look like or are called, for the journal.
    pub fn redacted(mut self) -> Self {
        self.facts = self.facts.map(redacted);
        self
    }

    /// What later steps and messages may say of it: `{{ steps.NAME.outcome }}`, `.detail`, and its facts.
    pub fn result(&self) -> Value {
        let mut result = serde_json::Map::new();
        match &self.facts {
            Some(Value::Object(facts)) => result.clone_from(facts),
            Some(other) => drop(result.insert("value".to_owned(), other.clone())),
            None => {}
        }
        result.insert("outcome".to_owned(), Value::from(self.outcome.label()));
        result.insert("detail".to_owned(), Value::from(self.detail.as_str()));
        Value::Object(result)
    }

    pub fn with(mut self, evidence: Option<Evidence>) -> Self {
        self.evidence = evidence;
        self
    }
}

fn redacted(value: Value) -> Value {
    const NAMES: [&str; 5] = ["token", "password", "passwd", "secret", "authorization"];
    match value {
        Value::String(text) => Value::String(super::logs::redact(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(redacted).collect()),
        Value::Object(map) => {
            let hidden = |name: &str| NAMES.iter().any(|secret| name.to_ascii_lowercase().contains(secret));
            let one = |(name, value): (String, Value)| match hidden(&name) {
                true => (name, Value::from("…")),
                false => (name, redacted(value)),
            };
            Value::Object(map.into_iter().map(one).collect())
        }
        other => other,
    }
}

impl ActOutcome {
    pub fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Conflict => "conflict",
            Self::Impossible(why) => why.label(),
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
        }
    }
}

impl Impossible {
    pub fn label(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Masked => "masked",
            Self::StartLimitHit => "start_limit_hit",
            Self::AccessDenied => "access_denied",
            Self::Replaced => "replaced",
            Self::Paused => "paused",
            Self::BadParameters => "bad_parameters",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_of_an_answer_stay_out_of_the_journal() {
        let answer = json!({ "state": "RUNNING", "auth_token": "abc", "log": ["password=hunter2 ok"], "bytes": 4 });
        let facts = Acted::new(ActOutcome::Done, "answered 200").knowing(answer).redacted().facts.unwrap();
        assert_eq!((&facts["state"], &facts["bytes"], &facts["auth_token"]), (&json!("RUNNING"), &json!(4), &json!("…")));
        assert!(!facts.to_string().contains("hunter2"), "{facts}");
    }
}
