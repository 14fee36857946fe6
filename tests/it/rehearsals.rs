//! Every shipped playbook has a test beside it, and does what that says: `heald test rules playbooks`.

use heald::{book, rehearse};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks")
}

#[test]
fn every_shipped_playbook_does_what_its_test_says() {
    let files = rehearse::find(&[shipped()]).unwrap();
    let reports = rehearse::run(&files, None);
    assert!(reports.iter().all(rehearse::FileReport::passed), "{}", rehearse::text(&reports, false));
}

#[test]
fn no_shipped_playbook_is_without_a_test() {
    let books = book::load(&[shipped()], &BTreeMap::new(), &BTreeMap::new()).unwrap();
    let tests = rehearse::find(&[shipped()]).unwrap();
    for (edition, book) in &books {
        let test = edition.source.path.with_extension("test.yml");
        assert!(tests.contains(&test), "{}: no {}", book.id, test.display());
        let text = fs::read_to_string(&test).unwrap();
        // One that repairs must show that it does, and that it stops and calls people.
        if !book.rungs.is_empty() {
            for proof in ["healed", "escalations:"] {
                assert!(text.contains(proof), "{}: nothing in it proves `{proof}`", test.display());
            }
        }
    }
    // One that is about several playbooks together names them.
    for test in
        tests.iter().filter(|test| books.iter().all(|(edition, _)| edition.source.path.with_extension("test.yml") != **test))
    {
        let text = fs::read_to_string(test).unwrap();
        assert!(text.lines().any(|line| line.starts_with("playbooks:")), "{}: a test without its playbook", test.display());
    }
}

#[test]
fn every_shipped_alert_is_played() {
    let books = book::load(&[shipped()], &BTreeMap::new(), &BTreeMap::new()).unwrap();
    for (path, alert, labels) in crate::shipped::rules() {
        // It always fires, and is listened for; an incident of it would be a mistake of the configuration.
        if alert == "Watchdog" {
            continue;
        }
        let (edition, _) = books.iter().find(|(_, book)| *book.id.0 == *labels["playbook"]).unwrap();
        let test = edition.source.path.with_extension("test.yml");
        let text = fs::read_to_string(&test).unwrap();
        let played = text.contains(&format!("alertname: {alert},"));
        assert!(played, "{}: {alert} of {} is not in it", test.display(), path.display());
    }
}

#[test]
fn the_examples_of_the_page_on_tests_hold() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/testing-playbooks.md")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let blocks = |language: &str| -> Vec<String> {
        let fence = format!("```{language}\n");
        page.split(&fence).skip(1).map(|block| block.split("\n```").next().unwrap().to_owned()).collect()
    };
    let markdown = page.split("````markdown\n").nth(1).unwrap().split("\n````").next().unwrap();
    fs::write(dir.path().join("restart-shop.md"), markdown).unwrap();
    let examples: Vec<String> = blocks("yaml").into_iter().filter(|block| block.contains("tests:")).collect();
    assert!(examples.len() >= 5, "the examples were not found");
    for example in examples {
        let file = dir.path().join("restart-shop.test.yml");
        fs::write(&file, &example).unwrap();
        let reports = rehearse::run(&[file], None);
        assert!(reports[0].passed(), "{}\n{example}", rehearse::text(&reports, true));
    }
}
