//! Licences and bans without a network: `cargo deny` needs an advisory database, `cargo metadata` needs nothing.

use serde_json::Value;
use std::process::Command;

/// As in deny.toml.
const ALLOWED: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "Unlicense",
    "0BSD",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "MIT-0",
    "BSL-1.0",
];
/// Weak copyleft of single files, linked and not changed: by teloxide's dispatcher.
const BY_NAME: &[(&str, &str)] = &[("colored", "MPL-2.0")];
/// Licensed by a file alone; read there.
const BY_FILE: &[(&str, &str)] = &[("vecrem", "0.1.0")];
const BANNED: &[&str] = &["openssl-sys", "aws-lc-sys"];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform=x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// `A OR B`: one allowed side is enough; `A AND B`: all must be allowed.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    expression.split(" OR ").any(|side| {
        side.trim_matches(['(', ')', ' ']).split(" AND ").all(|part| ALLOWED.contains(&part.trim_matches(['(', ')', ' '])))
    }) || expression
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|side| ALLOWED.contains(&side.trim_matches(['(', ')', ' ']))))
}

#[test]
fn every_dependency_has_a_licence_that_fits() {
    let packages = packages();
    assert!(packages.len() > 50);
    let wrong: Vec<String> = packages
        .iter()
        .filter(|package| {
            let text = |key: &str| package[key].as_str().unwrap_or_default();
            let named = BY_NAME.contains(&(text("name"), text("license"))) || BY_FILE.contains(&(text("name"), text("version")));
            !named && !is_allowed(text("license"))
        })
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_tls_stack() {
    let packages = packages();
    let found: Vec<&str> =
        packages.iter().filter_map(|package| package["name"].as_str()).filter(|name| BANNED.contains(name)).collect();
    assert!(found.is_empty(), "{found:?}");
}
