//! What is documented is all that there is: every guard, every key of `guards:`, every outcome.

use heald::domain::guard::Guard;
use heald::domain::incident::{AttemptOutcome, Escalation, Outcome};
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn every_guard_has_its_section_in_the_order_in_which_they_are_asked() {
    let page = read("docs/guards.md");
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    let labels: Vec<&str> = headings.filter_map(|heading| heading.split('`').nth(1)).collect();
    assert_eq!(labels, Guard::ALL.map(Guard::label));
    for guard in Guard::ALL {
        let section = page.split(&format!("`{}`: ", guard.label())).nth(1).and_then(|rest| rest.split("\n### ").next()).unwrap();
        assert!(section.starts_with(guard.question()), "{guard:?} asks {:?}", guard.question());
        for part in ["**Why.**", "**Example.**", "**On a no**", "**Adjust.**", "**Proof.**"] {
            assert!(section.contains(part), "the section of {guard:?} lacks {part}");
        }
        assert!(page.contains(&format!("\n| `{}` |", guard.label())), "{guard:?} is not in the table");
    }
}

#[test]
fn what_is_named_as_proof_exists() {
    let page = read("docs/guards.md");
    let mut sources = String::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for dir in [
        "src/domain/decide/tests",
        "src/run",
        "src/domain",
        "src/domain/calendar",
        "tests/sim",
        "tests/it",
        "tests/live",
        "src/link/alertmanager",
    ] {
        for file in fs::read_dir(folder.join(dir)).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            sources.push_str(&fs::read_to_string(file).unwrap());
        }
    }
    let proofs = page.split("**Proof.**").skip(1).map(|rest| rest.split("\n\n").next().unwrap_or(rest));
    let names: Vec<&str> = proofs.flat_map(|proof| proof.split('`').skip(1).step_by(2)).collect();
    assert!(names.len() >= Guard::ALL.len(), "{names:?}");
    for name in names {
        assert!(sources.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}

#[test]
fn every_key_of_the_guards_is_in_the_configurations_page() {
    let keys: Vec<String> = read("src/config/guards/mod.rs")
        .lines()
        .filter(|line| line.contains("fields.fields(\""))
        .filter_map(|line| line.split("fields.fields(\"").nth(1)?.split('"').next().map(str::to_owned))
        .filter(|key| !["grace", "after"].contains(&key.as_str()))
        .collect();
    assert!(keys.len() >= 13, "the keys were not found: {keys:?}");
    let page = read("docs/configuration.md");
    let sample = page.split("\nguards:\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    for key in keys {
        assert!(sample.contains(&format!("\n  {key}:")) || sample.starts_with(&format!("  {key}:")), "`{key}` is not documented");
    }
}

#[test]
fn every_outcome_is_explained() {
    let page = read("docs/guards.md");
    let attempts = AttemptOutcome::ALL.map(AttemptOutcome::label);
    let incidents = [
        Outcome::Healed,
        Outcome::ResolvedByItself,
        Outcome::Escalated,
        Outcome::Stale,
        Outcome::ResolveNeverSeen,
        Outcome::Unverified,
        Outcome::ClosedByPerson,
    ];
    let reasons = [
        Escalation::NotHealed,
        Escalation::BudgetRefused,
        Escalation::Refused,
        Escalation::Impossible,
        Escalation::UnknownOutcome,
        Escalation::RollbackFailed,
        Escalation::Worse,
        Escalation::ResolvedButBad,
        Escalation::NoTarget,
        Escalation::RunbookOnly,
        Escalation::Policy,
        Escalation::Chronic,
        Escalation::NotApproved,
        Escalation::Quarantined,
    ];
    let words = attempts.into_iter().chain(incidents.map(Outcome::label)).chain(reasons.map(Escalation::label));
    for word in words {
        assert!(page.contains(&format!("`{word}`")), "`{word}` is not explained");
    }
}
