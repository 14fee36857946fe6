//! What is shipped fits together: playbooks load, every rule finds its playbook, the samples are good, the docs are true.

use heald::domain::alert::Labels;
use heald::domain::playbook::{Library, Mode};
use heald::telemetry::{Budget, DrillStanding, Telemetry};
use heald::{app, book, config};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Log lines know a service; these pages know by their `vars` which unit or file of it is meant.
const OF_A_SERVICE: [&str; 3] = ["data-corrupt", "database-locked", "sqlite-corrupt"];

/// What costs most when it is wrong: a person is asked each time, also where nothing was configured.
const ASKS: [&str; 4] = ["host-failover", "path-blocked", "restore-database", "restore-files"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn library() -> Library {
    let books = book::load(&[root().join("playbooks")], &BTreeMap::new(), &BTreeMap::new()).unwrap();
    Library::new(books.into_iter().map(|(_, book)| book).collect())
}

/// (file, alertname, labels) of every shipped rule.
pub fn rules() -> Vec<(PathBuf, String, Labels)> {
    let mut found = Vec::new();
    for folder in ["alert-rules", "alert-rules/examples", "alert-rules/cadvisor"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "yml") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let file: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
            for rule in file["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()) {
                // A recording rule raises nothing.
                let Some(name) = rule["alert"].as_str().map(str::to_owned) else { continue };
                let labels = rule["labels"].as_object().unwrap().iter();
                let labels = labels.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
                found.push((path.clone(), name, labels));
            }
        }
    }
    assert!(found.len() >= 3, "the rules were not found");
    found
}

#[test]
fn every_rule_finds_the_playbook_that_it_names() {
    let library = library();
    for (path, name, mut labels) in rules() {
        let place = format!("{}: {name}", path.display());
        for label in ["severity", "service", "target_kind", "target", "playbook", "remediate"] {
            assert!(labels.get(label).is_some_and(|value| !value.is_empty()), "{place} lacks the label {label}");
        }
        labels.insert("alertname".to_owned(), name);
        let matching = library.matching(&labels);
        let ids: Vec<&str> = matching.iter().map(|book| &*book.id.0).collect();
        assert_eq!(ids, [labels["playbook"].as_str()], "{place}");
        if !OF_A_SERVICE.contains(&labels["playbook"].as_str()) {
            assert_eq!(matching[0].target.kind.label(), labels["target_kind"], "{place}");
        }
    }
}

#[test]
fn shipped_playbooks_only_observe_or_ask_until_a_person_says_otherwise() {
    let rules = rules();
    for book in library().books() {
        let mode = if ASKS.contains(&&*book.id.0) { Mode::Approve } else { Mode::Observe };
        assert_eq!(book.mode, mode, "{}", book.id);
        assert!(book.manual_fix.is_some() && book.debug_prompt.is_some(), "{}: a person needs both", book.id);
        assert!(book.recovery_time.is_some(), "{}", book.id);
        // Without a severity of its own the alert's counts: where alerts of several severities share the page.
        let labels = rules.iter().map(|(_, _, labels)| labels);
        let mut of_book = labels.filter(|labels| labels.get("playbook").is_some_and(|id| id.as_str() == &*book.id.0));
        assert!(book.severity.is_some() || of_book.all(|labels| labels.contains_key("severity")), "{}", book.id);
    }
}

/// As `make install` lays it out.
fn installed(yaml: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("webhook-token"), "token\n").unwrap();
    fs::create_dir(dir.path().join("playbooks")).unwrap();
    let shipped = root().join("playbooks");
    let file = dir.path().join("heald.yaml");
    fs::write(
        &file,
        yaml.replace("/etc/heald/playbooks", "playbooks").replace("/usr/local/share/heald/playbooks", shipped.to_str().unwrap()),
    )
    .unwrap();
    (dir, file)
}

#[test]
fn the_sample_configuration_is_good() {
    let (_dir, file) = installed(&read("dist/heald.yaml"));
    let (settings, books) = app::read(&file).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(books.len(), library().books().len());
    assert!(settings.targets.units.is_empty(), "nothing is touched that was not named");
}

#[test]
fn the_readmes_configuration_is_good() {
    let readme = read("README.md");
    let yaml = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let (_dir, file) = installed(yaml);
    let settings = config::load(&file).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(settings.targets.units.contains("web.service"));
    let overrides = readme.split("```yaml\n").nth(2).unwrap().split("```").next().unwrap();
    let (_dir, file) = installed(&format!("{yaml}{overrides}"));
    let (_, books) = app::read(&file).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(books.iter().any(|(_, book)| book.mode == heald::domain::playbook::Mode::Auto));
}

#[test]
fn the_metrics_page_and_its_reference_name_the_same() {
    let telemetry = Telemetry::new("0");
    // A family without a series is not on the page.
    telemetry.playbook("p", &["healed"]);
    telemetry.guards(&["budget"]);
    telemetry.open_incidents(&[("healed", 1)]);
    telemetry.incident_closed("healed");
    telemetry.channel("log");
    telemetry.recovery_target("p", Some(Duration::from_secs(60)));
    telemetry.target("unit web.service");
    telemetry.objective("shop", Some(Duration::from_secs(60)), Some(Duration::from_secs(60)));
    telemetry.outage("shop", Duration::from_secs(5), None);
    telemetry.outage_running("shop", Duration::ZERO);
    telemetry.budgets(&[Budget { scope: "host", window: "1h".to_owned(), left: 3, limit: 5 }], &[]);
    telemetry.chat("ops");
    telemetry.heartbeat(true);
    telemetry.dependency("docker", true);
    telemetry.breaker("p", "unit web.service", true);
    telemetry.standing_back("storm", 0);
    let (last, recovery, interval) = (Some((1.0, true)), Some(Duration::from_secs(1)), Duration::from_secs(604_800));
    telemetry.drills(&[DrillStanding { drill: "d".to_owned(), last, recovery, interval, due: 2.0 }]);
    let page = telemetry.page();
    let shown: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            }
        })
        .filter(|name| name.starts_with("heald_"))
        .collect();
    let reference = read("docs/metrics.md");
    let own = reference.split("| `/metrics/targets`").next().unwrap();
    let told: BTreeSet<String> =
        own.split('`').filter(|word| word.starts_with("heald_")).map(|word| word.trim_end().to_owned()).collect();
    assert_eq!(shown, told, "docs/metrics.md against the page");
}

fn all_of(folder: &str) -> String {
    let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn the_coverage_table_names_tests_that_exist() {
    // Both tiers have one list each.
    let tests = read("tests/live/main.rs") + &all_of("tests/sim");
    let table = read("docs/coverage.md");
    let named: Vec<&str> = table.split("`live: ").skip(1).filter_map(|rest| rest.split('`').next()).collect();
    assert!(named.len() >= 4, "{named:?}");
    for name in named {
        assert!(tests.contains(&format!("(\"{name}\", ")), "docs/coverage.md names `{name}`, and there is no such test");
    }
}

#[test]
fn the_unit_leaves_heald_what_it_needs() {
    let unit = read("dist/heald.service");
    let settings: Vec<&str> = unit.lines().map(str::trim).collect();
    // The boot's id, without which a restart trusts the wall clock with the budgets, and the host's name.
    assert!(!settings.contains(&"ProcSubset=pid"), "/proc/sys is not there then");
    // SQLite, as root, gives its log the owner of the database; a filtered call kills the process.
    let filters: Vec<&str> = settings.iter().filter_map(|line| line.strip_prefix("SystemCallFilter=")).collect();
    let denied = filters.iter().position(|calls| calls.starts_with('~') && calls.contains("@privileged"));
    let allowed = filters.iter().rposition(|calls| calls.split(' ').any(|call| call == "fchown"));
    assert!(denied.is_none() || denied < allowed, "{filters:?}");
    assert!(settings.contains(&"SystemCallErrorNumber=EPERM"), "what is filtered must fail, not kill");
}
