//! The schemas and the reference: kept in docs/ as they are made, sound as schemas, and true of everything that is shipped.
//!
//! `HEALD_BLESS=1 cargo test --test it schema` writes them anew.

use heald::schema;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn kept(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("HEALD_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let differ = kept.lines().zip(text.lines()).position(|(kept, made)| kept != made);
    let line = differ.unwrap_or_else(|| kept.lines().count().min(text.lines().count())) + 1;
    let hint = "run `HEALD_BLESS=1 cargo test --test it schema` and read the difference";
    assert!(kept == text, "{path} is not what the sources say, from line {line} on; {hint}");
}

fn validator(schema: &Value) -> Validator {
    assert!(jsonschema::meta::is_valid(schema), "it is no JSON Schema");
    jsonschema::draft202012::new(schema).unwrap()
}

/// A playbook's YAML, part by part.
fn parts(text: &str) -> Value {
    let yaml = |text: &str| -> Value { serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}")) };
    let mut parts = Map::new();
    let (front, body) = text.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
    parts.insert("front_matter".to_owned(), yaml(front));
    for section in format!("\n{body}").split("\n## ").skip(1) {
        let (heading, rest) = section.split_once('\n').unwrap_or((section, ""));
        let name = heading.trim().to_lowercase().replace(['-', ' '], "_");
        let known = ["auto_recovery", "verify", "rollback", "afterwards"].contains(&name.as_str());
        if let Some((_, block)) = rest.split_once("```yaml\n").filter(|_| known) {
            parts.insert(name, yaml(block.split("\n```").next().unwrap()));
        }
    }
    Value::Object(parts)
}

fn shipped() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("playbooks"), root().join("tests/lab")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    found.retain(|path| fs::read_to_string(path).unwrap().starts_with("---\nplaybook:"));
    assert!(found.len() > 70, "the playbooks were not found");
    found
}

/// Every mistake, with its place in the value.
fn mistakes(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn schemas_and_reference_are_kept_as_they_are_made() {
    kept("docs/schema/playbook.schema.json", &schema::text(&schema::playbook()));
    kept("docs/schema/config.schema.json", &schema::text(&schema::config()));
    kept("docs/schema/drill.schema.json", &schema::text(&schema::drill()));
    for (name, text) in schema::pages() {
        kept(&format!("docs/reference/{name}"), &text);
    }
}

#[test]
fn the_command_prints_what_is_kept() {
    for of in ["playbook", "config", "drill"] {
        let file = format!("docs/schema/{of}.schema.json");
        let printed = Command::new(env!("CARGO_BIN_EXE_heald")).args(["schema", of]).output().unwrap();
        assert!(printed.status.success());
        assert!(String::from_utf8(printed.stdout).unwrap() == fs::read_to_string(root().join(&file)).unwrap(), "{file}");
    }
}

#[test]
fn every_shipped_playbook_fits_its_schema() {
    let validator = validator(&schema::playbook());
    for path in shipped() {
        let found = mistakes(&validator, &parts(&fs::read_to_string(&path).unwrap()));
        assert!(found.is_empty(), "{}:\n{}", path.display(), found.join("\n"));
    }
}

#[test]
fn every_shipped_drill_fits_its_schema() {
    let validator = validator(&schema::drill());
    for path in shipped().iter().map(|path| path.with_extension("drill.yml")).filter(|path| path.is_file()) {
        let value: Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let found = mistakes(&validator, &value);
        assert!(found.is_empty(), "{}:\n{}", path.display(), found.join("\n"));
    }
}

#[test]
fn the_example_configurations_fit_their_schema() {
    let validator = validator(&schema::config());
    for file in ["dist/heald.yaml", "tests/golden/config-full.yaml"] {
        let value: Value = serde_saphyr::from_str(&fs::read_to_string(root().join(file)).unwrap()).unwrap();
        let found: Vec<String> = mistakes(&validator, &value);
        assert!(found.is_empty(), "{file}:\n{}", found.join("\n"));
    }
    // The pages' own examples; some are pieces of a file.
    let mut seen = 0;
    for page in ["configuration", "notify", "escalation", "collectors", "telegram", "slack"] {
        let text = fs::read_to_string(root().join(format!("docs/{page}.md"))).unwrap();
        for block in text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            let Ok(Value::Object(mut map)) = serde_saphyr::from_str::<Value>(block) else { continue };
            let known = schema::config()["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            // `…` is for the reader to fill in.
            if block.contains(": … ") || !map.keys().all(|key| known.contains(key)) {
                continue;
            }
            map.entry("playbooks").or_insert(json!("x"));
            let found = mistakes(&validator, &Value::Object(map));
            assert!(found.is_empty(), "docs/{page}.md:\n{block}\n{}", found.join("\n"));
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} examples were found");
}

#[test]
fn the_pages_example_is_a_sound_playbook() {
    let page = fs::read_to_string(root().join("docs/playbooks.md")).unwrap();
    let text = page.split("````markdown\n").nth(1).and_then(|rest| rest.split("````").next()).unwrap().to_owned();
    let found = mistakes(&validator(&schema::playbook()), &parts(&text));
    assert!(found.is_empty(), "{}", found.join("\n"));
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("web-is-down.md"), text).unwrap();
    let loaded = heald::book::load_all(&[dir.path().to_owned()], &BTreeMap::new(), &BTreeMap::new());
    assert_eq!(loaded.problems, []);
    assert_eq!(heald::book::warnings(&loaded, None), []);
}

#[test]
fn what_is_no_playbook_does_not_fit() {
    let validator = validator(&schema::playbook());
    let sound = || {
        json!({
            "front_matter": { "playbook": "web", "match": ["alertname=\"A\""], "target": { "unit": "web.service" } },
            "auto_recovery": [{ "try": "a", "do": [{ "systemd.restart": {} }] }],
            "verify": { "all": [{ "systemd.active": {} }] },
        })
    };
    assert_eq!(mistakes(&validator, &sound()), [""; 0]);
    for (pointer, value) in [
        ("/front_matter/playbook", json!("Web Is Down")),
        ("/front_matter/mode", json!("always")),
        ("/front_matter/retries", json!(3)),
        ("/front_matter/limits", json!({ "attempts": 0 })),
        ("/front_matter/limits", json!({ "within": "five minutes" })),
        ("/front_matter/target", json!({ "unit": "a", "container": "b" })),
        ("/front_matter/owner", Value::Null),
        ("/auto_recovery/0/do", json!([])),
        ("/auto_recovery/0/do/0", json!({ "systemd.restrat": {} })),
        ("/auto_recovery/0/do/0", json!({ "systemd.restart": {}, "wait": "1s" })),
        ("/auto_recovery/0/do/0", json!({ "systemd.restart": { "retires": 3 } })),
        ("/auto_recovery/0/do/0", json!({ "systemd.restart": {}, "retry": 1 })),
        ("/verify/all", json!([])),
        ("/verify/all/0", json!({ "systemd.active": {}, "when": "true" })),
        ("/verify/all/0", json!({ "http": { "get": "http://a/", "optional": true } })),
    ] {
        let mut wrong = sound();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match wrong.pointer_mut(parent).unwrap() {
            Value::Object(map) => drop(map.insert(key.to_owned(), value.clone())),
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
            other => panic!("{other}"),
        }
        assert!(!validator.is_valid(&wrong), "{pointer}: {value} fits");
    }
    // What a variable brings is known only to heald.
    let mut filled = sound();
    filled["auto_recovery"] = json!([
        { "wait": "{{ vars.pause }}" },
        { "wait": { "for": "1s" }, "timeout": "2s" },
        { "systemd.restart": { "optional": true } },
        { "http": { "get": "http://a/", "status": "{{ vars.expected }}", "optional": true } },
    ]);
    assert_eq!(mistakes(&validator, &filled), [""; 0]);
}
