//! Values of `vars:` are known when the file is read: they are filled in then, so that a duration, a number or a list may
//! come from the configuration, and a value that does not fit is found before the night when it is needed.

use super::templates::names_in;
use crate::domain::alert::Labels;
use crate::domain::template::{self, Context, Results};
use crate::yaml::{File, Kind, Node, quote};
use serde_json::Value;
use std::collections::BTreeMap;

/// Fills in every text that speaks of `vars` only. A name without a value is left for the moment when the alert comes:
/// it may stand in the configuration, which need not be here.
pub fn fill(file: &File<'_>, node: &Node, vars: &BTreeMap<String, Value>) -> Node {
    let kind = match &node.kind {
        Kind::Text(text) if template::is_template(text) && names_in(text).is_some_and(|names| names == ["vars"]) => {
            return filled(file, node, text, vars);
        }
        Kind::List(items) => Kind::List(items.iter().map(|item| fill(file, item, vars)).collect()),
        Kind::Map(entries) => Kind::Map(entries.iter().map(|(key, value)| (key.clone(), fill(file, value, vars))).collect()),
        _ => return node.clone(),
    };
    node.with(kind)
}

fn filled(file: &File<'_>, node: &Node, text: &str, vars: &BTreeMap<String, Value>) -> Node {
    if let Some(value) = alone(text).and_then(|name| vars.get(name)) {
        return tree(file, node, value);
    }
    let (labels, steps) = (Labels::new(), Results::new());
    let context = Context { labels: &labels, annotations: &labels, vars, target: None, steps: &steps };
    match template::render(text, &context) {
        Ok(text) => tree(file, node, &Value::String(text)),
        Err(_) => node.clone(),
    }
}

/// `{{ vars.keep }}` and nothing else: the value keeps its type.
fn alone(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let name = inner.strip_prefix("vars.")?;
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some(name)
}

fn tree(file: &File<'_>, node: &Node, value: &Value) -> Node {
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(flag) => Kind::Bool(*flag, flag.to_string()),
        Value::Number(number) => Kind::Number(number.clone(), number.to_string()),
        Value::String(text) => {
            if template::is_template(text) {
                // A value is never a template itself.
                file.refuse(
                    node.at,
                    format!("the value {} of a variable holds a template; write it where it is used", quote(text)),
                );
            }
            Kind::Text(text.clone())
        }
        Value::Array(items) => Kind::List(items.iter().map(|item| tree(file, node, item)).collect()),
        Value::Object(map) => {
            let key = |name: &String| crate::yaml::Key { at: node.at, name: name.clone() };
            Kind::Map(map.iter().map(|(name, value)| (key(name), tree(file, node, value))).collect())
        }
    };
    node.with(kind)
}
