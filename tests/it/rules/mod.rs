//! The shipped alert rules against what all parts agreed on: labels, durations, pages, tests, metrics that exist.
//!
//! promtool (`make test-rules`) parses the rules and runs their tests; it knows nothing of labels, pages or metric names.
//! Most checks are pint's. Every finding names file, alert, problem and remedy.

mod checks;
mod names;
mod promql;

use checks::{Known, Rule, check};
use heald::book;
use heald::domain::playbook::Library;
use names::Names;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|ending| ending == "yml")).collect();
    files.sort();
    files
}

/// `alert-rules/*.yml` and `alert-rules/*/*.yml`, but the unit tests.
fn rule_files() -> Vec<PathBuf> {
    let folder = root().join("alert-rules");
    let mut files = yaml_files(&folder);
    for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.ends_with("tests") {
            files.extend(yaml_files(&entry));
        }
    }
    files
}

fn parsed(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn rules() -> Vec<Rule> {
    let mut found = Vec::new();
    for path in rule_files() {
        let short = path.strip_prefix(root()).unwrap().display().to_string();
        let file = parsed(&path);
        for rule in list(&file["groups"]).iter().flat_map(|group| list(&group["rules"])) {
            found.push(Rule::of(&short, rule).unwrap_or_else(|why| panic!("{short}: {why}")));
        }
    }
    found
}

fn known() -> Known {
    let books = book::load(&[root().join("playbooks")], &BTreeMap::new(), &BTreeMap::new()).unwrap();
    Known { names: Names::read(), library: Library::new(books.into_iter().map(|(_, book)| book).collect()), tests: tests() }
}

/// By alert: whether some test shows it firing, and whether some shows it silent.
fn tests() -> BTreeMap<String, (bool, bool)> {
    let mut found: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for folder in ["alert-rules/tests", "alert-rules/cadvisor/tests"].map(|folder| root().join(folder)) {
        for path in yaml_files(&folder) {
            let file = parsed(&path);
            for case in list(&file["tests"]).iter().flat_map(|test| list(&test["alert_rule_test"])) {
                let seen = found.entry(case["alertname"].as_str().unwrap_or_default().to_owned()).or_default();
                match list(&case["exp_alerts"]) {
                    [] => seen.1 = true,
                    _ => seen.0 = true,
                }
            }
        }
    }
    found
}

#[test]
fn shipped_rules_keep_what_was_agreed() {
    let known = known();
    let wrong: Vec<String> =
        rules().iter().flat_map(|rule| check(rule, &known).into_iter().map(|what| format!("{}: {what}", rule.place()))).collect();
    assert!(wrong.is_empty(), "{} findings\n{}", wrong.len(), wrong.join("\n"));
}

/// A name says which test, which page and which inhibition is meant. Generated rules repeat theirs for each target; a folder
/// beside `examples/` holds rules to be loaded in place of shipped ones.
#[test]
fn alert_names_are_unique() {
    let (mut places, mut same): (BTreeMap<String, String>, BTreeSet<String>) = Default::default();
    let mut wrong = Vec::new();
    for rule in rules() {
        let folder = Path::new(&rule.file).parent().unwrap();
        let shelf = if folder.ends_with("alert-rules") || folder.ends_with("examples") { Path::new("") } else { folder };
        let first = places.entry(format!("{} {}", shelf.display(), rule.name)).or_insert_with(|| rule.file.clone()).clone();
        let again = !same.insert(format!("{} {} {:?}", rule.file, rule.name, folder.ends_with("examples").then_some(&rule.labels)));
        if first != rule.file || again {
            wrong.push(format!("{}: the name is taken in {first}; give this rule one of its own", rule.place()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each check finds what it is for: one sound rule, spoilt in one place at a time.
#[test]
fn each_check_finds_its_mistake() {
    let known = known();
    let base: Value = serde_json::json!({
        "alert": "SystemdUnitFailed",
        "expr": "max without (state, type) (node_systemd_unit_state{state=\"failed\"} == 1)",
        "for": "30s",
        "keep_firing_for": "2m",
        "labels": {
            "severity": "P1", "service": "{{ $labels.name }}", "target_kind": "unit", "target": "{{ $labels.name }}",
            "playbook": "systemd-unit-failed", "remediate": "auto",
        },
        "annotations": {
            "summary": "{{ $labels.name }} failed", "description": "It failed.",
            "runbook_url": "https://heald.example/playbooks/systemd/systemd-unit-failed",
        },
    });
    let findings = |rule: &Value| check(&Rule::of("x.yml", rule).unwrap(), &known);
    assert_eq!(findings(&base), Vec::<String>::new());
    for (pointer, value, expected) in [
        ("/labels/severity", "critical", "`severity` is \"critical\""),
        ("/labels/severity", "none", "`severity` is \"none\""),
        ("/labels/target_kind", "pod", "`target_kind` is \"pod\""),
        ("/labels/remediate", "yes", "`remediate` is \"yes\""),
        ("/labels/service", "", "label `service` is missing"),
        ("/labels/target", "{{ $value }}", "label `target` holds the value"),
        ("/labels/target", "{{ with query \"up\" }}{{ . | first | value }}{{ end }}", "label `target` holds the value"),
        ("/labels/playbook", "no-such-page", "`playbook` is \"no-such-page\""),
        ("/labels/playbook", "container-down", "runbook_url ends in"),
        ("/annotations/summary", "a\nb", "`summary` has more than one line"),
        ("/annotations/description", "", "annotation `description` is missing"),
        ("/annotations/runbook_url", "https://heald.example/playbooks/host/nowhere", "there is no playbooks/host/nowhere.md"),
        ("/annotations/runbook_url", "https://wiki.example/x", "runbook_url does not begin with"),
        ("/alert", "ContainerDown", "is matched by [\"container-down\"]"),
        ("/alert", "unit_failed", "is not CamelCase"),
        ("/alert", "UnitFailedUnseen", "no promtool test shows it firing"),
        ("/alert", "UnitFailedUnseen", "no promtool test shows it silent"),
        ("/for", "", "`for` is missing"),
        ("/for", "soon", "`for` is no duration"),
        ("/keep_firing_for", "", "`keep_firing_for` is missing"),
        ("/keep_firing_for", "1h", "`keep_firing_for` is 1h"),
        ("/expr", "node_systemd_unit_state{state=\"failed\"}", "is no condition"),
        ("/expr", "sum(node_systemd_unit_state) > 1", "`sum` drops the label `host`"),
        ("/expr", "topk(3, node_load1) > 1", "`topk`"),
        ("/expr", "node_systemd_unit_sate == 1", "did you mean `node_systemd_unit_state`?"),
        ("/expr", "{state=\"failed\"} == 1", "a selector without a metric"),
        ("/expr", "rate(node_load1[5m]) > 1", "`rate` of node_load1, a gauge"),
        ("/expr", "rate(node_cpu_seconds_total[20s]) > 1", "shorter than two scrapes"),
        ("/expr", "deriv(node_cpu_seconds_total[20m]) > 1", "`deriv` of node_cpu_seconds_total, a counter"),
        ("/expr", "node_cpu_seconds_total > 1", "node_cpu_seconds_total is a counter"),
        ("/expr", "absent(node_load1{job=\"node\"})", "names no `host`"),
    ] {
        let mut spoilt = base.clone();
        *spoilt.pointer_mut(pointer).unwrap() = Value::from(value);
        let found = findings(&spoilt);
        assert!(found.iter().any(|what| what.contains(expected)), "{pointer} = {value:?}: {found:#?}");
    }
    // Windowed: the window does what `for` does elsewhere. But a series may be absent for one scrape.
    let mut rule = base.clone();
    rule["expr"] = "increase(node_systemd_service_restart_total[10m]) > 3".into();
    rule["for"] = "".into();
    rule["keep_firing_for"] = "".into();
    assert_eq!(findings(&rule), Vec::<String>::new());
    rule["expr"] = "absent(rate(node_cpu_seconds_total{host=\"a\"}[10m]))".into();
    assert!(findings(&rule).iter().any(|what| what.contains("absent() without `for`")), "{:?}", findings(&rule));
    // What goes to people only needs a page, and no playbook that matches.
    let mut rule = base.clone();
    rule["alert"] = "ContainerDown".into();
    rule["labels"]["remediate"] = "never".into();
    assert_eq!(findings(&rule), Vec::<String>::new());
}

/// `make test-rules` gives the same file to promtool.
#[test]
fn the_shipped_example_is_what_the_sample_inventory_gives() {
    let name = "tests/golden/inventory.yaml";
    let inventory = heald::inventory::load(&root().join(name)).unwrap();
    let page = heald::inventory::page(&heald::inventory::rules(&inventory), name);
    let shipped = fs::read_to_string(root().join("alert-rules/examples/expected.yml")).unwrap();
    assert_eq!(page, shipped, "run: heald rules --inventory {name} > alert-rules/examples/expected.yml");
    let reference = fs::read_to_string(root().join("docs/inventory.md")).unwrap();
    let sample = reference.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let golden = fs::read_to_string(root().join(name)).unwrap();
    assert!(golden.ends_with(sample), "docs/inventory.md shows another inventory than {name}");
}
