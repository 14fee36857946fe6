//! JSON Schema of what people write: playbooks, drills and the configuration, for editors and for the reference.
//!
//! Steps and probes come from the table of kinds. What `book/` and `config/` read by hand is described here by structs that
//! are nothing but shapes; tests there hold them against the keys that the readers ask for. Nothing is decided by a
//! schema: what heald takes and refuses, `heald check` says.

#[cfg(test)]
pub(crate) mod agree;
mod config;
mod drill;
mod kinds;
mod playbook;
mod reference;
mod words;

pub use reference::pages;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Of the YAML in a playbook: its front matter and its executable sections.
pub fn playbook() -> Value {
    let mut root = shape::<playbook::Playbook>("heald playbook");
    if let Some(defs) = root.get_mut("$defs").and_then(Value::as_object_mut) {
        kinds::add(defs);
    }
    root
}

/// Of the configuration file.
pub fn config() -> Value {
    shape::<config::Config>("heald configuration")
}

/// Of a drill file.
pub fn drill() -> Value {
    let mut root = shape::<drill::Drills>("heald drills");
    if let Some(defs) = root.get_mut("$defs").and_then(Value::as_object_mut) {
        kinds::add_faults(defs);
    }
    root
}

/// As it is kept in `docs/schema/`.
pub fn text(schema: &Value) -> String {
    let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.push('\n');
    text
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

fn shape<T: JsonSchema>(title: &str) -> Value {
    let mut root = generator().into_root_schema_for::<T>().to_value();
    without_null(&mut root);
    one_line(&mut root);
    if let Some(map) = root.as_object_mut() {
        map.insert("title".to_owned(), json!(title));
    }
    root
}

/// A key that may be left out is no key that may be empty: heald refuses `key:` with nothing behind it.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|one| one != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            for key in ["anyOf", "oneOf"] {
                flatten(map, key);
            }
            map.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// `anyOf: [X, null]` is X.
fn flatten(map: &mut Map<String, Value>, key: &str) {
    let Some(Value::Array(choices)) = map.get_mut(key) else { return };
    let before = choices.len();
    choices.retain(|choice| choice.get("type") != Some(&json!("null")));
    if choices.len() == before {
        return;
    }
    if let [Value::Object(only)] = choices.as_slice() {
        let only = only.clone();
        map.remove(key);
        for (name, value) in only {
            map.entry(name).or_insert(value);
        }
    }
}

/// Doc comments are wrapped for the source; an editor wraps by itself. Blank lines, lists and code stay.
fn one_line(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = unwrapped(text);
            }
            map.values_mut().for_each(one_line);
        }
        Value::Array(items) => items.iter_mut().for_each(one_line),
        _ => {}
    }
}

fn unwrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut code = false;
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        let joins = !code && !fence && !line.is_empty() && !line.trim_start().starts_with(['-', '|', '#']);
        match lines.last_mut() {
            Some(last) if joins && !last.is_empty() && !last.starts_with("```") && !last.starts_with('|') => {
                last.push(' ');
                last.push_str(line.trim_start());
            }
            _ => lines.push(line.to_owned()),
        }
        code ^= fence;
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_text_is_one_line_and_code_stays() {
        let text = "One\ntwo.\n\n- a\n- b\n\n```yaml\n- x: 1\n  y: 2\n```\n\nEnd\nhere";
        assert_eq!(unwrapped(text), "One two.\n\n- a\n- b\n\n```yaml\n- x: 1\n  y: 2\n```\n\nEnd here");
    }

    #[test]
    fn nothing_written_is_not_the_same_as_left_out() {
        let mut schema = json!({ "type": ["string", "null"], "anyOf": [{ "$ref": "#/x" }, { "type": "null" }] });
        without_null(&mut schema);
        assert_eq!(schema, json!({ "type": "string", "$ref": "#/x" }));
    }
}
