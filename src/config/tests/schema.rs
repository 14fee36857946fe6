//! The schema of the configuration says what the readers read.

use crate::config::read::read;
use crate::config::secret::Places;
use crate::schema;
use crate::schema::agree::Agreement;
use crate::yaml::{Chunk, File, parse};
use std::collections::BTreeSet;
use std::path::Path;

/// Every key that there is, in files where some exclude each other. Whether the values make sense is not asked here.
const FULL: [&str; 2] = [
    include_str!("../../../tests/golden/config-full.yaml"),
    r#"
playbooks: x
web: { listen: "127.0.0.1:1", auth: { basic: { user: u, password_file: secret } } }
collect:
  backups: [{ name: a, glob: "/b/*", max_age: 1d, min_size: 1MB }]
notify:
  heartbeat: { url_file: secret }
  channels:
    b: { telegram: { chat: 1 } }
    c: { slack: { channel: C0123 } }
    d: { slack_webhook: { url_file: secret } }
    e: { gitea: { url: "http://g", repo: a/b, token_file: secret, labels: [x], chronic: 3 } }
    f: { email: { server: "smtp://127.0.0.1", user: u, password_file: secret, from: a@b.c, to: [a@b.c], ca_file: secret } }
"#,
];

#[test]
fn the_schema_has_the_keys_that_are_read_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "1:secret\n").unwrap();
    let schema = schema::config();
    let mut agreement = Agreement::new(&schema);
    for text in FULL {
        // Mistakes in values don't matter: the keys were asked for.
        drop(read(Path::new("heald.yaml"), text, &Places { dir: dir.path(), credentials: None }));
        let file = File::new(Path::new("heald.yaml"), text);
        let tree = parse(&file, &[Chunk { at: 0, text: text.to_owned() }]);
        agreement.add(&[("#", tree.unwrap_or_else(|| panic!("{:?}", file.into_problems())))]);
    }
    // A target's kind is a key that is read as a word.
    assert_eq!(agreement.differences(&["/ProtectedTarget"]), BTreeSet::new());
}
