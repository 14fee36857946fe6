//! Any text as a playbook file.
#![no_main]

use heald::book::{Edition, Override, Source};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|text: &str| {
    let source = Source { path: "x.md".into(), text: text.to_owned() };
    let edition = Edition { source, changes: Override::default(), vars: BTreeMap::new() };
    if let Err(problems) = edition.compile() {
        for problem in problems {
            drop(problem.to_string());
        }
    }
});
