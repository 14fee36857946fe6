//! What heald looks at for Prometheus.

use super::{check, reading};
use crate::collect::Settings;
use crate::collect::backup::Files;
use crate::collect::sqlite::{Depth, Expect};
use std::path::Path;
use std::time::Duration;

fn collect(text: &str) -> Settings {
    reading(&format!("playbooks: [p]\n{text}")).unwrap().collect
}

#[test]
fn nothing_is_collected_by_default() {
    assert_eq!(collect(""), Settings::default());
    assert_eq!(collect("collect: {}"), Settings::default());
}

#[test]
fn collectors_and_their_defaults() {
    let found = collect("collect: { docker: {}, supervisor: {}, gpu: {} }");
    assert!(found.docker);
    assert_eq!(found.supervisor.as_deref(), Some(Path::new("/run/supervisor.sock")));
    assert_eq!(found.gpu.as_deref(), Some(Path::new("nvidia-smi")));

    let text = "collect:
  supervisor: { socket: /run/sv.sock }
  sqlite:
    - { name: shop, path: /srv/shop.db }
    - name: board
      path: /srv/board.db
      service: board
      every: 6h
      check: integrity
      deadline: 30m
      expect: { query: SELECT count(*) FROM issue, min: 1 }
  backups:
    - { name: nightly, glob: \"/srv/backup/shop-*.tar.zst\", service: shop, max_age: 26h, min_size: 10MB }
    - { name: weekly, path: /srv/weekly.img, max_age: 8d, min_size: 2 GiB }
  heartbeats:
    - { name: agent, file: /run/agent/heartbeat, service: agent, max_age: 30m }
";
    let found = collect(text);
    assert_eq!((found.docker, found.supervisor.as_deref(), found.gpu), (false, Some(Path::new("/run/sv.sock")), None));
    let [shop, board] = found.sqlite.as_slice() else { panic!("{:?}", found.sqlite) };
    assert_eq!((shop.every, shop.depth, shop.deadline), (Duration::from_secs(3_600), Depth::Quick, Duration::from_secs(600)));
    assert_eq!((shop.service.as_str(), &shop.expect), ("", &None));
    assert_eq!(
        (board.every, board.depth, board.deadline),
        (Duration::from_secs(21_600), Depth::Integrity, Duration::from_secs(1_800))
    );
    assert_eq!(board.expect, Some(Expect { query: "SELECT count(*) FROM issue".to_owned(), min: 1.0 }));
    let [nightly, weekly] = found.backups.as_slice() else { panic!("{:?}", found.backups) };
    assert_eq!(nightly.files, Files::Like { folder: "/srv/backup".into(), name: "shop-*.tar.zst".to_owned() });
    assert_eq!((nightly.max_age, nightly.min_size), (Duration::from_secs(93_600), 10_000_000));
    assert_eq!((&weekly.files, weekly.min_size), (&Files::One("/srv/weekly.img".into()), 2 << 30));
    let [agent] = found.heartbeats.as_slice() else { panic!("{:?}", found.heartbeats) };
    assert_eq!((agent.file.as_path(), agent.max_age), (Path::new("/run/agent/heartbeat"), Duration::from_secs(1_800)));
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, expected) in [
        ("collect: { dokcer: {} }", "1:12: unknown key `dokcer`; did you mean `docker`?"),
        ("collect: { docker: }", "1:12: `docker` has no value; give it one or remove the line"),
        ("collect: { docker: { host: x } }", "1:22: unknown key `host`; known are "),
        ("collect: { supervisor: { socket: run/s.sock } }", "1:34: \"run/s.sock\" is not taken: it must be absolute"),
        ("collect: { gpu: { program: nvidia-smi } }", "1:28: \"nvidia-smi\" is not taken: it must be absolute"),
        ("collect: { sqlite: { name: a } }", "1:20: a map where a list is expected"),
        ("collect: { sqlite: [{ path: /a }] }", "1:21: key `name` is missing"),
        ("collect: { sqlite: [{ name: a }] }", "1:21: key `path` is missing"),
        ("collect: { sqlite: [{ name: a b, path: /a }] }", "1:29: \"a b\" is no name: letters, digits, `.`, `_` and `-`"),
        ("collect: { sqlite: [{ name: a, path: /a }, { name: a, path: /b }] }", "1:52: \"a\" is named twice"),
        ("collect: { sqlite: [{ name: a, path: /a/../b }] }", "1:38: \"/a/../b\" is not taken: `..` does not belong there"),
        ("collect: { sqlite: [{ name: a, path: /a, every: 1s }] }", "1:49: 1s is out of range: from 1m to 30d"),
        (
            "collect: { sqlite: [{ name: a, path: /a, check: quik }] }",
            "1:49: \"quik\" is none of quick, integrity; did you mean `quick`?",
        ),
        ("collect: { sqlite: [{ name: a, path: /a, expect: { query: SELECT 1 } }] }", "1:50: key `min` is missing"),
        ("collect: { backups: [{ name: a, max_age: 1d, min_size: 1B }] }", "1:22: a backup needs `path` or `glob`"),
        (
            "collect: { backups: [{ name: a, path: /a, glob: /b, max_age: 1d, min_size: 1B }] }",
            "1:22: `path` and `glob` exclude each other",
        ),
        (
            "collect: { backups: [{ name: a, path: \"/a*\", max_age: 1d, min_size: 1B }] }",
            "1:39: \"/a*\" is one file; for a pattern write `glob:`",
        ),
        (
            "collect: { backups: [{ name: a, glob: \"/a*/b\", max_age: 1d, min_size: 1B }] }",
            "1:39: \"/a*/b\" is not taken: `*` and `?` belong into the file's name, not into its folder's",
        ),
        (
            "collect: { backups: [{ name: a, glob: \"/a/[bc]\", max_age: 1d, min_size: 1B }] }",
            "1:39: \"/a/[bc]\" is not taken: `*` and `?` are all that is known",
        ),
        (
            "collect: { backups: [{ name: a, glob: /a/, max_age: 1d, min_size: 1B }] }",
            "1:39: \"/a/\" is not taken: it names a folder; add a file's name, such as `/*`",
        ),
        ("collect: { backups: [{ name: a, path: /a, min_size: 1B }] }", "1:22: key `max_age` is missing"),
        (
            "collect: { backups: [{ name: a, path: /a, max_age: 0s, min_size: 1B }] }",
            "1:52: 0s is out of range: from 1s to 3660d",
        ),
        ("collect: { backups: [{ name: a, path: /a, max_age: 1d }] }", "1:22: key `min_size` is missing"),
        (
            "collect: { backups: [{ name: a, path: /a, max_age: 1d, min_size: 10Mb }] }",
            "1:66: \"10Mb\" is no size: a whole number with B, kB, MB, GB, TB, KiB, MiB, GiB, TiB, as in 10MB; did you mean `10MB`?",
        ),
        (
            "collect: { backups: [{ name: a, path: /a, max_age: 1d, min_size: 0B }] }",
            "1:66: \"0B\" is no size: a whole number with B, kB, MB, GB, TB, KiB, MiB, GiB, TiB, as in 10MB; did you mean `0B`?",
        ),
        ("collect: { heartbeats: [{ name: a, max_age: 1d }] }", "1:25: key `file` is missing"),
        ("collect: { heartbeats: [{ name: a, file: /a, max_age: 0s }] }", "1:55: 0s is out of range: from 1s to 3660d"),
    ] {
        check(text, &format!("heald.yaml:{expected}"));
    }
}
