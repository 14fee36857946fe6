//! Holds a schema against the readers: what they ask for in a file, and what the schema has there.

use crate::yaml::{Kind, Node, asked};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Keys asked for, by the place in the schema. The readers may ask by turns for what excludes each other, so it takes
/// more than one file.
#[derive(Debug)]
pub struct Agreement<'s> {
    schema: &'s Value,
    asked: BTreeMap<String, BTreeSet<&'static str>>,
    /// What the schema does not know, or knows otherwise.
    wrong: BTreeSet<String>,
}

impl<'s> Agreement<'s> {
    pub fn new(schema: &'s Value) -> Self {
        asked::take();
        Self { schema, asked: BTreeMap::new(), wrong: BTreeSet::new() }
    }

    /// After a file was read: `trees` are its YAML, each with where it belongs in the schema.
    pub fn add(&mut self, trees: &[(&str, Node)]) {
        let asked = asked::take();
        for (pointer, node) in trees {
            self.walk(node, (*pointer).to_owned(), &asked);
        }
    }

    /// Every difference. `left_out`: places whose keys no such reader asks for.
    pub fn differences(mut self, left_out: &[&str]) -> BTreeSet<String> {
        for (pointer, asked) in &self.asked {
            let known = keys(self.at(pointer));
            let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
            let read: BTreeSet<&str> = asked.iter().copied().collect();
            let lists = [
                ("is read and not in the schema", read.difference(&known)),
                ("is in the schema and not read", known.difference(&read)),
            ];
            for (what, names) in lists {
                for name in names.filter(|name| !left_out.contains(name)) {
                    self.wrong.insert(format!("{pointer}: `{name}` {what}"));
                }
            }
        }
        let mut all = BTreeSet::new();
        places(self.schema, "#", &mut all);
        for place in all.iter().filter(|place| !self.asked.contains_key(*place)) {
            if !left_out.iter().any(|part| place.contains(part)) {
                self.wrong.insert(format!("{place}: no file shows it"));
            }
        }
        self.wrong
    }

    fn at(&self, pointer: &str) -> &'s Value {
        self.schema.pointer(pointer.trim_start_matches('#')).unwrap_or(&Value::Null)
    }

    fn walk(&mut self, node: &Node, pointer: String, asked: &BTreeMap<usize, BTreeSet<&'static str>>) {
        let Some(pointer) = self.resolve(pointer, node) else { return };
        let schema = self.at(&pointer);
        match &node.kind {
            Kind::Map(entries) => {
                if let Some(keys) = asked.get(&node.at).filter(|_| schema.get("properties").is_some()) {
                    self.asked.entry(pointer.clone()).or_default().extend(keys);
                }
                for (key, value) in entries {
                    let named = schema.get("properties").and_then(|map| map.get(&key.name)).is_some();
                    let open = schema.get("additionalProperties").is_some_and(Value::is_object);
                    match (named, open) {
                        (true, _) => self.walk(value, format!("{pointer}/properties/{}", key.name.replace('/', "~1")), asked),
                        (false, true) => self.walk(value, format!("{pointer}/additionalProperties"), asked),
                        (false, false) if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                            self.wrong.insert(format!("{pointer}: `{}` stands in a file and not in the schema", key.name));
                        }
                        (false, false) => {}
                    }
                }
            }
            Kind::List(items) => items.iter().for_each(|item| self.walk(item, format!("{pointer}/items"), asked)),
            _ => {}
        }
    }

    /// Through references, and into the choice that the node can be.
    fn resolve(&self, pointer: String, node: &Node) -> Option<String> {
        let schema = self.at(&pointer);
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            return self.resolve(target.to_owned(), node);
        }
        let wanted = match &node.kind {
            Kind::Map(_) => "object",
            Kind::List(_) => "array",
            _ => return None,
        };
        if schema.get("type").and_then(Value::as_str) == Some(wanted) {
            return Some(pointer);
        }
        let choices = ["anyOf", "oneOf"].into_iter().filter_map(|key| Some((key, schema.get(key)?.as_array()?)));
        let mut found = choices.flat_map(|(key, list)| (0..list.len()).map(move |index| format!("{key}/{index}")));
        let fits = |inner: &Node, pointer: &str| match (&inner.kind, self.at(&format!("{pointer}/items"))) {
            // Rungs or steps: by their first entry's keys.
            (Kind::List(items), Value::Object(_)) => {
                items.first().is_none_or(|first| self.knows(first, format!("{pointer}/items")))
            }
            _ => true,
        };
        found.find_map(|choice| {
            let inner = self.resolve(format!("{pointer}/{choice}"), node)?;
            fits(node, &inner).then_some(inner)
        })
    }

    fn knows(&self, node: &Node, pointer: String) -> bool {
        let Kind::Map(entries) = &node.kind else { return true };
        let Some(pointer) = self.resolve(pointer, node) else { return false };
        let known = keys(self.at(&pointer));
        entries.iter().all(|(key, _)| known.contains(&key.name))
    }
}

fn keys(schema: &Value) -> Vec<String> {
    schema.get("properties").and_then(Value::as_object).map(|map| map.keys().cloned().collect()).unwrap_or_default()
}

/// Every object with keys of its own.
fn places(schema: &Value, pointer: &str, found: &mut BTreeSet<String>) {
    let Value::Object(map) = schema else {
        if let Value::Array(items) = schema {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{pointer}/{index}"), found));
        }
        return;
    };
    if map.get("properties").and_then(Value::as_object).is_some_and(|map: &Map<String, Value>| !map.is_empty()) {
        found.insert(pointer.to_owned());
    }
    for (key, value) in map {
        places(value, &format!("{pointer}/{}", key.replace('/', "~1")), found);
    }
}
