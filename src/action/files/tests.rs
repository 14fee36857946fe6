//! On real folders, through the same door as a playbook's steps.

use super::super::{Action, KINDS, Progress, read};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, Step};
use crate::domain::target::AllowList;
use crate::link::{Allowed, Tools};
use serde_json::{Value, json};
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

const DAY: Duration = Duration::from_secs(86_400);

/// `in/` and `archive/` are allowed, `out/` is not.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["in", "archive", "out"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("out/secret.log"), "secret").unwrap();
        Self { dir }
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.dir.path().canonicalize().unwrap().display())
    }

    fn old(&self, name: &str, text: &str, days: u32) {
        fs::write(self.at(name), text).unwrap();
        let file = fs::File::options().append(true).open(self.at(name)).unwrap();
        #[expect(clippy::disallowed_methods, reason = "files are stamped with the wall clock")]
        file.set_modified(SystemTime::now() - days * DAY).unwrap();
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.at(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    async fn run(&self, kind: &str, args: Value) -> Acted {
        let allow = AllowList { paths: ["in", "archive"].map(|name| self.at(name)).into(), ..AllowList::default() };
        run(kind, args, allow).await
    }

    async fn done(&self, kind: &str, args: Value) -> Value {
        let acted = self.run(kind, args).await;
        assert_eq!(acted.outcome, ActOutcome::Done, "{acted:?}");
        acted.facts.unwrap()
    }
}

fn step(kind: &str, args: Value) -> Result<Step, String> {
    assert!(KINDS.contains(&kind), "{kind}");
    read(kind, args).map_err(|error| error.to_string())?
}

async fn run(kind: &str, args: Value, allow: AllowList) -> Acted {
    let step = step(kind, args).unwrap();
    let action = Action::parse(&PlannedStep::new(&step, step.args.clone(), None)).unwrap();
    action.run(&tools(allow), Instant::now() + Duration::from_secs(60), &Progress::none()).await
}

/// Nothing answers at any of its ends.
fn tools(allow: AllowList) -> Tools {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Tools {
        systemd: Arc::new(crate::link::systemd::Systemd::new("unix:path=/nonexistent/bus")),
        docker: Arc::new(crate::link::docker::Docker::new("unix:///nonexistent/docker.sock")),
        http: crate::link::http::client().unwrap(),
        alertmanager: None,
        prometheus: None,
        supervisor: None,
        allow: Allowed::new(allow),
    }
}

#[test]
fn what_does_not_fit_is_refused_when_read() {
    for (kind, args, part) in [
        ("files.delete_older", json!({ "path": "/a", "older_than": "1d" }), "glob"),
        ("files.delete_older", json!({ "path": "/a", "glob": "*" }), "older_than"),
        ("files.delete_older", json!({ "path": "/a", "glob": "**", "older_than": "1d" }), "**"),
        ("files.delete_older", json!({ "path": "/a", "glob": "../*", "older_than": "1d" }), "slash"),
        ("files.delete_older", json!({ "path": "/a/../b", "glob": "*", "older_than": "1d" }), "`..`"),
        ("files.delete_older", json!({ "path": "/", "glob": "*", "older_than": "1d" }), "whole file system"),
        ("files.delete_older", json!({ "path": "/a", "glob": "*", "older_than": "1s" }), "1m to 366d"),
        ("files.delete_older", json!({ "path": "/a", "glob": "*", "older_than": "1d", "depth": 9 }), "0 to 8"),
        ("files.delete_older", json!({ "path": "/a", "glob": "*", "older_than": "1d", "max_files": 0 }), "1 to 100000"),
        ("files.archive_larger", json!({ "path": "/a", "glob": "*", "larger_than": "1MB", "to": "/a" }), "same folder"),
        ("files.archive_larger", json!({ "path": "/a", "glob": "*", "larger_than": "1", "to": "/b" }), "no size"),
        ("files.restore_backup", json!({ "path": "/a", "from": "/*/a" }), "not its folder"),
        ("files.move_back", json!({ "path": "/a", "from": "/b", "names": "[\"../x\"]" }), "slash"),
        ("files.move_back", json!({ "path": "/a", "from": "/b", "names": "x" }), "JSON list"),
        ("files.touch", json!({ "path": "run/flag" }), "absolute"),
        ("files.remove", json!({ "path": "/a\nb" }), "newline"),
        ("files.remove", json!({ "path": "/a", "recursive": true }), "recursive"),
    ] {
        let error = step(kind, args.clone()).unwrap_err();
        assert!(error.contains(part), "{kind} {args}: {error}");
    }
    let delete = json!({ "path": "{{ labels.dir }}", "glob": "*.log", "older_than": "1d" });
    let delete = step("files.delete_older", delete).unwrap();
    assert_eq!((delete.stake.risk, delete.stake.reversible), (Risk::Idempotent, false));
    let reversible = |kind, args| step(kind, args).unwrap().stake.reversible;
    assert!(reversible("files.compress_older", json!({ "path": "/a", "glob": "*", "older_than": "1d" })));
    assert!(reversible("files.archive_larger", json!({ "path": "/a", "glob": "*", "larger_than": "1MB", "to": "/b" })));
    assert!(reversible("files.remove", json!({ "path": "/a" })));
    assert!(!reversible("files.remove", json!({ "path": "/a", "any_size": true })));
}

#[tokio::test]
async fn what_is_not_allowed_is_not_touched() {
    let world = World::new();
    let (inside, outside) = (world.at("in"), world.at("out"));
    world.old("in/a.log", "a", 9);
    for (kind, args) in [
        ("files.delete_older", json!({ "path": outside, "glob": "*", "older_than": "1d", "keep": 0 })),
        ("files.compress_older", json!({ "path": outside, "glob": "*", "older_than": "1d" })),
        ("files.archive_larger", json!({ "path": inside, "glob": "*", "larger_than": "0B", "to": outside })),
        ("files.move_back", json!({ "path": outside, "from": inside, "names": "[\"a.log\"]" })),
        ("files.copy_aside", json!({ "path": world.at("out/secret.log") })),
        ("files.copy_aside", json!({ "path": world.at("in/a.log"), "to": outside })),
        ("files.restore_backup", json!({ "path": world.at("in/a.log"), "from": world.at("out/secret.log") })),
        ("files.write_default", json!({ "path": world.at("out/new"), "from": world.at("in/a.log") })),
        ("files.touch", json!({ "path": world.at("out/flag") })),
        ("files.remove", json!({ "path": world.at("out/secret.log") })),
    ] {
        let acted = world.run(kind, args).await;
        assert_eq!(acted.outcome, ActOutcome::Impossible(Impossible::BadParameters), "{kind}: {acted:?}");
        assert!(acted.detail.contains("targets: "), "{kind}: {acted:?}");
    }
    assert_eq!((world.names("in"), world.names("out")), (vec!["a.log".to_owned()], vec!["secret.log".to_owned()]));
}

#[tokio::test]
async fn old_files_go_and_the_newest_stay() {
    let world = World::new();
    for day in 1..=6 {
        world.old(&format!("in/{day}.log"), "12345", day);
    }
    world.old("in/old.txt", "x", 100);
    symlink(world.at("out/secret.log"), world.at("in/link.log")).unwrap();
    let args = |keep: u32, max: u32| json!({ "path": world.at("in"), "glob": "*.log", "older_than": "3d", "keep": keep, "max_files": max });
    let facts = world.done("files.delete_older", args(5, 10)).await;
    assert_eq!((&facts["files"], &facts["would"]["bytes"], &facts["kept"]), (&json!(1), &json!(5), &json!(5)));
    let facts = world.done("files.delete_older", args(0, 2)).await;
    assert_eq!((&facts["files"], &facts["left"], &facts["skipped"]), (&json!(2), &json!(1), &json!({ "symlink": 1 })));
    assert_eq!(world.names("in"), ["1.log", "2.log", "3.log", "link.log", "old.txt"], "the oldest go first");
    // The newest stays unless somebody wrote that it need not.
    let all = json!({ "path": world.at("in"), "glob": "*.txt", "older_than": "1d" });
    assert_eq!(world.done("files.delete_older", all).await["files"], 0);
    let facts = world.done("files.delete_older", json!({ "path": world.at("in"), "glob": "*.none", "older_than": "1d" })).await;
    assert_eq!((&facts["files"], &facts["matched"]), (&json!(0), &json!(0)), "nothing to do is no failure");
    assert_eq!(world.text("out/secret.log"), "secret");
    let gone = world.run("files.delete_older", json!({ "path": world.at("in/gone"), "glob": "*", "older_than": "1d" })).await;
    assert_eq!(gone.outcome, ActOutcome::Impossible(Impossible::NotFound));
}

#[tokio::test]
async fn a_deadline_stops_it_and_what_is_left_is_told() {
    let world = World::new();
    for nth in 0..5 {
        world.old(&format!("in/{nth}.log"), "x", 9);
    }
    let step = step("files.delete_older", json!({ "path": world.at("in"), "glob": "*", "older_than": "1d", "keep": 0 })).unwrap();
    let action = Action::parse(&PlannedStep::new(&step, step.args.clone(), None)).unwrap();
    let allow = AllowList { paths: [world.at("in")].into(), ..AllowList::default() };
    let acted = action.run(&tools(allow), Instant::now(), &Progress::none()).await;
    assert!(matches!(acted.outcome, ActOutcome::Failed | ActOutcome::Unknown), "{acted:?}");
    assert_eq!(world.names("in").len(), 5);
}

#[tokio::test]
async fn compressed_files_are_the_same_and_files_in_use_stay() {
    let world = World::new();
    let text = "all work and no play\n".repeat(5_000);
    world.old("in/a.log", &text, 9);
    world.old("in/held.log", &text, 9);
    world.old("in/taken.log", &text, 9);
    world.old("in/taken.log.gz", "somebody's", 9);
    world.old("in/new.log", &text, 0);
    fs::set_permissions(world.at("in/a.log"), fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(world.at("in/a.log")).unwrap();
    let _writer = fs::File::options().append(true).open(world.at("in/held.log")).unwrap();
    let args = json!({ "path": world.at("in"), "glob": "*.log", "older_than": "7d" });
    let facts = world.done("files.compress_older", args.clone()).await;
    assert_eq!((&facts["files"], &facts["skipped"]), (&json!(1), &json!({ "held": 1, "taken": 1 })));
    assert!(facts["freed"].as_u64().unwrap() > 90_000, "{facts}");
    assert_eq!(world.names("in"), ["a.log.gz", "held.log", "new.log", "taken.log", "taken.log.gz"]);
    let after = fs::metadata(world.at("in/a.log.gz")).unwrap();
    assert_eq!((after.mode(), after.uid(), after.mtime()), (before.mode(), before.uid(), before.mtime()));
    let mut unpacked = String::new();
    let packed = fs::File::open(world.at("in/a.log.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut unpacked).unwrap();
    assert!(unpacked == text);
    // A run that was cut off between the two is finished.
    world.old("in/a.log", &text, 9);
    assert_eq!(world.done("files.compress_older", args).await["files"], 1);
    assert!(!world.names("in").contains(&"a.log".to_owned()));
}

#[tokio::test]
async fn large_files_go_to_the_archive_and_come_back() {
    let world = World::new();
    world.old("in/big.tar", &"x".repeat(5_000), 2);
    world.old("in/other big.tar", &"y".repeat(5_000), 1);
    world.old("in/small.tar", "x", 2);
    world.old("in/clash.tar", &"z".repeat(5_000), 2);
    world.old("archive/clash.tar", &"Z".repeat(5_000), 2);
    let args = json!({ "path": world.at("in"), "glob": "*.tar", "larger_than": "4KiB", "to": world.at("archive") });
    let facts = world.done("files.archive_larger", args).await;
    assert_eq!((&facts["names"], &facts["bytes"]), (&json!(["big.tar", "other big.tar"]), &json!(10_000)));
    assert_eq!(facts["skipped"], json!({ "taken": 1 }));
    assert_eq!(world.names("in"), ["clash.tar", "small.tar"]);
    let names = facts["names"].to_string();
    let back = json!({ "path": world.at("in"), "from": world.at("archive"), "names": names });
    assert_eq!(world.done("files.move_back", back.clone()).await["files"], 2);
    assert_eq!(world.names("in"), ["big.tar", "clash.tar", "other big.tar", "small.tar"]);
    assert_eq!(world.names("archive"), ["clash.tar"]);
    assert_eq!(world.done("files.move_back", back).await["bytes"], 0, "twice does no harm");
    let gone = json!({ "path": world.at("in"), "from": world.at("archive"), "names": "[\"none\"]" });
    assert_eq!(world.run("files.move_back", gone).await.outcome, ActOutcome::Failed);
}

#[tokio::test]
async fn a_copy_aside_takes_the_log_along_and_is_restored() {
    let world = World::new();
    world.old("in/shop.db", "main", 1);
    world.old("in/shop.db-wal", "log", 1);
    let facts = world.done("files.copy_aside", json!({ "path": world.at("in/shop.db") })).await;
    let copy = facts["path"].as_str().unwrap().to_owned();
    assert_eq!(fs::read_to_string(&copy).unwrap(), "main");
    assert_eq!(fs::read_to_string(format!("{copy}-wal")).unwrap(), "log");
    assert_eq!((&facts["files"], &facts["bytes"]), (&json!(2), &json!(7)));
    world.old("in/shop.db", "broken", 0);
    let restore = json!({ "path": world.at("in/shop.db"), "from": copy });
    let facts = world.done("files.restore_backup", restore).await;
    assert_eq!(world.text("in/shop.db"), "main");
    assert_eq!(fs::read_to_string(facts["aside"].as_str().unwrap()).unwrap(), "broken");

    // The allowed folder itself has no place beside it.
    let whole = world.run("files.copy_aside", json!({ "path": world.at("in") })).await;
    assert_eq!(whole.outcome, ActOutcome::Impossible(Impossible::BadParameters), "{whole:?}");
    let whole = world.done("files.copy_aside", json!({ "path": world.at("in"), "to": world.at("archive") })).await;
    assert_eq!(fs::read_dir(whole["path"].as_str().unwrap()).unwrap().count(), world.names("in").len());
    let inside = json!({ "path": world.at("in"), "to": world.at("in") });
    assert_eq!(world.run("files.copy_aside", inside).await.outcome, ActOutcome::Impossible(Impossible::BadParameters));
}

#[tokio::test]
async fn a_backup_takes_the_place_of_the_broken_file() {
    let world = World::new();
    world.old("in/shop.conf", "broken", 0);
    fs::set_permissions(world.at("in/shop.conf"), fs::Permissions::from_mode(0o600)).unwrap();
    let path = world.at("in/shop.conf");
    let missing = world.run("files.restore_backup", json!({ "path": path })).await;
    assert_eq!(missing.outcome, ActOutcome::Impossible(Impossible::NotFound));
    world.old("in/shop.conf.bak", "", 1);
    let empty = world.run("files.restore_backup", json!({ "path": path })).await;
    assert_eq!(empty.outcome, ActOutcome::Impossible(Impossible::Refused), "{empty:?}");
    world.old("in/shop.conf.bak", "good", 1);
    world.done("files.restore_backup", json!({ "path": path })).await;
    assert_eq!(world.text("in/shop.conf"), "good");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600, "as the file that was there");
    world.old("archive/conf.1", "older", 3);
    world.old("archive/conf.2", "newer", 2);
    let facts = world.done("files.restore_backup", json!({ "path": path, "from": world.at("archive/conf.*") })).await;
    assert_eq!((world.text("in/shop.conf").as_str(), &facts["from"]), ("newer", &json!(world.at("archive/conf.2"))));
    let asides = world.names("in").into_iter().filter(|name| name.contains(".heald-")).count();
    assert_eq!(asides, 2, "each time what was there is kept");
    // Neither the file itself nor what was put aside is a backup, though both are newer.
    world.old("in/shop.conf", "broken again", 0);
    let facts = world.done("files.restore_backup", json!({ "path": path, "from": world.at("in/shop.conf*") })).await;
    assert_eq!((world.text("in/shop.conf").as_str(), &facts["from"]), ("good", &json!(world.at("in/shop.conf.bak"))));
    symlink(world.at("out/secret.log"), world.at("in/link")).unwrap();
    let link = world.run("files.restore_backup", json!({ "path": world.at("in/link"), "from": path })).await;
    assert_eq!((link.outcome, world.text("out/secret.log").as_str()), (ActOutcome::Impossible(Impossible::Refused), "secret"));
}

#[tokio::test]
async fn defaults_and_flags() {
    let world = World::new();
    world.old("archive/default", "default", 9);
    let write = |replace: bool| json!({ "path": world.at("in/conf"), "from": world.at("archive/default"), "replace": replace });
    assert_eq!(world.done("files.write_default", write(false)).await["written"], true);
    fs::write(world.at("in/conf"), "mine").unwrap();
    assert_eq!(world.done("files.write_default", write(false)).await["written"], false);
    assert_eq!(world.text("in/conf"), "mine");
    let facts = world.done("files.write_default", write(true)).await;
    assert_eq!((world.text("in/conf").as_str(), facts["aside"].is_string()), ("default", true));
    // A safety policy that is missing is not to be replaced by anybody's default.
    let allow = AllowList {
        paths: ["in", "archive"].map(|name| world.at(name)).into(),
        own: [world.at("in/heald.yaml")].into(),
        ..AllowList::default()
    };
    let own = json!({ "path": world.at("in/heald.yaml"), "from": world.at("archive/default") });
    assert_eq!(run("files.write_default", own, allow).await.outcome, ActOutcome::Impossible(Impossible::Refused));
    assert!(!world.names("in").contains(&"heald.yaml".to_owned()));

    let flag = json!({ "path": world.at("in/flag") });
    assert_eq!(world.done("files.touch", flag.clone()).await["made"], true);
    assert_eq!(world.done("files.touch", flag.clone()).await["made"], false);
    assert_eq!(world.done("files.remove", flag.clone()).await["removed"], true);
    assert_eq!(world.done("files.remove", flag).await["removed"], false);
    world.old("in/big", &"x".repeat(5_000), 1);
    let big = world.run("files.remove", json!({ "path": world.at("in/big") })).await;
    assert_eq!(big.outcome, ActOutcome::Impossible(Impossible::Refused), "{big:?}");
    assert_eq!(world.done("files.remove", json!({ "path": world.at("in/big"), "any_size": true })).await["bytes"], 5_000);
    let folder = world.run("files.remove", json!({ "path": world.at("in/sub"), "any_size": true })).await;
    assert_eq!(folder.outcome, ActOutcome::Done, "not there");
}
