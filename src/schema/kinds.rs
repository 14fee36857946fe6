//! Steps and probes: the table of kinds as two definitions, each with one kind as its key.

use super::generator;
use crate::{action, drill, probe};
use schemars::Schema;
use serde_json::{Map, Value, json};

/// Replaces the definitions `Step` and `Probe`, and adds what they rest on.
pub fn add(defs: &mut Map<String, Value>) {
    let mut generator = generator();
    let (steps, probes) = (action::schemas(&mut generator), probe::schemas(&mut generator));
    let mut more = generator.take_definitions(true);
    more.values_mut().for_each(templated);
    let options = defs.get("StepOptions").and_then(|options| options.get("properties")).and_then(Value::as_object).cloned();
    let options = options.unwrap_or_default();

    let mut step = entry("One step: one kind with its parameters, and options beside it.", steps, |params| {
        opened(params, &more);
        let inside = options.iter().filter(|(name, _)| *name != "timeout");
        for (name, option) in inside {
            if let Some(properties) = properties(params) {
                properties.entry(name.clone()).or_insert_with(|| option.clone());
            }
        }
    });
    if let Some(properties) = properties(&mut step) {
        properties.extend(options.clone());
    }
    let probe = entry("One probe: one kind with its parameters.", probes, |_| {});
    let template = json!({ "type": "string", "pattern": "\\{\\{|\\{%", "description": "A value to be filled in." });
    defs.extend([("Step".to_owned(), step), ("Probe".to_owned(), probe), ("Template".to_owned(), template)]);
    for (name, mut schema) in more {
        super::one_line(&mut schema);
        defs.entry(name).or_insert(schema);
    }
}

/// Replaces the definition `Fault`, and adds what it rests on.
pub fn add_faults(defs: &mut Map<String, Value>) {
    let mut generator = generator();
    let faults = drill::schemas(&mut generator);
    let mut more = generator.take_definitions(true);
    more.values_mut().for_each(templated);
    let fault = entry("One fault: one kind with its parameters.", faults, |_| {});
    let template = json!({ "type": "string", "pattern": "\\{\\{", "description": "A value to be filled in." });
    defs.extend([("Fault".to_owned(), fault), ("Template".to_owned(), template)]);
    for (name, mut schema) in more {
        super::one_line(&mut schema);
        defs.entry(name).or_insert(schema);
    }
}

/// The kinds by name, as they stand in the table.
pub fn list(kinds: Vec<(&'static str, Schema)>) -> Vec<(&'static str, Value)> {
    let clean = |(kind, schema): (&'static str, Schema)| {
        let mut schema = schema.to_value();
        super::one_line(&mut schema);
        if let Some(map) = schema.as_object_mut() {
            map.remove("$schema");
            map.remove("title");
        }
        (kind, schema)
    };
    kinds.into_iter().map(clean).collect()
}

/// Parameters that are a definition of their own, in its place: a step's may hold its options, a probe's may not.
fn opened(params: &mut Value, defs: &Map<String, Value>) {
    let name = params.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
    let Some(Value::Object(inner)) = name.and_then(|name| defs.get(name)).filter(|inner| inner.get("properties").is_some())
    else {
        return;
    };
    let mut inner = inner.clone();
    if let Some(about) = params.get("description") {
        inner.insert("description".to_owned(), about.clone());
    }
    *params = Value::Object(inner);
}

fn entry(description: &str, kinds: Vec<(&'static str, Schema)>, each: impl Fn(&mut Value)) -> Value {
    let mut properties = Map::new();
    let mut choices = Vec::new();
    for (kind, mut params) in list(kinds) {
        templated(&mut params);
        each(&mut params);
        choices.push(json!({ "required": [kind] }));
        properties.insert(kind.to_owned(), params);
    }
    json!({
        "description": description,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "oneOf": choices,
    })
}

fn properties(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    schema.get_mut("properties").and_then(Value::as_object_mut)
}

/// Every value may come from `vars`, whatever its type.
fn templated(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(choices)) = map.get_mut(key) {
            choices.iter_mut().for_each(templated);
        }
    }
    if let Some(items) = map.get_mut("items") {
        templated(items);
        *items = or_template(items.take());
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        for property in properties.values_mut() {
            templated(property);
            *property = or_template(property.take());
        }
    }
}

/// The description stays where editors look for it.
fn or_template(mut schema: Value) -> Value {
    let plain =
        schema.get("type") == Some(&json!("string")) && ["pattern", "enum", "const"].iter().all(|key| schema.get(key).is_none());
    let Some(map) = schema.as_object_mut().filter(|_| !plain) else { return schema };
    let description = map.remove("description");
    let default = map.remove("default");
    let mut either = json!({ "anyOf": [schema, { "$ref": "#/$defs/Template" }] });
    for (name, value) in [("description", description), ("default", default)] {
        if let (Some(value), Some(map)) = (value, either.as_object_mut()) {
            map.insert(name.to_owned(), value);
        }
    }
    either
}
