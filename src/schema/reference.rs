//! The reference in `docs/reference/`: pages made of the same doc comments as the schemas.

use super::playbook::Playbook;
use super::{generator, kinds, shape};
use crate::{action, drill, probe};
use serde_json::{Map, Value};

const MADE: &str = "<!-- Made of doc comments by `HEALD_BLESS=1 cargo test --test it schema`; edit them in src/. -->\n";

/// File names and texts.
pub fn pages() -> Vec<(&'static str, String)> {
    let mut generator = generator();
    let (steps, probes) = (kinds::list(action::schemas(&mut generator)), kinds::list(probe::schemas(&mut generator)));
    let mut shared = generator.take_definitions(true);
    shared.values_mut().for_each(super::one_line);
    let parts = parts();
    let defs = parts["$defs"].as_object().cloned().unwrap_or_default();
    let with = |names: &[&str], intro: &str, title: &str| {
        let mut text = format!("# {title}\n\n{MADE}\n");
        if !intro.is_empty() {
            text.push_str(&format!("{intro}\n"));
        }
        for name in names {
            section(name, &defs, &mut text);
        }
        text
    };
    let intro = "Each stands below `do:` of *Auto-recovery*, or in *Rollback* and *Afterwards*, with its [options](step-options.md). A \
                 parameter that is not required may be left out. Every value may be a [template](template-values.md).";
    let actions = all("Actions", intro, &steps, &shared);
    let intro = "Each stands below `all:` of *Verify*. A probe passes, fails, or could not be asked; the last is never taken for \
                 one of the others. Every value may be a [template](template-values.md).";
    let probes = all("Probes", intro, &probes, &shared);
    let mut generator = super::generator();
    let faults = kinds::list(drill::schemas(&mut generator));
    let mut shared = generator.take_definitions(true);
    shared.values_mut().for_each(super::one_line);
    let intro = "Each stands below `fault:` of a [drill](../drills.md). Every object that it names must be named under `drills: \
                 { allowed: … }` of heald.yaml. A parameter that is not required may be left out.";
    let faults = all("Faults", intro, &faults, &shared);
    let intro = "Between two lines `---` at the beginning of a playbook. Durations: `500ms`, `30s`, `5m`, `1h30m`, `1d`.";
    let front = with(&["FrontMatter", "Target", "Limits", "Backoff", "EscalateWhen"], intro, "Front matter");
    let intro = "The sections' own keys, and what may stand beside the kind of each step.";
    let options = with(&["Rung", "StepOptions", "Retry", "Verify"], intro, "Rungs, steps and verification");
    let values = with(&["TemplateValues"], "", "Template values");
    vec![
        ("actions.md", actions),
        ("probes.md", probes),
        ("faults.md", faults),
        ("front-matter.md", front),
        ("step-options.md", options),
        ("template-values.md", values),
    ]
}

fn all(title: &str, intro: &str, kinds: &[(&'static str, Value)], defs: &Map<String, Value>) -> String {
    let mut text = format!("# {title}\n\n{MADE}\n{intro}\n\n");
    for (kind, schema) in kinds {
        let about = description(schema);
        let first = about.lines().next().unwrap_or_default().split_inclusive(". ").next().unwrap_or_default().trim();
        text.push_str(&format!("- [`{kind}`](#{}): {first}\n", anchor(kind)));
    }
    for (kind, schema) in kinds {
        text.push_str(&format!("\n## {kind}\n\n{}\n", description(schema)));
        let schema = resolved(schema, defs);
        table(schema, defs, &mut text);
        for name in mentioned(schema, defs) {
            text.push_str(&format!("\n**{name}**"));
            let inner = &defs[&name];
            let about = description(inner);
            text.push_str(&if about.is_empty() { "\n".to_owned() } else { format!(": {about}\n") });
            table(inner, defs, &mut text);
        }
    }
    text
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).collect::<String>().to_lowercase()
}

fn section(name: &str, defs: &Map<String, Value>, text: &mut String) {
    let Some(schema) = defs.get(name) else { return };
    let title = match name {
        "FrontMatter" => "All keys",
        "EscalateWhen" => "`escalate_when`",
        "Backoff" => "`limits.cooldown`",
        "Limits" => "`limits`",
        "Target" => "`target`",
        "Rung" => "Rung",
        "StepOptions" => "Step options",
        "Retry" => "`retry`",
        "Verify" => "Verify",
        other => other,
    };
    let about = description(schema);
    if name == "TemplateValues" {
        // They are all there; "required" is said of what people write.
        let mut values = schema.clone();
        values.as_object_mut().map(|map| map.remove("required"));
        text.push_str(&format!("{about}\n"));
        return table(&values, defs, text);
    }
    text.push_str(&format!("\n## {title}\n"));
    if !about.is_empty() {
        text.push_str(&format!("\n{about}\n"));
    }
    table(schema, defs, text);
}

fn description(schema: &Value) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn resolved<'v>(schema: &'v Value, defs: &'v Map<String, Value>) -> &'v Value {
    name_of(schema).and_then(|name| defs.get(&name)).unwrap_or(schema)
}

fn name_of(schema: &Value) -> Option<String> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/").map(str::to_owned)
}

/// Definitions with keys of their own that the parameters speak of, each once, in their order, and those that they speak
/// of in turn.
fn mentioned(schema: &Value, defs: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    let mut queue = vec![schema.clone()];
    while let Some(next) = queue.pop() {
        let mut names = Vec::new();
        references(&next, &mut names);
        for name in names {
            let Some(inner) = defs.get(&name).filter(|_| !found.contains(&name)) else { continue };
            if inner.get("properties").is_some() {
                found.push(name);
            }
            queue.insert(0, inner.clone());
        }
    }
    found
}

fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            found.extend(name_of(schema));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn table(schema: &Value, defs: &Map<String, Value>, text: &mut String) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|map| !map.is_empty()) else { return };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    text.push_str("\n| key | value | meaning |\n| --- | --- | --- |\n");
    // What must be there first; the order of the schema is that of the alphabet.
    let (must, may): (Vec<_>, Vec<_>) = properties.iter().partition(|(name, _)| required.contains(&name.as_str()));
    for (name, property) in must.into_iter().chain(may) {
        let needed = if required.contains(&name.as_str()) { "**required.** " } else { "" };
        let mut about = description(property);
        if about.is_empty() {
            about = description(resolved(property, defs));
        }
        let about = about.replace('\n', " ").replace('|', "\\|");
        text.push_str(&format!("| `{name}` | {} | {needed}{} |\n", value(property, defs), about.trim()));
    }
}

/// What may be written, in a few words.
fn value(schema: &Value, defs: &Map<String, Value>) -> String {
    if let Some(name) = name_of(schema) {
        return defs.get(&name).map_or_else(|| name.clone(), |inner| value(inner, defs));
    }
    if let Some(word) = schema.get("const") {
        return format!("`{}`", word.as_str().map_or_else(|| word.to_string(), str::to_owned));
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        let words: Vec<String> = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema.get(key).and_then(Value::as_array) {
            let mut words: Vec<String> = Vec::new();
            for word in choices
                .iter()
                .filter(|choice| choice.get("type").and_then(Value::as_str) != Some("null"))
                .map(|choice| value(choice, defs))
            {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
            let glue = if words.iter().all(|word| word.starts_with('`')) { ", " } else { " or " };
            return words.join(glue);
        }
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect(),
        _ => return "anything".to_owned(),
    };
    let is_duration = schema.get("examples").and_then(|examples| examples.get(0)).and_then(Value::as_str) == Some("500ms");
    let words: Vec<String> = types
        .iter()
        .map(|one| match *one {
            "string" if is_duration => "duration".to_owned(),
            "string" => "text".to_owned(),
            "integer" => "whole number".to_owned(),
            "boolean" => "`true`, `false`".to_owned(),
            "array" => schema.get("items").map_or_else(|| "list".to_owned(), |items| format!("list of {}", value(items, defs))),
            "object" => "map".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    words.join(" or ")
}

/// What the pages speak of; the configuration has a page of its own by hand.
fn parts() -> Value {
    shape::<Playbook>("playbook")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_says_what_may_be_written() {
        let defs = json!({ "Inner": { "type": "object", "properties": { "a": { "type": "integer" } } } });
        let defs = defs.as_object().unwrap();
        let schema = json!({
            "properties": {
                "many": { "type": ["array", "null"], "items": { "type": "string" }, "description": "Some | of\nthem." },
                "must": { "anyOf": [{ "$ref": "#/$defs/Inner" }, { "type": "null" }, { "type": "boolean" }] },
                "word": { "oneOf": [{ "const": "a" }, { "const": "b" }] },
            },
            "required": ["must"],
        });
        let mut text = String::new();
        table(&schema, defs, &mut text);
        assert_eq!(
            text,
            "\n| key | value | meaning |\n| --- | --- | --- |\n| `must` | map or `true`, `false` | **required.**  |\n\
             | `many` | list of text | Some \\| of them. |\n| `word` | `a`, `b` |  |\n"
        );
        assert_eq!(mentioned(&schema, defs), ["Inner"]);
    }
}
