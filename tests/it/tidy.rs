//! The architecture as a test: who may import whom, and what `domain/` may not know.
//!
//! The table is the one in ARCHITECTURE.md; a line that breaks it is named with its file and number.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each top-level module of the crate may import of the others.
const TABLE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("link", &["domain"]),
    ("collect", &["domain", "link"]),
    ("action", &["domain", "link"]),
    ("probe", &["domain", "link"]),
    ("notify", &["domain", "link"]),
    ("store", &["domain"]),
    ("yaml", &["domain"]),
    ("inventory", &["domain", "yaml"]),
    ("starter", &["domain", "link", "inventory", "yaml"]),
    ("book", &["domain", "action", "probe", "yaml", "schema"]),
    ("review", &["domain"]),
    // Tests alone walk YAML there, and hold `book` and `config` against it.
    ("schema", &["domain", "action", "probe", "drill", "yaml"]),
    ("run", &["domain", "review", "store", "telemetry"]),
    ("real_world", &["domain", "run", "book", "link", "action", "probe", "notify", "telemetry"]),
    ("rehearse", &["domain", "run", "store", "book", "action", "probe", "config", "telemetry", "yaml"]),
    // Faults are no repairs: no `Permit`, but `Marked`. Of `run` what the API shows, of `book` how variables are filled in.
    ("drill", &["domain", "link", "yaml", "book", "run"]),
    ("simulate", &["domain", "run", "store", "telemetry", "yaml"]),
    ("ingest", &["domain", "run", "telemetry"]),
    ("console", &["domain", "run", "store", "telemetry"]),
    ("chat", &["domain", "run", "link", "notify", "telemetry"]),
    ("telemetry", &[]),
    (
        "config",
        &[
            "domain",
            "link",
            "action",
            "probe",
            "notify",
            "store",
            "ingest",
            "chat",
            "collect",
            "drill",
            "book",
            "yaml",
            "inventory",
            "telemetry",
            "schema",
        ],
    ),
];
/// These see everything.
const TOP: &[&str] = &["app", "cli", "lib", "main"];

/// What would make a decision depend on anything but its arguments.
const IMPURE: &[&str] = &[
    "async ",
    ".await",
    "tokio",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "std::process",
    "std::io",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "tracing",
    "prometheus_client",
    "reqwest",
    "zbus",
    "bollard",
    "rusqlite",
    "rand::",
    "rustix",
    "println!",
    "eprintln!",
];

struct Source {
    path: PathBuf,
    /// `domain` for `src/domain/guard/mod.rs`.
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
                let module = first.trim_end_matches(".rs").to_owned();
                found.push(Source { text: fs::read_to_string(&path).unwrap(), path, module });
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// Lines of code before the tests, with their numbers; comments left out.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source
        .text
        .lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line))
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let table: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    let known: Vec<&str> = table.keys().copied().chain(TOP.iter().copied()).collect();
    let mut wrong = Vec::new();
    for source in sources() {
        if TOP.contains(&source.module.as_str()) {
            continue;
        }
        let Some(allowed) = table.get(source.module.as_str()) else {
            wrong.push(format!("{}: module `{}` is not in the table", source.path.display(), source.module));
            continue;
        };
        for (number, line) in code(&source) {
            for part in line.split("crate::").skip(1) {
                let module: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let foreign = known.contains(&module.as_str()) && module != source.module && !allowed.contains(&module.as_str());
                if foreign {
                    wrong.push(format!("{}:{number}: `{}` may not import `{module}`", source.path.display(), source.module));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_is_pure() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.module == "domain") {
        for (number, line) in code(source) {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{number}: `{word}`", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "domain/ decides from its arguments alone:\n{}", wrong.join("\n"));
}

#[test]
fn a_permit_is_made_in_one_place() {
    let mut made = Vec::new();
    for source in sources() {
        for (number, _) in
            code(&source).filter(|(_, line)| line.contains("Permit {") && !line.contains("struct") && !line.contains("impl"))
        {
            made.push(format!("{}:{number}", source.path.display()));
        }
    }
    assert_eq!(made.len(), 1, "only guard::judge makes a permit: {made:?}");
    assert!(made[0].contains("domain/guard/mod.rs"), "{made:?}");
}

#[test]
fn a_fault_is_marked_in_one_place() {
    let mut made = Vec::new();
    for source in sources().iter().filter(|source| source.module == "drill") {
        for (number, line) in code(source) {
            let makes = line.contains("Self { fault }") || (line.contains("Marked {") && !line.contains("struct"));
            if makes {
                made.push(format!("{}:{number}", source.path.display()));
            }
        }
    }
    assert_eq!(made.len(), 1, "only Marked::new asks the allow-list and makes one: {made:?}");
    assert!(made[0].contains("drill/fault/mod.rs"), "{made:?}");
}

#[test]
fn files_stay_small_and_begin_with_their_purpose() {
    const LINES_MAX: usize = 400;
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        // A table of cases may be longer than what it tests.
        let is_test = source.path.components().any(|part| part.as_os_str() == "tests") || source.path.ends_with("tests.rs");
        if lines > if is_test { 2 * LINES_MAX } else { LINES_MAX } {
            wrong.push(format!("{}: {lines} lines; is there a second room in it?", source.path.display()));
        }
        if !source.text.starts_with("//!") {
            wrong.push(format!("{}: begins without a word on its purpose", source.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_unfinished() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            if ["todo!(", "unimplemented!(", "TODO", "FIXME", "XXX", "dbg!("].iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{}", source.path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
