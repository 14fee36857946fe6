//! `heald init` and `heald rules` as people call them, on a machine without systemd or Docker.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

fn heald(arguments: &[&str], dir: &Path) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_heald")).args(arguments).current_dir(dir).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, said)
}

const BLIND: [&str; 4] = ["--systemd.bus", "unix:path=/nowhere/bus", "--docker.host", "unix:///nowhere/docker"];

/// Path → text of every file below a folder.
fn files(folder: &Path) -> std::collections::BTreeMap<String, String> {
    let (mut found, mut folders) = (std::collections::BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().display().to_string();
                    found.insert(name, fs::read_to_string(&path).unwrap());
                }
            }
        }
    }
    found
}

#[test]
fn init_writes_what_check_finds_good_and_never_overwrites() {
    let dir = tempfile::tempdir().unwrap();
    let init: Vec<&str> = ["init", "etc"].into_iter().chain(BLIND).collect();
    let (output, said) = heald(&init, dir.path());
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in ["0 units and 0 containers", "systemd could not be asked: ", "Docker could not be asked: ", "heald check --config.file"] {
        assert!(said.contains(part), "{part}\n---\n{said}");
    }
    let written = files(&dir.path().join("etc"));
    let names: Vec<&str> = written.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "alert-rules/expected.yml",
            "heald.yaml",
            "inventory.yaml",
            "playbooks/container/container-down.md",
            "playbooks/systemd/systemd-unit-failed.md",
            "webhook-token"
        ]
    );
    let mode = |file: &str| fs::metadata(dir.path().join("etc").join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("webhook-token"), mode("heald.yaml")), (0o600, 0o644));
    assert_eq!(written["webhook-token"].trim_end().len(), 44);
    // What it says to do next works as it is said.
    let next = said.lines().find(|line| line.trim_start().starts_with("heald check")).unwrap();
    let next: Vec<&str> = next.split_whitespace().skip(1).collect();
    let (output, said) = heald(&next, dir.path());
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("is good, with 2 playbooks"), "{said}");

    // One file that is there is enough, and none of the others is made.
    for name in ["heald.yaml", "inventory.yaml"] {
        fs::remove_file(dir.path().join("etc").join(name)).unwrap();
    }
    let before = files(&dir.path().join("etc"));
    let (output, said) = heald(&init, dir.path());
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing is written, because this is there already") && said.contains("etc/webhook-token"), "{said}");
    assert_eq!(files(&dir.path().join("etc")), before);
}

#[test]
fn rules_are_printed_and_every_mistake_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("good.yaml"), "hosts: { a: }\nservices: { x: { hosts: a, units: x.service } }\n").unwrap();
    fs::write(dir.path().join("bad.yaml"), "hosts: { a: }\nservices: { x: { hosts: b, unit: x } }\n").unwrap();
    let (output, said) = heald(&["rules", "--inventory", "good.yaml"], dir.path());
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("# What must be there, made by heald from good.yaml."), "{said}");
    assert_eq!(said.matches("- alert: ").count(), 2, "{said}");
    let (output, said) = heald(&["rules", "--inventory", "bad.yaml"], dir.path());
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "half a rule file is worse than none");
    for part in ["2 mistakes found", "bad.yaml:2:25: \"b\" is not among `hosts:`", "bad.yaml:2:28: unknown key `unit`; did you mean `units`?"] {
        assert!(said.contains(part), "{part}\n---\n{said}");
    }
}
