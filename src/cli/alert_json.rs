//! Alerts from a file, in the forms in which people have them at hand: a webhook's body, what `amtool alert query -o json`
//! or Alertmanager's and Prometheus' API print, or one alert by itself.

use super::Failure;
use crate::domain::alert::Labels;
use crate::domain::target::cut;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::Path;

/// What a template and a matcher may speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub labels: Labels,
    pub annotations: Labels,
}

/// As the webhook takes at most.
const SIZE_MAX: u64 = 4 << 20;
/// Each is a look at its target.
const ALERTS_MAX: usize = 20;

/// `-` is standard input.
pub fn read(path: &Path) -> Result<Vec<Sample>, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(SIZE_MAX + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(SIZE_MAX + 1).read_to_string(&mut text))
    };
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let size = read.map_err(|error| wrong(error.to_string()))?;
    if u64::try_from(size).is_ok_and(|size| size > SIZE_MAX) {
        return Err(wrong(format!("it is too large: at most {SIZE_MAX} bytes are read")));
    }
    parse(&text).map_err(wrong)
}

fn parse(text: &str) -> Result<Vec<Sample>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    let alerts = match &value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) if map.contains_key("labels") => vec![&value],
        Value::Object(map) => {
            let inner = map.get("data").and_then(Value::as_object).unwrap_or(map);
            let alerts = inner.get("alerts").and_then(Value::as_array);
            alerts.ok_or("it has neither `labels` nor `alerts`: give one alert, or a webhook's body")?.iter().collect::<Vec<_>>()
        }
        _ => return Err("it is no alert: give an object with `labels`, or a webhook's body".to_owned()),
    };
    match alerts.len() {
        0 => return Err("no alert is in it".to_owned()),
        count if count > ALERTS_MAX => {
            return Err(format!("{count} alerts are in it; at most {ALERTS_MAX} are explained at once"));
        }
        _ => {}
    }
    alerts
        .into_iter()
        .enumerate()
        .map(|(index, alert)| sample(alert).map_err(|why| format!("alert {}: {why}", index + 1)))
        .collect()
}

fn sample(alert: &Value) -> Result<Sample, String> {
    let part = |name: &str| match alert.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) => pairs(name, map).map(Some),
        Some(_) => Err(format!("`{name}` is no object of names and values")),
    };
    let labels = part("labels")?.ok_or("`labels` is missing")?;
    Ok(Sample { labels, annotations: part("annotations")?.unwrap_or_default() })
}

fn pairs(part: &str, map: &Map<String, Value>) -> Result<Labels, String> {
    let text = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Ok((name.clone(), text.clone())),
        _ => Err(format!("`{part}`: {} is no text", cut(name))),
    };
    map.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_form_is_read() {
        let alert =
            r#"{"labels": {"alertname": "Down"}, "annotations": {"summary": "it is down"}, "status": {"state": "active"}}"#;
        let pair = |name: &str, value: &str| Labels::from([(name.to_owned(), value.to_owned())]);
        let expected = Sample { labels: pair("alertname", "Down"), annotations: pair("summary", "it is down") };
        for text in [
            alert.to_owned(),
            format!("[{alert}]"),
            format!(r#"{{"version": "4", "groupLabels": {{}}, "alerts": [{alert}]}}"#),
            format!(r#"{{"status": "success", "data": {{"alerts": [{alert}]}}}}"#),
        ] {
            assert_eq!(parse(&text).unwrap(), std::slice::from_ref(&expected), "{text}");
        }
        let body = include_str!("../../tests/payloads/am025-grouped-mixed.json");
        assert!(parse(body).unwrap().len() > 1);
        for (text, part) in [
            ("", "no JSON"),
            ("3", "no alert"),
            ("{}", "neither `labels` nor `alerts`"),
            ("[]", "no alert is in it"),
            (r#"{"labels": {"a": 1}}"#, "alert 1: `labels`: a is no text"),
            (r#"[{"labels": {}}, {"annotations": {}}]"#, "alert 2: `labels` is missing"),
            (r#"{"labels": []}"#, "no object"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
        assert!(parse(&format!("[{}]", vec![alert; 21].join(","))).unwrap_err().contains("at most 20"));
    }
}
