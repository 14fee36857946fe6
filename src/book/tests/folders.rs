//! Playbooks as files in folders: which are read, and what is wrong with them together.

use super::SOUND;
use crate::book::{Override, load};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[test]
fn the_shipped_playbooks_load() {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks"));
    let books = load(&[dir], &BTreeMap::new(), &BTreeMap::new()).unwrap_or_else(|problems| panic!("{}", problems[0]));
    assert!(books.len() >= 2);
    for (_, book) in &books {
        assert!(book.manual_fix.is_some() && book.debug_prompt.is_some(), "{}", book.id);
    }
}

#[test]
fn folders_are_read_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let run = |overrides: &[&str]| {
        let overrides = overrides.iter().map(|name| ((*name).to_owned(), Override::default())).collect();
        load(&[dir.path().to_owned()], &overrides, &BTreeMap::new()).map_err(|problems| {
            let text: Vec<String> = problems.iter().map(|problem| format!("{}: {}", problem.place(), problem.what)).collect();
            text.join("\n").replace(&format!("{}/", dir.path().display()), "")
        })
    };
    write("b.md", SOUND);
    write("README.md", "no playbook");
    write("notes.txt", "no playbook");
    write(".hidden/x.md", "no playbook");
    write("deep/er/a.md", &SOUND.replace("web-is-down", "other"));
    let found: Vec<String> = run(&["other"]).unwrap().iter().map(|(_, book)| book.id.to_string()).collect();
    assert_eq!(found, ["web-is-down", "other"]);
    assert_eq!(
        run(&["web-is-dwn"]).unwrap_err(),
        "configuration: `overrides:` names the playbook `web-is-dwn`, and there is none; did you mean `web-is-down`?"
    );
    write("c.md", SOUND);
    write("d.md", "");
    assert_eq!(
        run(&[]).unwrap_err(),
        "c.md:2:1: playbook `web-is-down` also stands in b.md\n\
         d.md:1:1: the front matter is missing\n\
         d.md:1:1: the title is missing"
    );
    for name in ["c.md", "d.md"] {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(dir.path().join("b.md"), open).unwrap();
    assert_eq!(run(&[]).unwrap_err(), "b.md: everybody may write it; run `chmod o-w b.md`");
    let missing = load(&[PathBuf::from("/nowhere/at/all")], &BTreeMap::new(), &BTreeMap::new()).unwrap_err();
    assert!(missing[0].to_string().starts_with("/nowhere/at/all: playbooks can't be read: "), "{}", missing[0]);
    let empty = tempfile::tempdir().unwrap();
    std::fs::write(empty.path().join("web.markdown"), SOUND).unwrap();
    let nothing = load(&[empty.path().to_owned()], &BTreeMap::new(), &BTreeMap::new()).unwrap_err();
    assert_eq!(nothing[0].what, "no playbook is here: their names end in .md");
}
